/* Reads dead letters and makes the headers they leave with. */
#include "kafka/dlq_record.h"

static const char *const names[BB_DLQ_FIELDS] = {
    [BB_DLQ_STAGE] = "busbar.stage",         [BB_DLQ_REASON] = "busbar.reason",
    [BB_DLQ_POINTER] = "busbar.pointer",     [BB_DLQ_KEYWORD] = "busbar.keyword",
    [BB_DLQ_PLUGIN] = "busbar.plugin",       [BB_DLQ_TOPIC] = "busbar.topic",
    [BB_DLQ_PARTITION] = "busbar.partition", [BB_DLQ_OFFSET] = "busbar.offset",
    [BB_DLQ_ATTEMPTS] = "busbar.attempts",   [BB_DLQ_TIME] = "busbar.time",
    [BB_DLQ_HOPS] = "busbar.hops",           [BB_DLQ_PARKED] = "busbar.parked",
};

/* Of a record that was in retry topics; they end with its way there. */
static const char *const more_names[] = {"busbar.first_time", "busbar.first_reason"};

const char *bb_dlq_field_name(bb_dlq_field field)
{
    return names[field];
}

gboolean bb_dlq_parse_time(const char *text, gint64 *ret_us)
{
    g_autoptr(GDateTime) time = g_date_time_new_from_iso8601(text, /* default_tz= */ NULL);
    if (!time)
        return FALSE;
    *ret_us = g_date_time_to_unix(time) * G_USEC_PER_SEC + g_date_time_get_microsecond(time);
    return TRUE;
}

/* The last header of a name is the one that busbar added. */
static const char *field_text(const rd_kafka_headers_t *headers, const char *name)
{
    const void *value = NULL;
    size_t size = 0;
    if (!headers || rd_kafka_header_get_last(headers, name, &value, &size) || !value)
        return "";
    return value; /* librdkafka ends every value with a zero byte */
}

void bb_dlq_record_read(bb_dlq_record *record, const rd_kafka_message_t *message)
{
    rd_kafka_headers_t *headers = NULL;
    rd_kafka_timestamp_type_t type;
    (void)rd_kafka_message_headers(message, &headers); /* NULL when there is none */
    *record = (bb_dlq_record){
        .partition = message->partition,
        .offset = message->offset,
        .timestamp_ms = MAX(rd_kafka_message_timestamp(message, &type), 0),
        .key = {message->key, message->key_len},
        .value = {message->payload, message->len},
        .headers = headers,
    };
    for (guint i = 0; i < BB_DLQ_FIELDS; i++)
        record->fields[i] = field_text(headers, names[i]);
    record->hops = (guint)MIN(g_ascii_strtoull(record->fields[BB_DLQ_HOPS], NULL, 10), G_MAXINT);
    if (!bb_dlq_parse_time(record->fields[BB_DLQ_TIME], &record->time_us))
        record->time_us = record->timestamp_ms * 1000;
}

static rd_kafka_headers_t *copy_headers(const bb_dlq_record *record)
{
    return record->headers ? rd_kafka_headers_copy(record->headers) : rd_kafka_headers_new(1);
}

rd_kafka_headers_t *bb_dlq_headers_back(const bb_dlq_record *record, guint hops)
{
    char number[16];
    rd_kafka_headers_t *headers = copy_headers(record);
    for (guint i = 0; i < BB_DLQ_FIELDS; i++)
        (void)rd_kafka_header_remove(headers, names[i]); /* fails when there is none */
    for (guint i = 0; i < G_N_ELEMENTS(more_names); i++)
        (void)rd_kafka_header_remove(headers, more_names[i]); /* as above */
    g_snprintf(number, sizeof number, "%u", hops);
    (void)rd_kafka_header_add(headers, names[BB_DLQ_HOPS], -1, number, -1);
    return headers;
}

rd_kafka_headers_t *bb_dlq_headers_parked(const bb_dlq_record *record, const char *why)
{
    rd_kafka_headers_t *headers = copy_headers(record);
    (void)rd_kafka_header_remove(headers, names[BB_DLQ_PARKED]); /* fails when there is none */
    (void)rd_kafka_header_add(headers, names[BB_DLQ_PARKED], -1, why, -1);
    return headers;
}
