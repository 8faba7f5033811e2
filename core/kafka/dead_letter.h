/* Dead letters: a record that was rejected, as it was, in its dead letter topic, with the reason.
 *
 * Key, value, headers and timestamp are the original's, byte for byte. These headers, all text, are
 * put behind them, in place of those of the same name that an earlier dead letter left:
 *
 * - busbar.stage: parse, validate, enrich, handle, sink
 * - busbar.reason: one sentence, at most 1,000 bytes
 * - busbar.pointer: JSON pointer of the member at fault, "" when none is, at most 256 bytes
 * - busbar.keyword: rule that was broken: "malformed", "required", ..., "plugin"; at most 64 bytes
 * - busbar.plugin: who decided: "name version", at most 128 bytes
 * - busbar.topic, busbar.partition, busbar.offset: where the record came from
 * - busbar.attempts: tries at the stage that gave it up
 * - busbar.signal: what ended the worker that had the record in hand: "SIGSEGV", "exit",
 * "deadline"; only there when the record ended one
 * - busbar.stack: where the worker was then, a line per frame, at most 4,000 bytes; as above
 * - busbar.time: of the dead letter, RFC 3339 in UTC
 * - busbar.first_time, busbar.first_reason: of the first try that failed; only there when the
 * record was in retry topics (kafka/retry_letter.h), whose tries busbar.attempts counts too
 *
 * A letter that is too large for its topic loses the headers that say why, then those that say
 * where it came from; the log says so.
 *
 * busbar.hops, which counts how often the record was sent back (kafka/dlq_record.h), stays. */
#ifndef BB_DEAD_LETTER_H
#define BB_DEAD_LETTER_H

#include "kafka/outbox.h"
#include "pipeline/lane.h"

/* The letter for `item`, whose message is a rd_kafka_message_t that lives as long as its batch.
 * `now_us`: wall clock. */
bb_letter *bb_dead_letter_new(const bb_event_type *type, bb_item *item, const bb_fault *fault,
                              gint64 now_us);

/* A letter about an item that was to go elsewhere becomes its dead letter. */
void bb_dead_letter_redirect(bb_letter *letter, const bb_event_type *type);

/* "topic/partition@offset stage keyword pointer: message", for people. */
char *bb_dead_letter_line(const bb_event_type *type, const bb_item *item, const bb_fault *fault);

#endif
