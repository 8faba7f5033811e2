/* A handler for tests: counts, and fails where its configuration says so. */
#include <stdlib.h>

#include <busbar/plugin.h>

static const char schema[] =
    "{\"type\":\"object\",\"properties\":{\"path\":{\"type\":\"string\",\"minLength\":1},"
    "\"limit\":{\"type\":\"integer\",\"minimum\":1}},\"required\":[\"path\"],"
    "\"additionalProperties\":false}";

static int32_t open_handler(busbar_call *call, busbar_bytes config, void **ret_self)
{
    (void)call;
    (void)config;
    *ret_self = NULL;
    return BUSBAR_PASS;
}

static int32_t handle(void *self, busbar_call *call, const busbar_batch *batch, int32_t *verdicts)
{
    uint32_t i;
    (void)self;
    (void)call;
    for (i = 0; i < batch->count; i++)
        verdicts[i] = BUSBAR_PASS;
    return BUSBAR_PASS;
}

static const busbar_handler_ops ops = {
    .struct_size = sizeof(busbar_handler_ops),
    .open = open_handler,
    .handle = handle,
};

static const busbar_handler handler = {
    .struct_size = sizeof(busbar_handler),
    .capabilities = BUSBAR_IDEMPOTENT | BUSBAR_TRANSACTIONAL,
    .name = "fixture",
    .summary = "Takes everything",
    .config_schema = {schema, sizeof(schema) - 1},
    .ops = &ops,
};

static const busbar_handler *const handlers[] = {&handler};

const busbar_plugin_descriptor busbar_plugin = {
    BUSBAR_DESCRIPTOR_HEAD, .name = "handler_fixture", .version = "2.0",
    .handler_count = 1,     .handlers = handlers,
};
