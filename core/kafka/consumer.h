/* Consuming one event type: its client, its thread, its lanes.
 *
 * The thread reads, hands over whole batches, tracks offsets and commits. It runs no plugin (unless
 * `concurrency` is 0), so a slow handler never causes a rebalance. Records come from a queue of our
 * own that the partitions' queues are forwarded to; back-pressure is not reading it, while the
 * consumer itself is polled all the time. */
#ifndef BB_CONSUMER_H
#define BB_CONSUMER_H

#include "kafka/outbox.h"
#include "kafka/run_status.h"
#include "kafka/runner.h"

typedef struct bb_consumer bb_consumer;

/* What the consumers of a runner share. */
typedef struct bb_consumer_context {
    const bb_settings *settings;
    bb_run_options options;
    bb_metrics *metrics;
    bb_outbox *outbox;
    /* A record was rejected; the line is for people. [any lane] */
    void (*rejected)(void *user, const char *line);
    /* A consumer's thread has ended. [that thread] */
    void (*ended)(void *user);
    void *user;
} bb_consumer_context;

/* Makes client and lanes. `context` must live as long. */
bb_consumer *bb_consumer_new(const bb_event_type *type, const bb_consumer_context *context,
                             GError **error);
void bb_consumer_start(bb_consumer *consumer);
/* Asks for the drain; with `fast` without waiting for what is in the lanes. [any thread] */
void bb_consumer_stop(bb_consumer *consumer, gboolean fast);
gboolean bb_consumer_ended(const bb_consumer *consumer);
/* TRUE when it ends of itself, because it cannot go on. [any thread] */
gboolean bb_consumer_failed(const bb_consumer *consumer);
/* Waits for thread and lanes. The outbox is to be stopped after this and before bb_consumer_free.
 */
void bb_consumer_join(bb_consumer *consumer);
/* Takes back what lanes and outbox gave up, so that the counts are final. After bb_outbox_stop. */
void bb_consumer_reap(bb_consumer *consumer);
/* Why it ended, or NULL. After bb_consumer_join. */
const GError *bb_consumer_error(const bb_consumer *consumer);
/* [any thread] */
bb_run_counts bb_consumer_counts(bb_consumer *consumer);
/* To be cleared. [any thread] */
void bb_consumer_read_status(bb_consumer *consumer, bb_run_status *ret_status);
const bb_event_type *bb_consumer_type(const bb_consumer *consumer);
void bb_consumer_free(bb_consumer *consumer);

#endif
