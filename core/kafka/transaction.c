/* The state machine of exactly-once. */
#include "kafka/transaction.h"

#include "pipeline/policy.h"

static const bb_policy backoff = {.retry_initial_ms = 100, .retry_max_ms = 10000};

enum {
    STATE_NEW,      /* the producer is not known to the coordinator */
    STATE_UNWOUND,  /* the transaction is decided; partitions are to go back */
    STATE_READY,    /* between transactions */
    STATE_OPEN,     /* records go in */
    STATE_DRAINING, /* none go in */
    STATE_SPOILED,  /* to be aborted */
    STATE_FAILED
};

void bb_transaction_init(bb_transaction *transaction, const bb_transaction_limits *limits)
{
    *transaction = (bb_transaction){.limits = *limits, .state = STATE_NEW};
}

void bb_transaction_took(bb_transaction *transaction, guint64 records, gint64 now_ms)
{
    if (!transaction->records)
        transaction->begun_ms = now_ms;
    transaction->records += records;
}

void bb_transaction_end_by(bb_transaction *transaction, gint64 deadline_ms)
{
    if (transaction->state != STATE_OPEN && transaction->state != STATE_DRAINING)
        return;
    transaction->state = STATE_DRAINING;
    transaction->deadline_ms = deadline_ms;
}

void bb_transaction_spoil(bb_transaction *transaction)
{
    gboolean running = transaction->state == STATE_OPEN || transaction->state == STATE_DRAINING;
    if (running && transaction->records)
        transaction->state = STATE_SPOILED;
}

gboolean bb_transaction_is_settled(const bb_transaction *transaction)
{
    return transaction->records == 0 && !transaction->rewind;
}

/* Moves on where what is seen or the time asks for it. */
static void advance(bb_transaction *transaction, const bb_transaction_view *view, gint64 now_ms)
{
    const bb_transaction_limits *limits = &transaction->limits;
    gboolean running = transaction->state == STATE_OPEN || transaction->state == STATE_DRAINING;
    if (running && view->spoiled) {
        transaction->state = STATE_SPOILED;
        return;
    }
    if (transaction->state == STATE_OPEN && transaction->records &&
        (now_ms - transaction->begun_ms >= limits->interval_ms ||
         transaction->records >= limits->records))
        bb_transaction_end_by(transaction, now_ms + limits->drain_ms);
    if (transaction->state != STATE_DRAINING)
        return;
    if (!transaction->records)
        transaction->state = STATE_OPEN; /* nothing to end */
    else if (view->out ? now_ms >= transaction->deadline_ms : !view->complete)
        transaction->state = STATE_SPOILED;
}

bb_transaction_action bb_transaction_next(bb_transaction *transaction,
                                          const bb_transaction_view *view, gint64 now_ms)
{
    gboolean due = now_ms >= transaction->due_ms;
    advance(transaction, view, now_ms);
    switch (transaction->state) {
    case STATE_NEW:
        return due ? BB_TRANSACTION_INIT : BB_TRANSACTION_WAIT;
    case STATE_UNWOUND:
        return due ? BB_TRANSACTION_REWIND : BB_TRANSACTION_WAIT;
    case STATE_READY:
        return due ? BB_TRANSACTION_BEGIN : BB_TRANSACTION_WAIT;
    case STATE_OPEN:
        return BB_TRANSACTION_READ;
    case STATE_DRAINING:
        return view->out ? BB_TRANSACTION_DRAIN : BB_TRANSACTION_COMMIT;
    case STATE_SPOILED:
        return BB_TRANSACTION_ABORT;
    default:
        return BB_TRANSACTION_WAIT;
    }
}

/* The next try waits, longer each time. */
static void wait_longer(bb_transaction *transaction, gint64 now_ms, guint32 random)
{
    transaction->failures++;
    transaction->due_ms = now_ms + bb_policy_backoff_ms(&backoff, transaction->failures, random);
}

/* Where it goes from a point where nothing of it is open. */
static gint next_start(const bb_transaction *transaction)
{
    if (transaction->replace)
        return STATE_NEW;
    return transaction->rewind ? STATE_UNWOUND : STATE_READY;
}

static void after_commit(bb_transaction *transaction, bb_transaction_outcome outcome)
{
    if (outcome != BB_OUTCOME_DONE) {
        transaction->replace |= outcome == BB_OUTCOME_REPLACE;
        transaction->state = STATE_SPOILED;
        return;
    }
    transaction->records = 0;
    transaction->failures = 0;
    transaction->due_ms = 0;
    transaction->state = next_start(transaction);
}

static void after_abort(bb_transaction *transaction, bb_transaction_outcome outcome)
{
    transaction->replace |= outcome != BB_OUTCOME_DONE;
    transaction->rewind = TRUE;
    transaction->records = 0;
    transaction->state = next_start(transaction);
}

/* INIT, REWIND and BEGIN: the ways from one transaction to the next. */
static void after_start(bb_transaction *transaction, bb_transaction_outcome outcome)
{
    gboolean done = outcome == BB_OUTCOME_DONE;
    if (!done) {
        transaction->replace |= outcome == BB_OUTCOME_REPLACE;
        if (transaction->replace)
            transaction->state = STATE_NEW;
        return;
    }
    switch (transaction->state) {
    case STATE_NEW:
        transaction->replace = FALSE;
        transaction->state = next_start(transaction);
        return;
    case STATE_UNWOUND:
        transaction->rewind = FALSE;
        transaction->state = STATE_READY;
        return;
    default:
        transaction->state = STATE_OPEN;
    }
}

void bb_transaction_answer(bb_transaction *transaction, bb_transaction_outcome outcome,
                           gboolean clean, gint64 now_ms, guint32 random)
{
    gint state = transaction->state;
    gboolean ends = state == STATE_DRAINING || state == STATE_SPOILED;
    if (outcome == BB_OUTCOME_HOPELESS) {
        transaction->state = STATE_FAILED;
        return;
    }
    if (ends && !clean) /* a request may still be on its way and meet the next transaction */
        transaction->replace = TRUE;
    if (state == STATE_DRAINING)
        after_commit(transaction, outcome);
    else if (state == STATE_SPOILED)
        after_abort(transaction, outcome);
    else
        after_start(transaction, outcome);
    if (state == STATE_SPOILED || (outcome != BB_OUTCOME_DONE && state != STATE_DRAINING))
        wait_longer(transaction, now_ms, random);
}

static bb_transaction_outcome judge_init(const bb_transaction_error *error)
{
    switch (error->code) {
    case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE:
    case RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT:
    case RD_KAFKA_RESP_ERR__NOT_CONFIGURED:
        return BB_OUTCOME_HOPELESS;
    default:
        return error->fatal || !error->retriable ? BB_OUTCOME_REPLACE : BB_OUTCOME_AGAIN;
    }
}

bb_transaction_outcome bb_transaction_judge(bb_transaction_action action, gboolean ending,
                                            const bb_transaction_error *error)
{
    if (action == BB_TRANSACTION_INIT)
        return judge_init(error);
    if (action != BB_TRANSACTION_COMMIT || error->fatal)
        return BB_OUTCOME_REPLACE;
    if (error->requires_abort)
        return BB_OUTCOME_ABORT;
    return error->retriable && !ending ? BB_OUTCOME_AGAIN : BB_OUTCOME_REPLACE;
}
