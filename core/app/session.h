/* What most commands begin with: settings, metrics and registry, with every problem printed. */
#ifndef BB_SESSION_H
#define BB_SESSION_H

#include "base/metrics.h"
#include "config/settings.h"
#include "plugin/registry.h"

typedef struct bb_session {
    bb_settings *settings;
    bb_metrics *metrics;
    bb_registry *registry; /* NULL after bb_session_new_settings */
} bb_session;

/* Loads the settings (--config, --set) and everything they name. On trouble prints every problem to
 * standard error as "file:line:column: message", sets `*ret_exit` (BB_EXIT_USAGE, or
 * BB_EXIT_PLUGIN when the settings are sound and a plugin or contract is not) and returns NULL. */
bb_session *bb_session_new(int *ret_exit);

/* Settings and metrics only: no plugin is loaded. */
bb_session *bb_session_new_settings(int *ret_exit);
/* The rest of what bb_session_new does, for such a session. FALSE after trouble, as there. */
gboolean bb_session_load_plugins(bb_session *session, int *ret_exit);

/* As bb_session_new, from the file `path` (NULL: the usual search) with `overrides` ("key=value",
 * ends with NULL, or NULL) in front of those of the command line. */
bb_session *bb_session_new_from(const char *path, const char *const *overrides, int *ret_exit);

/* As bb_session_new_from, but collects the problems (bb_config_problem *) and prints none. The
 * session may be there, in part, when `*ret_exit` is not BB_EXIT_DONE. */
bb_session *bb_session_try(const char *path, const char *const *overrides, GPtrArray *problems,
                           int *ret_exit);

/* The event type `full_name`. When there is none, says so with the nearest name, sets `*ret_exit`
 * and returns NULL. @owns session */
const bb_event_type *bb_session_event(const bb_session *session, const char *full_name,
                                      int *ret_exit);

/* Prints problems (bb_config_problem *), each on a line of its own, to standard error. */
void bb_session_print_problems(const GPtrArray *problems);

/* Sets level and form of the log: --log-level and --log-json win over the settings. NULL: only the
 * command line. */
void bb_session_setup_log(const bb_settings *settings);

void bb_session_free(bb_session *session);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(bb_session, bb_session_free)

#endif
