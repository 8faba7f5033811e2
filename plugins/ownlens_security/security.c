/* The security domain: logins, changed rights and suspicious activity, counted by severity. */
#include "counting.h"
#include "security_event.contract.h"

static const ownlens_tally_plan plan = {
    .member = "event_severity",
    .prefix = "security_events",
    .help = "Security events handled, by severity",
    .values = {"INFO", "WARNING", "ERROR", "CRITICAL"},
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

static const busbar_event_type security_event = {
    .struct_size = sizeof(security_event),
    .name = "security_event",
    .summary = "A login, a changed right or something suspicious",
    .topic = "security-events",
    .group = "security-event-consumer-group",
    .contract = security_event_contract,
    .ops = &ops,
    .create = create,
    .destroy = ownlens_counting_destroy,
};

static const busbar_event_type *const event_types[] = {&security_event};

const busbar_plugin_descriptor busbar_plugin = {
    BUSBAR_DESCRIPTOR_HEAD, /* magic, size and ABI version */
    .name = "ownlens_security",
    .version = OWNLENS_VERSION,
    .summary = "OWNLENS security domain: security events",
    .event_type_count = 1,
    .event_types = event_types,
};
