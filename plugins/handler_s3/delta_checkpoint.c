/* Checkpoints of a Delta table: all actions that still count, as one Parquet file. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "delta_actions.h"
#include "store.h"

enum { KEEP_REMOVED_MS = 7 * 24 * 3600 * 1000 };

#ifdef S3_HAVE_PARQUET

/* The actions that count, by what they are about. */
typedef struct state {
    json_t *files;   /* of "add", by path */
    json_t *removed; /* of "remove", by path */
    json_t *txns;    /* by application */
    json_t *protocol;
    json_t *metadata;
    int64_t rows; /* written */
} state;

static bool put(json_t *to, const json_t *action, const char *key)
{
    const char *name = json_string_value(json_object_get(action, key));
    return name && json_object_set(to, name, (json_t *)action) == 0; /* it counts references */
}

static void keep(json_t **to, json_t *value)
{
    json_decref(*to);
    *to = json_incref(value);
}

static bool take_file(state *now, json_t *add, json_t *removed)
{
    const char *path = json_string_value(json_object_get(add ? add : removed, "path"));
    if (!path)
        return false;
    (void)json_object_del(now->files, path); /* there may be none */
    (void)json_object_del(now->removed, path);
    return add ? put(now->files, add, "path") : put(now->removed, removed, "path");
}

static bool take_action(void *user, const char *line, size_t size)
{
    state *now = user;
    json_t *action = json_loadb(line, size, 0, NULL);
    json_t *add = json_object_get(action, "add"), *removed = json_object_get(action, "remove");
    json_t *txn = json_object_get(action, "txn");
    bool good = json_is_object(action);
    if (json_is_object(add) || json_is_object(removed))
        good = take_file(now, json_is_object(add) ? add : NULL, removed);
    else if (json_is_object(txn))
        good = put(now->txns, txn, "appId");
    else if (json_is_object(json_object_get(action, "protocol")))
        keep(&now->protocol, json_object_get(action, "protocol"));
    else if (json_is_object(json_object_get(action, "metaData")))
        keep(&now->metadata, json_object_get(action, "metaData"));
    json_decref(action);
    return good;
}

/* {"a":"b"} as [{"key":"a","value":"b"}], in place. */
static bool spread_map(json_t *object, const char *name)
{
    json_t *map = json_object_get(object, name), *value;
    const char *key;
    if (!json_is_object(map))
        return true;
    json_t *list = json_array();
    bool good = list != NULL;
    json_object_foreach(map, key, value) good =
        good &&
        json_array_append_new(list, json_pack("{s:s,s:O}", "key", key, "value", value)) == 0;
    if (good)
        return json_object_set_new(object, name, list) == 0;
    json_decref(list);
    return false;
}

static bool add_action(state *now, handler_buffer *out, const char *name, json_t *action)
{
    static const char *const maps[] = {"partitionValues", "tags", "configuration", NULL};
    bool good = true;
    for (int i = 0; good && maps[i]; i++)
        good = spread_map(action, maps[i]);
    json_t *format = json_object_get(action, "format");
    if (good && format)
        good = spread_map(format, "options");
    char *text = good ? json_dumps(action, JSON_COMPACT) : NULL;
    good = text && handler_buffer_format(out, "{\"%s\":%s}\n", name, text);
    free(text);
    now->rows++;
    return good;
}

static bool add_actions(state *now, handler_buffer *out, const char *name, json_t *actions)
{
    const char *key;
    json_t *action;
    int64_t oldest = (int64_t)time(NULL) * 1000 - KEEP_REMOVED_MS;
    json_object_foreach(actions, key, action)
    {
        const json_t *when = json_object_get(action, "deletionTimestamp");
        if (json_is_integer(when) && json_integer_value(when) < oldest)
            continue;
        if (!add_action(now, out, name, action))
            return false;
    }
    return true;
}

static bool write_lines(state *now, handler_buffer *out)
{
    return now->protocol && now->metadata && add_action(now, out, "protocol", now->protocol) &&
           add_action(now, out, "metaData", now->metadata) &&
           add_actions(now, out, "txn", now->txns) &&
           add_actions(now, out, "remove", now->removed) &&
           add_actions(now, out, "add", now->files);
}

/* The checkpoint before, as the log names it. */
static bool read_last(s3_delta *delta, state *now, int64_t *ret_version, s3_fault *fault)
{
    char key[S3_KEY_MAX];
    s3_reply reply;
    *ret_version = -1;
    s3_delta_name_log(delta, "_last_checkpoint", key);
    if (!s3_store_get(delta->client, key, &reply)) {
        s3_fault_reply(fault, &reply);
        return reply.status == 404;
    }
    const handler_buffer *answer = s3_client_answer(delta->client);
    json_t *last = json_loadb(answer->data, answer->size, 0, NULL);
    const json_t *version = json_object_get(last, "version");
    int64_t number = json_is_integer(version) ? json_integer_value(version) : -1;
    int64_t parts = json_integer_value(json_object_get(last, "parts"));
    json_decref(last);
    if (number < 0 || number > delta->version)
        return true; /* from the first commit on */
    *ret_version = number;
    return s3_delta_read_checkpoint(delta, number, parts, take_action, now, fault);
}

static bool read_state(s3_delta *delta, state *now, s3_fault *fault)
{
    char name[40], key[S3_KEY_MAX];
    int64_t version;
    s3_reply reply;
    if (!read_last(delta, now, &version, fault))
        return false;
    while (++version <= delta->version) {
        (void)snprintf(name, sizeof(name), "%020" PRId64 ".json", version);
        s3_delta_name_log(delta, name, key);
        if (!s3_store_get(delta->client, key, &reply)) {
            s3_fault_reply(fault, &reply);
            return false;
        }
        const handler_buffer *answer = s3_client_answer(delta->client);
        if (!s3_delta_lines(answer->data, answer->size, take_action, now)) {
            s3_fault_set(fault, false, "out of memory, or a commit with other than actions");
            return false;
        }
    }
    return true;
}

static int take_bytes(void *user, const void *data, size_t size)
{
    return handler_buffer_add(user, data, size) ? 1 : 0;
}

/* The file first, then the hint that names it. */
static bool put_checkpoint(s3_delta *delta, const state *now, const handler_buffer *file,
                           s3_fault *fault)
{
    char name[64], key[S3_KEY_MAX], hint[96];
    s3_reply reply;
    (void)snprintf(name, sizeof(name), "%020" PRId64 ".checkpoint.parquet", delta->version);
    s3_delta_name_log(delta, name, key);
    bool good = s3_store_replace(delta->client, key, file->data, file->size, &reply);
    if (good) {
        int size = snprintf(hint, sizeof(hint), "{\"version\":%" PRId64 ",\"size\":%" PRId64 "}",
                            delta->version, now->rows);
        s3_delta_name_log(delta, "_last_checkpoint", key);
        good = s3_store_replace(delta->client, key, hint, (size_t)size, &reply);
    }
    if (!good)
        s3_fault_reply(fault, &reply);
    return good;
}

bool s3_delta_checkpoint(s3_delta *delta, s3_fault *fault)
{
    state now = {json_object(), json_object(), json_object(), NULL, NULL, 0};
    handler_buffer lines = {.data = NULL}, file = {.data = NULL};
    char problem[256] = "out of memory";
    bool good = now.files && now.removed && now.txns && read_state(delta, &now, fault);
    if (good) {
        good = write_lines(&now, &lines) &&
               arrow_parquet_write_checkpoint(lines.data, lines.size, take_bytes, &file, problem);
        if (!good)
            s3_fault_set(fault, false, problem);
    }
    good = good && put_checkpoint(delta, &now, &file, fault);
    handler_buffer_clear(&lines);
    handler_buffer_clear(&file);
    json_decref(now.files);
    json_decref(now.removed);
    json_decref(now.txns);
    json_decref(now.protocol);
    json_decref(now.metadata);
    return good;
}

#else

bool s3_delta_checkpoint(s3_delta *delta, s3_fault *fault)
{
    (void)delta;
    s3_fault_set(fault, true, "this handler was built without Parquet");
    return false;
}

#endif
