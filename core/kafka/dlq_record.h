/* A record of a dead letter topic, with what the busbar.* headers say of it (kafka/dead_letter.h).
 *
 * Two headers belong to what happens afterwards: `busbar.hops` counts how often the record was sent
 * back to its topic, `busbar.parked` says why it was put aside. */
#ifndef BB_DLQ_RECORD_H
#define BB_DLQ_RECORD_H

#include <busbar/plugin.h>
#include <glib.h>
#include <librdkafka/rdkafka.h>

typedef enum {
    BB_DLQ_STAGE,
    BB_DLQ_REASON,
    BB_DLQ_POINTER,
    BB_DLQ_KEYWORD,
    BB_DLQ_PLUGIN,
    BB_DLQ_TOPIC,
    BB_DLQ_PARTITION,
    BB_DLQ_OFFSET,
    BB_DLQ_ATTEMPTS,
    BB_DLQ_TIME,
    BB_DLQ_HOPS,
    BB_DLQ_PARKED,
    BB_DLQ_FIELDS
} bb_dlq_field;

typedef struct bb_dlq_record {
    gint32 partition; /* in the dead letter topic */
    gint64 offset;
    gint64 timestamp_ms;               /* of the original; 0: none */
    busbar_bytes key, value;           /* data NULL: null */
    const rd_kafka_headers_t *headers; /* may be NULL */
    const char *fields[BB_DLQ_FIELDS]; /* "" where the header is missing */
    guint hops;                        /* times it was sent back so far */
    gint64 time_us;                    /* of busbar.time, or else of the timestamp */
} bb_dlq_record;

/* "busbar.stage", ... */
const char *bb_dlq_field_name(bb_dlq_field field);

/* What is borrowed from `message` lives as long as it. */
void bb_dlq_record_read(bb_dlq_record *record, const rd_kafka_message_t *message);

/* The headers of a record that goes back: the original's, and how often it went. */
rd_kafka_headers_t *bb_dlq_headers_back(const bb_dlq_record *record, guint hops);
/* The headers of a record that is put aside: all it has, and why. */
rd_kafka_headers_t *bb_dlq_headers_parked(const bb_dlq_record *record, const char *why);

/* Microseconds since 1970 of an RFC 3339 time; FALSE when it is not one. */
gboolean bb_dlq_parse_time(const char *text, gint64 *ret_us);

#endif
