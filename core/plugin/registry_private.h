/* Parts of the registry; private to core/plugin. */
#ifndef BB_REGISTRY_PRIVATE_H
#define BB_REGISTRY_PRIVATE_H

#include "plugin/registry.h"

struct bb_registry {
    const bb_settings *settings;
    GPtrArray *types;     /* bb_event_type * */
    GHashTable *handlers; /* name in the settings -> bb_handler_binding *, NULL: has a problem */
    GPtrArray *problems;  /* while it is being made */
};

/* Appends a finding. Its place is that of `pointer` or of what is nearest around it; `fallback`
 * stands where the file has neither. */
void bb_registry_problem(bb_registry *registry, const char *pointer, bb_setting_place fallback,
                         const char *format, ...) G_GNUC_PRINTF(4, 5);

/* Finds and loads a plugin by name or path; problems are appended, and NULL returned. */
const bb_plugin *bb_registry_load(bb_registry *registry, const char *name, const char *pointer,
                                  bb_setting_place place);

/* The domain without code: every event comes from the settings (generic.c). */
const bb_plugin *bb_plugin_generic(void);

/* Resolves one event type of a domain (event_type.c). `brought` is the plugin's, NULL for generic.
 * Appends problems; returns NULL when it cannot run. */
bb_event_type *bb_event_type_new(bb_registry *registry, const bb_domain_settings *domain,
                                 const bb_event_settings *settings, const bb_plugin *plugin,
                                 const busbar_event_type *brought);
void bb_event_type_free(gpointer type);

/* Makes `type->tiers` where the settings ask for retry topics; appends problems
 * (retry_tiers.c). */
void bb_retry_tiers_make(bb_registry *registry, bb_event_type *type, const char *pointer,
                         bb_setting_place place);
/* A retry topic of `one` that `other` uses is a problem. */
void bb_retry_tiers_check_pair(bb_registry *registry, const bb_event_type *one,
                               const bb_event_type *other);

/* A binding of handler `name` for one event type (binding.c); NULL after its problems were
 * appended, which happens once for each handler. */
bb_handler_binding *bb_handler_binding_new(bb_registry *registry, const char *name,
                                           const char *pointer, bb_setting_place place);
void bb_handler_binding_free(gpointer binding);

/* "a, b, c" of names. */
char *bb_registry_join(GPtrArray *names);
/* " (did you mean 'x'?)" or "". */
char *bb_registry_hint(const char *wanted, GPtrArray *names);

#endif
