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

static bb_letter *make(const bb_event_type *type, bb_item *item, const bb_fault *fault,
                       gint64 now_us, gint64 due_ms)
{
    const bb_event_type *tier = bb_event_type_next_tier(type);
    bb_letter *letter = bb_letter_new(tier->topic);
    rd_kafka_headers_t *headers = bb_letter_headers_of(item);
    bb_letter_headers_add(headers, type, item, fault, now_us);
    bb_letter_headers_number(headers, "busbar.timestamp", item->origin.timestamp_ms);
    bb_letter_headers_number(headers, "busbar.retry_tier", tier->tier);
    bb_letter_headers_number(headers, "busbar.retry_due", due_ms);
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

bb_letter *bb_retry_letter_new(const bb_event_type *type, bb_item *item, const bb_fault *fault,
                               gint64 now_us)
{
    /* rounded up, so that it is never before the delay is over */
    gint64 due_ms = (now_us + 999) / 1000 + bb_event_type_next_tier(type)->tier_delay_ms;
    bb_letter *letter = make(type, item, fault, now_us, due_ms);
    if (!item->tried) {
        bb_letter_headers_time(letter->headers, "busbar.first_time", now_us);
        bb_letter_headers_text(letter->headers, "busbar.first_reason", fault->message,
                               REASON_BYTES);
    }
    return letter;
}

bb_letter *bb_retry_letter_new_follower(const bb_event_type *type, bb_item *item, gint64 now_us)
{
    const bb_fault fault = {.stage = BUSBAR_STAGE_HANDLE,
                            .pointer = "",
                            .keyword = "order",
                            .message = "an earlier record of its key is in a retry topic",
                            .plugin = type->plugin,
                            .plugin_version = type->plugin_version,
                            .attempts = item->tried};
    bb_letter *letter = make(type, item, &fault, now_us, now_us / 1000);
    bb_letter_headers_number(letter->headers, "busbar.retry_follows", 1);
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
    gint64 partition, offset, timestamp_ms, tier, attempts, due_ms, mark;
    if (rd_kafka_message_headers(message, &headers) ||
        rd_kafka_header_get_last(headers, "busbar.topic", &topic, &size) || !topic ||
        !read_number(headers, "busbar.partition", 0, &partition) || partition > G_MAXINT32 ||
        !read_number(headers, "busbar.offset", 0, &offset) ||
        !read_number(headers, "busbar.timestamp", -1, &timestamp_ms) ||
        !read_number(headers, "busbar.retry_tier", 1, &tier) ||
        !read_number(headers, "busbar.retry_due", 0, &due_ms))
        return FALSE;
    gboolean follows = read_number(headers, "busbar.retry_follows", 1, &mark);
    if (!read_number(headers, "busbar.attempts", follows ? 0 : 1, &attempts))
        attempts = follows ? 0 : tier; /* left out for want of room; one in each place so far */
    *ret_record = (bb_retry_record){{topic, size},
                                    (gint32)partition,
                                    offset,
                                    timestamp_ms,
                                    (guint)MIN(attempts, G_MAXINT),
                                    due_ms,
                                    follows};
    return TRUE;
}
