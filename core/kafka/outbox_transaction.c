/* The transactions of an outbox: what is let in, and the calls of the client that begin and end
 * them. */
#include "kafka/outbox_private.h"

#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/error.h"
#include "base/log.h"

#define AGAIN_MS 100

void bb_outbox_transactions_free(bb_outbox_transactions *transactions)
{
    if (!transactions)
        return;
    g_free(transactions->id);
    bb_transaction_watch_free(transactions->watch);
    g_free(transactions->reason);
    g_free(transactions);
}

bb_outbox *bb_outbox_new_transactional(const bb_settings *settings, const char *id,
                                       gint64 timeout_ms, GError **error)
{
    bb_outbox_transactions *transactions = g_new0(bb_outbox_transactions, 1);
    transactions->id = g_strdup(id);
    transactions->timeout_ms = timeout_ms;
    transactions->watch = bb_transaction_watch_new();
    return bb_outbox_make(settings, transactions, error);
}

gboolean bb_outbox_admits(const bb_outbox *outbox, const bb_letter *letter)
{
    const bb_outbox_transactions *transactions = outbox->transactions;
    if (!transactions->open)
        return FALSE;
    for (guint i = 0; i < letter->batch_count; i++) {
        if (letter->batches[i]->epoch < transactions->floor)
            return FALSE;
    }
    return TRUE;
}

void bb_outbox_spoil(bb_outbox *outbox, const bb_letter *letter, const char *reason)
{
    bb_outbox_transactions *transactions = outbox->transactions;
    (void)pthread_rwlock_rdlock(&outbox->client_lock);
    gboolean ours = bb_outbox_admits(outbox, letter);
    (void)pthread_rwlock_unlock(&outbox->client_lock);
    if (!ours) /* of a transaction that was aborted: that is why */
        return;
    bb_monitor_lock(&outbox->monitor);
    if (!transactions->reason)
        transactions->reason = g_strdup(reason);
    bb_monitor_unlock(&outbox->monitor);
    g_atomic_int_set(&transactions->spoiled, 1);
}

gboolean bb_outbox_is_spoiled(bb_outbox *outbox)
{
    return g_atomic_int_get(&outbox->transactions->spoiled) != 0;
}

gboolean bb_outbox_is_clean(bb_outbox *outbox)
{
    if (BB_FAULT_ERRNO("transaction.trust")) /* what would be without the watch: tests/chaos/torn */
        return TRUE;
    return bb_transaction_watch_is_clean(outbox->transactions->watch);
}

char *bb_outbox_spoiled_reason(bb_outbox *outbox)
{
    bb_monitor_lock(&outbox->monitor);
    char *reason = g_strdup(outbox->transactions->reason);
    bb_monitor_unlock(&outbox->monitor);
    return reason;
}

/* Judges an error and ends it. NULL is none. */
static bb_transaction_outcome judge(rd_kafka_error_t *error, bb_transaction_action action,
                                    gboolean ending, char **ret_reason)
{
    if (!error)
        return BB_OUTCOME_DONE;
    const bb_transaction_error seen = {
        rd_kafka_error_code(error), rd_kafka_error_is_fatal(error) != 0,
        rd_kafka_error_is_retriable(error) != 0, rd_kafka_error_txn_requires_abort(error) != 0};
    g_free(*ret_reason);
    *ret_reason = g_strdup(rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
    return bb_transaction_judge(action, ending, &seen);
}

bb_transaction_outcome bb_outbox_init(bb_outbox *outbox, gint64 timeout_ms, char **ret_reason)
{
    return judge(rd_kafka_init_transactions(outbox->client, (int)timeout_ms), BB_TRANSACTION_INIT,
                 FALSE, ret_reason);
}

bb_transaction_outcome bb_outbox_begin(bb_outbox *outbox, gint64 floor, char **ret_reason)
{
    bb_outbox_transactions *transactions = outbox->transactions;
    bb_transaction_outcome outcome =
        judge(rd_kafka_begin_transaction(outbox->client), BB_TRANSACTION_BEGIN, FALSE, ret_reason);
    if (outcome != BB_OUTCOME_DONE)
        return outcome;
    bb_monitor_lock(&outbox->monitor);
    g_clear_pointer(&transactions->reason, g_free);
    bb_monitor_unlock(&outbox->monitor);
    g_atomic_int_set(&transactions->spoiled, 0);
    (void)pthread_rwlock_wrlock(&outbox->client_lock);
    transactions->floor = floor;
    transactions->open = TRUE;
    (void)pthread_rwlock_unlock(&outbox->client_lock);
    return outcome;
}

/* Offsets may be sent again with the same content while there is time. */
static bb_transaction_outcome send_offsets(bb_outbox *outbox,
                                           const rd_kafka_topic_partition_list_t *offsets,
                                           const rd_kafka_consumer_group_metadata_t *member,
                                           gint64 deadline_ms, char **ret_reason)
{
    for (;;) {
        gint64 left = MAX(deadline_ms - bb_clock_monotonic_ms(), 1);
        bb_transaction_outcome outcome =
            judge(rd_kafka_send_offsets_to_transaction(outbox->client, offsets, member, (int)left),
                  BB_TRANSACTION_COMMIT, FALSE, ret_reason);
        if (outcome != BB_OUTCOME_AGAIN)
            return outcome;
        if (bb_clock_monotonic_ms() + AGAIN_MS >= deadline_ms)
            return BB_OUTCOME_REPLACE;
        (void)rd_kafka_poll(outbox->client, AGAIN_MS);
    }
}

bb_transaction_outcome bb_outbox_commit(bb_outbox *outbox,
                                        const rd_kafka_topic_partition_list_t *offsets,
                                        const rd_kafka_consumer_group_metadata_t *member,
                                        gint64 timeout_ms, char **ret_reason)
{
    gint64 deadline = bb_clock_monotonic_ms() + timeout_ms;
    if (offsets) {
        bb_transaction_outcome outcome =
            send_offsets(outbox, offsets, member, deadline, ret_reason);
        if (outcome != BB_OUTCOME_DONE)
            return outcome;
    }
    BB_FAULT("transaction.offsets");
    gint64 left = MAX(deadline - bb_clock_monotonic_ms(), 1);
    return judge(rd_kafka_commit_transaction(outbox->client, (int)left), BB_TRANSACTION_COMMIT,
                 TRUE, ret_reason);
}

void bb_outbox_shut(bb_outbox *outbox)
{
    (void)pthread_rwlock_wrlock(&outbox->client_lock);
    outbox->transactions->open = FALSE;
    (void)pthread_rwlock_unlock(&outbox->client_lock);
    bb_outbox_give_up_waiting(outbox);
}

bb_transaction_outcome bb_outbox_abort(bb_outbox *outbox, gint64 timeout_ms, char **ret_reason)
{
    return judge(rd_kafka_abort_transaction(outbox->client, (int)timeout_ms), BB_TRANSACTION_ABORT,
                 TRUE, ret_reason);
}

/* Waits until the outbox's thread has let go of the client, and keeps it from taking it. */
static void hold_thread(bb_outbox *outbox, gboolean hold)
{
    bb_monitor_lock(&outbox->monitor);
    outbox->held = hold;
    while (hold && outbox->busy)
        bb_monitor_wait(&outbox->monitor, -1);
    bb_monitor_wake(&outbox->monitor);
    bb_monitor_unlock(&outbox->monitor);
}

gboolean bb_outbox_replace(bb_outbox *outbox, GError **error)
{
    bb_outbox_transactions *transactions = outbox->transactions;
    bb_transaction_watch *watch = bb_transaction_watch_new();
    rd_kafka_t *fresh = bb_outbox_client_new(outbox, watch, error);
    if (!fresh) {
        bb_transaction_watch_free(watch);
        return FALSE;
    }
    hold_thread(outbox, TRUE);
    if (bb_outbox_client_swap(outbox, fresh))
        bb_transaction_watch_free(
            transactions->watch); /* else its client may still tell it something */
    transactions->watch = watch;
    hold_thread(outbox, FALSE);
    return TRUE;
}
