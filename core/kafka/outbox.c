/* The producer that does not give up. */
#include "kafka/outbox_private.h"

#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "kafka/delivery_error.h"
#include "kafka/topics.h"
#include "pipeline/policy.h"

#define SAY_AGAIN_MS 5000
#define TOPIC_TIMEOUT_MS 10000
#define FULL_WAIT_MS 10
#define REPLACE_PAUSE_MS 10000

static const bb_policy backoff = {.retry_initial_ms = 200, .retry_max_ms = 10000};

bb_letter *bb_letter_new(const char *topic)
{
    bb_letter *letter = g_new0(bb_letter, 1);
    letter->topic = g_strdup(topic);
    letter->partition = RD_KAFKA_PARTITION_UA;
    return letter;
}

void bb_letter_hold(bb_letter *letter, bb_batch *const *batches, guint count)
{
    letter->batches = g_memdup2(batches, count * sizeof(bb_batch *));
    letter->batch_count = count;
    for (guint i = 0; i < count; i++)
        bb_batch_hold(batches[i]);
}

void bb_letter_free(bb_letter *letter)
{
    if (!letter)
        return;
    for (guint i = 0; i < letter->batch_count; i++)
        bb_batch_release(letter->batches[i]);
    g_free(letter->batches);
    if (letter->headers)
        rd_kafka_headers_destroy(letter->headers);
    g_free(letter->memory);
    g_free(letter->topic);
    g_free(letter);
}

/* With those behind it. */
static void drop(bb_outbox *outbox, bb_letter *letter)
{
    while (letter) {
        bb_letter *behind = letter->behind;
        if (letter->item)
            letter->item->outcome = 0;
        bb_letter_free(letter);
        (void)g_atomic_int_dec_and_test(&outbox->pending);
        letter = behind;
    }
}

/* The batches of a letter that was accepted and will never be confirmed go back unfinished. A lane
 * may still be at work on a batch whose transaction is aborted: its items are left alone then. */
static void give_up(bb_outbox *outbox, bb_letter *letter)
{
    gboolean whole = !letter->item || outbox->transactions;
    for (guint i = 0; whole && i < letter->batch_count; i++)
        g_atomic_int_set(&letter->batches[i]->spoiled, 1);
    if (whole)
        letter->item = NULL;
    drop(outbox, letter);
}

static void wait_for_retry(bb_outbox *outbox, bb_letter *letter, gint64 due_ms)
{
    bb_monitor_lock(&outbox->monitor);
    letter->due_ms = due_ms;
    letter->next = outbox->waiting;
    outbox->waiting = letter;
    bb_monitor_unlock(&outbox->monitor);
}

static void say(bb_outbox *outbox, const bb_letter *letter, const char *reason)
{
    gint64 now = bb_clock_monotonic_ms();
    bb_monitor_lock(&outbox->monitor);
    gboolean due = now - outbox->said_ms >= SAY_AGAIN_MS;
    if (due)
        outbox->said_ms = now;
    bb_monitor_unlock(&outbox->monitor);
    if (due)
        bb_log_warning("a record for topic %s could not be delivered: %s; trying again, %d waiting",
                       letter->topic, reason, g_atomic_int_get(&outbox->pending));
}

/* A client that has met a fatal error says nothing else of the records that follow: the reason is
 * that error. */
static char *reason_of(bb_outbox *outbox, const bb_letter *letter, rd_kafka_resp_err_t code)
{
    char text[256];
    (void)pthread_rwlock_rdlock(&outbox->client_lock);
    rd_kafka_resp_err_t fatal = rd_kafka_fatal_error(outbox->client, text, sizeof text);
    (void)pthread_rwlock_unlock(&outbox->client_lock);
    return bb_delivery_text(fatal ? fatal : code, letter->topic, RD_KAFKA_MSG_STATUS_NOT_PERSISTED);
}

static void forget_topic(bb_outbox *outbox, const bb_letter *letter, rd_kafka_resp_err_t code)
{
    if (code != RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART && code != RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC)
        return;
    bb_monitor_lock(&outbox->monitor);
    (void)g_hash_table_remove(outbox->known, letter->topic);
    bb_monitor_unlock(&outbox->monitor);
}

/* In a transaction a letter is not tried again alone: all of it is. */
static void fail_transaction(bb_outbox *outbox, bb_letter *letter, rd_kafka_resp_err_t code)
{
    g_autofree char *reason = reason_of(outbox, letter, code);
    forget_topic(outbox, letter, code);
    bb_outbox_spoil(outbox, letter, reason);
    give_up(outbox, letter);
}

static void fail(bb_outbox *outbox, bb_letter *letter, rd_kafka_resp_err_t code)
{
    if (code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE && letter->shorten &&
        letter->shorten(letter)) {
        bb_log_warning("a record for topic %s is too large with its busbar.* headers: they are "
                       "left out",
                       letter->topic);
        wait_for_retry(outbox, letter, 0);
        return;
    }
    if (outbox->transactions && code != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
        fail_transaction(outbox, letter, code);
        return;
    }
    g_autofree char *reason = reason_of(outbox, letter, code);
    letter->attempts++;
    say(outbox, letter, reason);
    forget_topic(outbox, letter, code);
    gint64 delay = bb_policy_backoff_ms(&backoff, letter->attempts, g_random_int());
    wait_for_retry(outbox, letter, bb_clock_monotonic_ms() + delay);
}

void bb_outbox_on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
    bb_outbox *outbox = opaque;
    bb_letter *letter = message->_private;
    (void)client;
    rd_kafka_resp_err_t code = message->err;
    if (BB_FAULT_ERRNO("letter.answer") && !code)
        code = RD_KAFKA_RESP_ERR__MSG_TIMED_OUT;
    if (code) {
        if (outbox->transactions)
            fail_transaction(outbox, letter, code);
        else
            fail(outbox, letter, code);
        return;
    }
    BB_FAULT("letter.confirmed");
    bb_letter *behind = letter->confirmed ? letter->confirmed(letter, message) : NULL;
    if (behind)
        wait_for_retry(outbox, behind, 0);
    bb_letter_free(letter);
    (void)g_atomic_int_dec_and_test(&outbox->pending);
}

bb_outbox *bb_outbox_make(const bb_settings *settings, bb_outbox_transactions *transactions,
                          GError **error)
{
    bb_outbox *outbox = g_new0(bb_outbox, 1);
    outbox->settings = settings;
    outbox->transactions = transactions;
    outbox->said_ms = -SAY_AGAIN_MS;
    outbox->replaced_ms = -REPLACE_PAUSE_MS;
    bb_monitor_init(&outbox->monitor);
    (void)pthread_rwlock_init(&outbox->client_lock, NULL); /* cannot fail without attributes */
    outbox->known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    outbox->client = bb_outbox_client_new(outbox, transactions ? transactions->watch : NULL, error);
    if (!outbox->client)
        g_clear_pointer(&outbox, bb_outbox_free);
    return outbox;
}

bb_outbox *bb_outbox_new(const bb_settings *settings, GError **error)
{
    return bb_outbox_make(settings, /* transactions= */ NULL, error);
}

rd_kafka_t *bb_outbox_client(bb_outbox *outbox)
{
    return outbox->client;
}

/* One try. The bytes stay ours until the delivery report. OUTDATED: the letter's transaction is
 * aborted. */
static rd_kafka_resp_err_t produce(bb_outbox *outbox, bb_letter *letter)
{
    rd_kafka_headers_t *headers =
        letter->headers ? rd_kafka_headers_copy(letter->headers) : rd_kafka_headers_new(1);
    const rd_kafka_vu_t parts[] = {
        {.vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = letter->topic},
        {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = letter->partition},
        {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {(void *)letter->key.data, letter->key.size}},
        {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {(void *)letter->value.data, letter->value.size}},
        {.vtype = RD_KAFKA_VTYPE_TIMESTAMP, .u.i64 = letter->timestamp_ms},
        {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = 0},
        {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = letter},
    };
    rd_kafka_error_t *error = NULL;
    BB_FAULT("letter.send");
    (void)pthread_rwlock_rdlock(&outbox->client_lock);
    gboolean late = outbox->transactions && !bb_outbox_admits(outbox, letter);
    if (!late)
        error = rd_kafka_produceva(outbox->client, parts, G_N_ELEMENTS(parts));
    (void)pthread_rwlock_unlock(&outbox->client_lock);
    BB_FAULT("letter.sent");
    if (!error && !late)
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_resp_err_t code = late ? RD_KAFKA_RESP_ERR__OUTDATED : rd_kafka_error_code(error);
    if (error)
        rd_kafka_error_destroy(error);
    rd_kafka_headers_destroy(headers);
    return code;
}

/* TRUE when another try cannot help. A dead letter is tried for ever all the same: the record must
 * not be passed over. */
static gboolean is_final(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE || code == RD_KAFKA_RESP_ERR__INVALID_ARG ||
           code == RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION;
}

static gboolean topic_is_ready(bb_outbox *outbox, const bb_letter *letter)
{
    if (!letter->create)
        return TRUE;
    bb_monitor_lock(&outbox->monitor);
    gboolean known = g_hash_table_contains(outbox->known, letter->topic);
    bb_monitor_unlock(&outbox->monitor);
    return known;
}

rd_kafka_resp_err_t bb_outbox_send(bb_outbox *outbox, bb_letter *letter)
{
    g_atomic_int_inc(&outbox->pending);
    if (!topic_is_ready(outbox, letter)) {
        wait_for_retry(outbox, letter, 0);
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    }
    for (;;) {
        rd_kafka_resp_err_t code = produce(outbox, letter);
        if (!code)
            return code;
        if (code == RD_KAFKA_RESP_ERR__OUTDATED) { /* it goes on; all of it will be done again */
            give_up(outbox, letter);
            return RD_KAFKA_RESP_ERR_NO_ERROR;
        }
        gboolean full = code == RD_KAFKA_RESP_ERR__QUEUE_FULL;
        if ((is_final(code) && !letter->item) || g_atomic_int_get(&outbox->stopping)) {
            drop(outbox, letter); /* the caller knows */
            return code;
        }
        if (!full) {
            fail(outbox, letter, code);
            return RD_KAFKA_RESP_ERR_NO_ERROR;
        }
        bb_monitor_lock(&outbox->monitor);
        bb_monitor_wait(&outbox->monitor, FULL_WAIT_MS);
        bb_monitor_unlock(&outbox->monitor);
    }
}

void bb_outbox_send_behind(bb_outbox *outbox, bb_letter *letter, bb_letter *before)
{
    g_atomic_int_inc(&outbox->pending);
    before->behind = letter;
}

/* Makes the letter's topic when it is missing and may be made. */
static gboolean make_topic(bb_outbox *outbox, const bb_letter *letter)
{
    if (topic_is_ready(outbox, letter))
        return TRUE;
    BB_FAULT("letter.topic");
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    g_ptr_array_add(names, letter->topic);
    g_autoptr(GPtrArray) states =
        bb_topics_describe(outbox->client, names, TOPIC_TIMEOUT_MS, &error);
    const bb_topic_state *state = states ? g_ptr_array_index(states, 0) : NULL;
    gboolean made = state && state->partitions > 0;
    if (state && !made) {
        made = bb_topics_create(outbox->client, letter->topic, -1, -1, TOPIC_TIMEOUT_MS, &error);
        if (made)
            bb_log_info("topic %s was missing and has been made", letter->topic);
    }
    if (!made) {
        say(outbox, letter, error->message);
        return FALSE;
    }
    bb_monitor_lock(&outbox->monitor);
    g_hash_table_add(outbox->known, g_strdup(letter->topic));
    bb_monitor_unlock(&outbox->monitor);
    return TRUE;
}

/* The letters that are due, taken off the list. */
static bb_letter *take_due(bb_outbox *outbox, gint64 now_ms)
{
    bb_letter *due = NULL;
    bb_monitor_lock(&outbox->monitor);
    for (bb_letter **at = &outbox->waiting; *at;) {
        bb_letter *letter = *at;
        if (letter->due_ms > now_ms) {
            at = &letter->next;
            continue;
        }
        *at = letter->next;
        letter->next = due; /* the list has the newest first: this turns it round */
        due = letter;
    }
    bb_monitor_unlock(&outbox->monitor);
    return due;
}

static void try_due(bb_outbox *outbox)
{
    bb_letter *letter = take_due(outbox, bb_clock_monotonic_ms());
    while (letter) {
        bb_letter *next = letter->next;
        if (!make_topic(outbox, letter)) {
            letter->attempts++;
            gint64 delay = bb_policy_backoff_ms(&backoff, letter->attempts, g_random_int());
            wait_for_retry(outbox, letter, bb_clock_monotonic_ms() + delay);
        } else {
            rd_kafka_resp_err_t code = produce(outbox, letter);
            if (code == RD_KAFKA_RESP_ERR__OUTDATED)
                give_up(outbox, letter);
            else if (code)
                fail(outbox, letter, code);
        }
        letter = next;
    }
}

/* An idempotent producer that has met a fatal error never sends again: a new one takes its place.
 * Not at once again and again: a user that may not write gets such an error from every client. */
static void replace_if_fatal(bb_outbox *outbox)
{
    char reason[256];
    gint64 now = bb_clock_monotonic_ms();
    if (outbox->transactions) /* whose owner sees to it */
        return;
    if (now - outbox->replaced_ms < REPLACE_PAUSE_MS ||
        !rd_kafka_fatal_error(outbox->client, reason, sizeof reason))
        return;
    outbox->replaced_ms = now;
    g_autoptr(GError) error = NULL;
    rd_kafka_t *fresh = bb_outbox_client_new(outbox, /* watch= */ NULL, &error);
    bb_log_warning("the producer of dead letters and emitted records is replaced: %s", reason);
    if (!fresh) {
        bb_log_error("%s", error->message);
        return;
    }
    (void)bb_outbox_client_swap(outbox, fresh); /* said there */
}

/* FALSE when the thread is to end; else it may use the client until end_work. */
static gboolean begin_work(bb_outbox *outbox)
{
    bb_monitor_lock(&outbox->monitor);
    while (outbox->held)
        bb_monitor_wait(&outbox->monitor, -1);
    outbox->busy = !g_atomic_int_get(&outbox->stopping);
    gboolean busy = outbox->busy;
    bb_monitor_unlock(&outbox->monitor);
    return busy;
}

/* There may be room again, or somebody who waits for the client. */
static void end_work(bb_outbox *outbox, gboolean news)
{
    bb_monitor_lock(&outbox->monitor);
    outbox->busy = FALSE;
    if (news || outbox->held)
        bb_monitor_wake(&outbox->monitor);
    bb_monitor_unlock(&outbox->monitor);
}

static void *run(void *data)
{
    bb_outbox *outbox = data;
    while (begin_work(outbox)) {
        int events = rd_kafka_poll(outbox->client, BB_OUTBOX_POLL_MS);
        try_due(outbox);
        replace_if_fatal(outbox);
        end_work(outbox, events > 0);
    }
    return NULL;
}

void bb_outbox_start(bb_outbox *outbox)
{
    if (!outbox->running)
        outbox->running = pthread_create(&outbox->thread, NULL, run, outbox) == 0;
    if (!outbox->running)
        g_error("a thread could not be started");
}

guint bb_outbox_pending(bb_outbox *outbox)
{
    return (guint)g_atomic_int_get(&outbox->pending);
}

void bb_outbox_give_up_waiting(bb_outbox *outbox)
{
    bb_letter *letter = take_due(outbox, G_MAXINT64);
    while (letter) {
        bb_letter *next = letter->next;
        give_up(outbox, letter);
        letter = next;
    }
}

void bb_outbox_stop(bb_outbox *outbox)
{
    g_atomic_int_set(&outbox->stopping, 1);
    if (outbox->running)
        (void)pthread_join(outbox->thread, NULL);
    outbox->running = FALSE;
    if (outbox->client)
        bb_outbox_client_purge(outbox->client);
    bb_outbox_give_up_waiting(outbox);
}

void bb_outbox_free(bb_outbox *outbox)
{
    if (!outbox)
        return;
    bb_outbox_stop(outbox);
    if (outbox->client)
        rd_kafka_destroy(outbox->client);
    bb_outbox_transactions_free(outbox->transactions);
    g_hash_table_unref(outbox->known);
    (void)pthread_rwlock_destroy(&outbox->client_lock);
    bb_monitor_clear(&outbox->monitor);
    g_free(outbox);
}
