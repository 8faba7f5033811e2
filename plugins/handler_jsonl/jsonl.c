/* The `jsonl` handler: events as JSON lines in files named by a template.
 *
 * `handle` only fills memory; `flush` appends to the files, each append all or nothing and durable.
 * So a flush that failed leaves nothing behind, and the host may hand the same events again. */
#include <errno.h>
#include <stdlib.h>

#include <busbar/plugin.h>
#include <jansson.h>

#include "file.h"
#include "path.h"

/* Lines that wait for one file. */
typedef struct pending {
    struct pending *next;
    char path[JSONL_PATH_MAX];
    char *data;
    size_t size;
    size_t capacity;
} pending;

typedef struct jsonl {
    char *path_template;
    bool records; /* whole records instead of events */
    jsonl_file_options options;
    pending *
        files; /* most recently used first; kept over flushes, so that their memory is used again */
} jsonl;

static void jsonl_close(void *self);

static const char config_schema[] =
    "{\"type\":\"object\",\"required\":[\"path\"],\"additionalProperties\":false,\"properties\":{"
    "\"path\":{\"type\":\"string\",\"minLength\":1,\"description\":\"file name template: {topic} "
    "{partition} {date} "
    "{hour}\"},"
    "\"rotate_bytes\":{\"type\":\"integer\",\"minimum\":0,\"description\":\"rename a file that has "
    "reached this size; 0: "
    "never\"},"
    "\"sync\":{\"type\":\"boolean\",\"description\":\"fsync on flush; default true\"},"
    "\"format\":{\"enum\":[\"event\",\"record\"],\"description\":\"the event alone, or with topic, "
    "partition, offset, key "
    "and timestamp\"}}}";

static int32_t read_config(jsonl *self, busbar_call *call, const json_t *config)
{
    const char *path = json_string_value(json_object_get(config, "path"));
    const char *format = json_string_value(json_object_get(config, "format"));
    const char *problem = NULL;
    if (!path)
        return busbar_fail(
            call, BUSBAR_FATAL,
            "`path` is missing: give a template such as \"out/{topic}/{date}.jsonl\"");
    if (!jsonl_path_check(path, &problem))
        return busbar_fail(call, BUSBAR_FATAL, "`path` \"%s\" cannot be used: %s", path, problem);
    self->path_template = strdup(path);
    self->records = format && strcmp(format, "record") == 0;
    self->options.rotate_bytes =
        (uint64_t)json_integer_value(json_object_get(config, "rotate_bytes"));
    self->options.sync = !json_is_false(json_object_get(config, "sync"));
    return self->path_template ? BUSBAR_PASS : busbar_fail(call, BUSBAR_FATAL, "out of memory");
}

static int32_t jsonl_open(busbar_call *call, busbar_bytes config, void **ret_self)
{
    json_error_t error;
    json_t *tree = json_loadb(config.data, config.size, 0, &error);
    if (!tree)
        return busbar_fail(call, BUSBAR_FATAL, "its configuration is not JSON: %s", error.text);
    jsonl *self = calloc(1, sizeof(*self));
    int32_t verdict =
        self ? read_config(self, call, tree) : busbar_fail(call, BUSBAR_FATAL, "out of memory");
    json_decref(tree);
    if (verdict == BUSBAR_PASS)
        *ret_self = self;
    else
        jsonl_close(self);
    return verdict;
}

/* The buffer of `path`, moved to the front; NULL when memory is out. */
static pending *find_pending(jsonl *self, const char *path)
{
    for (pending **link = &self->files; *link; link = &(*link)->next) {
        pending *file = *link;
        if (strcmp(file->path, path) == 0) {
            *link = file->next;
            file->next = self->files;
            self->files = file;
            return file;
        }
    }
    pending *file = calloc(1, sizeof(*file));
    if (!file)
        return NULL;
    memcpy(file->path, path, strlen(path) + 1);
    file->next = self->files;
    self->files = file;
    return file;
}

static bool reserve(pending *file, size_t more)
{
    size_t wanted = file->size + more;
    if (wanted <= file->capacity)
        return true;
    size_t capacity = file->capacity ? file->capacity : 16384;
    while (capacity < wanted)
        capacity *= 2;
    char *data = realloc(file->data, capacity);
    if (!data)
        return false;
    file->data = data;
    file->capacity = capacity;
    return true;
}

static void append(pending *file, const char *data, size_t size)
{
    memcpy(file->data + file->size, data, size);
    file->size += size;
}

/* JSON may hold line feeds only between its tokens, where a blank means the same. */
static void append_json(pending *file, busbar_bytes json)
{
    char *from = file->data + file->size;
    append(file, json.data, json.size);
    for (char *at = from; (at = memchr(at, '\n', (size_t)(file->data + file->size - at))); at++)
        *at = ' ';
    for (char *at = from; (at = memchr(at, '\r', (size_t)(file->data + file->size - at))); at++)
        *at = ' ';
}

/* Bytes as a JSON string: quotes, backslashes, controls and everything that is not ASCII escaped as
 * \u00XX. */
static void append_bytes(pending *file, busbar_bytes bytes)
{
    if (!bytes.data) {
        append(file, "null", 4);
        return;
    }
    append(file, "\"", 1);
    for (size_t i = 0; i < bytes.size; i++) {
        unsigned char byte = (unsigned char)bytes.data[i];
        char escape[8];
        if (byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\')
            append(file, &bytes.data[i], 1);
        else
            append(file, escape, (size_t)snprintf(escape, sizeof(escape), "\\u%04x", byte));
    }
    append(file, "\"", 1);
}

static void append_record_head(pending *file, const busbar_origin *origin)
{
    char head[512];
    int size =
        snprintf(head, sizeof(head),
                 "{\"topic\":\"%.*s\",\"partition\":%d,\"offset\":%lld,\"timestamp\":%lld,\"key\":",
                 (int)origin->topic.size, origin->topic.data, (int)origin->partition,
                 (long long)origin->offset, (long long)origin->timestamp_ms);
    append(file, head, (size_t)size);
    append_bytes(file, origin->key);
    append(file, ",\"value\":", 9);
}

static int32_t handle_one(void *instance, busbar_call *call, busbar_event *event, uint32_t index)
{
    jsonl *self = instance;
    const busbar_origin *origin = call->host->origin(event);
    busbar_bytes json = call->host->json(call, event);
    char path[JSONL_PATH_MAX];
    if (!jsonl_path_expand(self->path_template, origin, path))
        return busbar_fail_event(call, index, BUSBAR_REJECT,
                                 "the file name is longer than %d bytes", JSONL_PATH_MAX);
    pending *file = find_pending(self, path);
    if (!file || !reserve(file, json.size + origin->key.size * 6 + 600))
        return busbar_fail_event(call, index, BUSBAR_RETRY, "out of memory for %s", path);
    if (self->records)
        append_record_head(file, origin);
    append_json(file, json);
    append(file, self->records ? "}\n" : "\n", self->records ? 2 : 1);
    return BUSBAR_PASS;
}

static int32_t jsonl_handle(void *self, busbar_call *call, const busbar_batch *batch,
                            int32_t *verdicts)
{
    return busbar_each(self, call, batch, verdicts, handle_one);
}

/* Forgets what waits; the memory of files that were not used since the last flush is given back. */
static void forget(jsonl *self)
{
    for (pending **link = &self->files; *link;) {
        pending *file = *link;
        if (file->size == 0) {
            *link = file->next;
            free(file->data);
            free(file);
            continue;
        }
        file->size = 0;
        link = &file->next;
    }
}

static int32_t jsonl_flush(void *instance, busbar_call *call)
{
    jsonl *self = instance;
    int32_t verdict = BUSBAR_PASS;
    for (pending *file = self->files; file && verdict == BUSBAR_PASS; file = file->next) {
        size_t repaired = 0;
        const char *step = NULL;
        if (file->size == 0)
            continue;
        int status =
            jsonl_file_append(file->path, file->data, file->size, &self->options, &repaired, &step);
        if (repaired)
            busbar_log(call, BUSBAR_LOG_WARNING, "%s: %zu bytes of a torn last line were cut off",
                       file->path, repaired);
        if (status)
            verdict =
                busbar_unavailable(call, "%s: %s failed: %s", file->path, step, strerror(status));
    }
    forget(self);
    return verdict;
}

static void jsonl_close(void *instance)
{
    jsonl *self = instance;
    if (!self)
        return;
    for (pending *file = self->files; file;) {
        pending *next = file->next;
        free(file->data);
        free(file);
        file = next;
    }
    free(self->path_template);
    free(self);
}

static const busbar_handler_ops jsonl_ops = {
    .struct_size = sizeof(busbar_handler_ops),
    .open = jsonl_open,
    .handle = jsonl_handle,
    .flush = jsonl_flush,
    .close = jsonl_close,
};

static const busbar_handler jsonl_handler = {
    .struct_size = sizeof(busbar_handler),
    .name = "jsonl",
    .summary = "JSON lines in files named by a template",
    .config_schema = {config_schema, sizeof(config_schema) - 1},
    .ops = &jsonl_ops,
};

static const busbar_handler *const handlers[] = {&jsonl_handler};

const busbar_plugin_descriptor busbar_plugin = {
    BUSBAR_DESCRIPTOR_HEAD, .name = "handler_jsonl",
    .version = "0.1.0",     .summary = "Writes events to JSON lines files",
    .handler_count = 1,     .handlers = handlers,
};
