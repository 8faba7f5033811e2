/* What a consumer tells about itself: its thread takes a picture now and then, others read that. */
#include "kafka/consumer_private.h"
#include "kafka/run_status.h"

#include <math.h>

#include "base/clock.h"

const char *bb_run_state_name(bb_run_state state)
{
    static const char *const names[] = {"unknown",  "starting", "working",
                                        "stopping", "ended",    "failed"};
    return names[state <= BB_RUN_FAILED ? state : 0];
}

typedef struct picture {
    bb_consumer *consumer;
    GArray *states;
    gint64 now_ms;
    gint64 wall_ms;
} picture;

static const bb_partition_status *find(const GArray *states, gint32 partition)
{
    for (guint i = 0; states && i < states->len; i++) {
        const bb_partition_status *state = &g_array_index(states, bb_partition_status, i);
        if (state->partition == partition)
            return state;
    }
    return NULL;
}

/* Since when `oldest` is the oldest in flight, as far as the pictures can tell. */
static gint64 seen_since(const picture *taken, gint32 partition, gint64 oldest)
{
    const bb_partition_status *before = find(taken->consumer->pictured, partition);
    return before && before->oldest == oldest ? before->oldest_seen_ms : taken->now_ms;
}

/* Behind the end, what was read lately tells; at the end, what is still in flight does. */
static double lag_seconds(const picture *taken, const bb_partition *state,
                          const bb_partition_status *status)
{
    if (status->lag == 0)
        return 0;
    if (status->lag > 0 && status->position >= status->end && status->oldest >= 0)
        return (double)(taken->now_ms - status->oldest_seen_ms) / 1000;
    return status->lag > 0 && state->read_ms > 0
               ? (double)MAX(taken->wall_ms - state->read_ms, 0) / 1000
               : -1;
}

static void take_partition(gint32 partition, bb_partition *state, void *user)
{
    picture *taken = user;
    gint64 low = -1, high = -1;
    bb_partition_status status = {.partition = partition,
                                  .frontier = bb_offsets_frontier(state->offsets),
                                  .committed = state->committed,
                                  .position = state->position,
                                  .end = -1,
                                  .lag = -1,
                                  .in_flight = (gint64)bb_offsets_in_flight(state->offsets),
                                  .oldest = bb_offsets_oldest(state->offsets)};
    rd_kafka_resp_err_t code = rd_kafka_get_watermark_offsets(
        taken->consumer->client, taken->consumer->type->topic, partition, &low, &high);
    gint64 done = status.oldest >= 0 ? status.oldest : status.position;
    if (!code && high >= 0)
        status.end = high;
    if (status.end >= 0 && done >= 0)
        status.lag = MAX(status.end - done, 0);
    status.oldest_seen_ms = seen_since(taken, partition, status.oldest);
    status.lag_seconds = lag_seconds(taken, state, &status);
    g_array_append_val(taken->states, status);
}

/* The largest; below 0 while one is not known, or there is none. */
static double longest_lag(const GArray *states)
{
    double longest = states && states->len ? 0 : -1;
    for (guint i = 0; states && i < states->len && longest >= 0; i++) {
        double one = g_array_index(states, bb_partition_status, i).lag_seconds;
        longest = one < 0 ? one : MAX(longest, one);
    }
    return longest;
}

static double oldest_seconds(const GArray *states, gint64 now_ms)
{
    gint64 longest_ms = 0;
    for (guint i = 0; states && i < states->len; i++) {
        const bb_partition_status *state = &g_array_index(states, bb_partition_status, i);
        if (state->oldest >= 0)
            longest_ms = MAX(longest_ms, now_ms - state->oldest_seen_ms);
    }
    return (double)longest_ms / 1000;
}

void bb_consumer_take_picture(bb_consumer *consumer)
{
    picture taken = {consumer, g_array_new(FALSE, FALSE, sizeof(bb_partition_status)),
                     bb_clock_monotonic_ms(), bb_clock_wall_us() / 1000};
    bb_partitions_each(consumer->partitions, take_partition, &taken);
    bb_metric_record(consumer->metrics.oldest, oldest_seconds(taken.states, taken.now_ms));
    double lag = longest_lag(taken.states);
    bb_metric_record(consumer->metrics.lag_seconds, lag < 0 ? NAN : lag);
    bb_consumer_show_partitions(consumer, taken.states);
    gint64 next_due_ms = consumer->tier ? bb_tier_next_due(consumer) : -1;
    bb_metric_record(consumer->metrics.next_due,
                     next_due_ms < 0 ? NAN : (double)(next_due_ms - taken.wall_ms) / 1000);
    bb_consumer_show_breakers(consumer);
    bb_monitor_lock(&consumer->monitor);
    GArray *before = consumer->pictured;
    consumer->pictured = taken.states;
    consumer->assignment_pictured = consumer->has_assignment;
    consumer->next_due_ms = next_due_ms;
    bb_monitor_unlock(&consumer->monitor);
    if (before)
        g_array_unref(before);
}

static bb_run_state state_of(bb_consumer *consumer)
{
    if (g_atomic_int_get(&consumer->failed))
        return BB_RUN_FAILED;
    if (g_atomic_int_get(&consumer->ended))
        return BB_RUN_ENDED;
    if (g_atomic_int_get(&consumer->stopping))
        return BB_RUN_STOPPING;
    return consumer->assignment_pictured ? BB_RUN_WORKING : BB_RUN_STARTING;
}

void bb_consumer_read_status(bb_consumer *consumer, bb_run_status *ret_status)
{
    bb_monitor_lock(&consumer->monitor);
    const GArray *states = consumer->pictured;
    bb_run_status status = {.state = state_of(consumer),
                            .counts = consumer->counts,
                            .next_due_ms = consumer->next_due_ms,
                            .error = g_strdup(consumer->error ? consumer->error->message : NULL),
                            .oldest_seconds = oldest_seconds(states, bb_clock_monotonic_ms()),
                            .lag_seconds = longest_lag(states),
                            .partitions = g_array_new(FALSE, FALSE, sizeof(bb_partition_status))};
    if (states && states->len)
        g_array_append_vals(status.partitions, states->data, states->len);
    bb_monitor_unlock(&consumer->monitor);
    *ret_status = status;
}

void bb_run_status_clear(bb_run_status *status)
{
    g_clear_pointer(&status->error, g_free);
    g_clear_pointer(&status->partitions, g_array_unref);
}
