/* Builds dead letters. */
#include "kafka/dead_letter.h"

#include <string.h>

#include "pipeline/policy.h"

#define REASON_BYTES 1000
#define POINTER_BYTES 256
#define KEYWORD_BYTES 64
#define PLUGIN_BYTES 128
#define STACK_BYTES 4000

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

static void add(rd_kafka_headers_t *headers, const char *name, const char *text, gsize limit)
{
    /* fails only for a name that is too long */
    (void)rd_kafka_header_add(headers, name, -1, text, (ssize_t)bounded(text, limit));
}

static void add_number(rd_kafka_headers_t *headers, const char *name, gint64 number)
{
    char text[24];
    g_snprintf(text, sizeof text, "%" G_GINT64_FORMAT, number);
    add(headers, name, text, sizeof text);
}

static void add_time(rd_kafka_headers_t *headers, gint64 now_us)
{
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(now_us / G_USEC_PER_SEC);
    g_autofree char *seconds = g_date_time_format(time, "%Y-%m-%dT%H:%M:%S");
    char text[48];
    g_snprintf(text, sizeof text, "%s.%03dZ", seconds, (int)(now_us / 1000 % 1000));
    add(headers, "busbar.time", text, sizeof text);
}

/* What an earlier dead letter says of itself is replaced. `busbar.hops` is the record's own: it
 * tells how often the record was sent back. */
static const char *const own_names[] = {
    "busbar.stage",  "busbar.reason",   "busbar.pointer",   "busbar.keyword",
    "busbar.plugin", "busbar.attempts", "busbar.time",      "busbar.signal",
    "busbar.stack",  "busbar.topic",    "busbar.partition", "busbar.offset",
};
/* From here on they say where the record was. */
enum { OWN_PLACE = 9 };

/* TRUE when there was one to remove. */
static gboolean remove_headers(rd_kafka_headers_t *headers, gsize from, gsize end)
{
    gboolean removed = FALSE;
    for (gsize i = from; i < end; i++)
        removed |= rd_kafka_header_remove(headers, own_names[i]) == RD_KAFKA_RESP_ERR_NO_ERROR;
    return removed;
}

static rd_kafka_headers_t *make_headers(const bb_event_type *type, const bb_item *item,
                                        const bb_fault *fault, gint64 now_us)
{
    rd_kafka_headers_t *original = NULL;
    rd_kafka_headers_t *headers = NULL;
    if (item->message && rd_kafka_message_headers(item->message, &original) == 0)
        headers = rd_kafka_headers_copy(original);
    else
        headers = rd_kafka_headers_new(G_N_ELEMENTS(own_names));
    (void)remove_headers(headers, 0, G_N_ELEMENTS(own_names)); /* there may be none */
    g_autofree char *plugin = g_strdup_printf("%s %s", fault->plugin ? fault->plugin : "",
                                              fault->plugin_version ? fault->plugin_version : "");
    add(headers, "busbar.stage", bb_stage_name(fault->stage), KEYWORD_BYTES);
    add(headers, "busbar.reason", fault->message, REASON_BYTES);
    add(headers, "busbar.pointer", fault->pointer, POINTER_BYTES);
    add(headers, "busbar.keyword", fault->keyword, KEYWORD_BYTES);
    add(headers, "busbar.plugin", g_strchomp(plugin), PLUGIN_BYTES);
    add(headers, "busbar.topic", type->topic, 249); /* the longest that Kafka allows */
    add_number(headers, "busbar.partition", item->origin.partition);
    add_number(headers, "busbar.offset", item->origin.offset);
    add_number(headers, "busbar.attempts", fault->attempts);
    if (fault->signal)
        add(headers, "busbar.signal", fault->signal, KEYWORD_BYTES);
    if (fault->stack && *fault->stack)
        add(headers, "busbar.stack", fault->stack, STACK_BYTES);
    add_time(headers, now_us);
    return headers;
}

/* The record as it was fits its topic, so without the headers of ours it fits a topic of the same
 * limit. Where it came from is given up last. */
static gboolean shorten(bb_letter *letter)
{
    return remove_headers(letter->headers, 0, OWN_PLACE) ||
           remove_headers(letter->headers, OWN_PLACE, G_N_ELEMENTS(own_names));
}

bb_letter *bb_dead_letter_new(const bb_event_type *type, bb_item *item, const bb_fault *fault,
                              gint64 now_us)
{
    bb_letter *letter = bb_letter_new(type->dead_letter_topic);
    letter->create = type->settings->dead_letter_create;
    letter->timestamp_ms = MAX(item->origin.timestamp_ms, 0);
    letter->key = item->origin.key;
    letter->value = item->origin.value;
    letter->headers = make_headers(type, item, fault, now_us);
    letter->item = item;
    letter->shorten = shorten;
    bb_letter_hold(letter, &item->batch, 1);
    return letter;
}

char *bb_dead_letter_line(const bb_event_type *type, const bb_item *item, const bb_fault *fault)
{
    return g_strdup_printf("%s/%d@%" G_GINT64_FORMAT " %s %s %s: %s", type->topic,
                           item->origin.partition, item->origin.offset, bb_stage_name(fault->stage),
                           fault->keyword, *fault->pointer ? fault->pointer : "-", fault->message);
}
