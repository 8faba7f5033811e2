/* Moves dead letters: back to where they came from, or aside. What is confirmed is remembered by a
 * consumer group, so that a run that was cut off goes on where it was. */
#ifndef BB_DLQ_MOVER_H
#define BB_DLQ_MOVER_H

#include "kafka/dlq_plan.h"
#include "kafka/dlq_reader.h"

typedef struct bb_dlq_counts {
    guint64 read;
    guint64 left;    /* not meant */
    guint64 sent;    /* confirmed; of a dry run: would be */
    guint64 parked;  /* as sent */
    guint64 refused; /* must not go where they came from */
} bb_dlq_counts;

/* One record and what is done with it; `target` and `why` may be NULL. */
typedef void (*bb_dlq_record_fn)(const bb_dlq_record *record, bb_dlq_action action,
                                 const char *target, const char *why, void *user);

typedef struct bb_dlq_move {
    const bb_settings *settings;
    bb_dlq_plan plan;
    const char *topic;        /* of the dead letters */
    const char *parked_topic; /* for what is put aside */
    gboolean create;          /* that topic may be made */
    gint32 only_partition;
    gint64 only_offset; /* -1: all */
    gboolean dry_run;
    guint64 max;       /* records to move; 0: all */
    guint rate;        /* records per second; 0: as fast as they are confirmed */
    gint64 timeout_ms; /* for Kafka's first answer */
    const gint *stop;  /* 1: end after what is in hand, 2: at once */
    /* `total`: dead letters to read; `resumed`: from where an earlier run got to */
    void (*on_start)(gboolean exists, guint64 total, gboolean resumed, void *user);
    bb_dlq_record_fn on_record;
    void (*on_progress)(const bb_dlq_counts *counts, guint64 total, void *user);
    void *user;
} bb_dlq_move;

/* Progress is kept when nothing is left out: without filters. */
gboolean bb_dlq_move_remembers(const bb_dlq_move *move);
/* "busbar.redrive.TOPIC" */
char *bb_dlq_move_group(const bb_dlq_move *move);
/* `counts` is right even with an error. */
gboolean bb_dlq_move_run(const bb_dlq_move *move, bb_dlq_counts *counts, GError **error);

#endif
