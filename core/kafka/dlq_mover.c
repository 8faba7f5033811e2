/* The engine of `busbar dlq redrive` and `park`. */
#include "kafka/dlq_mover.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "kafka/client.h"
#include "kafka/dlq_sender.h"
#include "kafka/topics.h"

#define BATCH_RECORDS 100
#define BATCH_MS 1000
#define POLL_MS 100
#define REQUEST_TIMEOUT_MS 30000

typedef struct moving {
    const bb_dlq_move *move;
    bb_dlq_counts *counts;
    bb_dlq_reader *reader;
    bb_dlq_sender *sender; /* NULL in a dry run */
    GHashTable *known;     /* char * -> whether the topic exists */
    guint64 taken;         /* records sent or parked, confirmed or not */
    guint batch_sent, batch_parked;
    gint64 batch_ms; /* when the batch began */
    gint64 started_ms;
} moving;

gboolean bb_dlq_move_remembers(const bb_dlq_move *move)
{
    return bb_dlq_filter_is_empty(&move->plan.filter) && move->only_offset < 0;
}

char *bb_dlq_move_group(const bb_dlq_move *move)
{
    return g_strconcat("busbar.redrive.", move->topic, NULL);
}

static gboolean is_stopped(const moving *mover, gint signals)
{
    return g_atomic_int_get(mover->move->stop) >= signals;
}

/* Makes the topic for what is put aside, when it is missing and may be made. */
static gboolean make_topic(moving *mover, const char *topic, GError **error)
{
    if (!mover->move->create || mover->move->dry_run)
        return FALSE;
    if (!bb_topics_create(bb_dlq_reader_client(mover->reader), topic, -1, -1, REQUEST_TIMEOUT_MS,
                          error))
        return FALSE;
    bb_log_info("topic %s was missing and has been made", topic);
    return TRUE;
}

/* Whether the topic is there. Asked for by the list of all, as a question by name could make it. */
static gboolean ask(moving *mover, const char *topic, gboolean *ret_exists, GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    g_ptr_array_add(names, (char *)topic);
    g_autoptr(GPtrArray) states =
        bb_topics_describe(bb_dlq_reader_client(mover->reader), names, REQUEST_TIMEOUT_MS, error);
    if (!states)
        return FALSE;
    *ret_exists = ((const bb_topic_state *)g_ptr_array_index(states, 0))->partitions > 0;
    return TRUE;
}

/* As ask, once for each topic; a missing one is made when it may be. */
static gboolean topic_exists(moving *mover, const char *topic, gboolean may_make, GError **error)
{
    gpointer known = NULL;
    gboolean exists = FALSE;
    if (g_hash_table_lookup_extended(mover->known, topic, NULL, &known))
        return GPOINTER_TO_INT(known);
    if (!ask(mover, topic, &exists, error))
        return FALSE;
    if (!exists && may_make)
        exists = make_topic(mover, topic, error);
    g_hash_table_replace(mover->known, g_strdup(topic), GINT_TO_POINTER(exists));
    return exists;
}

/* Waits until everything sent is confirmed, then keeps the progress. */
static gboolean settle(moving *mover, GError **error)
{
    if (mover->sender && !bb_dlq_sender_settle(mover->sender, mover->move->stop, error))
        return FALSE;
    mover->counts->sent += mover->batch_sent;
    mover->counts->parked += mover->batch_parked;
    mover->batch_sent = mover->batch_parked = 0;
    mover->batch_ms = bb_clock_monotonic_ms();
    if (mover->move->dry_run || !bb_dlq_move_remembers(mover->move))
        return TRUE;
    return bb_dlq_reader_commit(mover->reader, error);
}

static gboolean settle_if_due(moving *mover, GError **error)
{
    guint waiting = mover->batch_sent + mover->batch_parked;
    if (waiting < BATCH_RECORDS && bb_clock_monotonic_ms() - mover->batch_ms < BATCH_MS)
        return TRUE;
    if (mover->move->on_progress)
        mover->move->on_progress(mover->counts, bb_dlq_reader_total(mover->reader),
                                 mover->move->user);
    return waiting == 0 || settle(mover, error);
}

/* Waits for the record's turn under --rate. */
static gboolean pace(moving *mover, GError **error)
{
    guint rate = mover->move->rate;
    gint64 due = rate ? mover->started_ms + (gint64)(mover->taken * 1000 / rate) : 0;
    for (gint64 now; mover->sender && (now = bb_clock_monotonic_ms()) < due;) {
        if (is_stopped(mover, 1))
            break;
        bb_dlq_sender_poll(mover->sender, (int)MIN(due - now, POLL_MS));
        if (!settle_if_due(mover, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean forward(moving *mover, const bb_dlq_record *record, bb_dlq_action action,
                        const char *target, const char *why, GError **error)
{
    gboolean parks = action == BB_DLQ_PARK;
    if (!pace(mover, error))
        return FALSE;
    if (mover->sender) {
        rd_kafka_headers_t *headers = parks ? bb_dlq_headers_parked(record, why)
                                            : bb_dlq_headers_back(record, record->hops + 1);
        if (!bb_dlq_sender_send(mover->sender, target, record, headers, error))
            return FALSE;
    }
    mover->batch_parked += parks ? 1 : 0;
    mover->batch_sent += parks ? 0 : 1;
    mover->taken++;
    bb_dlq_reader_finish(mover->reader, record->partition, record->offset);
    return TRUE;
}

/* Progress must not pass a record that was left behind, so its partition ends here. */
static void refuse(moving *mover, const bb_dlq_record *record)
{
    mover->counts->refused++;
    if (bb_dlq_move_remembers(mover->move))
        bb_dlq_reader_end_partition(mover->reader, record->partition);
}

/* A topic to send to that is not there turns into a refusal, and one to park in into an error. */
static gboolean check_target(moving *mover, const char *target, bb_dlq_action *action,
                             const char **why, GError **error)
{
    GError *reason = NULL;
    gboolean parks = *action == BB_DLQ_PARK;
    if (topic_exists(mover, target, parks, &reason) || (!reason && mover->move->dry_run && parks))
        return TRUE;
    if (reason) {
        g_propagate_error(error, reason);
        return FALSE;
    }
    if (parks) {
        g_set_error(error, BB_ERROR, BB_ERROR_KAFKA,
                    "topic %s, for what is put aside, does not exist", target);
        return FALSE;
    }
    *action = BB_DLQ_REFUSE;
    *why = "the topic it came from does not exist or may not be seen";
    return TRUE;
}

static gboolean handle(moving *mover, const rd_kafka_message_t *message, GError **error)
{
    const bb_dlq_move *move = mover->move;
    const char *why = NULL;
    bb_dlq_record record;
    bb_dlq_record_read(&record, message);
    mover->counts->read++;
    bb_dlq_action action = bb_dlq_decide(&move->plan, &record, &why);
    const char *target = action == BB_DLQ_SEND_BACK ? record.fields[BB_DLQ_TOPIC]
                         : action == BB_DLQ_PARK    ? move->parked_topic
                                                    : NULL;
    if (target && !check_target(mover, target, &action, &why, error))
        return FALSE;
    if (move->on_record)
        move->on_record(&record, action, target, why, move->user);
    if (action == BB_DLQ_REFUSE)
        refuse(mover, &record);
    else if (action == BB_DLQ_LEAVE)
        mover->counts->left++;
    else
        return forward(mover, &record, action, target, why, error);
    return TRUE;
}

static gboolean is_enough(const moving *mover)
{
    return is_stopped(mover, 1) || bb_dlq_reader_done(mover->reader) ||
           (mover->move->max && mover->taken >= mover->move->max);
}

/* TRUE while there may be more. */
static gboolean step(moving *mover, GError **error)
{
    GError *trouble = NULL;
    rd_kafka_message_t *message = bb_dlq_reader_next(mover->reader, POLL_MS, &trouble);
    gboolean good = message ? handle(mover, message, &trouble) : !trouble;
    if (message)
        rd_kafka_message_destroy(message);
    good = good && settle_if_due(mover, &trouble);
    if (trouble)
        g_propagate_error(error, trouble);
    return good;
}

/* Reads and sends; what was confirmed before an error is kept. */
static gboolean move_all(moving *mover, GError **error)
{
    g_autoptr(GError) trouble = NULL;
    mover->started_ms = mover->batch_ms = bb_clock_monotonic_ms();
    gboolean good = TRUE;
    /* the last record of the range ends it, so what is in hand comes first */
    while (good && !is_enough(mover))
        good = step(mover, &trouble);
    gboolean settled = settle(mover, good ? error : NULL);
    if (!good)
        g_propagate_error(error, g_steal_pointer(&trouble));
    return good && settled;
}

static gboolean open_all(moving *mover, GError **error)
{
    const bb_dlq_move *move = mover->move;
    gboolean exists = FALSE;
    const bb_dlq_range range = {move->topic, bb_dlq_move_remembers(move), move->only_partition,
                                move->only_offset};
    if (!bb_kafka_wait(bb_dlq_reader_client(mover->reader), move->timeout_ms, move->stop, error) ||
        !bb_dlq_reader_open(mover->reader, &range, &exists, error))
        return FALSE;
    if (move->on_start)
        move->on_start(exists, bb_dlq_reader_total(mover->reader),
                       bb_dlq_reader_resumed(mover->reader), move->user);
    return TRUE;
}

gboolean bb_dlq_move_run(const bb_dlq_move *move, bb_dlq_counts *counts, GError **error)
{
    g_autofree char *group = bb_dlq_move_group(move);
    moving mover = {.move = move, .counts = counts};
    *counts = (bb_dlq_counts){0};
    g_autoptr(bb_dlq_reader) reader = bb_dlq_reader_new(move->settings, group, error);
    if (!reader)
        return FALSE;
    mover.reader = reader;
    if (!open_all(&mover, error))
        return FALSE;
    g_autoptr(bb_dlq_sender) sender =
        move->dry_run ? NULL : bb_dlq_sender_new(move->settings, error);
    if (!sender && !move->dry_run)
        return FALSE;
    mover.sender = sender;
    g_autoptr(GHashTable) known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    mover.known = known;
    return move_all(&mover, error);
}
