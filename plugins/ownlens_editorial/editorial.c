/* The editorial domain: articles, and what happens to them. */
#include "editorial.h"

static const busbar_event_type *const event_types[] = {&editorial_content_event,
                                                       &editorial_article};

const busbar_plugin_descriptor busbar_plugin = {
    BUSBAR_DESCRIPTOR_HEAD, /* magic, size and ABI version */
    .name = "ownlens_editorial",
    .version = OWNLENS_VERSION,
    .summary = "OWNLENS editorial domain: articles and content events",
    .event_type_count = 2,
    .event_types = event_types,
};
