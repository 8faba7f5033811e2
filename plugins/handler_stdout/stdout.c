/* The `stdout` handler: events as JSON lines on standard output. */
#include <errno.h>

#include <busbar/plugin.h>

static const char config_schema[] = "{\"type\":\"object\",\"additionalProperties\":false}";

static int32_t stdout_open(busbar_call *call, busbar_bytes config, void **ret_self)
{
    (void)call;
    (void)config; /* checked by its schema: it has no keys */
    *ret_self = NULL;
    return BUSBAR_PASS;
}

/* One line; JSON may hold line feeds only between its tokens, where a blank means the same. */
static void write_line(busbar_bytes json)
{
    for (size_t i = 0; i < json.size; i++) {
        char byte = json.data[i];
        (void)putchar_unlocked(byte == '\n' || byte == '\r' ? ' ' : byte); /* ferror tells, below */
    }
    (void)putchar_unlocked('\n');
}

/* The stream's own lock keeps the lines of several lanes apart. */
static int32_t stdout_handle(void *self, busbar_call *call, const busbar_batch *batch,
                             int32_t *verdicts)
{
    (void)self;
    flockfile(stdout);
    for (uint32_t i = 0; i < batch->count; i++) {
        write_line(call->host->json(call, batch->events[i]));
        verdicts[i] = BUSBAR_PASS;
    }
    funlockfile(stdout);
    return BUSBAR_PASS;
}

static int32_t stdout_flush(void *self, busbar_call *call)
{
    (void)self;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return BUSBAR_PASS;
    int problem = errno;
    clearerr(stdout);
    if (problem == EAGAIN || problem == EINTR || problem == ENOSPC)
        return busbar_unavailable(call, "standard output: %s", strerror(problem));
    return busbar_fail(call, BUSBAR_FATAL, "standard output is gone: %s", strerror(problem));
}

static void stdout_close(void *self)
{
    (void)self;
}

static const busbar_handler_ops stdout_ops = {
    .struct_size = sizeof(busbar_handler_ops),
    .open = stdout_open,
    .handle = stdout_handle,
    .flush = stdout_flush,
    .close = stdout_close,
};

static const busbar_handler stdout_handler = {
    .struct_size = sizeof(busbar_handler),
    .name = "stdout",
    .summary = "JSON lines on standard output",
    .config_schema = {config_schema, sizeof(config_schema) - 1},
    .ops = &stdout_ops,
};

static const busbar_handler *const handlers[] = {&stdout_handler};

const busbar_plugin_descriptor busbar_plugin = {
    BUSBAR_DESCRIPTOR_HEAD, .name = "handler_stdout",
    .version = "0.1.0",     .summary = "Writes events to standard output",
    .handler_count = 1,     .handlers = handlers,
};
