/* A batch: the records that go from the consumer's thread to a lane and back in one hand-over.
 *
 * The consumer fills it and gives it away; the lane writes outcomes. Whoever makes a record wait
 * (the lane, a dead letter, an emitted record) holds a reference; when the last is gone, `done` is
 * called, from whichever thread that happens on, and the batch is the consumer's again. */
#ifndef BB_BATCH_H
#define BB_BATCH_H

#include <busbar/plugin.h>

#include "base/arena.h"

typedef struct bb_batch bb_batch;

/* One record on its way. */
typedef struct bb_item {
    busbar_origin origin;
    busbar_event *event; /* NULL until the stages have passed */
    void *message;       /* the consumer's own */
    bb_batch *batch;     /* it is part of */
    gint64 epoch;        /* of the partition's assignment */
    gint64 done_from;    /* all of its partition from here, and below done_below, was finished */
    gint64 done_below;   /* when it was read; -1: nothing was */
    uint32_t faults;     /* answers at this stage that count against it */
    uint16_t accepted;   /* sinks of the lane that have accepted it */
    uint8_t outcome;     /* 0 while open; BUSBAR_PASS, BUSBAR_DROP, BUSBAR_REJECT when final */
} bb_item;

typedef void (*bb_batch_done_fn)(bb_batch *batch, void *user);

struct bb_batch {
    bb_batch *next; /* for whoever has it in a list */
    gint pending;   /* references */
    gint spoiled;   /* something emitted for it was given up: no outcome counts */
    guint count;
    guint capacity;
    bb_item *items;
    gsize size_bytes;                 /* of keys and values */
    gint64 epoch;                     /* the latest of its items */
    const struct bb_suspect *suspect; /* its one record is handled alone; NULL: as always */
    bb_arena *arena;                  /* headers; lives with the batch */
    bb_batch_done_fn done;
    void *user;
};

bb_batch *bb_batch_new(bb_batch_done_fn done, void *user);
void bb_batch_free(bb_batch *batch);
/* Empties it for its next way; the owner's reference is back. */
void bb_batch_clear(bb_batch *batch);
/* The next item, cleared, with origin.struct_size and attempt set. Dead when another is added. */
bb_item *bb_batch_add(bb_batch *batch);

/* [any thread] */
void bb_batch_hold(bb_batch *batch);
void bb_batch_release(bb_batch *batch);

/* A queue of batches, linked through `next`. */
typedef struct bb_batch_queue {
    bb_batch *first;
    bb_batch *last;
    guint length;
} bb_batch_queue;

void bb_batch_queue_push(bb_batch_queue *queue, bb_batch *batch);
bb_batch *bb_batch_queue_pop(bb_batch_queue *queue);
/* All of `from` behind `to`; `from` is empty then. */
void bb_batch_queue_move(bb_batch_queue *to, bb_batch_queue *from);

#endif
