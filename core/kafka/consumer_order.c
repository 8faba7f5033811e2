/* Keeps the order of keys over retry topics (`retry.keep_order`), for one level: the topic or one
 * of its retry topics.
 *
 * Lanes ask for every record while a key is blocked, and send failed records and their followers
 * through here, so that of each key one letter at a time is on its way. A thread of its own asks
 * Kafka, once a second and only while something is blocked, what has become of them; after each
 * assignment it finds out which keys are blocked already, and nothing is read meanwhile. */
#include "kafka/consumer_private.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "kafka/tier_progress.h"

#define LOOK_MS 1000
#define LOOK_AGAIN_MS 5000 /* too much is blocked */
#define SAY_AGAIN_MS 5000

struct bb_order_keeper {
    bb_consumer *consumer;
    const bb_event_type *next; /* where records go from here */
    pthread_t thread;
    gboolean running;
    bb_tier_progress *progress; /* the thread's; NULL: nothing is to be asked */
    gint64 said_ms;             /* the thread's */
    gboolean crowded;           /* when it was last looked at; the consumer's thread */
    gint keys;                  /* blocked; read without the lock */
    gint finding;               /* it is not known which are; read without the lock */
    bb_monitor monitor;         /* guards what follows */
    bb_blocked *blocked;
    gint32 partitions; /* of the next retry topic */
    GArray *ours;      /* gint32: the assignment, if this is the topic itself */
    guint64 assigned;  /* counts assignments */
    gboolean stopping;
};

static gboolean is_on(const bb_event_type *type)
{
    return type->settings->retry_keep_order && bb_event_type_next_tier(type);
}

struct bb_order_keeper *bb_order_keeper_new(bb_consumer *consumer)
{
    const bb_event_type *type = consumer->type;
    if (!is_on(type))
        return NULL;
    const bb_event_type *source = type->source ? type->source : type;
    struct bb_order_keeper *keeper = g_new0(struct bb_order_keeper, 1);
    keeper->consumer = consumer;
    keeper->next = bb_event_type_next_tier(type);
    keeper->blocked = bb_blocked_new(type->settings->order, type->tier, source->tiers->len);
    keeper->ours = g_array_new(FALSE, FALSE, sizeof(gint32));
    keeper->said_ms = -SAY_AGAIN_MS;
    bb_monitor_init(&keeper->monitor);
    return keeper;
}

/* The table has changed; with the lock held. */
static void note_keys(struct bb_order_keeper *keeper)
{
    g_atomic_int_set(&keeper->keys, (gint)bb_blocked_count(keeper->blocked));
}

static bb_blocked_key name_of(const struct bb_order_keeper *keeper, const bb_item *item)
{
    return bb_blocked_name(keeper->blocked, item->origin.partition, item->origin.key);
}

bb_turn bb_order_keeper_turn(struct bb_order_keeper *keeper, const bb_item *item)
{
    if (!g_atomic_int_get(&keeper->keys))
        return BB_TURN_GO;
    bb_blocked_key key = name_of(keeper, item);
    bb_monitor_lock(&keeper->monitor);
    bb_turn turn = bb_blocked_turn(keeper->blocked, key);
    bb_monitor_unlock(&keeper->monitor);
    return turn;
}

static gboolean is_follower(const bb_letter *letter)
{
    const void *value = NULL;
    size_t size = 0;
    return rd_kafka_header_get_last(letter->headers, "busbar.retry_follows", &value, &size) == 0;
}

/* A letter that was too large went to the dead letters. */
static bb_letter *on_confirmed(bb_letter *letter, const rd_kafka_message_t *message)
{
    struct bb_order_keeper *keeper = letter->keeper;
    gboolean there = strcmp(letter->topic, keeper->next->topic) == 0;
    bb_blocked_key key = name_of(keeper, letter->item);
    bb_monitor_lock(&keeper->monitor);
    bb_blocked_confirm(keeper->blocked, key, letter, there ? message->partition : -1,
                       message->offset, is_follower(letter));
    bb_letter *behind = letter->behind;
    note_keys(keeper);
    bb_monitor_unlock(&keeper->monitor);
    return behind;
}

void bb_order_keeper_send(struct bb_order_keeper *keeper, bb_letter *letter)
{
    bb_outbox *outbox = keeper->consumer->outbox;
    bb_blocked_key key = name_of(keeper, letter->item);
    letter->keeper = keeper;
    letter->confirmed = on_confirmed;
    bb_monitor_lock(&keeper->monitor);
    gboolean first = !bb_blocked_count(keeper->blocked);
    letter->partition = bb_blocked_partition(keeper->blocked, key);
    if (letter->partition < 0 && keeper->partitions > 0)
        letter->partition = key.partition % keeper->partitions;
    bb_letter *before = bb_blocked_send(keeper->blocked, key, letter);
    if (before)
        bb_outbox_send_behind(outbox, letter, before);
    note_keys(keeper);
    if (first)
        bb_monitor_wake(&keeper->monitor);
    bb_monitor_unlock(&keeper->monitor);
    if (!before)
        (void)bb_outbox_send(outbox, letter); /* refused only at the end: given up then */
}

static void add_partition(gint32 partition, bb_partition *state, void *user)
{
    (void)state;
    g_array_append_val((GArray *)user, partition);
}

void bb_order_keeper_assigned(struct bb_order_keeper *keeper)
{
    bb_monitor_lock(&keeper->monitor);
    g_array_set_size(keeper->ours, 0);
    bb_partitions_each(keeper->consumer->partitions, add_partition, keeper->ours);
    keeper->assigned++;
    g_atomic_int_set(&keeper->finding, 1);
    bb_monitor_wake(&keeper->monitor);
    bb_monitor_unlock(&keeper->monitor);
}

/* With `once` it reads to the end whatever waits. */
static gboolean is_crowded(const struct bb_order_keeper *keeper)
{
    const bb_consumer *consumer = keeper->consumer;
    return (guint)g_atomic_int_get((gint *)&keeper->keys) >=
               consumer->type->settings->retry_order_keys &&
           !consumer->context->options.once;
}

gboolean bb_order_keeper_holds(struct bb_order_keeper *keeper)
{
    bb_consumer *consumer = keeper->consumer;
    gboolean before = keeper->crowded;
    keeper->crowded = is_crowded(keeper);
    if (keeper->crowded && !before)
        bb_metric_record(consumer->metrics.order_bounds, 1);
    if (g_atomic_int_get(&keeper->finding))
        return TRUE;
    if (keeper->crowded && bb_consumer_may_say(consumer))
        bb_log_warning("%s: %d keys have records in retry topics, as many as are kept in order: "
                       "nothing more of topic %s is read until some are done",
                       consumer->type->full_name, g_atomic_int_get(&keeper->keys),
                       consumer->type->topic);
    return keeper->crowded;
}

guint bb_order_keeper_keys(struct bb_order_keeper *keeper)
{
    return (guint)g_atomic_int_get(&keeper->keys);
}

/* The thread: */

static void say(struct bb_order_keeper *keeper, const char *what, const GError *error)
{
    gint64 now_ms = bb_clock_monotonic_ms();
    if (now_ms - keeper->said_ms < SAY_AGAIN_MS)
        return;
    keeper->said_ms = now_ms;
    bb_log_warning("%s: %s is not known yet, for the order of keys: %s; still trying",
                   keeper->consumer->type->full_name, what, error->message);
}

static gboolean is_stopping(void *user)
{
    struct bb_order_keeper *keeper = user;
    bb_monitor_lock(&keeper->monitor);
    gboolean stopping = keeper->stopping;
    bb_monitor_unlock(&keeper->monitor);
    return stopping;
}

/* How far the retry topics have come, and what is free by that. NULL: Kafka does not say. */
static GPtrArray *look(struct bb_order_keeper *keeper, GError **error)
{
    if (!keeper->progress)
        keeper->progress = bb_tier_progress_new(keeper->consumer->context->settings,
                                                keeper->consumer->type, error);
    if (!keeper->progress)
        return NULL;
    bb_monitor_lock(&keeper->monitor);
    guint64 mark = bb_blocked_mark(keeper->blocked);
    bb_monitor_unlock(&keeper->monitor);
    GPtrArray *states = bb_tier_progress_ask(keeper->progress, error);
    if (!states)
        return NULL;
    bb_monitor_lock(&keeper->monitor);
    bb_blocked_pass(keeper->blocked, mark, states);
    keeper->partitions = (gint32)((GArray *)g_ptr_array_index(states, 0))->len;
    note_keys(keeper);
    bb_monitor_unlock(&keeper->monitor);
    return states;
}

static gboolean is_ours(const struct bb_order_keeper *keeper, gint32 partition)
{
    for (guint i = 0; i < keeper->ours->len; i++) {
        if (g_array_index(keeper->ours, gint32, i) == partition)
            return TRUE;
    }
    return FALSE;
}

/* In a retry topic keys of other members are taken in, too: that holds up nothing. */
static gboolean take_waiting(guint tier, const rd_kafka_message_t *message,
                             const bb_retry_record *record, void *user)
{
    struct bb_order_keeper *keeper = user;
    const busbar_bytes bytes = {message->key, message->key_len};
    bb_monitor_lock(&keeper->monitor);
    if (keeper->consumer->type->source || is_ours(keeper, record->partition))
        bb_blocked_find(keeper->blocked, bb_blocked_name(keeper->blocked, record->partition, bytes),
                        tier, message->partition, message->offset, record->follows);
    note_keys(keeper);
    bb_monitor_unlock(&keeper->monitor);
    return !is_crowded(keeper);
}

/* Which keys of the assignment are blocked already. FALSE: not known. */
static gboolean find_blocked(struct bb_order_keeper *keeper)
{
    g_autoptr(GError) error = NULL;
    bb_monitor_lock(&keeper->monitor);
    guint64 assigned = keeper->assigned;
    bb_monitor_unlock(&keeper->monitor);
    g_autoptr(GPtrArray) states = look(keeper, &error);
    gboolean found = states && bb_tier_progress_read(keeper->progress, states, take_waiting,
                                                     is_stopping, keeper, &error);
    if (!found && !error)
        g_set_error(&error, BB_ERROR, BB_ERROR_KAFKA, "%u keys have records there, too many",
                    bb_order_keeper_keys(keeper));
    if (!found && !is_stopping(keeper))
        say(keeper, "what waits in the retry topics", error);
    bb_monitor_lock(&keeper->monitor);
    if (found && assigned == keeper->assigned)
        g_atomic_int_set(&keeper->finding, 0);
    gboolean done = found && !keeper->finding;
    bb_monitor_unlock(&keeper->monitor);
    if (done && bb_order_keeper_keys(keeper))
        bb_log_info("%s: %u keys have records in retry topics: what comes of them goes there, too",
                    keeper->consumer->type->full_name, bb_order_keeper_keys(keeper));
    return found;
}

/* A new assignment ends it. */
static void pause_for(struct bb_order_keeper *keeper, gint64 timeout_ms)
{
    gint64 until_ms = bb_clock_monotonic_ms() + timeout_ms;
    bb_monitor_lock(&keeper->monitor);
    guint64 assigned = keeper->assigned;
    for (gint64 left = timeout_ms; left > 0 && !keeper->stopping && assigned == keeper->assigned;
         left = until_ms - bb_clock_monotonic_ms())
        bb_monitor_wait(&keeper->monitor, left);
    bb_monitor_unlock(&keeper->monitor);
}

/* FALSE when the thread is to end; else there is something to be asked. */
static gboolean wait_for_work(struct bb_order_keeper *keeper)
{
    bb_monitor_lock(&keeper->monitor);
    while (!keeper->stopping && !keeper->finding && !bb_blocked_count(keeper->blocked)) {
        if (keeper->progress) {
            bb_monitor_unlock(&keeper->monitor);
            g_clear_pointer(&keeper->progress, bb_tier_progress_free);
            bb_monitor_lock(&keeper->monitor);
            continue;
        }
        bb_monitor_wait(&keeper->monitor, -1);
    }
    gboolean stopping = keeper->stopping;
    bb_monitor_unlock(&keeper->monitor);
    return !stopping;
}

static void *run(void *data)
{
    struct bb_order_keeper *keeper = data;
    while (wait_for_work(keeper)) {
        if (g_atomic_int_get(&keeper->finding)) {
            if (!find_blocked(keeper))
                pause_for(keeper, is_crowded(keeper) ? LOOK_AGAIN_MS : LOOK_MS);
            continue;
        }
        pause_for(keeper, LOOK_MS);
        if (g_atomic_int_get(&keeper->finding) || is_stopping(keeper))
            continue;
        g_autoptr(GError) error = NULL;
        g_autoptr(GPtrArray) states = look(keeper, &error);
        if (!states)
            say(keeper, "how far the retry topics are handled", error);
    }
    g_clear_pointer(&keeper->progress, bb_tier_progress_free);
    return NULL;
}

void bb_order_keeper_start(struct bb_order_keeper *keeper)
{
    keeper->running = pthread_create(&keeper->thread, NULL, run, keeper) == 0;
    if (!keeper->running)
        g_error("a thread could not be started");
}

void bb_order_keeper_stop(struct bb_order_keeper *keeper)
{
    bb_monitor_lock(&keeper->monitor);
    keeper->stopping = TRUE;
    bb_monitor_wake(&keeper->monitor);
    bb_monitor_unlock(&keeper->monitor);
}

void bb_order_keeper_join(struct bb_order_keeper *keeper)
{
    if (keeper->running)
        (void)pthread_join(keeper->thread, NULL);
    keeper->running = FALSE;
}

void bb_order_keeper_free(struct bb_order_keeper *keeper)
{
    if (!keeper)
        return;
    bb_blocked_free(keeper->blocked);
    g_array_unref(keeper->ours);
    bb_monitor_clear(&keeper->monitor);
    g_free(keeper);
}

gboolean bb_consumer_is_follower(const bb_item *item)
{
    const bb_consumer *consumer = item->batch->user;
    bb_retry_record found;
    return consumer->tier && bb_retry_record_read(item->message, &found) && found.follows;
}
