/* Exactly-once for a consumer: the transactions that hold what its lanes send and the offsets of
 * what they handled. All on the consumer's thread; without a transaction (`consumer->transaction`
 * is NULL) reading is always allowed and everything is settled. */
#ifndef BB_CONSUMER_TRANSACTION_H
#define BB_CONSUMER_TRANSACTION_H

#include "kafka/consumer.h"

typedef struct bb_consumer_transaction bb_consumer_transaction;

/* Makes what the event type's delivery asks for: nothing, or an outbox with transactions, which
 * becomes `consumer->outbox`. */
gboolean bb_consumer_transaction_make(bb_consumer *consumer, GError **error);
void bb_consumer_transaction_free(bb_consumer_transaction *transaction);

/* Before the group is joined: ends what a predecessor left open. FALSE when the consumer ends. */
gboolean bb_consumer_transaction_open(bb_consumer *consumer);
/* Does what is due; TRUE when records may be read. */
gboolean bb_consumer_transaction_turn(bb_consumer *consumer);
void bb_consumer_transaction_took(bb_consumer *consumer, guint64 records);
/* Drains and commits, or aborts, within the bound. */
void bb_consumer_transaction_end(bb_consumer *consumer, gint64 timeout_ms);
/* Aborts at once: its partitions are lost. */
void bb_consumer_transaction_discard(bb_consumer *consumer);
/* TRUE when everything that was read is committed; asks for that otherwise. */
gboolean bb_consumer_transaction_is_settled(bb_consumer *consumer);
/* Ends the outbox: after the lanes, before what they held is counted. */
void bb_consumer_transaction_stop(bb_consumer *consumer);

#endif
