/* Finds out where reading the partitions of an assignment begins. */
#include "kafka/consumer_private.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "kafka/group_offsets.h"
#include "kafka/place.h"

#define TIMEOUT_MS 10000
#define REJOIN_MS 1000

static gboolean is_cut(const bb_consumer *consumer, gint32 partition)
{
    for (guint i = 0; i < consumer->cut->len; i++) {
        if (g_array_index(consumer->cut, gint32, i) == partition)
            return TRUE;
    }
    return FALSE;
}

static const char *word_of(const char *setting, const char *otherwise)
{
    return setting ? setting : otherwise;
}

/* FALSE when the consumer is to end. */
static gboolean place_one(bb_consumer *consumer, rd_kafka_topic_partition_t *at,
                          const bb_group_offset *found, gboolean first)
{
    const bb_event_type *type = consumer->type;
    bb_place_facts facts = {
        found->committed, found->low, found->high, first, is_cut(consumer, at->partition),
        consumer->gone};
    bb_place place = bb_place_choose(&facts, word_of(type->settings->offset_reset, "earliest"),
                                     word_of(type->settings->on_out_of_range, "stop"));
    g_autofree char *text = bb_place_explain(&facts, &place);
    gboolean expected = place.cause == BB_PLACE_FIRST || place.cause == BB_PLACE_ADDED;
    int level = !expected ? 4 : place.cause == BB_PLACE_ADDED ? 6 : 7;
    if (place.stop) {
        bb_consumer_fail(consumer, BB_ERROR_KAFKA, "%s: group %s, %s partition %d: %s",
                         type->full_name, type->group, type->topic, at->partition, text);
        return FALSE;
    }
    if (text)
        bb_log(level, "%s: group %s, %s partition %d: %s", type->full_name, type->group,
               type->topic, at->partition, text);
    if (!expected && text)
        bb_metric_record(consumer->metrics.out_of_range, 1);
    if (place.cause != BB_PLACE_COMMITTED) /* there the leader epoch that came with it stays */
        at->offset = place.offset;
    return TRUE;
}

/* A group that begins at the ends says so at once, for all partitions: one that is added later is
 * then known to be new, and is read from its beginning. */
static gboolean note_ends(bb_consumer *consumer, const GArray *all)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)all->len);
    for (guint i = 0; i < all->len; i++)
        rd_kafka_topic_partition_list_add(list, consumer->type->topic, (int32_t)i)->offset =
            g_array_index(all, bb_group_offset, i).high;
    rd_kafka_resp_err_t code = rd_kafka_commit(consumer->client, list, 0);
    rd_kafka_topic_partition_list_destroy(list);
    if (code && bb_consumer_may_say(consumer))
        bb_log_warning("%s: the beginning of group %s could not be committed: %s",
                       consumer->type->full_name, consumer->type->group, rd_kafka_err2str(code));
    return !code;
}

static gboolean is_first(const GArray *all)
{
    for (guint i = 0; i < all->len; i++) {
        if (g_array_index(all, bb_group_offset, i).committed >= 0)
            return FALSE;
    }
    return TRUE;
}

static void place_all(bb_consumer *consumer, rd_kafka_topic_partition_list_t *list,
                      const GArray *all)
{
    gboolean first = is_first(all);
    if (first && !consumer->gone &&
        g_strcmp0(consumer->type->settings->offset_reset, "latest") == 0 &&
        !note_ends(consumer, all))
        return; /* not placed: that comes back as an error of the client, and is tried again */
    for (int i = 0; i < list->cnt; i++) {
        guint partition = (guint)list->elems[i].partition;
        if (partition < all->len &&
            !place_one(consumer, &list->elems[i], &g_array_index(all, bb_group_offset, partition),
                       first))
            return;
    }
    g_array_set_size(consumer->cut, 0);
    consumer->gone = FALSE;
}

void bb_consumer_place(bb_consumer *consumer, rd_kafka_topic_partition_list_t *list)
{
    g_autoptr(GError) error = NULL;
    if (!list->cnt)
        return;
    g_autoptr(GArray) all =
        bb_group_offsets_read(consumer->client, consumer->type->topic, TIMEOUT_MS, &error);
    if (all)
        place_all(consumer, list, all);
    else if (bb_consumer_may_say(consumer))
        bb_log_warning("%s: group %s: %s; trying again", consumer->type->full_name,
                       consumer->type->group, error->message);
}

void bb_consumer_displaced(bb_consumer *consumer, const rd_kafka_message_t *message)
{
    const char *text = rd_kafka_message_errstr(message);
    /* from librdkafka 2.1 on; before, nothing tells a log that was cut and has grown again */
    if (strstr(text, "truncation") && !is_cut(consumer, message->partition))
        g_array_append_val(consumer->cut, message->partition);
    consumer->gone |= strstr(text, "out of range") != NULL;
    if (!consumer->rejoin_at_ms)
        consumer->rejoin_at_ms = bb_clock_monotonic_ms() + REJOIN_MS;
    if (bb_consumer_may_say(consumer))
        bb_log_warning("%s: the place in %s partition %d is to be found anew: %s",
                       consumer->type->full_name, consumer->type->topic, message->partition, text);
}

gboolean bb_consumer_rejoin(bb_consumer *consumer)
{
    if (!consumer->rejoin_at_ms || bb_clock_monotonic_ms() < consumer->rejoin_at_ms)
        return TRUE;
    consumer->rejoin_at_ms = 0;
    /* partitions come back with a new assignment, which places them */
    (void)rd_kafka_unsubscribe(consumer->client); /* fails only when closing */
    return bb_consumer_subscribe(consumer);
}
