/* Publishing: validated, enriched, keyed and produced (idempotent, acks=all, snappy), one outcome
 * for every event, in order. */
#ifndef BB_PUBLISHER_H
#define BB_PUBLISHER_H

#include "pipeline/processor.h"

typedef struct bb_publisher bb_publisher;

typedef enum { BB_DELIVERED = 1, BB_REJECTED = 2, BB_FAILED = 3 } bb_outcome_status;

/* What became of one event. Texts are dead when the callback returns. */
typedef struct bb_outcome {
    bb_outcome_status status;
    void *opaque;
    const bb_event_type *type;
    gint32 partition; /* -1 unless delivered */
    gint64 offset;    /* -1 unless delivered */
    gboolean retriable;
    const char *pointer, *keyword, *message; /* of a rejected or failed one */
} bb_outcome;

typedef void (*bb_outcome_fn)(const bb_outcome *outcome, void *user);

/* The callback comes from inside the functions below, on the caller's thread, in the order of
 * publishing; it must not call the publisher. Not thread-safe. `settings` must outlive the
 * publisher. */
bb_publisher *bb_publisher_new(const bb_settings *settings, bb_metrics *metrics,
                               bb_outcome_fn on_outcome, void *user, GError **error);

/* A flag that ends the blocking of publish once it is non-zero; NULL for none. */
void bb_publisher_set_stop(bb_publisher *publisher, const gint *stop);

/* Waits until Kafka answers, as bb_kafka_wait. */
gboolean bb_publisher_wait(bb_publisher *publisher, gint64 timeout_ms, const gint *stop,
                           GError **error);

/* Hands one event over; the bytes are copied. Blocks while the queue is full. FALSE, and no outcome
 * comes, when the type's instance cannot be made (BB_ERROR_PLUGIN) and when it was stopped while it
 * waited for room (BB_ERROR_KAFKA); every other trouble is an outcome. */
gboolean bb_publisher_publish(bb_publisher *publisher, const bb_event_type *type, const char *text,
                              gsize size, void *opaque, GError **error);
/* Gives an event that cannot be handed over (a line that is too long) its place in the order, with
 * the outcome REJECTED. The texts are copied. */
gboolean bb_publisher_refuse(bb_publisher *publisher, const bb_event_type *type,
                             const char *keyword, const char *message, void *opaque,
                             GError **error);
/* Serves outcomes that have come. */
void bb_publisher_poll(bb_publisher *publisher, int timeout_ms);
/* Waits for all outcomes; returns how many are missing after `timeout_ms`. */
gsize bb_publisher_flush(bb_publisher *publisher, gint64 timeout_ms);
/* Gives what is left the outcome FAILED. Accepts NULL. */
void bb_publisher_free(bb_publisher *publisher);
gsize bb_publisher_pending(const bb_publisher *publisher);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(bb_publisher, bb_publisher_free)

#endif
