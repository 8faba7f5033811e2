/* What `busbar run` shows while it works: the table of event types, live on a terminal, or lines of
 * progress. */
#ifndef BB_RUN_VIEW_H
#define BB_RUN_VIEW_H

#include "kafka/runner.h"

typedef struct bb_run_view bb_run_view;

/* `types`: const bb_event_type *; borrowed. `live`: a table on standard error that is redrawn in
 * place; log lines step around it. `progress`: a line every few seconds instead. One at a time. */
bb_run_view *bb_run_view_new(bb_runner *runner, const GPtrArray *types, gboolean live,
                             gboolean progress);
/* Cheap: redraws a few times a second. */
void bb_run_view_update(bb_run_view *view);
/* Takes the live table away. */
void bb_run_view_end(bb_run_view *view);
void bb_run_view_free(bb_run_view *view);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(bb_run_view, bb_run_view_free)

#endif
