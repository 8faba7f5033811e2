/* The producer that does not give up. */
#include "kafka/outbox.h"

#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "kafka/client.h"
#include "kafka/delivery_error.h"
#include "kafka/topics.h"
#include "pipeline/monitor.h"
#include "pipeline/policy.h"

#define POLL_MS 20
#define SAY_AGAIN_MS 5000
#define TOPIC_TIMEOUT_MS 10000
#define FULL_WAIT_MS 10
#define REPLACE_PAUSE_MS 10000

static const bb_policy backoff = {0, 200, 10000};

struct bb_outbox {
    const bb_settings *settings;
    pthread_rwlock_t client_lock; /* writers replace the client */
    rd_kafka_t *client;
    pthread_t thread;
    gboolean running;
    gint stopping;
    gint pending;
    bb_monitor monitor; /* guards what follows */
    bb_letter *waiting; /* to be tried (again), in no order */
    GHashTable *known;  /* topics that need not be made */
    gint64 said_ms;
    gint64 replaced_ms; /* outbox thread only */
};

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

static void drop(bb_outbox *outbox, bb_letter *letter)
{
    if (letter->item)
        letter->item->outcome = 0;
    bb_letter_free(letter);
    (void)g_atomic_int_dec_and_test(&outbox->pending);
}

/* The batches of a letter that was accepted and will never be confirmed go back unfinished. */
static void give_up(bb_outbox *outbox, bb_letter *letter)
{
    for (guint i = 0; !letter->item && i < letter->batch_count; i++)
        g_atomic_int_set(&letter->batches[i]->spoiled, 1);
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
    g_autofree char *reason = reason_of(outbox, letter, code);
    letter->attempts++;
    say(outbox, letter, reason);
    if (code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
        code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC) {
        bb_monitor_lock(&outbox->monitor);
        g_hash_table_remove(outbox->known, letter->topic);
        bb_monitor_unlock(&outbox->monitor);
    }
    gint64 delay = bb_policy_backoff_ms(&backoff, letter->attempts, g_random_int());
    wait_for_retry(outbox, letter, bb_clock_monotonic_ms() + delay);
}

/* [outbox thread] */
static void on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
    bb_outbox *outbox = opaque;
    bb_letter *letter = message->_private;
    (void)client;
    if (BB_FAULT_ERRNO("letter.answer") || message->err) {
        fail(outbox, letter, message->err ? message->err : RD_KAFKA_RESP_ERR__MSG_TIMED_OUT);
        return;
    }
    BB_FAULT("letter.confirmed");
    bb_letter_free(letter);
    (void)g_atomic_int_dec_and_test(&outbox->pending);
}

static rd_kafka_t *make_client(bb_outbox *outbox, GError **error)
{
    static const char *const extra[] = {"enable.idempotence", "true", NULL};
    static const char *const defaults[] = {"compression.type",
                                           "snappy",
                                           "linger.ms",
                                           "5",
                                           "partitioner",
                                           "murmur2_random",
                                           "message.timeout.ms",
                                           "0",
                                           "topic.metadata.propagation.max.ms",
                                           "5000",
                                           "queue.buffering.max.kbytes",
                                           "65536",
                                           "message.max.bytes",
                                           "16777216"};
    const bb_settings *settings = outbox->settings;
    rd_kafka_conf_t *conf = bb_kafka_conf_new(settings, extra, error);
    if (!conf)
        return NULL;
    for (gsize i = 0; i < G_N_ELEMENTS(defaults); i += 2) {
        if (!bb_kafka_conf_default(conf, settings, defaults[i], defaults[i + 1], error)) {
            rd_kafka_conf_destroy(conf);
            return NULL;
        }
    }
    rd_kafka_conf_set_opaque(conf, outbox);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    return bb_kafka_new(RD_KAFKA_PRODUCER, conf, error);
}

bb_outbox *bb_outbox_new(const bb_settings *settings, GError **error)
{
    bb_outbox *outbox = g_new0(bb_outbox, 1);
    outbox->settings = settings;
    outbox->said_ms = -SAY_AGAIN_MS;
    outbox->replaced_ms = -REPLACE_PAUSE_MS;
    bb_monitor_init(&outbox->monitor);
    (void)pthread_rwlock_init(&outbox->client_lock, NULL); /* cannot fail without attributes */
    outbox->known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    outbox->client = make_client(outbox, error);
    if (!outbox->client)
        g_clear_pointer(&outbox, bb_outbox_free);
    return outbox;
}

rd_kafka_t *bb_outbox_client(bb_outbox *outbox)
{
    return outbox->client;
}

/* One try. The bytes stay ours until the delivery report. */
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
    BB_FAULT("letter.send");
    (void)pthread_rwlock_rdlock(&outbox->client_lock);
    rd_kafka_error_t *error = rd_kafka_produceva(outbox->client, parts, G_N_ELEMENTS(parts));
    (void)pthread_rwlock_unlock(&outbox->client_lock);
    BB_FAULT("letter.sent");
    if (!error)
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_resp_err_t code = rd_kafka_error_code(error);
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
            if (code)
                fail(outbox, letter, code);
        }
        letter = next;
    }
}

/* Fails what the client has in hand, through the delivery reports. */
static void purge(rd_kafka_t *client)
{
    (void)rd_kafka_purge(client, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    while (rd_kafka_outq_len(client) > 0)
        (void)rd_kafka_poll(client, POLL_MS);
}

/* An idempotent producer that has met a fatal error never sends again: a new one takes its place.
 * Not at once again and again: a user that may not write gets such an error from every client. */
static void replace_if_fatal(bb_outbox *outbox)
{
    char reason[256];
    gint64 now = bb_clock_monotonic_ms();
    if (now - outbox->replaced_ms < REPLACE_PAUSE_MS ||
        !rd_kafka_fatal_error(outbox->client, reason, sizeof reason))
        return;
    outbox->replaced_ms = now;
    g_autoptr(GError) error = NULL;
    rd_kafka_t *fresh = make_client(outbox, &error);
    bb_log_warning("the producer of dead letters and emitted records is replaced: %s", reason);
    if (!fresh) {
        bb_log_error("%s", error->message);
        return;
    }
    rd_kafka_t *old = outbox->client;
    (void)pthread_rwlock_wrlock(&outbox->client_lock);
    outbox->client = fresh;
    (void)pthread_rwlock_unlock(&outbox->client_lock);
    purge(old);
    rd_kafka_destroy(old);
}

static void *run(void *data)
{
    bb_outbox *outbox = data;
    while (!g_atomic_int_get(&outbox->stopping)) {
        int events = rd_kafka_poll(outbox->client, POLL_MS);
        if (events > 0) {
            bb_monitor_lock(&outbox->monitor);
            bb_monitor_wake(&outbox->monitor); /* there may be room again */
            bb_monitor_unlock(&outbox->monitor);
        }
        try_due(outbox);
        replace_if_fatal(outbox);
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

void bb_outbox_stop(bb_outbox *outbox)
{
    g_atomic_int_set(&outbox->stopping, 1);
    if (outbox->running)
        (void)pthread_join(outbox->thread, NULL);
    outbox->running = FALSE;
    if (outbox->client)
        purge(outbox->client);
    for (bb_letter *letter = outbox->waiting; letter;) {
        bb_letter *next = letter->next;
        give_up(outbox, letter);
        letter = next;
    }
    outbox->waiting = NULL;
}

void bb_outbox_free(bb_outbox *outbox)
{
    if (!outbox)
        return;
    bb_outbox_stop(outbox);
    if (outbox->client)
        rd_kafka_destroy(outbox->client);
    g_hash_table_unref(outbox->known);
    (void)pthread_rwlock_destroy(&outbox->client_lock);
    bb_monitor_clear(&outbox->monitor);
    g_free(outbox);
}
