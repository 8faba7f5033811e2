/* The transactions of a consumer: when one ends, how, and what is read again. */
#include "kafka/consumer_transaction.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "kafka/consumer_private.h"
#include "kafka/gates.h"
#include "kafka/transaction_check.h"
#include "kafka/transaction_id.h"

#define INIT_MS 1000
#define QUERY_MS 5000
#define LEAST_MS 1000
#define TURN_STEPS 8

struct bb_consumer_transaction {
    bb_transaction state;
    bb_transaction_id id;
    bb_outbox *outbox;
    gint64 floor; /* batches before this epoch belong to an aborted transaction */
};

static gint64 drain_ms(const bb_consumer *consumer)
{
    return consumer->context->settings->drain_ms;
}

gboolean bb_consumer_transaction_make(bb_consumer *consumer, GError **error)
{
    const bb_event_settings *settings = consumer->type->settings;
    if (settings->delivery != BB_EXACTLY_ONCE)
        return TRUE;
    bb_consumer_transaction *own = g_new0(bb_consumer_transaction, 1);
    const bb_transaction_limits limits = {settings->transaction_ms, settings->transaction_records,
                                          drain_ms(consumer)};
    consumer->transaction = own;
    own->id.place = -1;
    bb_transaction_init(&own->state, &limits);
    if (!bb_transaction_id_init(&own->id, consumer->type, error))
        return FALSE;
    gint64 timeout_ms = bb_transaction_timeout_ms(consumer->context->settings, settings);
    own->outbox =
        bb_outbox_new_transactional(consumer->context->settings, own->id.text, timeout_ms, error);
    consumer->outbox = own->outbox;
    return own->outbox != NULL;
}

void bb_consumer_transaction_free(bb_consumer_transaction *transaction)
{
    if (!transaction)
        return;
    bb_outbox_free(transaction->outbox);
    bb_transaction_id_clear(&transaction->id);
    g_free(transaction);
}

/* What is told to the state machine about the rest of the consumer. */
static bb_transaction_view look(bb_consumer *consumer)
{
    return (bb_transaction_view){consumer->in_flight_records,
                                 bb_partitions_complete(consumer->partitions),
                                 bb_outbox_is_spoiled(consumer->outbox)};
}

static gboolean replace(bb_consumer *consumer, char **ret_reason)
{
    bb_consumer_transaction *own = consumer->transaction;
    g_autoptr(GError) error = NULL;
    bb_log_info("%s: a new producer takes the place of the one of transactions %s",
                consumer->type->full_name, own->id.text);
    if (!bb_outbox_replace(own->outbox, &error)) {
        *ret_reason = g_strdup(error->message);
        return FALSE;
    }
    bb_metric_record(consumer->metrics.producers_replaced, 1);
    return TRUE;
}

static bb_transaction_outcome init(bb_consumer *consumer, char **ret_reason)
{
    bb_consumer_transaction *own = consumer->transaction;
    if (own->state.replace && !replace(consumer, ret_reason))
        return BB_OUTCOME_REPLACE;
    own->state.replace = FALSE; /* it is a new one */
    return bb_outbox_init(own->outbox, INIT_MS, ret_reason);
}

/* Where a partition is read on after an abort: behind what is committed, as the broker says; where
 * nothing is, at the first record that was read. */
typedef struct rewind_list {
    const char *topic;
    rd_kafka_topic_partition_list_t *list;
} rewind_list;

static void add_read(gint32 partition, bb_partition *state, void *user)
{
    rewind_list *rewound = user;
    if (state->base >= 0)
        (void)rd_kafka_topic_partition_list_add(rewound->list, rewound->topic, partition);
}

static rd_kafka_resp_err_t first_error(const rd_kafka_topic_partition_list_t *list)
{
    for (int i = 0; i < list->cnt; i++) {
        if (list->elems[i].err)
            return list->elems[i].err;
    }
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t seek(bb_consumer *consumer, rd_kafka_topic_partition_list_t *list)
{
    rd_kafka_resp_err_t code = rd_kafka_committed(consumer->client, list, QUERY_MS);
    if (!code)
        code = first_error(list);
    if (code)
        return code;
    for (int i = 0; i < list->cnt; i++) {
        const bb_partition *state =
            bb_partitions_get(consumer->partitions, list->elems[i].partition);
        list->elems[i].offset = MAX(list->elems[i].offset, state->base);
    }
    rd_kafka_error_t *error =
        rd_kafka_seek_partitions(consumer->client, list, bb_gate_seek_timeout(QUERY_MS));
    if (!error)
        return first_error(list);
    code = rd_kafka_error_code(error);
    rd_kafka_error_destroy(error);
    return code;
}

static bb_transaction_outcome rewind_all(bb_consumer *consumer, char **ret_reason)
{
    rewind_list rewound = {consumer->type->topic, rd_kafka_topic_partition_list_new(8)};
    bb_partitions_each(consumer->partitions, add_read, &rewound);
    rd_kafka_resp_err_t code =
        rewound.list->cnt ? seek(consumer, rewound.list) : RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_topic_partition_list_destroy(rewound.list);
    if (!code)
        return BB_OUTCOME_DONE;
    *ret_reason =
        g_strdup_printf("the partitions could not be set back: %s", rd_kafka_err2str(code));
    return BB_OUTCOME_AGAIN;
}

/* Everything that was handed over comes back or is left behind; what comes later finds another
 * epoch. */
static bb_transaction_outcome discard(bb_consumer *consumer, gint64 timeout_ms, char **ret_reason)
{
    bb_consumer_transaction *own = consumer->transaction;
    bb_outbox_shut(own->outbox);
    bb_consumer_forget(consumer);
    bb_transaction_outcome outcome = own->state.replace
                                         ? BB_OUTCOME_REPLACE
                                         : bb_outbox_abort(own->outbox, timeout_ms, ret_reason);
    bb_consumer_settle(consumer, timeout_ms);
    own->floor = bb_partitions_epoch(consumer->partitions) + 1;
    bb_partitions_restart(consumer->partitions);
    bb_metric_record(consumer->metrics.transactions[1], 1);
    return outcome;
}

static bb_transaction_outcome commit(bb_consumer *consumer, gint64 timeout_ms, char **ret_reason)
{
    bb_consumer_transaction *own = consumer->transaction;
    rd_kafka_topic_partition_list_t *offsets = bb_partitions_to_commit(consumer->partitions);
    rd_kafka_consumer_group_metadata_t *member = rd_kafka_consumer_group_metadata(consumer->client);
    bb_transaction_outcome outcome =
        bb_outbox_commit(own->outbox, offsets, member, timeout_ms, ret_reason);
    if (outcome == BB_OUTCOME_DONE) {
        bb_partitions_committed(consumer->partitions);
        bb_metric_record(consumer->metrics.transactions[0], 1);
        bb_consumer_take_commit(consumer, RD_KAFKA_RESP_ERR_NO_ERROR, offsets);
    } else {
        bb_metric_record(consumer->metrics.commits[1], 1);
    }
    if (member)
        rd_kafka_consumer_group_metadata_destroy(member);
    if (offsets)
        rd_kafka_topic_partition_list_destroy(offsets);
    return outcome;
}

static void say_why(bb_consumer *consumer, bb_transaction_action action, const char *reason)
{
    static const char *const what[] = {
        [BB_TRANSACTION_INIT] = "the producer of its transactions could not be initialised",
        [BB_TRANSACTION_REWIND] = "after an aborted transaction",
        [BB_TRANSACTION_BEGIN] = "a transaction could not be begun",
        [BB_TRANSACTION_COMMIT] = "a transaction could not be committed",
        [BB_TRANSACTION_ABORT] = "a transaction could not be aborted"};
    if (bb_consumer_may_say(consumer))
        bb_log_warning("%s: %s: %s; trying again", consumer->type->full_name, what[action],
                       reason ? reason : "no reason is known");
}

/* Why the transaction is aborted that is about to be. */
static void say_abort(bb_consumer *consumer, const bb_transaction_view *view)
{
    g_autofree char *reason = bb_outbox_spoiled_reason(consumer->outbox);
    if (!reason && view->out)
        reason = g_strdup_printf("%" G_GUINT64_FORMAT " records were not finished within the drain "
                                 "bound of %" G_GINT64_FORMAT " ms",
                                 view->out, drain_ms(consumer));
    if (bb_consumer_may_say(consumer))
        bb_log_warning("%s: a transaction of %" G_GUINT64_FORMAT " records is aborted, they will "
                       "be read again: %s",
                       consumer->type->full_name, consumer->transaction->state.records,
                       reason ? reason : "not all of it could be finished or committed");
}

static bb_transaction_outcome perform(bb_consumer *consumer, bb_transaction_action action,
                                      gint64 timeout_ms, char **ret_reason)
{
    switch (action) {
    case BB_TRANSACTION_INIT:
        BB_FAULT("transaction.init");
        return init(consumer, ret_reason);
    case BB_TRANSACTION_REWIND:
        BB_FAULT("transaction.rewind");
        return rewind_all(consumer, ret_reason);
    case BB_TRANSACTION_BEGIN:
        BB_FAULT("transaction.begin");
        return bb_outbox_begin(consumer->outbox, consumer->transaction->floor, ret_reason);
    case BB_TRANSACTION_COMMIT:
        BB_FAULT("transaction.end");
        return commit(consumer, timeout_ms, ret_reason);
    case BB_TRANSACTION_ABORT:
        BB_FAULT("transaction.abort");
        return discard(consumer, timeout_ms, ret_reason);
    default:
        return BB_OUTCOME_DONE;
    }
}

/* One action of the state machine, done and answered. */
static bb_transaction_action step(bb_consumer *consumer, gint64 timeout_ms)
{
    bb_consumer_transaction *own = consumer->transaction;
    g_autofree char *reason = NULL;
    const bb_transaction_view view = look(consumer);
    bb_transaction_action action = bb_transaction_next(&own->state, &view, bb_clock_monotonic_ms());
    bb_consumer_set_draining(consumer, action == BB_TRANSACTION_DRAIN);
    if (action == BB_TRANSACTION_READ || action == BB_TRANSACTION_DRAIN ||
        action == BB_TRANSACTION_WAIT)
        return action;
    if (action == BB_TRANSACTION_ABORT)
        say_abort(consumer, &view);
    bb_transaction_outcome outcome = perform(consumer, action, timeout_ms, &reason);
    BB_FAULT("transaction.done");
    bb_transaction_answer(&own->state, outcome, bb_outbox_is_clean(own->outbox),
                          bb_clock_monotonic_ms(), g_random_int());
    if (outcome == BB_OUTCOME_HOPELESS)
        bb_consumer_fail(consumer, BB_ERROR_KAFKA, "%s: exactly once is not possible here: %s",
                         consumer->type->full_name, reason);
    else if (outcome != BB_OUTCOME_DONE && reason)
        say_why(consumer, action, reason);
    return action;
}

gboolean bb_consumer_transaction_open(bb_consumer *consumer)
{
    bb_consumer_transaction *own = consumer->transaction;
    if (!own)
        return TRUE;
    bb_outbox_start(own->outbox);
    while (!bb_consumer_is_ending(consumer)) {
        bb_transaction_action action = step(consumer, LEAST_MS);
        if (action == BB_TRANSACTION_READ)
            return TRUE;
        if (action == BB_TRANSACTION_WAIT)
            bb_consumer_pause(consumer, own->state.due_ms - bb_clock_monotonic_ms());
    }
    return FALSE;
}

gboolean bb_consumer_transaction_turn(bb_consumer *consumer)
{
    if (!consumer->transaction)
        return TRUE;
    for (guint i = 0; i < TURN_STEPS; i++) {
        switch (step(consumer, MAX(drain_ms(consumer), LEAST_MS))) {
        case BB_TRANSACTION_READ:
            return TRUE;
        case BB_TRANSACTION_DRAIN:
        case BB_TRANSACTION_WAIT:
            return FALSE;
        default:
            break;
        }
    }
    return FALSE;
}

void bb_consumer_transaction_took(bb_consumer *consumer, guint64 records)
{
    if (consumer->transaction)
        bb_transaction_took(&consumer->transaction->state, records, bb_clock_monotonic_ms());
}

void bb_consumer_transaction_end(bb_consumer *consumer, gint64 timeout_ms)
{
    bb_transaction *state = &consumer->transaction->state;
    gint64 deadline = bb_clock_monotonic_ms() + timeout_ms;
    if (!state->records)
        return;
    bb_consumer_settle(consumer, timeout_ms);
    while (state->records) {
        /* what is still out stays out; each time, as one may be begun only now */
        bb_transaction_end_by(state, bb_clock_monotonic_ms());
        gint64 left = MAX(deadline - bb_clock_monotonic_ms(), LEAST_MS);
        bb_transaction_action action = step(consumer, left);
        if (action == BB_TRANSACTION_WAIT)
            return;
    }
}

void bb_consumer_transaction_discard(bb_consumer *consumer)
{
    if (!consumer->transaction || !consumer->transaction->state.records)
        return;
    bb_transaction_spoil(&consumer->transaction->state);
    (void)step(consumer, LEAST_MS);
}

gboolean bb_consumer_transaction_is_settled(bb_consumer *consumer)
{
    if (!consumer->transaction || bb_transaction_is_settled(&consumer->transaction->state))
        return TRUE;
    bb_transaction_end_by(&consumer->transaction->state,
                          bb_clock_monotonic_ms() + drain_ms(consumer));
    return FALSE;
}

void bb_consumer_transaction_stop(bb_consumer *consumer)
{
    if (consumer->transaction && consumer->transaction->outbox)
        bb_outbox_stop(consumer->transaction->outbox);
}
