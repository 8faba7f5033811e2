/* What a plugin offers, as a JSON value; printed by `busbar inspect` as text or as it is. */
#ifndef BB_INSPECT_H
#define BB_INSPECT_H

#include <jansson.h>

#include "plugin/loader.h"

/* {"file", "accepted": true, "abi", "name", "version", "summary", "event_types", "handlers"}. A
 * contract or configuration schema that does not compile is BB_ERROR_PLUGIN. */
json_t *bb_inspect_plugin(const bb_plugin *plugin, GError **error);

#endif
