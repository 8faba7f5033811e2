/* Sends dead letters on, confirmed by all replicas in sync. Not thread-safe. */
#ifndef BB_DLQ_SENDER_H
#define BB_DLQ_SENDER_H

#include "config/settings.h"
#include "kafka/dlq_record.h"

typedef struct bb_dlq_sender bb_dlq_sender;

bb_dlq_sender *bb_dlq_sender_new(const bb_settings *settings, GError **error);
/* Gives up what is not confirmed. Accepts NULL. */
void bb_dlq_sender_free(bb_dlq_sender *sender);

/* Hands the record over, with its key, value and timestamp; takes `headers` over in any case. */
gboolean bb_dlq_sender_send(bb_dlq_sender *sender, const char *topic, const bb_dlq_record *record,
                            rd_kafka_headers_t *headers, GError **error);
/* Serves confirmations. */
void bb_dlq_sender_poll(bb_dlq_sender *sender, int timeout_ms);
/* Waits until all is confirmed; an error when something was not, or when `*stop` reached 2. */
gboolean bb_dlq_sender_settle(bb_dlq_sender *sender, const gint *stop, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(bb_dlq_sender, bb_dlq_sender_free)

#endif
