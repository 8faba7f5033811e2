/* What handlers with a store do alike when they are opened. */
#ifndef HANDLER_CONFIG_H
#define HANDLER_CONFIG_H

#include <busbar/plugin.h>
#include <jansson.h>

/* A text of `object`, as long as that lives; `otherwise` (may be NULL) where there is none. */
const char *handler_config_text(const json_t *object, const char *name, const char *otherwise);
int64_t handler_config_number(const json_t *object, const char *name, int64_t otherwise);

/* The value that counts for an event type: of its own entry in "events" of the settings, of the
 * settings, or `annotated` of the contract's annotation. NULL: there is none. Borrowed. */
json_t *handler_config_choose(const json_t *settings, const json_t *annotation, const char *event,
                              const char *name, const char *annotated);

/* A counter of the plugin; only in `open`. */
int32_t handler_counter(busbar_call *call, const char *name, const char *help);

#endif
