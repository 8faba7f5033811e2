/* A handler that does nothing but note how long its events took; its file is the one that
 * BUSBAR_BENCH_REPORT names. */
#include <busbar/plugin.h>

#include "latency.h"

static int32_t latency_open(busbar_call *call, busbar_bytes config, void **ret_self)
{
    latencies *self = calloc(1, sizeof(*self));
    (void)config;
    if (!self)
        return busbar_fail(call, BUSBAR_RETRY, "no memory");
    *ret_self = self;
    return BUSBAR_PASS;
}

static int32_t latency_handle(void *data, busbar_call *call, const busbar_batch *batch,
                              int32_t *verdicts)
{
    for (uint32_t i = 0; i < batch->count; i++) {
        busbar_bytes key = call->host->origin(batch->events[i])->key;
        latency_note(data, key.data, key.size);
        verdicts[i] = BUSBAR_PASS;
    }
    return BUSBAR_PASS;
}

static void latency_close(void *data)
{
    latencies *self = data;
    (void)latency_write(self, getenv("BUSBAR_BENCH_REPORT")); /* a short file is seen */
    free(self->us);
    free(self);
}

static const busbar_handler_ops ops = {
    .struct_size = sizeof(busbar_handler_ops),
    .open = latency_open,
    .handle = latency_handle,
    .close = latency_close,
};

static const busbar_handler handler = {
    .struct_size = sizeof(busbar_handler),
    .name = "latency",
    .summary = "Notes how long events took",
    .ops = &ops,
};

static const busbar_handler *const handlers[] = {&handler};

const busbar_plugin_descriptor busbar_plugin = {
    BUSBAR_DESCRIPTOR_HEAD, .name = "bench_latency_handler", .version = "1", .handler_count = 1,
    .handlers = handlers,
};
