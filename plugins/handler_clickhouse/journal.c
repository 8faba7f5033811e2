/* Reading and writing the table of the batches. */
#include "journal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void add_identity(handler_buffer *sql, const char *before, busbar_bytes text)
{
    (void)handler_buffer_add_text(sql, before); /* `failed` tells */
    ch_add_literal(sql, text.data, text.size);
}

bool ch_journal_init(ch_journal *journal, ch_client *client, const ch_settings *settings,
                     const busbar_binding *binding)
{
    journal->client = client;
    journal->settings = settings;
    ch_add_table(&journal->table, settings->database, settings->batches_table);
    ch_add_text(&journal->identity, binding->group.data, binding->group.size);
    ch_add_text(&journal->identity, binding->topic.data, binding->topic.size);
    ch_add_text(&journal->identity, binding->handler.data, binding->handler.size);
    add_identity(&journal->where, "consumer_group = ", binding->group);
    add_identity(&journal->where, " AND topic = ", binding->topic);
    add_identity(&journal->where, " AND handler = ", binding->handler);
    if (!ch_sql(&journal->table) || !ch_sql(&journal->where) || journal->identity.failed)
        return false;
    return handler_buffer_format(
               &journal->insert,
               "INSERT INTO %s (consumer_group, topic, handler, partition, writer, version, epoch, "
               "owner, settled, stored, pending, token, block, target, columns, encoding, payload) "
               "FORMAT RowBinary",
               journal->table.data) &&
           ch_sql(&journal->insert);
}

void ch_journal_clear(ch_journal *journal)
{
    handler_buffer_clear(&journal->table);
    handler_buffer_clear(&journal->identity);
    handler_buffer_clear(&journal->where);
    handler_buffer_clear(&journal->insert);
    handler_buffer_clear(&journal->rows);
}

void ch_entry_clear(ch_entry *entry)
{
    handler_ranges_clear(&entry->stored);
    handler_ranges_clear(&entry->pending);
}

void ch_entries_free(ch_entry *entries, size_t count)
{
    for (size_t i = 0; i < count; i++)
        ch_entry_clear(&entries[i]);
    free(entries);
}

int ch_entry_compare(const ch_entry *a, uint64_t epoch, const char *owner)
{
    if (a->epoch != epoch)
        return a->epoch < epoch ? -1 : 1;
    return strcmp(a->owner, owner);
}

static bool read_ranges(handler_ranges *ranges, const json_t *list)
{
    bool good = json_array_size(list) % 2 == 0;
    for (size_t i = 0; good && i + 1 < json_array_size(list); i += 2)
        good = handler_ranges_add(ranges, json_integer_value(json_array_get(list, i)),
                                  json_integer_value(json_array_get(list, i + 1)));
    return good;
}

static bool read_text(char *to, size_t size, const json_t *row, size_t index)
{
    const char *text = json_string_value(json_array_get(row, index));
    int length = snprintf(to, size, "%s", text ? text : "");
    return text && length >= 0 && (size_t)length < size;
}

static bool read_entry(ch_entry *entry, const json_t *row)
{
    entry->epoch = (uint64_t)json_integer_value(json_array_get(row, 1));
    entry->settled = json_integer_value(json_array_get(row, 3)) != 0;
    entry->block = json_integer_value(json_array_get(row, 7));
    entry->age_seconds = json_integer_value(json_array_get(row, 8));
    entry->version = (uint64_t)json_integer_value(json_array_get(row, 9));
    return read_text(entry->writer, sizeof(entry->writer), row, 0) &&
           read_text(entry->owner, sizeof(entry->owner), row, 2) &&
           read_text(entry->token, sizeof(entry->token), row, 6) &&
           read_ranges(&entry->stored, json_array_get(row, 4)) &&
           read_ranges(&entry->pending, json_array_get(row, 5));
}

static json_t *query(ch_journal *journal, const char *what, const char *behind, int32_t partition,
                     const char *more, ch_fault *fault)
{
    handler_buffer sql = {.data = NULL};
    (void)handler_buffer_format(&sql, "SELECT %s FROM %s %s WHERE %s AND partition = %d%s", what,
                                journal->table.data, behind, journal->where.data, partition, more);
    const char *text = ch_sql(&sql);
    json_t *rows = text ? ch_client_query(journal->client, text, fault) : NULL;
    if (!text)
        ch_fault_set(fault, CH_FAULT_PASSING, "out of memory");
    handler_buffer_clear(&sql);
    return rows;
}

bool ch_journal_read(ch_journal *journal, int32_t partition, ch_entry **ret_entries,
                     size_t *ret_count, ch_fault *fault)
{
    json_t *rows = query(journal,
                         "writer, epoch, owner, settled, stored, pending, token, block, "
                         "dateDiff('second', changed, now()), version",
                         "FINAL", partition, "", fault);
    if (!rows)
        return false;
    size_t count = json_array_size(rows);
    ch_entry *entries = calloc(count + 1, sizeof(*entries));
    bool good = entries != NULL;
    for (size_t i = 0; good && i < count; i++)
        good = read_entry(&entries[i], json_array_get(rows, i));
    json_decref(rows);
    if (good) {
        *ret_entries = entries;
        *ret_count = count;
        return true;
    }
    if (entries)
        ch_entries_free(entries, count);
    ch_fault_set(fault, CH_FAULT_PASSING,
                 "what %s holds of partition %d cannot be read: out of memory, or it was changed "
                 "by hand",
                 journal->table.data, partition);
    return false;
}

static bool write_payload_insert(ch_journal *journal, const json_t *row, handler_buffer *sql)
{
    size_t i;
    json_t *name;
    const char *table = json_string_value(json_array_get(row, 0));
    (void)handler_buffer_add_text(sql, "INSERT INTO "); /* `failed` tells, here and below */
    ch_add_table(sql, journal->settings->database, table ? table : "");
    json_array_foreach(json_array_get(row, 1), i, name)
    {
        (void)handler_buffer_add_text(sql, i ? ", " : " (");
        ch_add_name(sql, json_string_value(name) ? json_string_value(name) : "");
    }
    (void)handler_buffer_add_text(sql, ") FORMAT Native");
    return ch_sql(sql) != NULL;
}

/* "" or a name that has a static text. */
static const char *encoding_of(const json_t *row)
{
    const char *text = json_string_value(json_array_get(row, 2));
    return text && strcmp(text, "zstd") == 0 ? "zstd" : text && *text ? "gzip" : "";
}

bool ch_journal_adopt(ch_journal *journal, int32_t partition, const ch_entry *from,
                      const ch_entry *to, ch_fault *fault)
{
    handler_buffer sql = {.data =
                              NULL};  /* its condition is inside, where the new names are unknown */
    (void)handler_buffer_format(&sql, /* `failed` tells, here and below */
                                "INSERT INTO %s SELECT * REPLACE ('%s' AS writer, %" PRIu64
                                " AS version, %" PRIu64 " AS epoch, ",
                                journal->table.data, to->writer, to->version, to->epoch);
    ch_add_literal(&sql, to->owner, strlen(to->owner));
    (void)handler_buffer_add_text(&sql, " AS owner, 0 AS settled, [");
    for (size_t i = 0; i < to->stored.count; i++)
        (void)handler_buffer_format(&sql, "%s%" PRId64 ",%" PRId64, i ? "," : "",
                                    to->stored.list[i].first, to->stored.list[i].last);
    (void)handler_buffer_format(&sql,
                                "] AS stored) FROM (SELECT * FROM %s FINAL WHERE %s AND "
                                "partition = %d AND writer = '%s' AND version = %" PRIu64 ")",
                                journal->table.data, journal->where.data, partition, from->writer,
                                from->version);
    const char *text = ch_sql(&sql);
    bool good = text && ch_client_run(journal->client, text, fault);
    if (!text)
        ch_fault_set(fault, CH_FAULT_PASSING, "out of memory");
    handler_buffer_clear(&sql);
    return good;
}

/* The body of the insert as it is recorded; nothing where the writer has gone on. */
static bool read_body(ch_journal *journal, int32_t partition, const char *of_entry,
                      handler_buffer *body, ch_fault *fault)
{
    busbar_bytes found = {NULL, 0};
    handler_buffer sql = {.data = NULL};
    bool good =
        handler_buffer_format(&sql, "SELECT payload FROM %s FINAL WHERE %s AND partition = %d%s",
                              journal->table.data, journal->where.data, partition, of_entry) &&
        ch_sql(&sql);
    if (!good)
        ch_fault_set(fault, CH_FAULT_PASSING, "out of memory");
    good = good && ch_client_value(journal->client, sql.data, &found, fault);
    if (good && !handler_buffer_add(body, found.data, found.size)) {
        ch_fault_set(fault, CH_FAULT_PASSING, "out of memory");
        good = false;
    }
    handler_buffer_clear(&sql);
    return good;
}

bool ch_journal_payload(ch_journal *journal, int32_t partition, const ch_entry *entry,
                        ch_insert *ret_insert, handler_buffer *ret_sql, handler_buffer *ret_body,
                        ch_fault *fault)
{
    char of_entry[96];
    (void)snprintf(of_entry, sizeof(of_entry), " AND writer = '%s' AND version = %" PRIu64,
                   entry->writer, entry->version);
    json_t *rows = query(journal, "target, columns, encoding", "FINAL", partition, of_entry, fault);
    if (!rows)
        return false;
    const json_t *row = json_array_get(rows, 0);
    *ret_insert = (ch_insert){.token = entry->token, .encoding = encoding_of(row)};
    bool good = !row || write_payload_insert(journal, row, ret_sql);
    if (!good)
        ch_fault_set(fault, CH_FAULT_PASSING, "out of memory");
    if (good && row)
        good = read_body(journal, partition, of_entry, ret_body, fault);
    json_decref(rows);
    if (good && ret_body->size) { /* a batch is never empty */
        ret_insert->sql = ret_sql->data;
        ret_insert->body = (busbar_bytes){ret_body->data, ret_body->size};
    }
    return good;
}

void ch_journal_add(ch_journal *journal, int32_t partition, const ch_entry *entry,
                    const ch_payload *payload)
{
    static const handler_ranges none;
    handler_buffer *out = &journal->rows;
    (void)handler_buffer_add(out, journal->identity.data, journal->identity.size);
    ch_add_integer(out, (uint64_t)(int64_t)partition, 4);
    ch_add_text(out, entry->writer, strlen(entry->writer));
    ch_add_integer(out, entry->version, 8);
    ch_add_integer(out, entry->epoch, 8);
    ch_add_text(out, entry->owner, strlen(entry->owner));
    ch_add_integer(out, entry->settled, 1);
    ch_add_ranges(out, &entry->stored);
    ch_add_ranges(out, payload ? &entry->pending : &none);
    ch_add_text(out, entry->token, payload ? strlen(entry->token) : 0);
    ch_add_integer(out, (uint64_t)entry->block, 8);
    if (!payload) {
        ch_add_integer(out, 0, 4); /* four lengths */
        return;
    }
    ch_add_text(out, payload->table, strlen(payload->table));
    (void)handler_buffer_add(out, payload->columns.data, payload->columns.size);
    ch_add_text(out, payload->encoding, strlen(payload->encoding));
    ch_add_text(out, payload->body.data, payload->body.size);
}

bool ch_journal_write(ch_journal *journal, ch_fault *fault)
{
    const ch_insert insert = {.sql = journal->insert.data,
                              .encoding = "",
                              .body = {journal->rows.data, journal->rows.size}};
    bool good = !journal->rows.failed;
    if (!good)
        ch_fault_set(fault, CH_FAULT_PASSING, "out of memory");
    good = good && ch_client_insert(journal->client, &insert, fault);
    journal->rows.size = 0;
    journal->rows.failed = false;
    return good;
}

static void add_newest(handler_buffer *sql, const ch_settings *settings)
{
    (void)handler_buffer_add_text(sql, "(SELECT max(max_block_number) FROM system.parts WHERE "
                                       "database = "); /* `failed` tells */
    ch_add_literal(sql, settings->database, strlen(settings->database));
    (void)handler_buffer_add_text(sql, " AND table = ");
    ch_add_literal(sql, settings->table, strlen(settings->table));
    (void)handler_buffer_add_text(sql, ")");
}

json_t *ch_journal_tops(ch_journal *journal, const char *partitions, int64_t *ret_block,
                        ch_fault *fault)
{
    handler_buffer sql = {.data = NULL};
    (void)handler_buffer_add_text(&sql, "SELECT partition, max(epoch), argMax(owner, (epoch, "
                                        "owner)), "); /* `failed` tells, here and below */
    add_newest(&sql, journal->settings);
    (void)handler_buffer_format(&sql, " FROM %s WHERE %s AND partition IN (%s) GROUP BY partition",
                                journal->table.data, journal->where.data, partitions);
    const char *text = ch_sql(&sql);
    json_t *rows = text ? ch_client_query(journal->client, text, fault) : NULL;
    if (!text)
        ch_fault_set(fault, CH_FAULT_PASSING, "out of memory");
    *ret_block = json_integer_value(json_array_get(json_array_get(rows, 0), 3));
    handler_buffer_clear(&sql);
    return rows;
}

bool ch_journal_is_top(const json_t *tops, int32_t partition, const ch_entry *entry,
                       const char **ret_owner, uint64_t *ret_epoch)
{
    size_t i;
    json_t *row;
    *ret_owner = NULL;
    json_array_foreach(tops, i, row)
    {
        if (json_integer_value(json_array_get(row, 0)) != partition)
            continue;
        *ret_epoch = (uint64_t)json_integer_value(json_array_get(row, 1));
        *ret_owner = json_string_value(json_array_get(row, 2));
    }
    return *ret_owner && ch_entry_compare(entry, *ret_epoch, *ret_owner) == 0;
}

bool ch_journal_newest_block(ch_journal *journal, int64_t *ret_block, ch_fault *fault)
{
    handler_buffer sql = {.data = NULL};
    (void)handler_buffer_add_text(&sql, "SELECT "); /* `failed` tells */
    add_newest(&sql, journal->settings);
    const char *text = ch_sql(&sql);
    json_t *rows = text ? ch_client_query(journal->client, text, fault) : NULL;
    if (!text)
        ch_fault_set(fault, CH_FAULT_PASSING, "out of memory");
    *ret_block = json_integer_value(json_array_get(json_array_get(rows, 0), 0));
    handler_buffer_clear(&sql);
    bool good = rows != NULL;
    json_decref(rows);
    return good;
}
