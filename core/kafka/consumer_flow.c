/* The way of records through a consumer: from its queue to the lanes and back. */
#include "kafka/consumer_private.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/fault.h"
#include "base/log.h"
#include "kafka/letter_headers.h"
#include "kafka/retry_letter.h"
#include "pipeline/suspects.h"

#define READ_MAX 1000
#define POOL_PER_LANE 4

void bb_consumer_returned(bb_batch *batch, void *user)
{
    bb_consumer *consumer = user;
    bb_monitor_lock(&consumer->monitor);
    bb_batch_queue_push(&consumer->returned, batch);
    bb_monitor_wake(&consumer->monitor);
    bb_monitor_unlock(&consumer->monitor);
}

static guint32 hash_key(const char *key, gsize size)
{
    guint32 hash = 2166136261u; /* FNV-1a */
    for (gsize i = 0; i < size; i++)
        hash = (hash ^ (guchar)key[i]) * 16777619u;
    return hash ^ (hash >> 16);
}

/* A null key goes by the partition. */
static guint32 hash_of(const bb_consumer *consumer, const rd_kafka_message_t *message)
{
    guint32 hash = (guint32)message->partition * 2654435761u;
    hash ^= hash >> 16;
    if (consumer->type->settings->order == BB_ORDER_KEY && message->key)
        hash += hash_key(message->key, message->key_len);
    return hash;
}

static guint lane_of(bb_consumer *consumer, const rd_kafka_message_t *message, guint16 *ret_slot)
{
    if (!consumer->spread)
        return 0;
    if (consumer->type->settings->order != BB_ORDER_NONE)
        return bb_spread_take(consumer->spread, hash_of(consumer, message), ret_slot);
    if (!consumer->lane_share) {
        guint round = MAX(consumer->reading, 1);
        consumer->lane_share = (round + consumer->workers->len - 1) / consumer->workers->len;
        consumer->next_lane = bb_spread_least(consumer->spread);
    }
    consumer->lane_share--;
    *ret_slot = bb_spread_take_lane(consumer->spread, consumer->next_lane);
    return consumer->next_lane;
}

static bb_batch *open_batch(bb_consumer *consumer, guint lane)
{
    if (!consumer->open[lane]) {
        bb_batch *batch = bb_batch_queue_pop(&consumer->pool);
        consumer->open[lane] = batch ? batch : bb_batch_new(bb_consumer_returned, consumer);
    }
    return consumer->open[lane];
}

static void hand_over(bb_consumer *consumer, guint lane)
{
    bb_batch *batch = g_steal_pointer(&consumer->open[lane]);
    if (!batch)
        return;
    BB_FAULT("consume.hand");
    bb_worker_push(g_ptr_array_index(consumer->workers, lane), batch);
}

void bb_consumer_complete(busbar_origin *origin)
{
    bb_item *item = (bb_item *)origin; /* its first member */
    rd_kafka_headers_t *headers;
    if (origin->headers || rd_kafka_message_headers(item->message, &headers))
        return; /* there are none, or they are here */
    size_t count = rd_kafka_header_cnt(headers);
    bb_batch *batch = item->batch;
    if (!batch->arena)
        batch->arena = bb_arena_new(4096);
    busbar_header *list = bb_arena_alloc(batch->arena, count * sizeof(*list));
    gboolean returned = item->tried || bb_consumer_is_follower(item);
    uint32_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        const char *name = NULL;
        const void *value = NULL;
        size_t size = 0;
        (void)rd_kafka_header_get_all(headers, i, &name, &value, &size); /* `i` is in range */
        if (!returned || !bb_letter_headers_is_own(name)) /* as it was in its own topic */
            list[kept++] = (busbar_header){busbar_text(name), {value, size}};
    }
    origin->headers = list;
    origin->header_count = kept;
}

static const bb_suspect *find_suspect(const bb_consumer *consumer,
                                      const rd_kafka_message_t *message)
{
    if (G_LIKELY(!consumer->suspects))
        return NULL;
    bb_retry_record found = {.partition = message->partition, .offset = message->offset};
    if (consumer->tier) /* marks name records by where they were first */
        (void)bb_retry_record_read(message, &found);
    return bb_suspects_find(consumer->suspects, bb_event_type_mark_name(consumer->type),
                            found.partition, found.offset);
}

static void add_record(bb_consumer *consumer, rd_kafka_message_t *message, gint64 epoch,
                       const bb_partition *state)
{
    guint16 slot = 0;
    guint lane = lane_of(consumer, message, &slot);
    const bb_suspect *suspect = find_suspect(consumer, message);
    if (G_UNLIKELY(suspect))
        hand_over(consumer, lane);
    bb_batch *batch = open_batch(consumer, lane);
    batch->suspect = suspect;
    bb_item *item = bb_batch_add(batch);
    rd_kafka_timestamp_type_t kind;
    gsize size = message->len + message->key_len;
    item->message = message;
    item->epoch = epoch;
    item->done_from = state->first;
    item->done_below = bb_offsets_frontier(state->offsets);
    item->slot = slot;
    item->origin.partition = message->partition;
    item->origin.offset = message->offset;
    item->origin.timestamp_ms = rd_kafka_message_timestamp(message, &kind);
    item->origin.topic = busbar_text(consumer->type->topic);
    item->origin.key = (busbar_bytes){message->key, message->key_len};
    item->origin.value = (busbar_bytes){message->payload, message->len};
    if (G_UNLIKELY(consumer->tier))
        bb_tier_set_origin(consumer, item);
    batch->size_bytes += size;
    batch->epoch = MAX(batch->epoch, epoch);
    consumer->in_flight_bytes += size;
    consumer->in_flight_records++;
    if (batch->count >= consumer->type->settings->batch_records || suspect)
        hand_over(consumer, lane);
}

/* TRUE for a record that `once` is to leave alone. */
static gboolean is_past_end(const bb_consumer *consumer, const rd_kafka_message_t *message)
{
    if (!consumer->context->options.once)
        return FALSE;
    bb_partition *state = bb_partitions_get(consumer->partitions, message->partition);
    if (!state || state->end < 0)
        return FALSE;
    state->past_end |= message->offset + 1 >= state->end;
    return message->offset >= state->end;
}

gboolean bb_consumer_add(bb_consumer *consumer, rd_kafka_message_t *message)
{
    if (G_UNLIKELY(message->err)) {
        bb_consumer_take_error(consumer, message);
    } else if (!is_past_end(consumer, message)) {
        const bb_partition *state = NULL;
        gint64 epoch =
            bb_partitions_read(consumer->partitions, message->partition, message->offset, &state);
        if (G_LIKELY(epoch >= 0)) {
            add_record(consumer, message, epoch, state);
            return TRUE;
        }
        consumer->skipped += epoch == BB_PARTITION_FINISHED;
    }
    rd_kafka_message_destroy(message);
    return FALSE;
}

static void count_taken(bb_consumer *consumer, guint64 taken)
{
    bb_monitor_lock(&consumer->monitor);
    consumer->counts.consumed += taken;
    consumer->counts.in_flight += taken;
    bb_monitor_unlock(&consumer->monitor);
    bb_metric_record(consumer->metrics.consumed, (double)taken);
    bb_consumer_transaction_took(consumer, taken);
    bb_metric_record(consumer->metrics.in_flight, consumer->in_flight_records);
}

/* Of at-most-once: a record waits for the commit behind it. */
static void hold(bb_consumer *consumer, rd_kafka_message_t *message)
{
    if (message->err)
        bb_consumer_take_error(consumer, message);
    else if (bb_partitions_get(consumer->partitions, message->partition) &&
             !is_past_end(consumer, message)) {
        bb_consumer_ahead_hold(consumer, message);
        return;
    }
    rd_kafka_message_destroy(message);
}

void bb_consumer_hand_over(bb_consumer *consumer, guint64 taken)
{
    if (taken)
        count_taken(consumer, taken);
    if (G_UNLIKELY(consumer->skipped))
        bb_metric_record(consumer->metrics.skipped, (double)consumer->skipped);
    consumer->skipped = 0;
    for (guint lane = 0; lane < consumer->workers->len; lane++)
        hand_over(consumer, lane);
}

void bb_consumer_take(bb_consumer *consumer, rd_kafka_message_t *message)
{
    if (consumer->ahead)
        hold(consumer, message);
    else if (bb_consumer_add(consumer, message))
        bb_consumer_hand_over(consumer, 1);
}

/* Of one record a round: enough to tell the lag in seconds. */
static void note_time(bb_consumer *consumer, const rd_kafka_message_t *message)
{
    rd_kafka_timestamp_type_t kind;
    bb_partition *state =
        message->err ? NULL : bb_partitions_get(consumer->partitions, message->partition);
    if (state)
        state->read_ms = MAX(rd_kafka_message_timestamp(message, &kind), 0);
}

/* Hands a round over to the lanes. */
static void hand_round(bb_consumer *consumer, rd_kafka_message_t **messages, guint count)
{
    guint64 taken = 0;
    consumer->reading = count;
    for (guint i = 0; i < count; i++) {
        if (i + 1 < count)
            __builtin_prefetch(messages[i + 1]); /* made by another thread */
        taken += bb_consumer_add(consumer, messages[i]) ? 1 : 0;
    }
    bb_consumer_hand_over(consumer, taken);
}

/* What is held goes on when its commit is confirmed. */
static void hand_confirmed(bb_consumer *consumer, gint64 timeout_ms)
{
    g_autoptr(GPtrArray) confirmed = bb_consumer_ahead_take(consumer, timeout_ms);
    if (!confirmed)
        return;
    BB_FAULT("consume.ahead");
    hand_round(consumer, (rd_kafka_message_t **)confirmed->pdata, confirmed->len);
}

void bb_consumer_let_go(bb_consumer *consumer, const rd_kafka_topic_partition_list_t *list,
                        gint64 timeout_ms)
{
    gint64 left = timeout_ms, deadline_ms = bb_clock_monotonic_ms() + timeout_ms;
    if (!consumer->ahead)
        return;
    /* what is committed, or may be, nobody else reads: it is found out while there is time */
    while (left >= 0 && bb_consumer_ahead_may_be_committed(consumer)) {
        hand_confirmed(consumer, left);
        left = deadline_ms - bb_clock_monotonic_ms();
        if (left <= 0 || bb_consumer_is_expelled(consumer) ||
            g_atomic_int_get(&consumer->stopping) == BB_STOP_FAST)
            break;
    }
    bb_consumer_ahead_let_go(consumer, list);
}

gboolean bb_consumer_read(bb_consumer *consumer, int timeout_ms)
{
    if (bb_consumer_ahead_holds(consumer)) {
        hand_confirmed(consumer, timeout_ms);
        return TRUE;
    }
    guint room = consumer->type->settings->in_flight_records;
    room = room > consumer->in_flight_records ? room - consumer->in_flight_records : 1;
    ssize_t count = rd_kafka_consume_batch_queue(consumer->queue, timeout_ms, consumer->read, 1);
    if (count < 1)
        return FALSE;
    BB_FAULT("consume.read");
    if (room > 1) {
        ssize_t more = rd_kafka_consume_batch_queue(consumer->queue, 0, consumer->read + 1,
                                                    MIN(room, READ_MAX) - 1);
        count += MAX(more, 0);
    }
    note_time(consumer, consumer->read[count - 1]);
    if (G_LIKELY(!consumer->ahead)) {
        hand_round(consumer, consumer->read, (guint)count);
        return TRUE;
    }
    for (ssize_t i = 0; i < count; i++)
        hold(consumer, consumer->read[i]);
    if (bb_consumer_ahead_holds(consumer))
        hand_confirmed(consumer, timeout_ms);
    return TRUE;
}

/* Items that have gone on in batches of their own are counted there. */
static void leave_out_moved(bb_batch *batch)
{
    guint kept = 0;
    for (guint i = 0; i < batch->count; i++) {
        if (batch->items[i].outcome != BB_ITEM_MOVED)
            batch->items[kept++] = batch->items[i];
    }
    batch->count = kept;
}

/* Notes what became of the records of a batch and lets go of them. */
static void account(bb_consumer *consumer, bb_batch *batch, bb_run_counts *sums)
{
    gboolean spoiled = g_atomic_int_get(&batch->spoiled) != 0;
    if (G_UNLIKELY(batch->moved))
        leave_out_moved(batch);
    for (guint i = 0; i < batch->count; i++) {
        bb_item *item = &batch->items[i];
        guint8 outcome = spoiled ? 0 : item->outcome;
        if (i + 1 < batch->count)
            __builtin_prefetch(batch->items[i + 1].message); /* to be given back next */
        const rd_kafka_message_t *message = item->message;   /* where it was read */
        gboolean in_time = FALSE;
        if (outcome || consumer->ahead) /* lost is final, too */
            in_time = bb_partitions_finish(consumer->partitions, message->partition, item->epoch,
                                           message->offset);
        if (consumer->stores && in_time && outcome == BUSBAR_PASS)
            bb_partitions_handled(consumer->partitions, message->partition, message->offset);
        sums->handled += outcome == BUSBAR_PASS;
        sums->dropped += outcome == BUSBAR_DROP;
        sums->dead_lettered += outcome == BUSBAR_REJECT;
        sums->deferred += outcome == BUSBAR_RETRY;
        if (consumer->spread)
            bb_spread_give_back(consumer->spread, item->slot);
        rd_kafka_message_destroy(item->message);
    }
    sums->consumed += batch->count;
    consumer->in_flight_records -= batch->count;
    consumer->in_flight_bytes -= batch->size_bytes;
    bb_batch_clear(batch);
    if (consumer->pool.length < consumer->workers->len * POOL_PER_LANE)
        bb_batch_queue_push(&consumer->pool, batch);
    else
        bb_batch_free(batch);
}

/* Records that came back without an outcome count as never read: whoever gets their partition
 * reads them again; unless they are committed, which loses them. */
static void add_sums(bb_consumer *consumer, const bb_run_counts *sums)
{
    bb_run_counts *counts = &consumer->counts;
    guint64 final = sums->handled + sums->dropped + sums->dead_lettered + sums->deferred;
    bb_monitor_lock(&consumer->monitor);
    counts->handled += sums->handled;
    counts->dropped += sums->dropped;
    counts->dead_lettered += sums->dead_lettered;
    counts->deferred += sums->deferred;
    counts->consumed -= sums->consumed - final;
    counts->lost += consumer->ahead ? sums->consumed - final : 0;
    counts->in_flight -= sums->consumed;
    bb_monitor_unlock(&consumer->monitor);
    bb_metric_record(consumer->ahead ? consumer->metrics.lost : consumer->metrics.released,
                     (double)(sums->consumed - final));
    if (consumer->ahead && sums->consumed > final)
        bb_log_warning("%s: %" G_GUINT64_FORMAT " records are lost: their offsets are committed "
                       "and they were not handled (delivery: at_most_once)",
                       consumer->type->full_name, sums->consumed - final);
    bb_metric_record(consumer->metrics.handled, (double)sums->handled);
    bb_metric_record(consumer->metrics.dropped, (double)sums->dropped);
    bb_metric_record(consumer->metrics.dead_lettered, (double)sums->dead_lettered);
    bb_metric_record(consumer->metrics.deferred, (double)sums->deferred);
    bb_metric_record(consumer->metrics.in_flight, consumer->in_flight_records);
}

void bb_consumer_collect(bb_consumer *consumer, gint64 timeout_ms)
{
    bb_batch_queue returned = {NULL, NULL, 0};
    bb_run_counts sums = {0};
    bb_batch *batch;
    bb_monitor_lock(&consumer->monitor);
    if (!consumer->returned.first && timeout_ms > 0)
        bb_monitor_wait(&consumer->monitor, timeout_ms);
    bb_batch_queue_move(&returned, &consumer->returned);
    bb_monitor_unlock(&consumer->monitor);
    if (!returned.first)
        return;
    while ((batch = bb_batch_queue_pop(&returned)))
        account(consumer, batch, &sums);
    BB_FAULT("consume.account");
    add_sums(consumer, &sums);
}

gboolean bb_consumer_is_full(bb_consumer *consumer)
{
    const bb_event_settings *settings = consumer->type->settings;
    guint64 bytes = consumer->in_flight_bytes;
    guint64 records = consumer->in_flight_records;
    gboolean before = consumer->paused;
    if (consumer->paused)
        consumer->paused = bytes >= settings->in_flight_bytes / 4 * 3 ||
                           records * 4 >= (guint64)settings->in_flight_records * 3;
    else
        consumer->paused =
            bytes >= settings->in_flight_bytes || records >= settings->in_flight_records;
    consumer->paused = consumer->paused && records > 0; /* one record is always let in */
    if (consumer->paused && !before)
        bb_metric_record(consumer->metrics.pauses, 1);
    return consumer->paused;
}

/* Trouble that may pass: said now and then. With `once` nobody waits for it to pass. */
static void trouble(bb_consumer *consumer, const rd_kafka_message_t *message)
{
    const bb_event_type *type = consumer->type;
    const char *text = rd_kafka_message_errstr(message);
    if (consumer->context->options.once &&
        (message->err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
         message->err == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED)) {
        bb_consumer_fail(consumer, BB_ERROR_KAFKA, "%s: topic %s, group %s: %s", type->full_name,
                         type->topic, type->group, text);
        return;
    }
    if (bb_consumer_may_say(consumer))
        bb_log_warning("%s: topic %s, group %s: %s; still trying", type->full_name, type->topic,
                       type->group, text);
}

void bb_consumer_take_error(bb_consumer *consumer, const rd_kafka_message_t *message)
{
    bb_partition *state;
    switch (message->err) {
    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
        state = bb_partitions_get(consumer->partitions, message->partition);
        if (!state)
            return;
        state->position = message->offset;
        state->past_end |= state->end >= 0 && message->offset >= state->end;
        return;
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
        bb_consumer_displaced(consumer, message);
        return;
    case RD_KAFKA_RESP_ERR__FATAL:
        bb_consumer_fail(consumer, BB_ERROR_KAFKA, "%s: the Kafka client gave up: %s",
                         consumer->type->full_name, rd_kafka_message_errstr(message));
        return;
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
        consumer->missing |= consumer->committed; /* Kafka forgets its offsets with a topic */
        trouble(consumer, message);
        return;
    default:
        trouble(consumer, message);
    }
}
