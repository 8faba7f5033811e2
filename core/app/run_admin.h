/* What a worker of `busbar run` answers to the questions of the admin port. */
#ifndef BB_RUN_ADMIN_H
#define BB_RUN_ADMIN_H

#include "base/metrics.h"
#include "kafka/runner.h"

typedef struct bb_run_admin bb_run_admin;

/* Answers what comes over `socket` (app/ask.h) until it is freed. `types`: const bb_event_type *;
 * all are borrowed. */
bb_run_admin *bb_run_admin_new(int socket, bb_runner *runner, const GPtrArray *types,
                               bb_metrics *metrics);
/* The main loop turns: the process is alive. */
void bb_run_admin_beat(bb_run_admin *admin);
void bb_run_admin_free(bb_run_admin *admin);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(bb_run_admin, bb_run_admin_free)

#endif
