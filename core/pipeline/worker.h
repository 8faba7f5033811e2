/* A lane on its own thread, fed by whole batches; or, without a thread, on the caller's. */
#ifndef BB_WORKER_H
#define BB_WORKER_H

#include "pipeline/lane.h"

typedef struct bb_worker bb_worker;

/* Takes the lane over. `threaded` FALSE: everything happens inside bb_worker_push and
 * bb_worker_tick. */
bb_worker *bb_worker_new(bb_lane *lane, const char *name, gboolean threaded);
void bb_worker_start(bb_worker *worker);

/* All below: on the one thread that owns the worker. */
/* Hands a batch over; bounded by what the owner has in flight. */
void bb_worker_push(bb_worker *worker, bb_batch *batch);
void bb_worker_set_draining(bb_worker *worker, gboolean draining);
void bb_worker_forget(bb_worker *worker, gint64 epoch);
/* Does what is due when there is no thread. Returns the milliseconds until more is due, -1: none.
 */
gint64 bb_worker_tick(bb_worker *worker);
/* Asks it to give up what it holds and to end. */
void bb_worker_stop(bb_worker *worker);
/* Waits for the end (bb_worker_stop came before) and frees. Accepts NULL. */
void bb_worker_free(bb_worker *worker);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(bb_worker, bb_worker_free)

#endif
