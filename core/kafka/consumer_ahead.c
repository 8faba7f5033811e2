/* Commits offsets before their records are handled. */
#include "kafka/consumer_ahead.h"

#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "kafka/consumer_private.h"

#define AGAIN_MS 200

struct bb_consumer_ahead {
    GPtrArray *held; /* rd_kafka_message_t *, in the order they were read */
    guint covered;   /* of these, the first, by the commit that was sent last */
    guint doubtful;  /* and so many by commits that failed and may have arrived all the same */
    gboolean confirmed;
    gint64 again_ms; /* after a failure */
};

static void destroy_message(gpointer message)
{
    if (message)
        rd_kafka_message_destroy(message);
}

bb_consumer_ahead *bb_consumer_ahead_new(void)
{
    bb_consumer_ahead *ahead = g_new0(bb_consumer_ahead, 1);
    ahead->held = g_ptr_array_new_with_free_func(destroy_message);
    return ahead;
}

void bb_consumer_ahead_free(bb_consumer_ahead *ahead)
{
    if (!ahead)
        return;
    g_ptr_array_unref(ahead->held);
    g_free(ahead);
}

void bb_consumer_ahead_hold(bb_consumer *consumer, rd_kafka_message_t *message)
{
    g_ptr_array_add(consumer->ahead->held, message);
}

gboolean bb_consumer_ahead_holds(const bb_consumer *consumer)
{
    return consumer->ahead && consumer->ahead->held->len > 0;
}

/* Of what is held, the first so many records: a commit of them has no answer, or failed in doubt.
 */
static guint count_unsure(const bb_consumer_ahead *ahead)
{
    return MAX(ahead->doubtful, ahead->covered);
}

gboolean bb_consumer_ahead_may_be_committed(const bb_consumer *consumer)
{
    return count_unsure(consumer->ahead) > 0;
}

/* What was finished beyond the offset before the start stays noted, so that it is not handled
 * again. */
static void add_map(const bb_consumer *consumer, rd_kafka_topic_partition_t *place)
{
    g_autofree char *map =
        bb_partitions_resumed_map(consumer->partitions, place->partition, place->offset);
    if (!map)
        return;
    place->metadata = strdup(map); /* the list frees it */
    place->metadata_size = strlen(map);
}

/* The offsets behind what is held. */
static rd_kafka_topic_partition_list_t *make_list(const bb_consumer *consumer)
{
    const GPtrArray *held = consumer->ahead->held;
    const char *topic = consumer->type->topic;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(8);
    rd_kafka_topic_partition_t *place = NULL;
    for (guint i = 0; i < held->len; i++) {
        const rd_kafka_message_t *message = g_ptr_array_index(held, i);
        if (!place || place->partition != message->partition)
            place = rd_kafka_topic_partition_list_find(list, topic, message->partition);
        if (!place)
            place = rd_kafka_topic_partition_list_add(list, topic, message->partition);
        place->offset = message->offset + 1;
    }
    for (int i = 0; i < list->cnt; i++)
        add_map(consumer, &list->elems[i]);
    return list;
}

static rd_kafka_resp_err_t first_error(rd_kafka_resp_err_t code,
                                       const rd_kafka_topic_partition_list_t *list)
{
    for (int i = 0; !code && list && i < list->cnt; i++)
        code = list->elems[i].err;
    return code;
}

/* A broker that says no has not committed; a request that got no answer may have arrived. */
static gboolean is_doubtful(rd_kafka_resp_err_t code)
{
    return code < 0 || code == RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT;
}

static void note_committed(bb_consumer *consumer, const rd_kafka_topic_partition_list_t *list)
{
    for (int i = 0; list && i < list->cnt; i++) {
        bb_partition *state = bb_partitions_get(consumer->partitions, list->elems[i].partition);
        if (state)
            state->committed = list->elems[i].offset;
    }
}

static void on_answer(rd_kafka_t *client, rd_kafka_resp_err_t code,
                      rd_kafka_topic_partition_list_t *list, void *opaque)
{
    bb_consumer *consumer = opaque;
    bb_consumer_ahead *ahead = consumer->ahead;
    rd_kafka_resp_err_t failed = first_error(code, list);
    (void)client;
    BB_FAULT("commit.answer");
    consumer->commit_open = FALSE;
    bb_consumer_take_commit(consumer, code, list);
    if (!failed) {
        note_committed(consumer, list);
        ahead->confirmed = ahead->covered > 0;
        return;
    }
    if (is_doubtful(failed))
        ahead->doubtful = MAX(ahead->doubtful, ahead->covered);
    ahead->covered = 0;
    ahead->again_ms = bb_clock_monotonic_ms() + AGAIN_MS;
}

static void send_commit(bb_consumer *consumer)
{
    consumer->ahead->covered = consumer->ahead->held->len;
    bb_consumer_send_offsets(consumer, make_list(consumer), on_answer);
}

GPtrArray *bb_consumer_ahead_take(bb_consumer *consumer, gint64 timeout_ms)
{
    bb_consumer_ahead *ahead = consumer->ahead;
    gint64 now = bb_clock_monotonic_ms(), deadline = now + timeout_ms;
    if (!consumer->commit_open && !ahead->confirmed && ahead->held->len) {
        if (now < ahead->again_ms)
            bb_consumer_collect(consumer, MIN(ahead->again_ms - now, timeout_ms)); /* a wait */
        else
            send_commit(consumer);
    }
    if (!ahead->confirmed)
        (void)bb_consumer_await_commit(consumer, deadline);
    if (!ahead->confirmed)
        return NULL;
    GPtrArray *taken = g_ptr_array_new();
    for (guint i = 0; i < ahead->covered; i++)
        g_ptr_array_add(taken, g_steal_pointer(&g_ptr_array_index(ahead->held, i)));
    g_ptr_array_remove_range(ahead->held, 0, ahead->covered);
    ahead->confirmed = FALSE;
    ahead->covered = ahead->doubtful = 0;
    return taken;
}

static gboolean is_named(const rd_kafka_topic_partition_list_t *list, gint32 partition)
{
    for (int i = 0; list && i < list->cnt; i++) {
        if (list->elems[i].partition == partition)
            return TRUE;
    }
    return !list;
}

void bb_consumer_ahead_let_go(bb_consumer *consumer, const rd_kafka_topic_partition_list_t *list)
{
    bb_consumer_ahead *ahead = consumer->ahead;
    guint kept = 0, covered = 0, doubtful = 0, lost = 0;
    guint unsure = count_unsure(ahead);
    for (guint i = 0; i < ahead->held->len; i++) {
        rd_kafka_message_t *message = g_steal_pointer(&g_ptr_array_index(ahead->held, i));
        if (is_named(list, message->partition)) {
            lost += i < unsure ? 1 : 0;
            rd_kafka_message_destroy(message);
            continue;
        }
        covered += i < ahead->covered ? 1 : 0;
        doubtful += i < ahead->doubtful ? 1 : 0;
        g_ptr_array_index(ahead->held, kept++) = message;
    }
    g_ptr_array_set_size(ahead->held, (gint)kept);
    ahead->covered = covered;
    ahead->doubtful = doubtful;
    if (!lost)
        return;
    bb_monitor_lock(&consumer->monitor);
    consumer->counts.lost += lost;
    bb_monitor_unlock(&consumer->monitor);
    bb_metric_record(consumer->metrics.lost, lost);
    bb_log_warning("%s: %u records may be lost: what became of the commit of their offsets is not "
                   "known, and they were not handled (delivery: at_most_once)",
                   consumer->type->full_name, lost);
}
