/* The compliance domain: steps of data protection requests, counted by status. */
#include "counting.h"
#include "compliance_event.contract.h"

static const ownlens_tally_plan plan = {
    .member = "status",
    .prefix = "compliance_events",
    .help = "Compliance events handled, by status",
    .values = {"PENDING", "PROCESSING", "COMPLETED", "FAILED", "CANCELLED"},
};

static int32_t create(busbar_call *call, busbar_bytes config, void **ret_self)
{
    (void)config; /* it has no settings */
    return ownlens_counting_create(call, &plan, ret_self);
}

static const busbar_event_ops ops = {
    .struct_size = sizeof(ops),
    .handle = ownlens_counting_handle,
};

static const busbar_event_type compliance_event = {
    .struct_size = sizeof(compliance_event),
    .name = "compliance_event",
    .summary = "A step of a data protection request or retention rule",
    .topic = "compliance-events",
    .group = "compliance-event-consumer-group",
    .contract = compliance_event_contract,
    .ops = &ops,
    .create = create,
    .destroy = ownlens_counting_destroy,
};

static const busbar_event_type *const event_types[] = {&compliance_event};

const busbar_plugin_descriptor busbar_plugin = {
    BUSBAR_DESCRIPTOR_HEAD, /* magic, size and ABI version */
    .name = "ownlens_compliance",
    .version = OWNLENS_VERSION,
    .summary = "OWNLENS compliance domain: compliance events",
    .event_type_count = 1,
    .event_types = event_types,
};
