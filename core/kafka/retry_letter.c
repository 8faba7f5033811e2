/* Writes records for retry topics and reads them back. */
#include "kafka/retry_letter.h"

#include "base/log.h"
#include "kafka/dead_letter.h"
#include "kafka/letter_headers.h"

#define REASON_BYTES 1000

static gboolean shorten(bb_letter *letter)
{
    const bb_event_type *type = letter->type;
    if (bb_letter_headers_drop_reason(letter->headers))
        return TRUE;
    (void)bb_letter_headers_drop_retry(letter->headers); /* they mean nothing there */
    bb_log_warning("%s: a record is too large for %s with the headers that bring it back: it goes "
                   "to %s",
                   type->full_name, letter->topic, type->dead_letter_topic);
    bb_dead_letter_redirect(letter, type);
    return TRUE;
}

bb_letter *bb_retry_letter_new(const bb_event_type *type, bb_item *item, const bb_fault *fault,
                               gint64 now_us)
{
    const bb_event_type *tier = bb_event_type_next_tier(type);
    bb_letter *letter = bb_letter_new(tier->topic);
    rd_kafka_headers_t *headers = bb_letter_headers_of(item);
    bb_letter_headers_add(headers, type, item, fault, now_us);
    bb_letter_headers_number(headers, "busbar.timestamp", item->origin.timestamp_ms);
    bb_letter_headers_number(headers, "busbar.retry_tier", tier->tier);
    /* rounded up, so that it is never before the delay is over */
    bb_letter_headers_number(headers, "busbar.retry_due",
                             (now_us + 999) / 1000 + tier->tier_delay_ms);
    if (!item->tried) {
        bb_letter_headers_time(headers, "busbar.first_time", now_us);
        bb_letter_headers_text(headers, "busbar.first_reason", fault->message, REASON_BYTES);
    }
    letter->type = type;
    letter->create = tier->settings->retry_create;
    letter->key = item->origin.key;
    letter->value = item->origin.value;
    letter->headers = headers;
    letter->item = item;
    letter->shorten = shorten;
    bb_letter_hold(letter, &item->batch, 1);
    return letter;
}

static gboolean read_number(rd_kafka_headers_t *headers, const char *name, gint64 low,
                            gint64 *ret_number)
{
    const void *value = NULL;
    size_t size = 0;
    if (rd_kafka_header_get_last(headers, name, &value, &size) || !value)
        return FALSE;
    /* librdkafka ends every value with a zero byte */
    return g_ascii_string_to_signed(value, 10, low, G_MAXINT64, ret_number, NULL);
}

gboolean bb_retry_record_read(const rd_kafka_message_t *message, bb_retry_record *ret_record)
{
    rd_kafka_headers_t *headers = NULL;
    const void *topic = NULL;
    size_t size = 0;
    gint64 partition, offset, timestamp_ms, tier, attempts, due_ms;
    if (rd_kafka_message_headers(message, &headers) ||
        rd_kafka_header_get_last(headers, "busbar.topic", &topic, &size) || !topic ||
        !read_number(headers, "busbar.partition", 0, &partition) || partition > G_MAXINT32 ||
        !read_number(headers, "busbar.offset", 0, &offset) ||
        !read_number(headers, "busbar.timestamp", -1, &timestamp_ms) ||
        !read_number(headers, "busbar.retry_tier", 1, &tier) ||
        !read_number(headers, "busbar.retry_due", 0, &due_ms))
        return FALSE;
    if (!read_number(headers, "busbar.attempts", 1, &attempts))
        attempts = tier; /* left out for want of room; at least one in each place so far */
    *ret_record = (bb_retry_record){
        {topic, size}, (gint32)partition, offset, timestamp_ms, (guint)MIN(attempts, G_MAXINT),
        due_ms};
    return TRUE;
}
