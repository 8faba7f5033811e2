/* Assignment of partitions, their offsets and their ends. */
#include "kafka/consumer_private.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "pipeline/suspects.h"

#define COMMIT_AGAIN_MS 200
#define SETTLE_WAIT_MS 20
#define QUERY_TIMEOUT_MS 5000

static void forward(bb_consumer *consumer, gint32 partition, gboolean to_ours)
{
    rd_kafka_queue_t *queue =
        rd_kafka_queue_get_partition(consumer->client, consumer->type->topic, partition);
    if (!queue)
        return;
    rd_kafka_queue_forward(queue, to_ours ? consumer->queue : NULL);
    rd_kafka_queue_destroy(queue);
}

static void log_list(const bb_consumer *consumer, const char *what,
                     const rd_kafka_topic_partition_list_t *list)
{
    g_autoptr(GString) text = g_string_new(NULL);
    for (int i = 0; i < list->cnt; i++)
        g_string_append_printf(text, "%s%d", i ? ", " : "", list->elems[i].partition);
    bb_log_info("%s: partitions of %s %s: %s", consumer->type->full_name, consumer->type->topic,
                what, list->cnt ? text->str : "none");
}

static gboolean is_incremental(const bb_consumer *consumer)
{
    return g_strcmp0(rd_kafka_rebalance_protocol(consumer->client), "COOPERATIVE") == 0;
}

static void log_failure(const bb_consumer *consumer, rd_kafka_error_t *error)
{
    if (!error)
        return;
    bb_log_warning("%s: the assignment could not be taken over: %s", consumer->type->full_name,
                   rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
}

static void take_over(bb_consumer *consumer, const rd_kafka_topic_partition_list_t *list)
{
    BB_FAULT("assign.begin");
    for (int i = 0; i < list->cnt; i++) {
        bb_partitions_assign(consumer->partitions, list->elems[i].partition);
        forward(consumer, list->elems[i].partition, TRUE); /* before the fetch starts */
    }
    if (is_incremental(consumer))
        log_failure(consumer, rd_kafka_incremental_assign(consumer->client, list));
    else
        (void)rd_kafka_assign(consumer->client, list); /* fails only when closing */
    consumer->has_assignment = TRUE;
    BB_FAULT("assign.done");
    log_list(consumer, "assigned", list);
}

static void forget(bb_consumer *consumer)
{
    gint64 epoch = bb_partitions_epoch(consumer->partitions) + 1;
    for (guint i = 0; i < consumer->workers->len; i++)
        bb_worker_forget(g_ptr_array_index(consumer->workers, i), epoch);
}

static void give_back(bb_consumer *consumer, const rd_kafka_topic_partition_list_t *list)
{
    gboolean lost = rd_kafka_assignment_lost(consumer->client) != 0;
    BB_FAULT("revoke.begin");
    if (lost) { /* somebody else has them already */
        forget(consumer);
    } else if (!consumer->closing) {
        bb_consumer_settle(consumer, consumer->context->settings->drain_ms);
        BB_FAULT("revoke.settled");
        (void)bb_consumer_commit(consumer, TRUE); /* said there; the others read it again */
        BB_FAULT("revoke.committed");
    }
    for (int i = 0; i < list->cnt; i++) {
        bb_partitions_revoke(consumer->partitions, list->elems[i].partition);
        forward(consumer, list->elems[i].partition, FALSE);
    }
    if (is_incremental(consumer)) {
        log_failure(consumer, rd_kafka_incremental_unassign(consumer->client, list));
    } else {
        (void)rd_kafka_assign(consumer->client, NULL);
        consumer->has_assignment = FALSE;
    }
    BB_FAULT("revoke.done");
    if (!consumer->closing)
        log_list(consumer, lost ? "lost" : "given back", list);
}

void bb_consumer_on_rebalance(rd_kafka_t *client, rd_kafka_resp_err_t code,
                              rd_kafka_topic_partition_list_t *list, void *opaque)
{
    bb_consumer *consumer = opaque;
    bb_rebalance_kind kind = BB_REBALANCE_FAILED;
    if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        kind = BB_REBALANCE_ASSIGNED;
        take_over(consumer, list);
    } else if (code == RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS) {
        kind = rd_kafka_assignment_lost(client) ? BB_REBALANCE_LOST : BB_REBALANCE_REVOKED;
        give_back(consumer, list);
    } else {
        bb_log_warning("%s: group %s: %s", consumer->type->full_name, consumer->type->group,
                       rd_kafka_err2str(code));
        (void)rd_kafka_assign(client, NULL);
        consumer->has_assignment = FALSE;
    }
    bb_metric_record(consumer->metrics.rebalances[kind], 1);
    bb_consumer_take_picture(consumer);
}

/* The milliseconds until a lane without a thread has something to do; at most `limit_ms`. */
static gint64 tick(bb_consumer *consumer, gint64 limit_ms)
{
    for (guint i = 0; i < consumer->workers->len; i++) {
        gint64 due = bb_worker_tick(g_ptr_array_index(consumer->workers, i));
        if (due >= 0)
            limit_ms = MIN(limit_ms, due);
    }
    return limit_ms;
}

static void set_draining(bb_consumer *consumer, gboolean draining)
{
    for (guint i = 0; i < consumer->workers->len; i++)
        bb_worker_set_draining(g_ptr_array_index(consumer->workers, i), draining);
}

void bb_consumer_settle(bb_consumer *consumer, gint64 timeout_ms)
{
    gint64 deadline = bb_clock_monotonic_ms() + timeout_ms;
    set_draining(consumer, TRUE);
    for (;;) {
        gint64 wait = tick(consumer, SETTLE_WAIT_MS);
        bb_consumer_collect(consumer, 0);
        gint64 left = deadline - bb_clock_monotonic_ms();
        if (!consumer->in_flight_records || left <= 0 ||
            g_atomic_int_get(&consumer->stopping) == BB_STOP_FAST)
            break;
        bb_consumer_collect(consumer, MAX(MIN(wait, left), 1));
    }
    set_draining(consumer, FALSE);
    if (!consumer->in_flight_records)
        return;
    bb_log_warning("%s: %u records were not finished in time; they will be read again",
                   consumer->type->full_name, consumer->in_flight_records);
    forget(consumer);
}

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
