/* A third party's domain: one event type with a derived value. Uses the public header only. */
#include <stdlib.h>

#include <busbar/plugin.h>

extern const char _binary_order_placed_json_start[];
extern const char _binary_order_placed_json_end[];

typedef struct order_placed {
    busbar_field lines;
    busbar_field line_count;
} order_placed;

static int32_t create(busbar_call *call, busbar_bytes config, void **ret_self)
{
    order_placed *self = malloc(sizeof(*self));
    (void)config;
    if (!self)
        return busbar_fail(call, BUSBAR_FATAL, "out of memory");
    self->lines = busbar_field_of(call, "lines");
    self->line_count = busbar_field_of(call, "line_count");
    *ret_self = self;
    return BUSBAR_PASS;
}

static void destroy(void *self)
{
    free(self);
}

/* How many lines the order has: asks for one index after the other, the contract allows 100. */
static int count_lines(busbar_call *call, const busbar_event *event)
{
    busbar_value value;
    char pointer[32];
    int count = 0;
    do
        (void)snprintf(pointer, sizeof(pointer), "/lines/%d", count++);
    while (call->host->find(event, busbar_text(pointer), &value) != BUSBAR_ABSENT);
    return count - 1;
}

/* A count that is given must be right. */
static int32_t validate(void *data, busbar_call *call, const busbar_event *event)
{
    const order_placed *self = data;
    busbar_value value;
    int64_t given;
    int lines = count_lines(call, event);
    if (call->host->get(event, self->line_count, &value) == BUSBAR_ABSENT)
        return BUSBAR_PASS;
    if (!call->host->integer(&value, &given) || given != lines)
        return busbar_fail_at(call, BUSBAR_REJECT, "/line_count",
                              "line_count must be the number of lines, %d", lines);
    return BUSBAR_PASS;
}

static int32_t enrich(void *data, busbar_call *call, busbar_event *event)
{
    const order_placed *self = data;
    busbar_value value;
    char text[16];
    if (call->host->get(event, self->line_count, &value) != BUSBAR_ABSENT)
        return BUSBAR_PASS;
    (void)snprintf(text, sizeof(text), "%d", count_lines(call, event));
    (void)call->host->set_json(call, event, busbar_text("line_count"), busbar_text(text));
    return BUSBAR_PASS;
}

static const busbar_event_ops ops = {
    .struct_size = sizeof(busbar_event_ops),
    .validate = validate,
    .enrich = enrich,
};

/* The size of the contract is known to the linker only, so this one is filled when the object is
 * loaded. */
static busbar_event_type order_placed_type = {
    .struct_size = sizeof(busbar_event_type),
    .name = "order_placed",
    .summary = "A customer has placed an order",
    .topic = "shop-orders",
    .ops = &ops,
    .create = create,
    .destroy = destroy,
};

__attribute__((constructor)) static void set_contract(void)
{
    order_placed_type.contract.data = _binary_order_placed_json_start;
    order_placed_type.contract.size =
        (size_t)(_binary_order_placed_json_end - _binary_order_placed_json_start);
}

static const busbar_event_type *const event_types[] = {&order_placed_type};

const busbar_plugin_descriptor busbar_plugin = {
    BUSBAR_DESCRIPTOR_HEAD,        .name = "shop",        .version = "1.0.0",
    .summary = "Orders of a shop", .event_type_count = 1, .event_types = event_types,
};
