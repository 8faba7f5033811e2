/* At most once for a consumer: records that were read are held until the commit of the offsets
 * behind them is confirmed, and go to the lanes after that. All on the consumer's thread; without
 * it
 * (`consumer->ahead` is NULL) nothing is ever held. */
#ifndef BB_CONSUMER_AHEAD_H
#define BB_CONSUMER_AHEAD_H

#include <librdkafka/rdkafka.h>

#include "kafka/consumer.h"

typedef struct bb_consumer_ahead bb_consumer_ahead;

bb_consumer_ahead *bb_consumer_ahead_new(void);
void bb_consumer_ahead_free(bb_consumer_ahead *ahead);

/* Holds a record, which is taken over. */
void bb_consumer_ahead_hold(bb_consumer *consumer, rd_kafka_message_t *message);
/* TRUE when a record is held. */
gboolean bb_consumer_ahead_holds(const bb_consumer *consumer);
/* TRUE when a commit of what is held was sent and has no answer, or one that leaves it open. */
gboolean bb_consumer_ahead_may_be_committed(const bb_consumer *consumer);
/* Commits what is held, and waits up to `timeout_ms` for the answer; one that failed is tried again
 * a little later. Returns the records whose commit is confirmed (rd_kafka_message_t *, the
 * caller's); NULL: none. */
GPtrArray *bb_consumer_ahead_take(bb_consumer *consumer, gint64 timeout_ms);
/* The partitions of `list` (NULL: all) are given back: records of them that are still held are let
 * go of. Those whose commit was sent and has no sure answer may be lost, and count so. */
void bb_consumer_ahead_let_go(bb_consumer *consumer, const rd_kafka_topic_partition_list_t *list);

#endif
