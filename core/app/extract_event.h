/* Values of records as events, for the columns of their members. */
#ifndef BB_EXTRACT_EVENT_H
#define BB_EXTRACT_EVENT_H

#include "kafka/range_reader.h"
#include "pipeline/event_type.h"

typedef struct bb_extract_events bb_extract_events;

/* `type`: whose contract declares the members, or NULL; must live as long. */
bb_extract_events *bb_extract_events_new(const bb_event_type *type);
void bb_extract_events_free(bb_extract_events *events);

/* The members; none where there is no contract. @owns events */
const bb_slot_name *bb_extract_events_slots(const bb_extract_events *events, uint32_t *ret_count);

/* FALSE where the value is no JSON. The event lives until the next one is read. */
gboolean bb_extract_events_read(bb_extract_events *events, const rd_kafka_message_t *message,
                                busbar_event *ret_event);

/* Milliseconds, -1 for none; "create", "append" or "none". */
gint64 bb_extract_time(const rd_kafka_message_t *message, const char **ret_kind);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(bb_extract_events, bb_extract_events_free)

#endif
