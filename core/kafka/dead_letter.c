/* Builds dead letters. */
#include "kafka/dead_letter.h"

#include "kafka/letter_headers.h"
#include "pipeline/policy.h"

/* The record as it was fits its topic, so without the headers of ours it fits a topic of the same
 * limit. Where it came from is given up last. */
static gboolean shorten(bb_letter *letter)
{
    return bb_letter_headers_drop_reason(letter->headers) ||
           bb_letter_headers_drop_place(letter->headers);
}

void bb_dead_letter_redirect(bb_letter *letter, const bb_event_type *type)
{
    g_free(letter->topic);
    letter->topic = g_strdup(type->dead_letter_topic);
    letter->create = type->settings->dead_letter_create;
    letter->partition = RD_KAFKA_PARTITION_UA;
    letter->timestamp_ms = MAX(letter->item->origin.timestamp_ms, 0);
    letter->shorten = shorten;
}

bb_letter *bb_dead_letter_new(const bb_event_type *type, bb_item *item, const bb_fault *fault,
                              gint64 now_us)
{
    bb_letter *letter = bb_letter_new(NULL);
    letter->key = item->origin.key;
    letter->value = item->origin.value;
    letter->headers = bb_letter_headers_of(item);
    bb_letter_headers_add(letter->headers, type, item, fault, now_us);
    letter->item = item;
    bb_dead_letter_redirect(letter, type);
    bb_letter_hold(letter, &item->batch, 1);
    return letter;
}

char *bb_dead_letter_line(const bb_event_type *type, const bb_item *item, const bb_fault *fault)
{
    busbar_bytes topic = bb_letter_topic(type, item);
    return g_strdup_printf("%.*s/%d@%" G_GINT64_FORMAT " %s %s %s: %s", (int)topic.size, topic.data,
                           item->origin.partition, item->origin.offset, bb_stage_name(fault->stage),
                           fault->keyword, *fault->pointer ? fault->pointer : "-", fault->message);
}
