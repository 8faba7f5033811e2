/* Records that wait for another try, key by key: one that waits holds up the later ones of its key
 * and nothing else.
 *
 * Keys are told apart per topic and partition. In `order: partition` the partition is the key, in
 * `order: none` each record is a key of its own; records with a null key share one per partition.
 * Every record here is alone in its batch. Pure: no threads, no clock. */
#ifndef BB_PARKED_H
#define BB_PARKED_H

#include "config/settings.h"
#include "pipeline/batch.h"

typedef struct bb_parked bb_parked;

bb_parked *bb_parked_new(bb_order order);
/* Not before it is empty. */
void bb_parked_free(bb_parked *parked);

/* Records that wait, and those that were taken and are not done. */
guint bb_parked_count(const bb_parked *parked);

/* Takes over the reference to `batch`, whose record waits until `due_ms`; 0: it was not its turn
 * yet and waits for those before it. One that was taken comes back; it may also be one that came
 * before those that wait already. */
void bb_parked_put(bb_parked *parked, bb_batch *batch, gint64 due_ms);
/* TRUE when an earlier record of the same key waits. */
gboolean bb_parked_blocks(const bb_parked *parked, const bb_item *item);

/* When the next is due; 0: at once, -1: none waits. */
gint64 bb_parked_due(const bb_parked *parked);
/* Appends what is due to `ret_batches`, at most `max` of them: of each key the one that is tried
 * again or, once that is done, those that were waiting behind it. What is taken still belongs here
 * until it is put back or done. */
void bb_parked_take(bb_parked *parked, gint64 now_ms, guint max, GPtrArray *ret_batches);
/* A record that was taken has passed, is final or is given up; the reference is the caller's. Those
 * behind it may follow. */
void bb_parked_done(bb_parked *parked, bb_batch *batch);

/* Calls `each` for all that wait. */
void bb_parked_each(const bb_parked *parked, void (*each)(bb_batch *batch, void *user), void *user);
/* Releases those that wait whose epoch is before `epoch`. */
void bb_parked_forget(bb_parked *parked, gint64 epoch);

#endif
