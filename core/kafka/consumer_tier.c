/* Reads a retry topic: no record before it is due.
 *
 * All records of one retry topic wait equally long, so those of a partition are due in the order in
 * which they stand there: the first one that is not due holds up its partition. Every partition has
 * a queue of its own, and one that is held up is not read; nothing is paused or sought, the group
 * is polled all the time, and the client bounds what it fetches ahead. */
#include "kafka/consumer_private.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "kafka/gates.h"
#include "kafka/retry_letter.h"

typedef struct slot {
    rd_kafka_queue_t *queue;   /* NULL: the partition is not ours */
    rd_kafka_message_t *first; /* it is not due; NULL: there is none, or it was not read */
    gint64 due_ms;             /* of `first`: wall clock */
} slot;

struct bb_tier {
    rd_kafka_t *client;
    GArray *slots; /* slot, by partition */
};

struct bb_tier *bb_tier_new(const bb_consumer *consumer)
{
    struct bb_tier *tier = g_new0(struct bb_tier, 1);
    tier->client = consumer->client;
    tier->slots = g_array_new(FALSE, TRUE, sizeof(slot));
    return tier;
}

static void let_go(slot *at)
{
    if (at->first)
        rd_kafka_message_destroy(at->first);
    at->first = NULL;
}

static void close_slot(slot *at)
{
    let_go(at);
    if (at->queue)
        rd_kafka_queue_destroy(at->queue);
    at->queue = NULL;
}

void bb_tier_free(struct bb_tier *tier)
{
    if (!tier)
        return;
    for (guint i = 0; i < tier->slots->len; i++)
        close_slot(&g_array_index(tier->slots, slot, i));
    g_array_unref(tier->slots);
    g_free(tier);
}

static slot *slot_of(const struct bb_tier *tier, gint32 partition)
{
    return (guint)partition < tier->slots->len ? &g_array_index(tier->slots, slot, partition)
                                               : NULL;
}

rd_kafka_queue_t *bb_tier_open(bb_consumer *consumer, gint32 partition)
{
    struct bb_tier *tier = consumer->tier;
    if ((guint)partition >= tier->slots->len)
        g_array_set_size(tier->slots, (guint)partition + 1);
    slot *at = slot_of(tier, partition);
    close_slot(at); /* what was read in an earlier assignment is read again */
    at->queue = rd_kafka_queue_new(tier->client);
    return at->queue;
}

void bb_tier_close(bb_consumer *consumer, gint32 partition)
{
    slot *at = slot_of(consumer->tier, partition);
    if (at)
        close_slot(at);
}

void bb_tier_close_all(bb_consumer *consumer)
{
    for (guint i = 0; i < consumer->tier->slots->len; i++)
        close_slot(&g_array_index(consumer->tier->slots, slot, i));
}

void bb_tier_rewind(bb_consumer *consumer, gint32 partition)
{
    slot *at = slot_of(consumer->tier, partition);
    if (at)
        let_go(at);
}

/* What busbar did not put there is handled at once. */
static gint64 due_of(bb_consumer *consumer, const rd_kafka_message_t *message)
{
    bb_retry_record found;
    if (bb_retry_record_read(message, &found))
        return found.due_ms;
    if (bb_consumer_may_say(consumer))
        bb_log_warning("%s: %s partition %d has a record at offset %" G_GINT64_FORMAT
                       " without the headers of a retry topic: it is handled as it is",
                       consumer->type->full_name, consumer->type->topic, message->partition,
                       message->offset);
    return 0;
}

/* `message` is the first of its partition and not due. For `once` that is the end. */
static void hold(bb_consumer *consumer, slot *at, rd_kafka_message_t *message, gint64 due_ms)
{
    bb_partition *state = bb_partitions_get(consumer->partitions, message->partition);
    at->first = message;
    at->due_ms = due_ms;
    if (!state)
        return;
    state->position = state->position < 0 ? message->offset : state->position;
    state->past_end |= consumer->context->options.once != 0;
}

/* All that is due of one partition; the number of records. */
static guint64 take_due(bb_consumer *consumer, slot *at, gint64 now_ms)
{
    guint64 taken = 0;
    while (!bb_consumer_is_full(consumer)) {
        if (at->first && at->due_ms > now_ms)
            break;
        rd_kafka_message_t *message = g_steal_pointer(&at->first);
        gboolean waited = message != NULL;
        if (!message)
            message = rd_kafka_consume_queue(at->queue, 0);
        if (!message)
            break;
        gint64 due_ms = waited || message->err ? 0 : due_of(consumer, message);
        if (due_ms > now_ms) {
            hold(consumer, at, message, due_ms);
            break;
        }
        taken += bb_consumer_add(consumer, message) ? 1 : 0;
    }
    return taken;
}

gboolean bb_tier_holds(const bb_consumer *consumer, gint32 partition)
{
    const slot *at = slot_of(consumer->tier, partition);
    return at && at->first;
}

gint64 bb_tier_next_due(const bb_consumer *consumer)
{
    gint64 next_ms = -1;
    for (guint i = 0; i < consumer->tier->slots->len; i++) {
        const slot *at = &g_array_index(consumer->tier->slots, slot, i);
        if (at->first && (next_ms < 0 || at->due_ms < next_ms))
            next_ms = at->due_ms;
    }
    return next_ms;
}

void bb_tier_read(bb_consumer *consumer, gint64 timeout_ms)
{
    gint64 now_ms = bb_clock_wall_us() / 1000;
    guint64 taken = 0;
    for (guint i = 0; i < consumer->tier->slots->len; i++) {
        slot *at = &g_array_index(consumer->tier->slots, slot, i);
        if (at->queue)
            taken += take_due(consumer, at, now_ms);
    }
    bb_consumer_hand_over(consumer, taken);
    if (taken)
        return;
    if (bb_gate_active(BB_GATE_NO_FETCH_BACKOFF))
        bb_consumer_nudge(consumer);
    gint64 next_ms = bb_tier_next_due(consumer);
    if (next_ms >= 0)
        timeout_ms = MIN(timeout_ms, next_ms - now_ms);
    bb_consumer_collect(consumer, MAX(timeout_ms, 1));
}

void bb_tier_set_origin(const bb_consumer *consumer, bb_item *item)
{
    const bb_event_type *source = consumer->type->source;
    bb_retry_record found;
    /* handlers may take neither place for one below which all is done */
    item->done_from = item->done_below = -1;
    if (!bb_retry_record_read(item->message, &found))
        return;
    item->origin.topic = found.topic;
    if (found.topic.size == strlen(source->topic) &&
        memcmp(found.topic.data, source->topic, found.topic.size) == 0)
        item->origin.topic = busbar_text(source->topic);
    item->origin.partition = found.partition;
    item->origin.offset = found.offset;
    item->origin.timestamp_ms = found.timestamp_ms;
    item->tried = (guint8)CLAMP(found.attempts, found.follows ? 0 : 1, 255);
    item->origin.attempt = item->tried + 1u;
}
