/* Inside of a lane, shared by its files: life and turns (lane.c), the way of records through the
 * stages (lane_forward.c), flushing and opening (lane_flush.c). */
#ifndef BB_LANE_PRIVATE_H
#define BB_LANE_PRIVATE_H

#include "pipeline/lane.h"
#include "pipeline/parked.h"
#include "pipeline/policy.h"
#include "pipeline/sink.h"

/* Items on their way through one stage. */
typedef struct bb_work {
    gboolean active;
    guint sink;       /* number of the sink; unused while processing */
    GPtrArray *items; /* bb_item * */
    guint head;       /* the first without an answer */
    gint64 due_ms;    /* not before: a breaker is open, or a flush or an open has failed */
    guint attempts;   /* of a flush or an open */
} bb_work;

struct bb_lane {
    const bb_event_type *type;
    const bb_lane_ops *ops;
    void *user;
    bb_policy policy;
    bb_processor *processor;
    GPtrArray *sinks; /* bb_sink *: the domain's own handle first, then the handlers */
    gboolean flushes; /* one of them has a flush */
    gboolean ordered; /* `retry.keep_order`, and there is a next retry topic */
    bb_emitter emitter;
    bb_batch_queue incoming;
    bb_batch *current;  /* in hand, or: */
    GPtrArray *round;   /* bb_batch *: taken from those that wait; empty: none */
    bb_work forward;    /* what is in hand, stage by stage */
    gboolean processed; /* what is in hand has been through the processor */
    bb_parked *parked;
    gboolean round_last;   /* what was in hand last was a round */
    gboolean trouble;      /* of the infrastructure: single records are tried until one passes */
    gboolean more_trouble; /* seen by what is in hand */
    gint64 pause_until_ms; /* for trouble */
    bb_batch_queue unflushed;
    gsize unflushed_bytes;
    guint unflushed_records;
    gsize bound_bytes; /* of what is unflushed, before a flush comes early */
    guint bound_records;
    gint64 flush_at_ms;
    bb_work flush;
    gboolean flush_soon; /* a breaker is closed by that */
    gboolean replaying;  /* the flush failed: its sink gets the same items again */
    bb_work open;
    GPtrArray *in_hand; /* bb_batch *: of an emit that is going on */
    gboolean draining;
    gboolean stopped;
};

void bb_work_begin(bb_work *task, guint sink);
gboolean bb_work_is_done(const bb_work *task);

/* lane.c */
/* The event type cannot go on. */
void bb_lane_stop(bb_lane *lane, const bb_fault *fault);
/* The events of the arena go when nobody needs them any more. */
void bb_lane_reset_when_empty(bb_lane *lane);

/* lane_forward.c */
/* Takes the next records in hand: a batch, or a round of those that wait. */
void bb_lane_begin(bb_lane *lane, gint64 now_ms);
/* When there is something to take in hand or to go on with; -1: nothing. */
gint64 bb_lane_forward_due(const bb_lane *lane, gint64 now_ms);
/* TRUE when a record that may end the process comes next. */
gboolean bb_lane_suspect_is_next(const bb_lane *lane);
/* One call for what is in hand, or the step to its next stage. */
void bb_lane_go_forward(bb_lane *lane, gint64 now_ms);
/* Hands the next items of `task` to its sink. */
void bb_lane_hand(bb_lane *lane, bb_work *task, gint64 now_ms);
/* What is in hand goes back: records of epochs before `epoch` are given up, of the others a round
 * waits again and a batch goes on. */
void bb_lane_give_up(bb_lane *lane, gint64 epoch);
/* The last stage is behind all items of `batch`. */
void bb_lane_finish(bb_batch *batch);

/* lane_order.c */
/* An earlier record of its key is in hand or waits for its flush. It may yet go to the retry topic,
 * and `item` must not be there before it. */
gboolean bb_lane_is_behind_open(const bb_lane *lane, const bb_item *item);

/* lane_breaker.c */
/* How many records of `task` its sink may be handed; 0: none yet, task->due_ms says when. */
guint bb_lane_admit(bb_lane *lane, bb_work *task, gint64 now_ms);
/* What a call to `sink` came to. `fault`: it said that what it needs is down; NULL: it worked. */
void bb_lane_tell_breaker(bb_lane *lane, const bb_sink *sink, bb_call_kind kind,
                          const bb_fault *fault, gint64 now_ms);

/* lane_flush.c */
void bb_lane_go_flush(bb_lane *lane, gint64 now_ms);
void bb_lane_go_open(bb_lane *lane, gint64 now_ms);
gboolean bb_lane_flush_is_due(const bb_lane *lane, gint64 now_ms);
/* Batches with events that `sink` has accepted and not flushed, appended to `batches`. */
void bb_lane_add_unflushed(const bb_lane *lane, guint sink, GPtrArray *batches);

#endif
