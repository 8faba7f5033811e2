/* Reading the log of a Delta table. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "delta_actions.h"
#include "store.h"

void s3_delta_name_log(const s3_delta *delta, const char *name, char ret_key[S3_KEY_MAX])
{
    (void)snprintf(ret_key, S3_KEY_MAX, "%s/_delta_log/%s", delta->settings->path, name);
}

int64_t s3_delta_offset(const s3_delta *delta, int32_t partition)
{
    for (size_t i = 0; i < delta->txn_count; i++) {
        if (delta->txns[i].partition == partition)
            return delta->txns[i].offset;
    }
    return -1;
}

static bool set_offset(s3_delta *delta, int32_t partition, int64_t offset)
{
    for (size_t i = 0; i < delta->txn_count; i++) {
        if (delta->txns[i].partition == partition) {
            delta->txns[i].offset = offset;
            return true;
        }
    }
    s3_delta_txn *longer = realloc(delta->txns, (delta->txn_count + 1) * sizeof(*longer));
    if (!longer)
        return false;
    delta->txns = longer;
    longer[delta->txn_count++] = (s3_delta_txn){partition, offset};
    return true;
}

static bool take_txn(s3_delta *delta, const json_t *txn)
{
    const char *application = json_string_value(json_object_get(txn, "appId"));
    size_t size = strlen(delta->application);
    char *end = NULL;
    if (!application || strncmp(application, delta->application, size) != 0)
        return true;
    long partition = strtol(application + size, &end, 10);
    if (end == application + size || *end)
        return true; /* of another topic, whose name begins like ours */
    return set_offset(delta, (int32_t)partition,
                      json_integer_value(json_object_get(txn, "version")));
}

static void keep(json_t **to, json_t *value)
{
    json_decref(*to);
    *to = json_incref(value);
}

bool s3_delta_apply(s3_delta *delta, const char *line, size_t size)
{
    json_t *action = json_loadb(line, size, 0, NULL);
    json_t *protocol = json_object_get(action, "protocol");
    json_t *metadata = json_object_get(action, "metaData");
    const json_t *txn = json_object_get(action, "txn");
    bool good = json_is_object(action);
    if (json_is_object(protocol))
        keep(&delta->protocol, protocol);
    if (json_is_object(metadata))
        keep(&delta->metadata, metadata);
    if (json_is_object(txn))
        good = take_txn(delta, txn);
    json_decref(action);
    return good;
}

static bool apply_line(void *user, const char *line, size_t size)
{
    return s3_delta_apply(user, line, size);
}

bool s3_delta_lines(const char *text, size_t size,
                    bool (*visit)(void *user, const char *line, size_t size), void *user)
{
    const char *end = text + size;
    while (text < end) {
        const char *feed = memchr(text, '\n', (size_t)(end - text));
        size_t length = feed ? (size_t)(feed - text) : (size_t)(end - text);
        if (length && !visit(user, text, length))
            return false;
        text += length + 1;
    }
    return true;
}

#ifdef S3_HAVE_PARQUET
static int take_bytes(void *user, const void *data, size_t size)
{
    return handler_buffer_add(user, data, size) ? 1 : 0;
}

/* One file of a checkpoint. */
static bool read_part(s3_delta *delta, const char *key,
                      bool (*visit)(void *user, const char *line, size_t size), void *user,
                      s3_fault *fault)
{
    s3_reply reply;
    handler_buffer lines = {.data = NULL};
    char problem[256];
    if (!s3_store_get(delta->client, key, &reply)) {
        s3_fault_reply(fault, &reply);
        return false;
    }
    const handler_buffer *file = s3_client_answer(delta->client);
    bool good = arrow_parquet_read_json(file->data, file->size, take_bytes, &lines, problem);
    if (!good)
        s3_fault_set(fault, true, problem);
    else if (!(good = s3_delta_lines(lines.data, lines.size, visit, user)))
        s3_fault_set(fault, false, "out of memory, or a checkpoint with other than actions");
    handler_buffer_clear(&lines);
    return good;
}
#else
static bool read_part(s3_delta *delta, const char *key,
                      bool (*visit)(void *user, const char *line, size_t size), void *user,
                      s3_fault *fault)
{
    (void)delta;
    (void)key;
    (void)visit;
    (void)user;
    s3_fault_set(fault, true, "this handler was built without Parquet");
    return false;
}
#endif

bool s3_delta_read_checkpoint(s3_delta *delta, int64_t version, int64_t parts,
                              bool (*visit)(void *user, const char *line, size_t size), void *user,
                              s3_fault *fault)
{
    char name[96], key[S3_KEY_MAX];
    for (int64_t part = 1; part <= (parts ? parts : 1); part++) {
        if (parts)
            (void)snprintf(name, sizeof(name),
                           "%020" PRId64 ".checkpoint.%010" PRId64 ".%010" PRId64 ".parquet",
                           version, part, parts);
        else
            (void)snprintf(name, sizeof(name), "%020" PRId64 ".checkpoint.parquet", version);
        s3_delta_name_log(delta, name, key);
        if (!read_part(delta, key, visit, user, fault))
            return false;
    }
    return true;
}

/* The last checkpoint, where the log names one. */
static bool begin_at_checkpoint(s3_delta *delta, s3_fault *fault)
{
    char key[S3_KEY_MAX];
    s3_reply reply;
    s3_delta_name_log(delta, "_last_checkpoint", key);
    if (!s3_store_get(delta->client, key, &reply)) {
        if (reply.status == 404)
            return true;
        s3_fault_reply(fault, &reply);
        return false;
    }
    const handler_buffer *answer = s3_client_answer(delta->client);
    json_t *last = json_loadb(answer->data, answer->size, 0, NULL);
    const json_t *version = json_object_get(last, "version");
    int64_t number = json_is_integer(version) ? json_integer_value(version) : -1;
    int64_t parts = json_integer_value(json_object_get(last, "parts"));
    json_decref(last);
    if (number < 0)
        return true; /* it is a hint only */
    if (!s3_delta_read_checkpoint(delta, number, parts, apply_line, delta, fault))
        return false;
    delta->version = number;
    return true;
}

typedef struct listing {
    int64_t last; /* number of the last commit in a row */
    bool gap;
} listing;

static bool note_commit(const char *key, void *user)
{
    listing *found = user;
    const char *name = strrchr(key, '/');
    char *end = NULL;
    long long number = name ? strtoll(name + 1, &end, 10) : 0;
    if (!name || end != name + 21 || strcmp(end, ".json") != 0)
        return true; /* a checkpoint, a hint */
    found->gap = number != found->last + 1;
    if (!found->gap)
        found->last = number;
    return !found->gap;
}

static bool read_commit(s3_delta *delta, int64_t version, s3_fault *fault)
{
    char name[40], key[S3_KEY_MAX];
    s3_reply reply;
    (void)snprintf(name, sizeof(name), "%020" PRId64 ".json", version);
    s3_delta_name_log(delta, name, key);
    if (!s3_store_get(delta->client, key, &reply)) {
        s3_fault_reply(fault, &reply);
        return false;
    }
    const handler_buffer *answer = s3_client_answer(delta->client);
    if (s3_delta_lines(answer->data, answer->size, apply_line, delta)) {
        delta->version = version;
        return true;
    }
    s3_fault_set(fault, true, "a commit of the Delta log has a line that is no action");
    return false;
}

bool s3_delta_refresh(s3_delta *delta, s3_fault *fault)
{
    char after[S3_KEY_MAX], prefix[S3_KEY_MAX], name[40];
    s3_reply reply;
    if (delta->version < 0 && !begin_at_checkpoint(delta, fault))
        return false;
    listing found = {delta->version, false};
    s3_delta_name_log(delta, "", prefix);
    (void)snprintf(name, sizeof(name), "%020" PRId64 ".json", delta->version);
    after[0] = '\0';
    if (delta->version >= 0)
        s3_delta_name_log(delta, name, after);
    if (!s3_store_list(delta->client, prefix, after, note_commit, &found, &reply)) {
        s3_fault_reply(fault, &reply);
        return false;
    }
    if (found.gap) {
        fault->lasting = true;
        (void)snprintf(fault->text, sizeof(fault->text),
                       "the Delta log below %.300s has no commit %" PRId64
                       ", and no checkpoint behind it that _last_checkpoint names",
                       delta->settings->path, found.last + 1);
        return false;
    }
    for (int64_t version = delta->version + 1; version <= found.last; version++) {
        if (!read_commit(delta, version, fault))
            return false;
    }
    return true;
}

/* The field of the table's schema with that name. */
static const json_t *find_field(const json_t *schema, const char *name)
{
    size_t i;
    json_t *field;
    json_array_foreach(json_object_get(schema, "fields"), i, field)
    {
        const char *found = json_string_value(json_object_get(field, "name"));
        if (found && strcmp(found, name) == 0)
            return field;
    }
    return NULL;
}

/* Each column of ours must be there with its type; others of the table stay null. */
static bool fits(const json_t *table, const json_t *ours, char ret_text[512])
{
    size_t i;
    json_t *field;
    json_array_foreach(json_object_get(ours, "fields"), i, field)
    {
        const char *name = json_string_value(json_object_get(field, "name"));
        const json_t *found = find_field(table, name);
        const json_t *type = json_object_get(found, "type"),
                     *wanted = json_object_get(field, "type");
        if (type && json_equal(type, wanted))
            continue;
        char *is = type ? json_dumps(type, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
        char *should = json_dumps(wanted, JSON_COMPACT | JSON_ENCODE_ANY);
        (void)snprintf(ret_text, 512,
                       "the Delta table's column %.100s is %.120s, the contract makes it %.120s; "
                       "change the table, or let a new one begin at another `path`",
                       name, is ? is : "not there", should ? should : "another");
        free(is);
        free(should);
        return false;
    }
    return true;
}

static bool same_partition(const s3_delta *delta)
{
    const json_t *columns = json_object_get(delta->metadata, "partitionColumns");
    const char *first = json_string_value(json_array_get(columns, 0)),
               *own = delta->settings->column;
    return json_array_size(columns) == (own ? 1u : 0u) && (!own || (first && !strcmp(first, own)));
}

const char *s3_delta_check(s3_delta *delta, char ret_text[512])
{
    int64_t writer = json_integer_value(json_object_get(delta->protocol, "minWriterVersion"));
    const char *text = json_string_value(json_object_get(delta->metadata, "schemaString"));
    if (writer < 1 || writer > 2 || !text) {
        (void)snprintf(ret_text, 512,
                       "the Delta table needs writers of protocol version %" PRId64
                       "; this one writes tables of versions 1 and 2",
                       writer);
        return ret_text;
    }
    if (strstr(text, "delta.invariants"))
        return "the Delta table has column invariants, which this writer does not check";
    if (!same_partition(delta))
        return "the Delta table has other partition columns than `partition` says";
    json_t *table = json_loads(text, 0, NULL);
    json_t *ours = s3_delta_schema(delta->cells, delta->settings->column);
    bool good = table && ours && fits(table, ours, ret_text);
    if (!table || !ours)
        (void)snprintf(ret_text, 512, "the Delta table's schema cannot be read");
    json_decref(table);
    json_decref(ours);
    return good ? NULL : ret_text;
}
