/* Offsets of the partitions in hand: commits, ends and lag. */
#include "kafka/consumer_private.h"

#include <math.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "pipeline/suspects.h"

#define COMMIT_AGAIN_MS 200
#define QUERY_TIMEOUT_MS 5000

static void forget_committed(gint32 partition, bb_partition *state, void *user)
{
    bb_consumer *consumer = user;
    (void)state;
    bb_partitions_uncommit(consumer->partitions, partition);
}

gboolean bb_consumer_commit(bb_consumer *consumer, gboolean wait)
{
    /* What was sent without waiting may still fail: while one waits, it is sent once more. */
    if (wait)
        bb_partitions_each(consumer->partitions, forget_committed, consumer);
    rd_kafka_topic_partition_list_t *list = bb_partitions_to_commit(consumer->partitions);
    if (!list)
        return TRUE;
    rd_kafka_resp_err_t code = BB_FAULT_ERRNO("commit.begin")
                                   ? RD_KAFKA_RESP_ERR__TRANSPORT
                                   : rd_kafka_commit(consumer->client, list, wait ? 0 : 1);
    BB_FAULT("commit.sent");
    if (code) /* on_commit is not called then */
        bb_consumer_on_commit(consumer->client, code, list, consumer);
    rd_kafka_topic_partition_list_destroy(list);
    return !code;
}

void bb_consumer_commit_last(bb_consumer *consumer, gint64 timeout_ms)
{
    gint64 deadline = bb_clock_monotonic_ms() + timeout_ms;
    while (!bb_consumer_commit(consumer, TRUE) && bb_clock_monotonic_ms() < deadline &&
           g_atomic_int_get(&consumer->stopping) != BB_STOP_FAST)
        bb_consumer_collect(consumer, COMMIT_AGAIN_MS);
}

/* What is committed is not read again. */
static void settle_suspects(bb_consumer *consumer, const rd_kafka_topic_partition_t *place)
{
    bb_marks *marks = bb_marks_used();
    if (consumer->suspects && place->offset >= 0 &&
        bb_suspects_settle(consumer->suspects, consumer->type->full_name, place->partition,
                           place->offset) &&
        marks)
        g_atomic_int_set(&marks->careful, 0);
}

void bb_consumer_on_commit(rd_kafka_t *client, rd_kafka_resp_err_t code,
                           rd_kafka_topic_partition_list_t *list, void *opaque)
{
    bb_consumer *consumer = opaque;
    rd_kafka_resp_err_t first = code;
    (void)client;
    BB_FAULT("commit.answer");
    for (int i = 0; list && i < list->cnt; i++) {
        rd_kafka_resp_err_t failed = code ? code : list->elems[i].err;
        if (!failed) {
            settle_suspects(consumer, &list->elems[i]);
            continue;
        }
        first = failed;
        bb_partitions_uncommit(consumer->partitions, list->elems[i].partition);
    }
    if (first != RD_KAFKA_RESP_ERR__NO_OFFSET)
        bb_metric_record(consumer->metrics.commits[first ? 1 : 0], 1);
    if (first && first != RD_KAFKA_RESP_ERR__NO_OFFSET && bb_consumer_may_say(consumer))
        bb_log_warning("%s: the offsets of group %s could not be committed: %s; trying again",
                       consumer->type->full_name, consumer->type->group, rd_kafka_err2str(first));
}

typedef struct ends {
    bb_consumer *consumer;
    gboolean all;
} ends;

static void query_end(gint32 partition, bb_partition *state, void *user)
{
    ends *found = user;
    bb_consumer *consumer = found->consumer;
    if (state->end >= 0 || !found->all)
        return;
    rd_kafka_resp_err_t code =
        rd_kafka_query_watermark_offsets(consumer->client, consumer->type->topic, partition,
                                         &state->low, &state->end, QUERY_TIMEOUT_MS);
    if (!code)
        return;
    state->end = -1;
    found->all = FALSE;
    if (bb_consumer_may_say(consumer))
        bb_log_warning("%s: the end of %s partition %d is not known yet: %s",
                       consumer->type->full_name, consumer->type->topic, partition,
                       rd_kafka_err2str(code));
}

gboolean bb_consumer_know_ends(bb_consumer *consumer)
{
    ends found = {consumer, TRUE};
    bb_partitions_each(consumer->partitions, query_end, &found);
    return found.all;
}

static void check_end(gint32 partition, bb_partition *state, void *user)
{
    ends *found = user;
    (void)partition;
    gboolean empty = state->end >= 0 && state->end <= state->low;
    if (!empty && !state->past_end)
        found->all = FALSE;
}

gboolean bb_consumer_reached_ends(bb_consumer *consumer)
{
    ends found = {consumer, TRUE};
    if (!consumer->has_assignment || consumer->in_flight_records)
        return FALSE;
    bb_partitions_each(consumer->partitions, check_end, &found);
    return found.all;
}

typedef struct lag {
    bb_consumer *consumer;
    gint64 sum;
    gboolean unknown;
} lag;

static void add_lag(gint32 partition, bb_partition *state, void *user)
{
    lag *found = user;
    gint64 low, high;
    gint64 frontier = bb_offsets_frontier(state->offsets);
    gint64 done = bb_offsets_in_flight(state->offsets) ? MAX(frontier, 0) : state->position;
    if (frontier < 0 && bb_offsets_in_flight(state->offsets))
        done = bb_offsets_oldest(state->offsets);
    rd_kafka_resp_err_t code = rd_kafka_get_watermark_offsets(
        found->consumer->client, found->consumer->type->topic, partition, &low, &high);
    if (code || high < 0 || done < 0)
        found->unknown = TRUE;
    else
        found->sum += MAX(high - done, 0);
}

void bb_consumer_update_lag(bb_consumer *consumer)
{
    lag found = {consumer, 0, FALSE};
    bb_partitions_each(consumer->partitions, add_lag, &found);
    if (!bb_partitions_assigned(consumer->partitions))
        found.unknown = TRUE;
    bb_monitor_lock(&consumer->monitor);
    consumer->counts.lag = found.unknown ? -1 : found.sum;
    bb_monitor_unlock(&consumer->monitor);
    bb_metric_record(consumer->metrics.lag, found.unknown ? NAN : (double)found.sum);
}

typedef struct behind {
    bb_consumer *consumer;
    gint32 partition; /* one that has records that were not read; -1: none found yet */
} behind;

static void find_behind(gint32 partition, bb_partition *state, void *user)
{
    behind *found = user;
    gint64 low, high;
    if (found->partition >= 0 || state->position < 0)
        return;
    rd_kafka_resp_err_t code = rd_kafka_get_watermark_offsets(
        found->consumer->client, found->consumer->type->topic, partition, &low, &high);
    if (!code && state->position < high)
        found->partition = partition;
}

/* See the gate no-fetch-backoff. Any request to the leader wakes the fetcher. */
void bb_consumer_nudge(bb_consumer *consumer)
{
    enum { TIMEOUT_MS = 1000 };
    behind found = {consumer, -1};
    gint64 low, high;
    bb_partitions_each(consumer->partitions, find_behind, &found);
    if (found.partition >= 0)
        (void)rd_kafka_query_watermark_offsets(consumer->client, consumer->type->topic,
                                               found.partition, &low, &high,
                                               TIMEOUT_MS); /* sent is enough */
}
