/* A batch: the records that go from the consumer's thread to a lane and back in one hand-over.
 *
 * The consumer fills it and gives it away; the lane writes outcomes. Whoever makes a record wait
 * (the lane, a dead letter, an emitted record) holds a reference; when the last is gone, `done` is
 * called, from whichever thread that happens on, and the batch is the consumer's again. */
#ifndef BB_BATCH_H
#define BB_BATCH_H

#include <busbar/plugin.h>

#include "base/arena.h"
#include "pipeline/policy.h"

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
    uint32_t accepted;   /* a bit for each sink of the lane that has accepted it: the domain's own
                            and up to 31 handlers, as the settings allow */
    uint16_t slot;       /* the consumer's own */
    uint8_t outcome;     /* 0 while open; BUSBAR_PASS, BUSBAR_DROP, BUSBAR_REJECT when final, and
                            BUSBAR_RETRY for one that has gone on to a retry topic */
    uint8_t tried;       /* tries before it came here by a retry topic, at most 255; else 0 */
} bb_item;

/* The outcome of an item that has gone on in a batch of its own: nobody looks at it any more. */
#define BB_ITEM_MOVED 255

/* What is kept about a record that was tried and must be tried again; it is alone in its batch. */
typedef struct bb_retry {
    gboolean taken; /* from those that wait, to be tried */
    guint stage;    /* where the last answer came from: 0 before the sinks, else sink + 1 */
    guint attempts; /* calls there */
    guint faults[BB_COUNTS_KINDS]; /* of those, answers by whom they count against (bb_counts) */
    gboolean paused;               /* nothing behind it goes on before it has passed */
    gint64 due_ms;
} bb_retry;

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
    guint moved;                      /* items that have gone on in batches of their own */
    uint32_t durable; /* a bit for each sink that has flushed what it accepted of it */
    bb_retry retry;
    bb_batch *parts;        /* batches made of its items that wait for what was emitted for it */
    bb_batch *next_of_part; /* the next in such a list */
    bb_arena *arena;        /* headers; lives with the batch */
    bb_batch_done_fn done;
    void *user;
};

bb_batch *bb_batch_new(bb_batch_done_fn done, void *user);
void bb_batch_free(bb_batch *batch);
/* Empties it for its next way; the owner's reference is back. */
void bb_batch_clear(bb_batch *batch);
/* The next item, cleared, with origin.struct_size and attempt set. Dead when another is added. */
bb_item *bb_batch_add(bb_batch *batch);

/* Moves an item that is open into a batch of its own. That batch is not done before what was
 * emitted for `item` so far is confirmed: it holds on to the release of the old one. Whoever splits
 * has a reference to the item's batch. */
bb_batch *bb_batch_split(bb_item *item);

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
