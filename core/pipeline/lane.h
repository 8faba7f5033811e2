/* A lane: what happens to records once they were read, in their order: the stages, the domain's
 * `handle`, the bound handlers, their flush.
 *
 * A state machine without a thread and without a clock: its owner calls bb_lane_step with the time
 * and learns when to call again. A record that must be tried again waits alone, and the later ones
 * of its key wait behind it (parked.h); all others go on. Only when something all records need is
 * down does the lane wait. One owner thread; that thread is the [worker] of the plugin contract. */
#ifndef BB_LANE_H
#define BB_LANE_H

#include "pipeline/batch.h"
#include "pipeline/blocked.h"
#include "pipeline/processor.h"

typedef struct bb_lane bb_lane;

/* Why a record was not handled. */
typedef struct bb_fault {
    uint32_t stage;      /* BUSBAR_STAGE_* */
    const char *pointer; /* "" when no member is at fault */
    const char *keyword;
    const char *message;
    const char *plugin; /* who said so: plugin or handler */
    const char *plugin_version;
    guint attempts;     /* at this stage */
    const char *signal; /* what ended the process that had the record in hand; NULL: none did */
    const char *stack;  /* where it was then, a line per frame */
} bb_fault;

/* What a lane needs of the world. All are called on its owner's thread. */
typedef struct bb_lane_ops {
    /* Sends `item` to the dead letters and holds its batch until that is confirmed. */
    void (*dead_letter)(void *user, bb_item *item, const bb_fault *fault);
    /* Sends an emitted record and holds each of `batches` until it is confirmed. As bb_emitter. */
    int32_t (*emit)(void *user, const busbar_record *record, bb_batch *const *batches, guint count,
                    char **ret_reason);
    /* `count` records (0: a flush or an open) will be tried again after `delay_ms`. */
    void (*retried)(void *user, guint count, const bb_fault *fault, gint64 delay_ms);
    /* The breaker of handler `name` was opened by a call of this lane that ended in `fault`, or
     * (NULL) closed by one. */
    void (*switched)(void *user, const char *name, const bb_fault *fault);
    /* The event type cannot go on; once. What the lane held is given up, unfinished. */
    void (*stopped)(void *user, const bb_fault *fault);
    /* Adds the headers of its record to the origin of an item; NULL: they are there. */
    void (*complete)(busbar_origin *origin);
    /* Sends `item` to the next retry topic and holds its batch until that is confirmed. NULL where
     * the event type has no retry topics. `fault` NULL: it has not failed, but follows one of its
     * key that went there. */
    void (*defer)(void *user, bb_item *item, const bb_fault *fault);
    /* Whether earlier records of the key of `item` are in retry topics; only with
     * `retry.keep_order`. NULL: it is not asked. */
    bb_turn (*turn)(void *user, const bb_item *item);
} bb_lane_ops;

/* Makes the processor and the domain's instance; handlers are opened by the first step. `ops` must
 * live as long. */
bb_lane *bb_lane_new(const bb_event_type *type, const bb_lane_ops *ops, void *user,
                     bb_metrics *metrics, GError **error);
/* Closes the handlers; what is still held is given up. On the owner's thread. */
void bb_lane_close(bb_lane *lane);
void bb_lane_free(bb_lane *lane);

/* Takes over the owner's reference to `batch`. */
void bb_lane_take(bb_lane *lane, bb_batch *batch);

/* Does one piece of work that is due. Returns when there is more to do: a time not after `now_ms`
 * means at once, -1 not before something is taken. */
gint64 bb_lane_step(bb_lane *lane, gint64 now_ms);

/* While draining, what has passed is flushed as soon as there is nothing else to do. */
void bb_lane_set_draining(bb_lane *lane, gboolean draining);
/* Gives up what belongs to assignments before `epoch` and has not begun or waits for another try.
 */
void bb_lane_forget(bb_lane *lane, gint64 epoch);
/* Gives everything up: the records stay without an outcome. */
void bb_lane_abandon(bb_lane *lane);
/* Batches in the lane's hands. */
guint bb_lane_held(const bb_lane *lane);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(bb_lane, bb_lane_free)

#endif
