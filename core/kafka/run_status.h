/* What a runner tells about its event types while it works, down to the partition. */
#ifndef BB_RUN_STATUS_H
#define BB_RUN_STATUS_H

#include "kafka/runner.h"

typedef enum {
    BB_RUN_STARTING = 1, /* Kafka, the topic or the group has not answered yet */
    BB_RUN_WORKING,      /* has its assignment, which may be empty */
    BB_RUN_STOPPING,
    BB_RUN_ENDED,
    BB_RUN_FAILED
} bb_run_state;

/* -1 where a number is not known. */
typedef struct bb_partition_status {
    gint32 partition;
    gint64 frontier;    /* every record before it that was read is final */
    gint64 committed;   /* the frontier that was sent to be committed last */
    gint64 position;    /* behind the last record that was read */
    gint64 end;         /* of the partition, as the client heard last */
    gint64 lag;         /* records between what is final and the end */
    double lag_seconds; /* how old what is read now is; 0 without lag, below 0: not known */
    gint64 in_flight;
    gint64 oldest;         /* offset of the oldest record in flight */
    gint64 oldest_seen_ms; /* monotonic: since when it is the oldest */
} bb_partition_status;

typedef struct bb_run_status {
    bb_run_state state;
    bb_run_counts counts;
    char *error;           /* of BB_RUN_FAILED, else NULL */
    gint64 next_due_ms;    /* of a retry topic: when its oldest record is due, Unix milliseconds;
                              -1: none waits */
    double oldest_seconds; /* the oldest record in flight has been that for so long; 0: none is */
    double lag_seconds;    /* the largest of its partitions; below 0: not known */
    GArray *partitions;    /* bb_partition_status, of the last half second or so */
} bb_run_status;

/* "starting", "working", ... */
const char *bb_run_state_name(bb_run_state state);

/* FALSE when the runner does not have `type`, which may be a tier. [any thread] */
gboolean bb_runner_status(bb_runner *runner, const bb_event_type *type, bb_run_status *ret_status);
void bb_run_status_clear(bb_run_status *status);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(bb_run_status, bb_run_status_clear)

#endif
