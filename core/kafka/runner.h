/* Consuming: one runner is the whole consuming side of a process: a consumer per event type, its
 * lanes and their handlers. */
#ifndef BB_RUNNER_H
#define BB_RUNNER_H

#include "base/metrics.h"
#include "pipeline/event_type.h"

typedef struct bb_runner bb_runner;

/* Counts of one event type; in = handled + dropped + dead_lettered + deferred + in flight. With
 * retry topics a record is read again from each: both its readings are counted. */
typedef struct bb_run_counts {
    guint64 consumed;      /* records read */
    guint64 handled;       /* PASS through all handlers, flushed */
    guint64 dropped;       /* DROP */
    guint64 dead_lettered; /* confirmed in the dead letter topic */
    guint64 deferred;      /* confirmed in a retry topic */
    guint64 retries;
    guint64 lost; /* of at_most_once: given up after their offset was committed, or may be */
    guint64 in_flight;
    gint64 lag; /* records behind the end, -1 unknown */
} bb_run_counts;

typedef struct bb_run_options {
    gboolean once;             /* up to the end offsets found at the start, then stop */
    gint64 connect_timeout_ms; /* -1: for ever */
    /* With `once`: where to end instead, by partition, for a runner of one event type; partitions
     * beyond end at once. Must live as long. NULL: the end offsets. */
    const gint64 *ends;
    guint end_count;
} bb_run_options;

/* `types`: const bb_event_type *. Makes everything, starts nothing. */
bb_runner *bb_runner_new(const bb_settings *settings, GPtrArray *types,
                         const bb_run_options *options, bb_metrics *metrics, GError **error);
/* Starts all threads. */
gboolean bb_runner_start(bb_runner *runner, GError **error);
/* Asks for the drain: stop fetching, finish, flush, commit, leave. [any thread; not from a signal
 * handler] */
void bb_runner_stop(bb_runner *runner);
/* As stop, without waiting for what the lanes have in hand: it will be read again. */
void bb_runner_hurry(bb_runner *runner);
/* TRUE when all has ended: after stop, or with `once`, or because every event type failed. */
gboolean bb_runner_done(bb_runner *runner);
/* Waits for the end; the error is that of the first event type that failed (FATAL, plugin fault,
 * Kafka). */
gboolean bb_runner_join(bb_runner *runner, GError **error);
void bb_runner_free(bb_runner *runner);

bb_run_counts bb_runner_counts(bb_runner *runner, const bb_event_type *type);
/* Adds all but the lag. */
void bb_run_counts_add(bb_run_counts *sum, const bb_run_counts *one);
/* The last `n` dead letters of this process as text lines (for the demo): "topic/partition@offset
 * stage keyword pointer: message". */
GPtrArray *bb_runner_last_dead_letters(bb_runner *runner, guint n);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(bb_runner, bb_runner_free)

#endif
