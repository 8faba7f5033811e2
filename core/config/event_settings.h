/* Settings of an event type, layer by layer. */
#ifndef BB_EVENT_SETTINGS_H
#define BB_EVENT_SETTINGS_H

#include "config/build.h"

bb_event_settings *bb_event_settings_copy(const bb_event_settings *from, const char *name);

/* Lays `publish`, `consume` and `handlers` of one layer (defaults, domain, event) over what is
 * there. `layer` may be NULL. */
void bb_event_settings_read(bb_event_settings *event, const bb_node *layer, GPtrArray *problems);

#endif
