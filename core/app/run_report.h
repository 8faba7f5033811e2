/* What a worker tells its supervisor of a run, and the summary that comes of it. */
#ifndef BB_RUN_REPORT_H
#define BB_RUN_REPORT_H

#include "app/contain.h"
#include "kafka/runner.h"

/* In the worker: the counts so far. `types`: const bb_event_type *. */
void bb_run_report_count(bb_runner *runner, const GPtrArray *types, bb_contain *contain);
/* In the worker: a failure while consuming is printed by the supervisor, below the summary. Frees
 * `error`; returns its exit code. */
int bb_run_report_fail(bb_contain *contain, GError *error);

/* In the supervisor, when all workers have ended. As text the summary is for the reader of the log:
 * standard output may be a handler's. */
void bb_run_report_print(const bb_contain *const *workers, guint count, guint restarts,
                         gint64 started_ms, gboolean json);

#endif
