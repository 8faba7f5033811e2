/* The customer domain: what readers do, and their visits. */
#include "customer.h"

static const busbar_event_type *const event_types[] = {&customer_user_event, &customer_session};

const busbar_plugin_descriptor busbar_plugin = {
    BUSBAR_DESCRIPTOR_HEAD, /* magic, size and ABI version */
    .name = "ownlens_customer",
    .version = OWNLENS_VERSION,
    .summary = "OWNLENS customer domain: user events and sessions",
    .event_type_count = 2,
    .event_types = event_types,
};
