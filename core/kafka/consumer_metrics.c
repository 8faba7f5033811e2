/* The metrics of a consumer; docs/metrics.md says what they mean. */
#include "kafka/consumer_private.h"

#include <math.h>

#include "pipeline/policy.h"

static bb_metric *make(bb_consumer *consumer, guint kind, const char *name, const char *more,
                       const char *help)
{
    g_autofree char *labels =
        g_strdup_printf("event=\"%s\"%s", consumer->type->full_name, more ? more : "");
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

void bb_consumer_make_metrics(bb_consumer *consumer)
{
    if (!consumer->context->metrics)
        return;
    consumer->metrics.consumed =
        make(consumer, BUSBAR_COUNTER, "busbar_records_consumed_total", NULL, "Records read");
    consumer->metrics.released =
        make(consumer, BUSBAR_COUNTER, "busbar_records_released_total", NULL,
             "Records that were given up without a verdict and will be read again");
    consumer->metrics.handled = make_verdict(consumer, "handled");
    consumer->metrics.dropped = make_verdict(consumer, "dropped");
    consumer->metrics.dead_lettered = make_verdict(consumer, "dead_lettered");
    make_retries(consumer);
    consumer->metrics.in_flight =
        make(consumer, BUSBAR_GAUGE, "busbar_in_flight", NULL, "Records read and not final yet");
    consumer->metrics.oldest =
        make(consumer, BUSBAR_GAUGE, "busbar_oldest_in_flight_seconds", NULL,
             "How long the oldest record in flight has been the oldest; 0: none is");
    consumer->metrics.lag = make(consumer, BUSBAR_GAUGE, "busbar_lag_records", NULL,
                                 "Records between what is final and the end; NaN: not known");
    bb_metric_record(consumer->metrics.lag, NAN);
    consumer->metrics.pauses = make(consumer, BUSBAR_COUNTER, "busbar_pauses_total", NULL,
                                    "Times that reading stopped at the bound of records in flight");
    consumer->metrics.out_of_range =
        make(consumer, BUSBAR_COUNTER, "busbar_out_of_range_total", NULL,
             "Partitions whose committed offset was out of range and that went on elsewhere");
    make_commits(consumer);
    make_rebalances(consumer);
}
