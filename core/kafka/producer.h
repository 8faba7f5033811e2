/* An idempotent producer that outlives its fatal errors: a new client takes over, and what the old
 * one had surely not written is produced again. Not thread-safe. */
#ifndef BB_PRODUCER_H
#define BB_PRODUCER_H

#include <busbar/plugin.h>
#include <librdkafka/rdkafka.h>

#include "config/settings.h"

typedef struct bb_producer bb_producer;

/* What became of one record. */
typedef struct bb_delivery {
    void *opaque;
    const char *topic;
    rd_kafka_resp_err_t code; /* 0: delivered */
    rd_kafka_msg_status_t stored;
    gint32 partition;
    gint64 offset;
} bb_delivery;

/* Called from inside poll, flush and free. */
typedef void (*bb_delivery_fn)(const bb_delivery *delivery, void *user);

/* A record to send. */
typedef struct bb_outgoing {
    busbar_bytes key; /* data NULL: no key */
    busbar_bytes value;
    const busbar_header *headers;
    guint32 header_count;
    void *opaque;
} bb_outgoing;

/* `settings` must outlive it. */
bb_producer *bb_producer_new(const bb_settings *settings, bb_delivery_fn on_delivery, void *user,
                             GError **error);
/* Purges what is left (it is reported) and closes. Accepts NULL. */
void bb_producer_free(bb_producer *producer);

/* Number of a topic, for send. */
guint bb_producer_topic(bb_producer *producer, const char *name);
/* Hands one record over; key and value are copied. 0, or why not: nothing will be reported then.
 * _QUEUE_FULL: poll and try again. */
rd_kafka_resp_err_t bb_producer_send(bb_producer *producer, guint topic, const bb_outgoing *record);
void bb_producer_poll(bb_producer *producer, int timeout_ms);
/* Sends without linger, up to `timeout_ms`. */
void bb_producer_flush(bb_producer *producer, int timeout_ms);
gboolean bb_producer_wait(bb_producer *producer, gint64 timeout_ms, const gint *stop,
                          GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(bb_producer, bb_producer_free)

#endif
