/* Writes and removes the busbar.* headers of a letter. */
#include "kafka/letter_headers.h"

#include <string.h>

#include "pipeline/policy.h"

#define REASON_BYTES 1000
#define POINTER_BYTES 256
#define KEYWORD_BYTES 64
#define PLUGIN_BYTES 128
#define STACK_BYTES 4000
#define TOPIC_BYTES 249 /* the longest that Kafka allows */

/* What an earlier letter says of itself is replaced. `busbar.hops` is the record's own: it tells
 * how often the record was sent back. */
static const char *const reason_names[] = {
    "busbar.stage",    "busbar.reason", "busbar.pointer", "busbar.keyword", "busbar.plugin",
    "busbar.attempts", "busbar.time",   "busbar.signal",  "busbar.stack",
};
static const char *const first_names[] = {"busbar.first_time", "busbar.first_reason"};
static const char *const place_names[] = {"busbar.topic", "busbar.partition", "busbar.offset"};
static const char *const retry_names[] = {"busbar.timestamp", "busbar.retry_tier",
                                          "busbar.retry_due", "busbar.retry_follows"};

/* The longest start of `text` within `limit` bytes that does not end inside a character. */
static gsize bounded(const char *text, gsize limit)
{
    gsize size = strlen(text);
    if (size <= limit)
        return size;
    while (limit > 0 && ((unsigned char)text[limit] & 0xc0) == 0x80)
        limit--;
    return limit;
}

void bb_letter_headers_text(rd_kafka_headers_t *headers, const char *name, const char *text,
                            gsize limit)
{
    /* fails only for a name that is too long */
    (void)rd_kafka_header_add(headers, name, -1, text, (ssize_t)bounded(text, limit));
}

void bb_letter_headers_number(rd_kafka_headers_t *headers, const char *name, gint64 number)
{
    char text[24];
    g_snprintf(text, sizeof text, "%" G_GINT64_FORMAT, number);
    bb_letter_headers_text(headers, name, text, sizeof text);
}

void bb_letter_headers_time(rd_kafka_headers_t *headers, const char *name, gint64 now_us)
{
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(now_us / G_USEC_PER_SEC);
    g_autofree char *seconds = g_date_time_format(time, "%Y-%m-%dT%H:%M:%S");
    char text[48];
    g_snprintf(text, sizeof text, "%s.%03dZ", seconds, (int)(now_us / 1000 % 1000));
    bb_letter_headers_text(headers, name, text, sizeof text);
}

/* TRUE when there was one to remove. */
static gboolean drop(rd_kafka_headers_t *headers, const char *const *names, gsize count)
{
    gboolean removed = FALSE;
    for (gsize i = 0; i < count; i++)
        removed |= rd_kafka_header_remove(headers, names[i]) == RD_KAFKA_RESP_ERR_NO_ERROR;
    return removed;
}

gboolean bb_letter_headers_drop_reason(rd_kafka_headers_t *headers)
{
    gboolean first = drop(headers, first_names, G_N_ELEMENTS(first_names));
    return drop(headers, reason_names, G_N_ELEMENTS(reason_names)) || first;
}

gboolean bb_letter_headers_drop_place(rd_kafka_headers_t *headers)
{
    return drop(headers, place_names, G_N_ELEMENTS(place_names));
}

gboolean bb_letter_headers_drop_retry(rd_kafka_headers_t *headers)
{
    return drop(headers, retry_names, G_N_ELEMENTS(retry_names));
}

static gboolean is_among(const char *name, const char *const *names, gsize count)
{
    for (gsize i = 0; i < count; i++) {
        if (strcmp(name, names[i]) == 0)
            return TRUE;
    }
    return FALSE;
}

gboolean bb_letter_headers_is_own(const char *name)
{
    return is_among(name, reason_names, G_N_ELEMENTS(reason_names)) ||
           is_among(name, first_names, G_N_ELEMENTS(first_names)) ||
           is_among(name, place_names, G_N_ELEMENTS(place_names)) ||
           is_among(name, retry_names, G_N_ELEMENTS(retry_names));
}

rd_kafka_headers_t *bb_letter_headers_of(const bb_item *item)
{
    rd_kafka_headers_t *original = NULL;
    rd_kafka_headers_t *headers = NULL;
    if (item->message && rd_kafka_message_headers(item->message, &original) == 0)
        headers = rd_kafka_headers_copy(original);
    else
        headers = rd_kafka_headers_new(G_N_ELEMENTS(reason_names) + G_N_ELEMENTS(place_names));
    (void)drop(headers, reason_names, G_N_ELEMENTS(reason_names)); /* there may be none */
    (void)bb_letter_headers_drop_place(headers);
    (void)bb_letter_headers_drop_retry(headers);
    if (!item->tried) /* of an earlier life; from a retry topic they are of this one */
        (void)drop(headers, first_names, G_N_ELEMENTS(first_names));
    return headers;
}

busbar_bytes bb_letter_topic(const bb_event_type *type, const bb_item *item)
{
    return type->source ? item->origin.topic : busbar_text(type->topic);
}

void bb_letter_headers_add(rd_kafka_headers_t *headers, const bb_event_type *type,
                           const bb_item *item, const bb_fault *fault, gint64 now_us)
{
    busbar_bytes topic = bb_letter_topic(type, item);
    g_autofree char *plugin = g_strdup_printf("%s %s", fault->plugin ? fault->plugin : "",
                                              fault->plugin_version ? fault->plugin_version : "");
    bb_letter_headers_text(headers, "busbar.stage", bb_stage_name(fault->stage), KEYWORD_BYTES);
    bb_letter_headers_text(headers, "busbar.reason", fault->message, REASON_BYTES);
    bb_letter_headers_text(headers, "busbar.pointer", fault->pointer, POINTER_BYTES);
    bb_letter_headers_text(headers, "busbar.keyword", fault->keyword, KEYWORD_BYTES);
    bb_letter_headers_text(headers, "busbar.plugin", g_strchomp(plugin), PLUGIN_BYTES);
    (void)rd_kafka_header_add(headers, "busbar.topic", -1, topic.data,
                              (ssize_t)MIN(topic.size, TOPIC_BYTES)); /* as above */
    bb_letter_headers_number(headers, "busbar.partition", item->origin.partition);
    bb_letter_headers_number(headers, "busbar.offset", item->origin.offset);
    bb_letter_headers_number(headers, "busbar.attempts", fault->attempts);
    if (fault->signal)
        bb_letter_headers_text(headers, "busbar.signal", fault->signal, KEYWORD_BYTES);
    if (fault->stack && *fault->stack)
        bb_letter_headers_text(headers, "busbar.stack", fault->stack, STACK_BYTES);
    bb_letter_headers_time(headers, "busbar.time", now_us);
}
