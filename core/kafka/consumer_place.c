/* Finds out where reading the partitions of an assignment begins. */
#include "kafka/consumer_private.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "kafka/group_offsets.h"
#include "kafka/place.h"
#include "kafka/stores.h"

#define TIMEOUT_MS 10000
#define REJOIN_MS 1000
#define STORES_AGAIN_MS 5000

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
    bb_place_facts facts = {found->committed,
                            found->low,
                            found->high,
                            first,
                            is_cut(consumer, at->partition),
                            consumer->gone || (consumer->missing && first)};
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

/* The questions about the partitions of `list`, where reading begins as they say or as committed.
 */
static GArray *make_questions(const rd_kafka_topic_partition_list_t *list, const GArray *all)
{
    GArray *places = g_array_new(FALSE, TRUE, sizeof(bb_stored));
    for (int i = 0; i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *at = &list->elems[i];
        if ((guint)at->partition >= all->len)
            continue;
        const bb_group_offset *found = &g_array_index(all, bb_group_offset, at->partition);
        const bb_stored place = {.partition = at->partition,
                                 .from = at->offset >= 0 ? at->offset : found->committed,
                                 .handled = found->handled};
        if (place.from >= 0)
            g_array_append_val(places, place);
    }
    return places;
}

/* FALSE, and the consumer ends, when a store lacks what it had. */
static gboolean is_whole(bb_consumer *consumer, const bb_stored *place)
{
    const bb_event_type *type = consumer->type;
    if (!place->where)
        return TRUE;
    bb_consumer_fail(
        consumer, BB_ERROR_KAFKA,
        "%s: the store of handler %s does not have offset %" G_GINT64_FORMAT
        " of %s partition %d, which was in it when group %s committed %" G_GINT64_FORMAT
        ": it was set back, to a backup maybe. To store again what it lacks: `busbar "
        "offsets set %s --partition %d --to %" G_GINT64_FORMAT
        "`; to go on without: the same with `--to %" G_GINT64_FORMAT "`",
        type->full_name, place->where, place->handled, type->topic, place->partition, type->group,
        place->from, type->full_name, place->partition, place->lacks, place->from);
    return FALSE;
}

/* FALSE when a store lacks something; what cannot be reached is asked again later. */
static gboolean ask_stores(bb_consumer *consumer, GArray *places)
{
    g_autofree char *problem = NULL;
    gboolean reached = bb_stores_ask(consumer->type, consumer->context->metrics, places, &problem);
    consumer->stores_at_ms = reached ? 0 : bb_clock_monotonic_ms() + STORES_AGAIN_MS;
    if (!reached && bb_consumer_may_say(consumer))
        bb_log_warning("%s: what is stored is not known: %s; nothing is committed before it is",
                       consumer->type->full_name, problem);
    for (guint i = 0; i < places->len; i++) {
        if (is_whole(consumer, &g_array_index(places, bb_stored, i)))
            continue;
        consumer->stores_at_ms = G_MAXINT64; /* the offset stays, so that the next start sees it */
        return FALSE;
    }
    return TRUE;
}

/* Where all handlers have stored more than was committed, reading begins behind that. */
static void place_by_stores(bb_consumer *consumer, rd_kafka_topic_partition_list_t *list,
                            const GArray *all)
{
    g_autoptr(GArray) places = make_questions(list, all);
    if (!places->len || !ask_stores(consumer, places))
        return;
    for (guint i = 0; i < places->len; i++) {
        const bb_stored *place = &g_array_index(places, bb_stored, i);
        gint64 high = g_array_index(all, bb_group_offset, place->partition).high;
        if (place->next <= place->from || place->next > high) /* beyond: the topic is another */
            continue;
        rd_kafka_topic_partition_list_find(list, consumer->type->topic, place->partition)->offset =
            place->next;
        bb_log_info("%s: %s partition %d: stored up to offset %" G_GINT64_FORMAT
                    ", so reading begins behind that and not at %" G_GINT64_FORMAT,
                    consumer->type->full_name, consumer->type->topic, place->partition,
                    place->next - 1, place->from);
    }
}

static void add_assigned(gint32 partition, bb_partition *state, void *user)
{
    (void)state;
    rd_kafka_topic_partition_list_add(user, "", partition);
}

void bb_consumer_ask_stores(bb_consumer *consumer)
{
    g_autoptr(GError) error = NULL;
    if (bb_clock_monotonic_ms() < consumer->stores_at_ms)
        return;
    consumer->stores_at_ms = bb_clock_monotonic_ms() + STORES_AGAIN_MS;
    g_autoptr(GArray) all =
        bb_group_offsets_read(consumer->client, consumer->type->topic, TIMEOUT_MS, &error);
    if (!all)
        return;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    bb_partitions_each(consumer->partitions, add_assigned, list);
    g_autoptr(GArray) places = make_questions(list, all);
    (void)ask_stores(consumer, places); /* records that are stored already are known as such */
    rd_kafka_topic_partition_list_destroy(list);
}

static void place_all(bb_consumer *consumer, rd_kafka_topic_partition_list_t *list,
                      const GArray *all)
{
    gboolean first = is_first(all);
    if (first && !consumer->gone && !consumer->missing &&
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
    consumer->gone = consumer->missing = FALSE;
    if (consumer->stores)
        place_by_stores(consumer, list, all);
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
