/* What only shows once settings and plugins have come together. */
#ifndef BB_SESSION_CHECK_H
#define BB_SESSION_CHECK_H

#include "plugin/registry.h"

/* Appends problems (bb_config_problem *) at the places of the event types. */
void bb_session_check(const bb_registry *registry, GPtrArray *problems);

#endif
