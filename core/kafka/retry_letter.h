/* Records on their way through retry topics.
 *
 * Key, value and headers are the original's, byte for byte; the timestamp is that of the writing,
 * as the retention of the topic goes by it. Behind the headers are those of a dead letter
 * (kafka/dead_letter.h), which tell of the last try, and these, all text:
 *
 * - busbar.timestamp: of the record, Unix milliseconds; -1: it has none
 * - busbar.retry_tier: number of the retry topic, from 1
 * - busbar.retry_due: it is not handled before, Unix milliseconds
 * - busbar.first_time, busbar.first_reason: of the first try that failed
 * - busbar.retry_follows: 1 for a record that was not tried where it comes from, because an earlier
 *   one of its key waits (`keep_order`); its attempts are those before
 *
 * A letter that is too large for its topic loses the headers that say why; one that still is goes
 * to the dead letter topic: without the others it could not come back as what it was. The log says
 * so. */
#ifndef BB_RETRY_LETTER_H
#define BB_RETRY_LETTER_H

#include "kafka/outbox.h"
#include "pipeline/lane.h"

/* The letter for `item` of `type` (an event type or one of its tiers), which has a next tier.
 * `now_us`: wall clock. */
bb_letter *bb_retry_letter_new(const bb_event_type *type, bb_item *item, const bb_fault *fault,
                               gint64 now_us);

/* The same for one that has not failed, but follows another of its key; it is due at once. */
bb_letter *bb_retry_letter_new_follower(const bb_event_type *type, bb_item *item, gint64 now_us);

/* What a record of a retry topic says of itself. */
typedef struct bb_retry_record {
    busbar_bytes topic; /* where it was first; lives as long as the message */
    gint32 partition;
    gint64 offset;
    gint64 timestamp_ms;
    guint attempts;
    gint64 due_ms;
    gboolean follows; /* `attempts` may be 0 then */
} bb_retry_record;

/* FALSE when it says not all of that: busbar did not put it there. */
gboolean bb_retry_record_read(const rd_kafka_message_t *message, bb_retry_record *ret_record);

#endif
