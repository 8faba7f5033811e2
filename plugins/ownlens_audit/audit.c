/* The audit domain: who did what to which resource, counted by action. */
#include "counting.h"
#include "audit_log.contract.h"

static const ownlens_tally_plan plan = {
    .member = "action",
    .prefix = "audit_logs",
    .help = "Audit logs handled, by action",
    .values = {"READ", "WRITE", "DELETE", "UPDATE", "EXPORT", "EXECUTE", "LOGIN", "LOGOUT"},
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

static const busbar_event_type audit_log = {
    .struct_size = sizeof(audit_log),
    .name = "audit_log",
    .summary = "Who did what to which resource",
    .topic = "audit-logs",
    .group = "audit-log-consumer-group",
    .contract = audit_log_contract,
    .ops = &ops,
    .create = create,
    .destroy = ownlens_counting_destroy,
};

static const busbar_event_type *const event_types[] = {&audit_log};

const busbar_plugin_descriptor busbar_plugin = {
    BUSBAR_DESCRIPTOR_HEAD, /* magic, size and ABI version */
    .name = "ownlens_audit",
    .version = OWNLENS_VERSION,
    .summary = "OWNLENS audit domain: audit logs",
    .event_type_count = 1,
    .event_types = event_types,
};
