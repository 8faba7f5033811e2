/* Batches on their way into the table. */
#include "store.h"

#include <inttypes.h>
#include <string.h>

#include "../handler_common/sha256.h"

bool ch_store_set_columns(ch_store *store)
{
    store->columns.size = 0;
    ch_add_length(&store->columns, store->mapping->count);
    for (size_t i = 0; i < store->mapping->count; i++) {
        const char *name = store->mapping->columns[i].name;
        ch_add_text(&store->columns, name, strlen(name));
    }
    return !store->columns.failed;
}

void ch_store_clear(ch_store *store)
{
    handler_buffer_clear(&store->columns);
    ch_native_clear(&store->native);
}

void ch_batch_clear(ch_batch *batch)
{
    handler_ranges_clear(&batch->offsets);
    handler_buffer_clear(&batch->body);
}

/* Topic, partition, first and last offset; and, since lanes share partitions, a digest of all
 * offsets of the batch and of who stores them. Nothing else, so that the same offsets have the
 * same token. False when memory is out. */
static bool write_token(const ch_store *store, ch_batch *batch)
{
    char digest[HANDLER_SHA256_TEXT];
    handler_buffer text = {.data = NULL}; /* each part has a NUL behind it */
    const handler_ranges *offsets = &batch->offsets;
    bool good =
        handler_buffer_format(&text, "%.*s%c%.*s%c%.*s%c", (int)store->group.size,
                              store->group.data, 0, (int)store->topic.size, store->topic.data, 0,
                              (int)store->handler.size, store->handler.data, 0);
    for (size_t i = 0; good && i < offsets->count; i++)
        good = handler_buffer_format(&text, "%" PRId64 "-%" PRId64 "%c", offsets->list[i].first,
                                     offsets->list[i].last, 0);
    good = good && handler_sha256(text.data, text.size, digest);
    handler_buffer_clear(&text);
    if (!good)
        return false;
    (void)snprintf(batch->token, sizeof(batch->token),
                   "%.*s/%d/%" PRId64 "-%" PRId64 "/%.16s", /* topics have 249 characters at most */
                   (int)(store->topic.size < 300 ? store->topic.size : 300), store->topic.data,
                   batch->place->partition, offsets->list[0].first,
                   offsets->list[offsets->count - 1].last, digest);
    return true;
}

static bool prepare(ch_store *store, ch_batch *batch)
{
    const ch_rows *rows = &batch->place->rows;
    bool good = ch_native_write(&store->native, store->mapping, rows, batch->first, batch->count) &&
                ch_compressor_run(store->compressor, &store->native.block, &batch->body);
    ch_native_rest(&store->native);
    for (size_t i = 0; good && i < batch->count; i++) {
        int64_t offset = rows->list[batch->first + i].offset;
        good = handler_ranges_add(&batch->offsets, offset, offset);
    }
    good = good && write_token(store, batch);
    if (!good)
        ch_fault_set(&batch->fault, CH_FAULT_PASSING, "out of memory");
    return good;
}

/* What is finished for good is one range, which keeps the list short. */
static void add_finished(ch_place *place)
{
    if (place->finished_below > place->finished_from)
        (void)handler_ranges_add(&place->entry.stored, place->finished_from,
                                 place->finished_below - 1); /* only shorter with it */
}

/* The entry of the place borrows the offsets for the time of the call. */
static void add_entry(ch_store *store, ch_batch *batch, bool pending)
{
    ch_entry *entry = &batch->place->entry;
    const ch_payload payload = {store->settings->table,
                                ch_compressor_encoding(store->compressor),
                                store->columns,
                                {batch->body.data, batch->body.size}};
    ch_entry said = *entry;
    said.version = ++entry->version;
    said.pending = batch->offsets;
    said.block = store->places->block;
    memcpy(said.token, batch->token, sizeof(said.token));
    ch_journal_add(store->journal, batch->place->partition, &said, pending ? &payload : NULL);
}

static bool record(ch_store *store, ch_batch *batches, size_t count, ch_fault *fault)
{
    for (size_t i = 0; i < count; i++) {
        add_finished(batches[i].place);
        add_entry(store, &batches[i], /* pending= */ true);
        batches[i].place->doubtful = true;
    }
    return ch_journal_write(store->journal, fault);
}

static void judge(ch_store *store, ch_batch *batch, const json_t *tops, int64_t now_ms)
{
    uint64_t epoch = 0;
    const char *owner = NULL;
    ch_place *place = batch->place;
    if (ch_journal_is_top(tops, place->partition, &place->entry, &owner, &epoch))
        return;
    place->doubtful = false; /* it is recorded, and not inserted */
    if (!owner) {
        ch_fault_set(&batch->fault, CH_FAULT_PASSING,
                     "rows of %s have vanished: nothing was stored", store->journal->table.data);
    } else if (strcmp(owner, place->entry.owner) == 0) {
        ch_fault_set(&batch->fault, CH_FAULT_PASSING,
                     "partition %d was begun anew by another lane: nothing was stored",
                     place->partition);
    } else {
        place->wait_ms = now_ms + store->places->takeover_ms;
        ch_fault_set(&batch->fault, CH_FAULT_PASSING,
                     "partition %d was taken over by another worker (epoch %" PRIu64
                     ", ours was %" PRIu64 "): nothing was stored",
                     place->partition, epoch, place->entry.epoch);
    }
}

/* Whether the partitions are still ours, now that everybody can see what we are about to do. */
static bool check(ch_store *store, ch_batch *batches, size_t count, int64_t now_ms, ch_fault *fault)
{
    handler_buffer partitions = {.data = NULL};
    bool good = true;
    for (size_t i = 0; good && i < count; i++)
        good =
            handler_buffer_format(&partitions, "%s%d", i ? "," : "", batches[i].place->partition);
    good = good && ch_sql(&partitions);
    if (!good)
        ch_fault_set(fault, CH_FAULT_PASSING, "out of memory");
    json_t *tops =
        good ? ch_journal_tops(store->journal, partitions.data, &store->places->block, fault)
             : NULL;
    for (size_t i = 0; tops && i < count; i++)
        judge(store, &batches[i], tops, now_ms);
    handler_buffer_clear(&partitions);
    good = tops != NULL;
    json_decref(tops);
    return good;
}

static void insert(ch_store *store, ch_batch *batch)
{
    const ch_insert rows = {.sql = store->mapping->insert.data,
                            .token = batch->token,
                            .encoding = ch_compressor_encoding(store->compressor),
                            .body = {batch->body.data, batch->body.size}};
    if (!batch->fault.kind)
        batch->inserted = ch_client_insert(store->client, &rows, &batch->fault);
}

/* A batch with a row that the server refuses was not inserted and is taken back. */
static bool is_decided(const ch_batch *batch)
{
    return batch->inserted || batch->fault.kind == CH_FAULT_DATA;
}

static bool confirm(ch_store *store, ch_batch *batches, size_t count, ch_fault *fault)
{
    for (size_t i = 0; i < count; i++) {
        ch_batch *batch = &batches[i];
        if (batch->inserted &&
            !handler_ranges_add_all(&batch->place->entry.stored, &batch->offsets)) {
            ch_fault_set(fault, CH_FAULT_PASSING, "out of memory");
            return false;
        }
        if (is_decided(batch))
            add_entry(store, batch, /* pending= */ false);
    }
    return !store->journal->rows.size || ch_journal_write(store->journal, fault);
}

static bool run_recorded(ch_store *store, ch_batch *batches, size_t count, int64_t now_ms,
                         ch_fault *fault)
{
    bool good = record(store, batches, count, fault) && check(store, batches, count, now_ms, fault);
    for (size_t i = 0; good && i < count; i++)
        insert(store, &batches[i]);
    good = good && confirm(store, batches, count, fault);
    for (size_t i = 0; i < count; i++) {
        if (good && is_decided(&batches[i]))
            batches[i].place->doubtful = false;
        else
            batches[i].place->taken = false; /* taking it repeats what is open */
    }
    return good;
}

bool ch_store_run(ch_store *store, ch_batch *batches, size_t count, int64_t now_ms, ch_fault *fault)
{
    bool good = true;
    for (size_t i = 0; good && i < count; i++) {
        good = prepare(store, &batches[i]);
        *fault = batches[i].fault;
    }
    if (!good)
        return false;
    if (store->journal) {
        good = run_recorded(store, batches, count, now_ms, fault);
    } else {
        for (size_t i = 0; i < count; i++)
            insert(store, &batches[i]);
    }
    for (size_t i = 0; good && i < count; i++) {
        good = batches[i].inserted;
        *fault = batches[i].fault;
    }
    return good;
}
