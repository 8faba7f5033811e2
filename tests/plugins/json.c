/* A domain plugin for tests that looks at events through "busbar.json/1". */
#include <busbar/json.h>

static const char contract[] =
    "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\"}}}";

static int32_t validate(void *self, busbar_call *call, const busbar_event *event)
{
    const busbar_json_v1 *json = call->host->get_extension(BUSBAR_JSON_EXTENSION);
    json_t *view = json ? json->view(call, (busbar_event *)event) : NULL;
    (void)self;
    if (!view)
        return busbar_fail(call, BUSBAR_FATAL, "no view");
    if (json_integer_value(json_object_get(view, "a")) > 9)
        return busbar_fail_at(call, BUSBAR_REJECT, "/a", "a is above 9");
    return BUSBAR_PASS;
}

static const busbar_event_ops ops = {.struct_size = sizeof(busbar_event_ops), .validate = validate};

static const busbar_event_type viewed = {
    .struct_size = sizeof(busbar_event_type),
    .name = "viewed",
    .topic = "viewed",
    .contract = {contract, sizeof(contract) - 1},
    .ops = &ops,
};

static const busbar_event_type *const event_types[] = {&viewed};

const busbar_plugin_descriptor busbar_plugin = {
    BUSBAR_DESCRIPTOR_HEAD, .name = "fixture_json",     .version = "1.0",
    .event_type_count = 1,  .event_types = event_types,
};
