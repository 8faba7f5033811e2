/* Two handlers in one plugin, so that the settings must choose. */
#include <busbar/plugin.h>

static int32_t open_handler(busbar_call *call, busbar_bytes config, void **ret_self)
{
    (void)config;
    (void)ret_self;
    return busbar_fail(call, BUSBAR_FATAL, "never opened");
}

static int32_t handle(void *self, busbar_call *call, const busbar_batch *batch, int32_t *verdicts)
{
    (void)self;
    (void)batch;
    (void)verdicts;
    return busbar_fail(call, BUSBAR_FATAL, "never handed anything");
}

static const busbar_handler_ops ops = {
    .struct_size = sizeof(busbar_handler_ops),
    .open = open_handler,
    .handle = handle,
};

static const busbar_handler left = {
    .struct_size = sizeof(busbar_handler), .name = "left", .ops = &ops};
static const busbar_handler right = {
    .struct_size = sizeof(busbar_handler), .name = "right", .ops = &ops};
static const busbar_handler *const handlers[] = {&left, &right};

const busbar_plugin_descriptor busbar_plugin = {
    BUSBAR_DESCRIPTOR_HEAD, .name = "handler_fixture_pair", .version = "2.0",
    .handler_count = 2,     .handlers = handlers,
};
