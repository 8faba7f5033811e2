/* Offsets of the partitions in hand: ends and lag. */
#include "kafka/consumer_private.h"

#include <math.h>

#include "base/clock.h"
#include "base/log.h"
#include "kafka/group_offsets.h"

#define QUERY_TIMEOUT_MS 5000

typedef struct ends {
    bb_consumer *consumer;
    gboolean all;
} ends;

static void query_end(gint32 partition, bb_partition *state, void *user)
{
    ends *found = user;
    bb_consumer *consumer = found->consumer;
    const bb_run_options *options = &consumer->context->options;
    if (state->end >= 0 || !found->all)
        return;
    if (options->ends) {
        state->low = 0;
        state->end = (guint)partition < options->end_count ? options->ends[partition] : 0;
        return;
    }
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

gboolean bb_consumer_has_read_all(bb_consumer *consumer)
{
    ends found = {consumer, consumer->has_assignment};
    bb_partitions_each(consumer->partitions, check_end, &found);
    return found.all;
}

gboolean bb_consumer_reached_ends(bb_consumer *consumer)
{
    return !consumer->in_flight_records && bb_consumer_has_read_all(consumer);
}

/* How far the group has come in all partitions; `ret_open` are those that are not at their ends. */
static gint64 sum_committed(const bb_consumer *consumer, const GArray *all, guint *ret_open)
{
    const bb_run_options *options = &consumer->context->options;
    gint64 sum = 0;
    *ret_open = 0;
    for (guint i = 0; i < all->len; i++) {
        const bb_group_offset *at = &g_array_index(all, bb_group_offset, i);
        gint64 end = at->high;
        if (options->ends)
            end = i < options->end_count ? options->ends[i] : 0;
        *ret_open += at->low < end && at->committed < end;
        sum += MAX(at->committed, 0);
    }
    return sum;
}

/* With `once` a member that has no partition is done only when the others are: the one that has
 * them may be dead, and then they are this one's after its session. Ends that are never reached
 * (behind the last record there may be marks of transactions) are not waited for without end. */
gboolean bb_consumer_group_is_done(bb_consumer *consumer)
{
    enum { LOOK_MS = 500, STANDS_MS = 120000 };
    gint64 now = bb_clock_monotonic_ms();
    guint open = 0;
    if (bb_partitions_assigned(consumer->partitions))
        return TRUE;
    if (now < consumer->group_look_at_ms)
        return FALSE;
    g_autoptr(GArray) all = bb_group_offsets_read(consumer->client, consumer->type->topic,
                                                  QUERY_TIMEOUT_MS, NULL); /* looked at again */
    gint64 sum = all ? sum_committed(consumer, all, &open) : -1;
    now = bb_clock_monotonic_ms();
    consumer->group_look_at_ms = now + LOOK_MS;
    if (sum != consumer->group_sum || !consumer->group_moved_ms) {
        consumer->group_sum = sum;
        consumer->group_moved_ms = now;
    }
    return (all && !open) || now - consumer->group_moved_ms >= STANDS_MS;
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
    bb_metric_record(consumer->metrics.waiting, found.unknown ? NAN : (double)found.sum);
    if (!consumer->order)
        return;
    bb_metric_record(consumer->metrics.blocked_keys, bb_order_keeper_keys(consumer->order));
    bb_metric_record(consumer->metrics.order_held, bb_order_keeper_holds(consumer->order));
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
    if (found->consumer->tier && bb_tier_holds(found->consumer, partition))
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
