/* What is known of the versions of librdkafka: defects and missing features by the version found at
 * run time, and what busbar does about each. Code asks this table, never the version. */
#ifndef BB_KAFKA_GATES_H
#define BB_KAFKA_GATES_H

#include <glib.h>

typedef enum {
    BB_GATE_BATCH_SKIPS,
    BB_GATE_BATCH_POSITION,
    BB_GATE_POLL_ANY_QUEUE,
    BB_GATE_NO_FETCH_BACKOFF,
    BB_GATE_UNKNOWN_TOPIC_CRASH,
    BB_GATE_UNSAFE_COOPERATIVE,
    BB_GATE_NO_CONSUMER_PROTOCOL,
    BB_GATE_CONSUMER_PROTOCOL_POLL,
    BB_GATE_VALIDATION_RESET,
    BB_GATE_STALE_POSITION,
    BB_GATE_STALE_COMMIT_ERROR,
    BB_GATE_METADATA_ZEROS,
    BB_GATE_TOPIC_ID_CACHE,
    BB_GATE_WATERMARK_TIMEOUT,
    BB_GATE_IDEMPOTENCE_FATAL,
    BB_GATE_REBUILT_BATCH,
    BB_GATE_PRODUCE_HEADERS,
    BB_GATE_CLOSE_HANGS,
    BB_GATE_REMOVED_PARTITION,
    BB_GATE_CLOSE_CRASH,
    BB_GATE_HELD_OBJECTS,
    BB_GATE_PUSH_METRICS,
    BB_GATE_OLD_BROKERS,
    BB_GATE_METADATA_RACE,
    BB_GATE_SEEK_TIMEOUT,
    BB_GATE_TORN_TRANSACTIONS,
    BB_GATE_EARLY_ACKS,
    BB_GATE_NO_BROKERS,
    BB_GATE_COUNT
} bb_gate_id;

typedef struct bb_gate {
    const char *name;
    int from, until; /* affected: from <= version < until, as in rd_kafka_version(); until 0: none
                        is known to be free of it */
    gboolean warns;  /* said at the start: nothing but another version helps */
    const char *reason; /* what librdkafka does */
    const char *action; /* what busbar does about it */
    const char *source; /* where that can be read */
} bb_gate;

/* `id` below BB_GATE_COUNT. @owns the table */
const bb_gate *bb_gate_get(bb_gate_id id);
/* Whether the library that runs is affected. */
gboolean bb_gate_active(bb_gate_id id);
/* The same of any version, in the form of rd_kafka_version(). */
gboolean bb_gate_active_at(bb_gate_id id, int version);
/* The time-out to hand to rd_kafka_seek_partitions() for `timeout_ms`. */
int bb_gate_seek_timeout(int timeout_ms);
/* "2.0.0 to 2.9.9" style range: "before 2.2.0", "2.4.0 to before 2.10.0", "all". g_free. */
char *bb_gate_range(bb_gate_id id);
/* The table of docs/librdkafka.md. g_free. */
char *bb_gates_markdown(void);
/* Logs a warning for every active gate that warns. */
void bb_gates_warn(void);

#endif
