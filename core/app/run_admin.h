/* What `busbar run` tells on its admin port. */
#ifndef BB_RUN_ADMIN_H
#define BB_RUN_ADMIN_H

#include "base/metrics.h"
#include "kafka/runner.h"

typedef struct bb_run_admin bb_run_admin;

/* Opens the port at `listen`. `types`: const bb_event_type *; all are borrowed until it is freed.
 */
bb_run_admin *bb_run_admin_new(const char *listen, bb_runner *runner, const GPtrArray *types,
                               bb_metrics *metrics, GError **error);
/* The main loop turns: the process is alive. Accepts NULL. */
void bb_run_admin_beat(bb_run_admin *admin);
void bb_run_admin_free(bb_run_admin *admin);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(bb_run_admin, bb_run_admin_free)

#endif
