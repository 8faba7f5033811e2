/* Rebalances: partitions that are taken over and given back. */
#include "kafka/consumer_private.h"

#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "kafka/gates.h"

#define SETTLE_WAIT_MS 20
#define SEEK_TIMEOUT_MS 10000

static void forward(bb_consumer *consumer, gint32 partition, gboolean to_ours)
{
    rd_kafka_queue_t *queue =
        rd_kafka_queue_get_partition(consumer->client, consumer->type->topic, partition);
    if (!queue)
        return;
    rd_kafka_queue_t *ours = consumer->queue;
    if (consumer->tier && to_ours)
        ours = bb_tier_open(consumer, partition);
    rd_kafka_queue_forward(queue, to_ours ? ours : NULL);
    rd_kafka_queue_destroy(queue);
    if (consumer->tier && !to_ours)
        bb_tier_close(consumer, partition);
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

static void take_over(bb_consumer *consumer, rd_kafka_topic_partition_list_t *list)
{
    bb_consumer_place(consumer, list);
    BB_FAULT("assign.begin");
    for (int i = 0; i < list->cnt; i++) {
        bb_partitions_assign(consumer->partitions, list->elems[i].partition);
        forward(consumer, list->elems[i].partition, TRUE); /* before the fetch starts */
    }
    bb_consumer_read_maps(consumer, list);
    if (is_incremental(consumer))
        log_failure(consumer, rd_kafka_incremental_assign(consumer->client, list));
    else
        (void)rd_kafka_assign(consumer->client, list); /* fails only when closing */
    bb_consumer_release_held(consumer, list);
    if (consumer->order)
        bb_order_keeper_assigned(consumer->order);
    consumer->has_assignment = TRUE;
    BB_FAULT("assign.done");
    log_list(consumer, "assigned", list);
}

void bb_consumer_forget(bb_consumer *consumer)
{
    gint64 epoch = bb_partitions_epoch(consumer->partitions) + 1;
    for (guint i = 0; i < consumer->workers->len; i++)
        bb_worker_forget(g_ptr_array_index(consumer->workers, i), epoch);
}

gint64 bb_consumer_tick(bb_consumer *consumer, gint64 limit_ms)
{
    for (guint i = 0; i < consumer->workers->len; i++) {
        gint64 due = bb_worker_tick(g_ptr_array_index(consumer->workers, i));
        if (due >= 0)
            limit_ms = MIN(limit_ms, due);
    }
    return limit_ms;
}

void bb_consumer_set_draining(bb_consumer *consumer, gboolean draining)
{
    if (consumer->draining == draining)
        return;
    consumer->draining = draining;
    for (guint i = 0; i < consumer->workers->len; i++)
        bb_worker_set_draining(g_ptr_array_index(consumer->workers, i), draining);
}

/* Nothing of `list` (NULL: of all) is in flight. */
static gboolean is_settled(bb_consumer *consumer, const rd_kafka_topic_partition_list_t *list)
{
    if (!list || !consumer->in_flight_records)
        return !consumer->in_flight_records;
    for (int i = 0; i < list->cnt; i++) {
        bb_partition *state = bb_partitions_get(consumer->partitions, list->elems[i].partition);
        if (state && (state->older || bb_offsets_in_flight(state->offsets)))
            return FALSE;
    }
    return TRUE;
}

/* FALSE when records were given up, which may be of any partition. */
static gboolean settle(bb_consumer *consumer, const rd_kafka_topic_partition_list_t *list,
                       gint64 timeout_ms)
{
    gint64 deadline = bb_clock_monotonic_ms() + timeout_ms;
    bb_consumer_set_draining(consumer, TRUE);
    for (;;) {
        gint64 wait = bb_consumer_tick(consumer, SETTLE_WAIT_MS);
        bb_consumer_collect(consumer, 0);
        gint64 left = deadline - bb_clock_monotonic_ms();
        if (is_settled(consumer, list) || left <= 0 ||
            g_atomic_int_get(&consumer->stopping) == BB_STOP_FAST)
            break;
        bb_consumer_collect(consumer, MAX(MIN(wait, left), 1));
    }
    bb_consumer_set_draining(consumer, FALSE);
    if (is_settled(consumer, list))
        return TRUE;
    bb_log_warning("%s: %u records were not finished in time%s", consumer->type->full_name,
                   consumer->in_flight_records, consumer->ahead ? "" : "; they will be read again");
    bb_consumer_forget(consumer);
    return FALSE;
}

void bb_consumer_settle(bb_consumer *consumer, gint64 timeout_ms)
{
    (void)settle(consumer, NULL, timeout_ms); /* said there */
}

/* What was read of partitions that stay has been given up with the rest: they are read again from
 * the first record that is not final. Only where assignments are incremental. */
static void rewind_partition(gint32 partition, bb_partition *state, void *user)
{
    rd_kafka_topic_partition_list_t *list = user;
    gint64 from = bb_offsets_frontier(state->offsets);
    if (from < 0)
        from = bb_offsets_oldest(state->offsets);
    if (from >= 0 && (state->older || bb_offsets_in_flight(state->offsets)))
        rd_kafka_topic_partition_list_add(list, "", partition)->offset = from;
}

/* A partition that cannot be sought would never be read to its end, so that ends the consumer. */
static void seek(bb_consumer *consumer, rd_kafka_topic_partition_list_t *list)
{
    rd_kafka_error_t *error =
        rd_kafka_seek_partitions(consumer->client, list, bb_gate_seek_timeout(SEEK_TIMEOUT_MS));
    rd_kafka_resp_err_t code = error ? rd_kafka_error_code(error) : RD_KAFKA_RESP_ERR_NO_ERROR;
    for (int i = 0; !code && i < list->cnt; i++)
        code = list->elems[i].err;
    if (error)
        rd_kafka_error_destroy(error);
    if (code)
        bb_consumer_fail(consumer, BB_ERROR_KAFKA,
                         "%s: topic %s cannot be read again from what is not final: %s",
                         consumer->type->full_name, consumer->type->topic, rd_kafka_err2str(code));
    else
        log_list(consumer, "read again", list);
}

static void rewind_rest(bb_consumer *consumer)
{
    if (consumer->ahead) { /* all of it is committed */
        bb_partitions_renew(consumer->partitions);
        return;
    }
    rd_kafka_topic_partition_list_t *found = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    bb_partitions_each(consumer->partitions, rewind_partition, found);
    for (int i = 0; i < found->cnt; i++) {
        bb_partitions_assign(consumer->partitions, found->elems[i].partition);
        if (consumer->tier)
            bb_tier_rewind(consumer, found->elems[i].partition);
        rd_kafka_topic_partition_list_add(list, consumer->type->topic, found->elems[i].partition)
            ->offset = found->elems[i].offset;
    }
    if (list->cnt)
        seek(consumer, list);
    rd_kafka_topic_partition_list_destroy(found);
    rd_kafka_topic_partition_list_destroy(list);
}

/* Stops, drains within the bound, flushes and commits what is to be given back. FALSE when records
 * were given up. */
static gboolean wind_up(bb_consumer *consumer, const rd_kafka_topic_partition_list_t *list)
{
    if (consumer->transaction) { /* holds records of all; what it gives up is read again there */
        bb_consumer_transaction_end(consumer, consumer->context->settings->drain_ms);
        return TRUE;
    }
    bb_consumer_let_go(consumer, list, consumer->context->settings->drain_ms);
    gboolean settled = settle(consumer, list, consumer->context->settings->drain_ms);
    BB_FAULT("revoke.settled");
    /* its failure is said there; the others read it again */
    (void)bb_consumer_commit(consumer, MAX(consumer->context->settings->drain_ms, 1));
    BB_FAULT("revoke.committed");
    return settled;
}

static void unassign(bb_consumer *consumer, const rd_kafka_topic_partition_list_t *list,
                     gboolean incremental)
{
    if (incremental)
        log_failure(consumer, rd_kafka_incremental_unassign(consumer->client, list));
    else
        (void)rd_kafka_assign(consumer->client, NULL); /* fails only when closing */
}

static void discard(bb_consumer *consumer)
{
    bb_consumer_forget(consumer);
    bb_consumer_transaction_discard(consumer);
}

static void give_back(bb_consumer *consumer, const rd_kafka_topic_partition_list_t *list)
{
    gboolean settled = TRUE, incremental = is_incremental(consumer);
    gboolean lost = rd_kafka_assignment_lost(consumer->client) != 0;
    BB_FAULT("revoke.begin");
    if (lost && !consumer->ahead) /* somebody else has them already */
        discard(consumer);
    else if (!consumer->closing)
        settled = wind_up(consumer, incremental ? list : NULL);
    for (int i = 0; i < list->cnt; i++) {
        bb_partitions_revoke(consumer->partitions, list->elems[i].partition);
        forward(consumer, list->elems[i].partition, FALSE);
    }
    unassign(consumer, list, incremental);
    if (!incremental || lost)
        consumer->has_assignment = FALSE;
    else if (!settled)
        rewind_rest(consumer);
    BB_FAULT("revoke.done");
    if (!consumer->closing)
        log_list(consumer, lost ? "lost" : "given back", list);
}

static void fail_over(bb_consumer *consumer, rd_kafka_resp_err_t code)
{
    bb_log_warning("%s: group %s: %s", consumer->type->full_name, consumer->type->group,
                   rd_kafka_err2str(code));
    if (consumer->ahead)
        (void)wind_up(consumer, /* list= */ NULL); /* what is committed is nobody else's */
    else
        discard(consumer);
    bb_partitions_revoke_all(consumer->partitions);
    if (consumer->tier)
        bb_tier_close_all(consumer);
    (void)rd_kafka_assign(consumer->client, NULL); /* with every protocol: nothing is assigned */
    consumer->has_assignment = FALSE;
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
        fail_over(consumer, code);
    }
    bb_metric_record(consumer->metrics.rebalances[kind], 1);
    bb_consumer_take_picture(consumer);
}
