/* The company domain: announcements, policies and newsletters inside the company. The contract says
 * it all. */
#include "internal_content.contract.h"
#include "ownlens.h"

static const busbar_event_type internal_content = {
    .struct_size = sizeof(internal_content),
    .name = "internal_content",
    .summary = "An announcement, policy or newsletter inside the company",
    .topic = "company-internal-content-events",
    .group = "internal-content-consumer-group",
    .contract = internal_content_contract,
};

static const busbar_event_type *const event_types[] = {&internal_content};

const busbar_plugin_descriptor busbar_plugin = {
    BUSBAR_DESCRIPTOR_HEAD, /* magic, size and ABI version */
    .name = "ownlens_company",
    .version = OWNLENS_VERSION,
    .summary = "OWNLENS company domain: internal content",
    .event_type_count = 1,
    .event_types = event_types,
};
