/* Plugins and event types: loads what the settings name and resolves it to what the pipeline runs.
 */
#ifndef BB_REGISTRY_H
#define BB_REGISTRY_H

#include "base/metrics.h"
#include "pipeline/event_type.h"
#include "plugin/loader.h"

typedef struct bb_registry bb_registry;

/* Loads the plugins of all enabled domains and of the handlers they name, compiles the contracts,
 * merges settings. Every finding is appended to `problems` (bb_config_problem *, place of the
 * domain, event or handler in the file); the registry is returned even then, with what could be
 * resolved, so that `check` can show it. `run` and `publish` refuse when there is any. */
bb_registry *bb_registry_new(const bb_settings *settings, bb_metrics *metrics, GPtrArray *problems);
void bb_registry_free(bb_registry *registry);

/* All enabled event types, by domain and name. @owns registry */
guint bb_registry_count(const bb_registry *registry);
const bb_event_type *bb_registry_at(const bb_registry *registry, guint index);

/* By full name ("customer.user_event"). When there is none, BB_ERROR_USAGE names the nearest. */
const bb_event_type *bb_registry_find(const bb_registry *registry, const char *full_name,
                                      GError **error);

/* The services handed to plugins. */
const busbar_host *bb_host_table(void);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(bb_registry, bb_registry_free)

#endif
