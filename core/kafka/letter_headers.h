/* The busbar.* headers of dead letters and of records in retry topics: all text, all bounded
 * (docs/delivery.md). */
#ifndef BB_LETTER_HEADERS_H
#define BB_LETTER_HEADERS_H

#include <librdkafka/rdkafka.h>

#include "pipeline/lane.h"

/* The headers of the record itself: without those that a retry topic or an earlier dead letter has
 * put there. Owned by the caller. */
rd_kafka_headers_t *bb_letter_headers_of(const bb_item *item);

/* What happened, and where the record was first. Those of the same name go. */
void bb_letter_headers_add(rd_kafka_headers_t *headers, const bb_event_type *type,
                           const bb_item *item, const bb_fault *fault, gint64 now_us);
void bb_letter_headers_text(rd_kafka_headers_t *headers, const char *name, const char *text,
                            gsize limit);
void bb_letter_headers_number(rd_kafka_headers_t *headers, const char *name, gint64 number);
/* RFC 3339 in UTC, with milliseconds. */
void bb_letter_headers_time(rd_kafka_headers_t *headers, const char *name, gint64 now_us);

/* Takes out what says why; TRUE when there was something. */
gboolean bb_letter_headers_drop_reason(rd_kafka_headers_t *headers);
/* Takes out what says where the record came from; TRUE when there was something. */
gboolean bb_letter_headers_drop_place(rd_kafka_headers_t *headers);
/* Takes out what only a retry topic needs; TRUE when there was something. */
gboolean bb_letter_headers_drop_retry(rd_kafka_headers_t *headers);

/* TRUE for a header that busbar has added. */
gboolean bb_letter_headers_is_own(const char *name);

/* The topic that the record was in first. */
busbar_bytes bb_letter_topic(const bb_event_type *type, const bb_item *item);

#endif
