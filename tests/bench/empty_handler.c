/* A handler that accepts everything and does nothing: what is measured is the host. */
#include <busbar/plugin.h>

static int32_t empty_open(busbar_call *call, busbar_bytes config, void **ret_self)
{
    (void)call;
    (void)config;
    *ret_self = NULL;
    return BUSBAR_PASS;
}

static int32_t empty_handle(void *self, busbar_call *call, const busbar_batch *batch,
                            int32_t *verdicts)
{
    (void)self;
    (void)call;
    for (uint32_t i = 0; i < batch->count; i++)
        verdicts[i] = BUSBAR_PASS;
    return BUSBAR_PASS;
}

static int32_t empty_flush(void *self, busbar_call *call)
{
    (void)self;
    (void)call;
    return BUSBAR_PASS;
}

static void empty_close(void *self)
{
    (void)self;
}

static const busbar_handler_ops ops = {
    .struct_size = sizeof(busbar_handler_ops),
    .open = empty_open,
    .handle = empty_handle,
    .flush = empty_flush,
    .close = empty_close,
};

static const busbar_handler handler = {
    .struct_size = sizeof(busbar_handler),
    .name = "empty",
    .summary = "Does nothing",
    .ops = &ops,
};

static const busbar_handler *const handlers[] = {&handler};

const busbar_plugin_descriptor busbar_plugin = {
    BUSBAR_DESCRIPTOR_HEAD, .name = "bench_empty_handler", .version = "1",
    .handler_count = 1,     .handlers = handlers,
};
