/* The metrics of a consumer; docs/metrics.md says what they mean. */
#include "kafka/consumer_private.h"

#include <math.h>

#include "pipeline/policy.h"

static bb_metric *make(bb_consumer *consumer, guint kind, const char *name, const char *more,
                       const char *help)
{
    const bb_event_type *type = consumer->type;
    g_autofree char *tier =
        type->source ? g_strdup_printf(",tier=\"%u\"", type->tier) : g_strdup("");
    g_autofree char *labels =
        g_strdup_printf("event=\"%s\"%s%s", type->full_name, tier, more ? more : "");
    return bb_metrics_get(consumer->context->metrics, kind, name, labels, help);
}

static bb_metric *make_verdict(bb_consumer *consumer, const char *verdict)
{
    g_autofree char *more = g_strdup_printf(",verdict=\"%s\"", verdict);
    return make(consumer, BUSBAR_COUNTER, "busbar_records_total", more,
                "Records that are final, by what became of them");
}

/* Every stage whose answer may be RETRY has its series from the start. */
static void make_retries(bb_consumer *consumer)
{
    for (guint stage = BUSBAR_STAGE_VALIDATE; stage <= BUSBAR_STAGE_SETUP; stage++) {
        g_autofree char *more = g_strdup_printf(",stage=\"%s\"", bb_stage_name(stage));
        consumer->metrics.retries[stage] =
            make(consumer, BUSBAR_COUNTER, "busbar_retries_total", more,
                 "Records, flushes and openings that were tried again, by stage");
    }
}

static void make_rebalances(bb_consumer *consumer)
{
    static const char *const kinds[] = {"assigned", "revoked", "lost", "failed"};
    for (guint i = 0; i < G_N_ELEMENTS(kinds); i++) {
        g_autofree char *more = g_strdup_printf(",kind=\"%s\"", kinds[i]);
        consumer->metrics.rebalances[i] = make(consumer, BUSBAR_COUNTER, "busbar_rebalances_total",
                                               more, "Changes of the assignment, by kind");
    }
}

static void make_commits(bb_consumer *consumer)
{
    static const char *const help = "Commits of offsets, by how Kafka answered";
    consumer->metrics.commits[0] =
        make(consumer, BUSBAR_COUNTER, "busbar_commits_total", ",result=\"ok\"", help);
    consumer->metrics.commits[1] =
        make(consumer, BUSBAR_COUNTER, "busbar_commits_total", ",result=\"failed\"", help);
}

static void make_transactions(bb_consumer *consumer)
{
    static const char *const help = "Transactions that were ended, by how";
    consumer->metrics.transactions[0] =
        make(consumer, BUSBAR_COUNTER, "busbar_transactions_total", ",result=\"committed\"", help);
    consumer->metrics.transactions[1] =
        make(consumer, BUSBAR_COUNTER, "busbar_transactions_total", ",result=\"aborted\"", help);
    consumer->metrics.producers_replaced =
        make(consumer, BUSBAR_COUNTER, "busbar_producers_replaced_total", NULL,
             "Producers of transactions that were thrown away for a new one");
}

static void make_lag(bb_consumer *consumer)
{
    consumer->metrics.lag = make(consumer, BUSBAR_GAUGE, "busbar_lag_records", NULL,
                                 "Records between what is final and the end; NaN: not known");
    bb_metric_record(consumer->metrics.lag, NAN);
    consumer->metrics.lag_seconds =
        make(consumer, BUSBAR_GAUGE, "busbar_lag_seconds", NULL,
             "How old what is handled now is, in the partition that is furthest behind; NaN: not "
             "known");
    bb_metric_record(consumer->metrics.lag_seconds, NAN);
}

/* Only where there are retry topics. */
static void make_tiers(bb_consumer *consumer)
{
    if (bb_event_type_next_tier(consumer->type))
        consumer->metrics.deferred = make_verdict(consumer, "deferred");
    if (consumer->order) {
        const char *level = consumer->type->source ? NULL : ",tier=\"0\"";
        consumer->metrics.blocked_keys =
            make(consumer, BUSBAR_GAUGE, "busbar_retry_blocked_keys", level,
                 "Keys whose later records follow into the next retry topic");
        consumer->metrics.order_held =
            make(consumer, BUSBAR_GAUGE, "busbar_retry_order_held", level,
                 "1 while nothing is read, to keep the order of keys");
        consumer->metrics.order_bounds =
            make(consumer, BUSBAR_COUNTER, "busbar_retry_order_bounds_total", level,
                 "Times that reading stopped as too many keys had records in retry topics");
    }
    if (!consumer->type->source)
        return;
    consumer->metrics.waiting = make(consumer, BUSBAR_GAUGE, "busbar_retry_waiting_records", NULL,
                                     "Records in a retry topic that are not final; NaN: not known");
    bb_metric_record(consumer->metrics.waiting, NAN);
    consumer->metrics.next_due =
        make(consumer, BUSBAR_GAUGE, "busbar_retry_next_due_seconds", NULL,
             "Seconds until the oldest record of a retry topic is due, below 0 when it is late; "
             "NaN: none waits");
    bb_metric_record(consumer->metrics.next_due, NAN);
}

void bb_consumer_show_breakers(bb_consumer *consumer)
{
    const GPtrArray *handlers = consumer->type->handlers;
    for (guint i = 0; consumer->context->metrics && handlers && i < handlers->len; i++) {
        const bb_handler_binding *handler = g_ptr_array_index(handlers, i);
        if (!handler->breaker)
            continue;
        g_autofree char *labels = g_strdup_printf("handler=\"%s\"", handler->name);
        bb_metric_record(bb_metrics_get(consumer->context->metrics, BUSBAR_GAUGE,
                                        "busbar_breaker_open", labels,
                                        "1 while a handler is down and only asked now and then"),
                         bb_breaker_is_open(handler->breaker));
    }
}

void bb_consumer_count_breaker(bb_consumer *consumer, const char *handler, guint times)
{
    if (!consumer->context->metrics)
        return;
    g_autofree char *labels = g_strdup_printf("handler=\"%s\"", handler);
    bb_metric_record(bb_metrics_get(consumer->context->metrics, BUSBAR_COUNTER,
                                    "busbar_breaker_opened_total", labels,
                                    "Times that a handler was found to be down"),
                     times);
}

/* They have their series from the start. */
static void make_breakers(bb_consumer *consumer)
{
    const GPtrArray *handlers = consumer->type->handlers;
    for (guint i = 0; handlers && i < handlers->len; i++) {
        const bb_handler_binding *handler = g_ptr_array_index(handlers, i);
        if (handler->breaker)
            bb_consumer_count_breaker(consumer, handler->name, 0);
    }
    bb_consumer_show_breakers(consumer);
}

void bb_consumer_make_metrics(bb_consumer *consumer)
{
    if (!consumer->context->metrics)
        return;
    consumer->metrics.consumed =
        make(consumer, BUSBAR_COUNTER, "busbar_records_consumed_total", NULL, "Records read");
    consumer->metrics.released =
        make(consumer, BUSBAR_COUNTER, "busbar_records_released_total", NULL,
             "Records that were given up without a verdict and will be read again");
    consumer->metrics.lost =
        make(consumer, BUSBAR_COUNTER, "busbar_records_lost_total", NULL,
             "Records that were given up without a verdict after their offset was committed");
    consumer->metrics.skipped =
        make(consumer, BUSBAR_COUNTER, "busbar_records_skipped_total", NULL,
             "Records read again that were finished before the start, and not handled again");
    consumer->metrics.held = make(
        consumer, BUSBAR_COUNTER, "busbar_partition_holds_total", NULL,
        "Times that a partition was not read on because too much of it was finished beyond its "
        "oldest open record");
    consumer->metrics.handled = make_verdict(consumer, "handled");
    consumer->metrics.dropped = make_verdict(consumer, "dropped");
    consumer->metrics.dead_lettered = make_verdict(consumer, "dead_lettered");
    make_retries(consumer);
    consumer->metrics.in_flight =
        make(consumer, BUSBAR_GAUGE, "busbar_in_flight", NULL, "Records read and not final yet");
    consumer->metrics.oldest =
        make(consumer, BUSBAR_GAUGE, "busbar_oldest_in_flight_seconds", NULL,
             "How long the oldest record in flight has been the oldest; 0: none is");
    if (!consumer->type->source) /* what waits in a retry topic is no lag */
        make_lag(consumer);
    consumer->metrics.pauses = make(consumer, BUSBAR_COUNTER, "busbar_pauses_total", NULL,
                                    "Times that reading stopped at the bound of records in flight");
    /* the lanes count it; here it has its series from the start */
    (void)make(consumer, BUSBAR_COUNTER, "busbar_duplicates_total", NULL,
               "Records that were dropped because their key was seen lately");
    consumer->metrics.out_of_range =
        make(consumer, BUSBAR_COUNTER, "busbar_out_of_range_total", NULL,
             "Partitions whose committed offset was out of range and that went on elsewhere");
    make_commits(consumer);
    make_rebalances(consumer);
    make_transactions(consumer);
    make_tiers(consumer);
    make_breakers(consumer);
}

/* Makes the gauges of partitions up to `partition`. */
static void make_gauges(bb_consumer *consumer, gint32 partition)
{
    for (guint i = consumer->gauges->len / 2; i <= (guint)partition; i++) {
        g_autofree char *more = g_strdup_printf(",partition=\"%u\"", i);
        g_ptr_array_add(consumer->gauges,
                        make(consumer, BUSBAR_GAUGE, "busbar_partition_frontier", more,
                             "Every record before this offset that was read is final; NaN: none "
                             "is, or the partition is not assigned"));
        g_ptr_array_add(consumer->gauges,
                        make(consumer, BUSBAR_GAUGE, "busbar_partition_lag_records", more,
                             "Records between what is final and the end of a partition; NaN: not "
                             "known, or not assigned"));
    }
}

static double known(gint64 number)
{
    return number < 0 ? NAN : (double)number;
}

void bb_consumer_show_partitions(bb_consumer *consumer, const GArray *states)
{
    if (!consumer->context->metrics)
        return;
    guint shown = 0; /* partitions come in the order of their numbers */
    for (guint i = 0; i < states->len; i++) {
        const bb_partition_status *state = &g_array_index(states, bb_partition_status, i);
        make_gauges(consumer, state->partition);
        for (; shown < (guint)state->partition * 2; shown++)
            bb_metric_record(g_ptr_array_index(consumer->gauges, shown), NAN);
        bb_metric_record(g_ptr_array_index(consumer->gauges, shown++), known(state->frontier));
        bb_metric_record(g_ptr_array_index(consumer->gauges, shown++), known(state->lag));
    }
    for (; shown < consumer->gauges->len; shown++)
        bb_metric_record(g_ptr_array_index(consumer->gauges, shown), NAN);
}
