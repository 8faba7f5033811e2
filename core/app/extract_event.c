/* Values of records as events. */
#include "app/extract_event.h"

struct bb_extract_events {
    const bb_slot_name *slots;
    uint32_t slot_count; /* 0: no fields */
    bb_parser *parser;
    bb_arena *arena;
};

bb_extract_events *bb_extract_events_new(const bb_event_type *type)
{
    bb_extract_events *events = g_new0(bb_extract_events, 1);
    events->parser = bb_parser_new(NULL);
    events->arena = bb_arena_new(0);
    if (type && type->contract)
        events->slots = bb_contract_slots(type->contract, &events->slot_count);
    return events;
}

void bb_extract_events_free(bb_extract_events *events)
{
    if (!events)
        return;
    bb_parser_free(events->parser);
    bb_arena_free(events->arena);
    g_free(events);
}

const bb_slot_name *bb_extract_events_slots(const bb_extract_events *events, uint32_t *ret_count)
{
    *ret_count = events->slot_count;
    return events->slots;
}

gboolean bb_extract_events_read(bb_extract_events *events, const rd_kafka_message_t *message,
                                busbar_event *ret_event)
{
    bb_tape tape;
    bb_parse_error trouble;
    bb_arena_reset(events->arena);
    if (!message->payload ||
        !bb_parse(events->parser, message->payload, message->len, &tape, &trouble))
        return FALSE;
    bb_event_init(ret_event, events->arena, message->payload, message->len, &tape, events->slots,
                  events->slot_count);
    return TRUE;
}

gint64 bb_extract_time(const rd_kafka_message_t *message, const char **ret_kind)
{
    rd_kafka_timestamp_type_t type;
    gint64 time_ms = rd_kafka_message_timestamp(message, &type);
    *ret_kind = type == RD_KAFKA_TIMESTAMP_CREATE_TIME       ? "create"
                : type == RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME ? "append"
                                                             : "none";
    return time_ms;
}
