/* A third party's handler: chosen members of each event as a line of comma-separated values (RFC
 * 4180).
 *
 *   handlers:
 *     table: { plugin: csv, path: out.csv, columns: [/station, /celsius], complete: true }
 *
 * With `complete`, an event that lacks a column is rejected; without, the cell is empty.
 * It uses a lane of its own file descriptor, buffers in `handle` and makes durable in `flush`. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <busbar/plugin.h>
#include <jansson.h>

enum { MAX_COLUMNS = 64 };

typedef struct csv {
    int fd;
    int complete; /* an event without one of the columns is rejected */
    uint32_t column_count;
    char *columns[MAX_COLUMNS]; /* JSON pointers */
    char *data;                 /* lines that wait for a flush */
    size_t size;
    size_t capacity;
} csv;

static const char config_schema[] = "{\"type\":\"object\",\"required\":[\"path\",\"columns\"],"
                                    "\"additionalProperties\":false,\"properties\":{"
                                    "\"path\":{\"type\":\"string\",\"minLength\":1},"
                                    "\"columns\":{\"type\":\"array\",\"minItems\":1,\"maxItems\":"
                                    "64,\"items\":{\"type\":\"string\",\"format\":"
                                    "\"json-pointer\"}},"
                                    "\"complete\":{\"type\":\"boolean\"}}}";

static void csv_close(void *data)
{
    csv *self = data;
    uint32_t i;
    if (self->fd >= 0)
        (void)close(self->fd); /* everything that counts was flushed */
    for (i = 0; i < self->column_count; i++)
        free(self->columns[i]);
    free(self->data);
    free(self);
}

/* A process that was killed while it wrote may have left half a line: cut off, for its event comes
 * again. */
static int cut_half_line(const csv *self)
{
    off_t size = lseek(self->fd, 0, SEEK_END), end = size;
    char last = 0;
    while (end > 0 && pread(self->fd, &last, 1, end - 1) == 1 && last != '\n')
        end--;
    return end == size || ftruncate(self->fd, end) == 0;
}

/* `config` has passed the schema above. */
static int32_t configure(csv *self, busbar_call *call, const json_t *config)
{
    const char *path = json_string_value(json_object_get(config, "path"));
    const json_t *columns = json_object_get(config, "columns");
    self->complete = json_is_true(json_object_get(config, "complete"));
    for (size_t i = 0; i < json_array_size(columns) && i < MAX_COLUMNS; i++) {
        self->columns[i] = strdup(json_string_value(json_array_get(columns, i)));
        if (!self->columns[i])
            return busbar_fail(call, BUSBAR_FATAL, "out of memory");
        self->column_count++;
    }
    self->fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (self->fd < 0 || !cut_half_line(self))
        return busbar_unavailable(call, "%s: %s", path, strerror(errno));
    return BUSBAR_PASS;
}

static int32_t csv_open(busbar_call *call, busbar_bytes config, void **ret_self)
{
    json_t *tree = json_loadb(config.data, config.size, 0, NULL);
    csv *self = calloc(1, sizeof(*self));
    int32_t verdict;
    if (!tree || !self) {
        json_decref(tree);
        free(self);
        return busbar_fail(call, BUSBAR_FATAL, "out of memory");
    }
    self->fd = -1;
    verdict = configure(self, call, tree);
    json_decref(tree);
    if (verdict == BUSBAR_PASS)
        *ret_self = self;
    else
        csv_close(self);
    return verdict;
}

static int reserve(csv *self, size_t more)
{
    size_t wanted = self->size + more, capacity = self->capacity ? self->capacity : 65536;
    char *grown;
    if (wanted <= self->capacity)
        return 1;
    while (capacity < wanted)
        capacity *= 2;
    grown = realloc(self->data, capacity);
    if (!grown)
        return 0;
    self->data = grown;
    self->capacity = capacity;
    return 1;
}

/* A value in quotes, its own quotes doubled. */
static int append_cell(csv *self, busbar_bytes text, char end)
{
    if (!reserve(self, text.size * 2 + 3))
        return 0;
    self->data[self->size++] = '"';
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '"')
            self->data[self->size++] = '"';
        self->data[self->size++] = text.data[i];
    }
    self->data[self->size++] = '"';
    self->data[self->size++] = end;
    return 1;
}

static int32_t handle_one(void *data, busbar_call *call, busbar_event *event, uint32_t index)
{
    csv *self = data;
    size_t before = self->size;
    for (uint32_t i = 0; i < self->column_count; i++) {
        busbar_value value;
        busbar_bytes text = {NULL, 0};
        uint32_t type = call->host->find(event, busbar_text(self->columns[i]), &value);
        if (type == BUSBAR_ABSENT && self->complete) {
            self->size = before;
            return call->host->fail(call, index, BUSBAR_REJECT, BUSBAR_SCOPE_RECORD,
                                    busbar_text(self->columns[i]),
                                    busbar_text("the event has no such member"));
        }
        if (type == BUSBAR_STRING)
            (void)call->host->text(call, event, &value, &text); /* a string always has a text */
        else if (type > BUSBAR_NULL)
            text = value.json;
        if (!append_cell(self, text, i + 1 < self->column_count ? ',' : '\n')) {
            self->size = before;
            return busbar_fail_event(call, index, BUSBAR_RETRY, "out of memory");
        }
    }
    return BUSBAR_PASS;
}

static int32_t csv_handle(void *self, busbar_call *call, const busbar_batch *batch,
                          int32_t *verdicts)
{
    return busbar_each(self, call, batch, verdicts, handle_one);
}

static int32_t csv_flush(void *data, busbar_call *call)
{
    csv *self = data;
    size_t size = self->size, written = 0;
    off_t before = lseek(self->fd, 0, SEEK_END);
    self->size = 0; /* whatever happens below: after a failure the host hands the events again */
    while (written < size) {
        ssize_t more = write(self->fd, self->data + written, size - written);
        if (more < 0 && errno != EINTR)
            break;
        written += more > 0 ? (size_t)more : 0;
    }
    if (written == size && fdatasync(self->fd) == 0)
        return BUSBAR_PASS;
    (void)busbar_unavailable(call, "writing: %s", strerror(errno));
    if (before >= 0 && ftruncate(self->fd, before) != 0)
        return busbar_fail(call, BUSBAR_FATAL, "cannot take back half a line: %s", strerror(errno));
    return BUSBAR_RETRY;
}

static const busbar_handler_ops ops = {
    .struct_size = sizeof(busbar_handler_ops),
    .open = csv_open,
    .handle = csv_handle,
    .flush = csv_flush,
    .close = csv_close,
};

static const busbar_handler handler = {
    .struct_size = sizeof(busbar_handler),
    .name = "csv",
    .summary = "Comma-separated values in a file; use it with one lane",
    .config_schema = {config_schema, sizeof(config_schema) - 1},
    .ops = &ops,
};

static const busbar_handler *const handlers[] = {&handler};

const busbar_plugin_descriptor busbar_plugin = {
    BUSBAR_DESCRIPTOR_HEAD, .name = "csv",
    .version = "1.0.0",     .summary = "Comma-separated values",
    .handler_count = 1,     .handlers = handlers,
};
