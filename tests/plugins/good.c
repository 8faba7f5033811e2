/* A domain plugin for tests: what its functions answer is chosen by the event's member "do". */
#include <stdlib.h>

#include <busbar/plugin.h>

#include "sample.contract.h"

typedef struct instance {
    busbar_field what;
    busbar_field id;
    busbar_field label;
    int32_t handled; /* number of the metric */
} instance;

static busbar_bytes text_of(busbar_call *call, const busbar_event *event, busbar_field field)
{
    busbar_value value;
    busbar_bytes text = {NULL, 0};
    if (call->host->get(event, field, &value) == BUSBAR_STRING)
        (void)call->host->text(call, event, &value, &text);
    return text;
}

static int does(instance *self, busbar_call *call, const busbar_event *event, const char *what)
{
    busbar_bytes text = text_of(call, event, self->what);
    return text.size == strlen(what) && text.size && memcmp(text.data, what, text.size) == 0;
}

static int32_t create(busbar_call *call, busbar_bytes config, void **ret_self)
{
    instance *self;
    if (config.size && strstr(config.data, "refuse"))
        return busbar_fail(call, BUSBAR_FATAL, "settings say refuse");
    self = calloc(1, sizeof(*self));
    if (!self)
        return busbar_fail(call, BUSBAR_FATAL, "out of memory");
    self->what = busbar_field_of(call, "do");
    self->id = busbar_field_of(call, "id");
    self->label = busbar_field_of(call, "label");
    self->handled = call->host->metric(call, BUSBAR_COUNTER, busbar_text("handled_total"),
                                       busbar_text("Events that the fixture has handled"));
    *ret_self = self;
    return BUSBAR_PASS;
}

static void destroy(void *self)
{
    free(self);
}

static int32_t validate(void *data, busbar_call *call, const busbar_event *event)
{
    instance *self = data;
    if (does(self, call, event, "reject"))
        return busbar_fail_at(call, BUSBAR_REJECT, "/do", "do is 'reject'");
    if (does(self, call, event, "drop"))
        return busbar_fail(call, BUSBAR_DROP, "do is 'drop'");
    if (does(self, call, event, "silent"))
        return BUSBAR_REJECT;
    return does(self, call, event, "nothing") ? 0 : BUSBAR_PASS;
}

static int32_t enrich(void *data, busbar_call *call, busbar_event *event)
{
    instance *self = data;
    if (does(self, call, event, "retry"))
        return busbar_unavailable(call, "the other side is down");
    if (!call->host->set_text(call, event, busbar_text("label"), text_of(call, event, self->id)))
        return busbar_fail(call, BUSBAR_REJECT, "label cannot be set");
    return BUSBAR_PASS;
}

static int32_t handle_one(void *data, busbar_call *call, busbar_event *event, uint32_t index)
{
    instance *self = data;
    if (does(self, call, event, "fatal"))
        return busbar_fail_event(call, index, BUSBAR_FATAL, "do is 'fatal'");
    call->host->record_metric(call, self->handled, 1);
    return BUSBAR_PASS;
}

static int32_t handle(void *self, busbar_call *call, const busbar_batch *batch, int32_t *verdicts)
{
    return busbar_each(self, call, batch, verdicts, handle_one);
}

static const busbar_event_ops ops = {
    .struct_size = sizeof(busbar_event_ops),
    .validate = validate,
    .enrich = enrich,
    .handle = handle,
};

static const busbar_event_type sample = {
    .struct_size = sizeof(busbar_event_type),
    .name = "sample",
    .summary = "Sample events for tests",
    .topic = "samples",
    .group = "sample-group",
    .contract = sample_contract,
    .ops = &ops,
    .create = create,
    .destroy = destroy,
};

/* The contract alone. */
static const busbar_event_type plain = {
    .struct_size = sizeof(busbar_event_type),
    .name = "plain",
    .topic = "plain-samples",
    .contract = sample_contract,
};

static const busbar_event_type *const event_types[] = {&sample, &plain};

const busbar_plugin_descriptor busbar_plugin = {
    BUSBAR_DESCRIPTOR_HEAD,          .name = "fixture_good", .version = "1.2.3",
    .summary = "A plugin for tests", .event_type_count = 2,  .event_types = event_types,
};
