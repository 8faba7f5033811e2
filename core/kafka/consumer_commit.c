/* Committing offsets: one request at a time.
 *
 * A request whose answer is lost is sent again by the client, a socket.timeout.ms later. If a newer
 * one had been sent in between, the old one would take the committed offsets back. So the next
 * commit waits for the answer to the one before. */
#include "kafka/consumer_private.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "pipeline/ackmap.h"
#include "pipeline/suspects.h"

#define COMMIT_AGAIN_MS 200
#define LAST_COMMIT_MS 1000

/* What is committed is not read again. */
static void settle_suspects(bb_consumer *consumer, const rd_kafka_topic_partition_t *place)
{
    bb_marks *marks = bb_marks_used();
    const char *name = bb_event_type_mark_name(consumer->type);
    gboolean settled = FALSE;
    if (!consumer->suspects || place->offset < 0)
        return;
    if (!consumer->tier)
        settled = bb_suspects_settle(consumer->suspects, name, place->partition, place->offset);
    else if (!consumer->in_flight_records) /* they are named by other places than these */
        settled = bb_suspects_settle_all(consumer->suspects, name);
    if (settled && marks)
        g_atomic_int_set(&marks->careful, 0);
}

/* The broker's offset.metadata.max.bytes is below its default: without maps, more is handled again
 * after a crash. */
static void give_up_maps(bb_consumer *consumer)
{
    bb_partitions_set_map_bytes(consumer->partitions, 0);
    bb_log_warning("%s: the brokers take less than %d bytes of metadata with an offset "
                   "(offset.metadata.max.bytes); what is finished beyond an offset is not noted",
                   consumer->type->full_name, BB_ACKMAP_MAX_BYTES);
}

void bb_consumer_take_commit(bb_consumer *consumer, rd_kafka_resp_err_t code,
                             const rd_kafka_topic_partition_list_t *list)
{
    rd_kafka_resp_err_t first = code;
    for (int i = 0; list && i < list->cnt; i++) {
        rd_kafka_resp_err_t failed = code ? code : list->elems[i].err;
        if (!failed) {
            consumer->committed |= list->elems[i].offset > 0;
            settle_suspects(consumer, &list->elems[i]);
            continue;
        }
        first = failed;
        if (failed == RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE)
            give_up_maps(consumer);
        bb_partitions_uncommit(consumer->partitions, list->elems[i].partition);
    }
    if (first != RD_KAFKA_RESP_ERR__NO_OFFSET)
        bb_metric_record(consumer->metrics.commits[first ? 1 : 0], 1);
    if (first && first != RD_KAFKA_RESP_ERR__NO_OFFSET && bb_consumer_may_say(consumer))
        bb_log_warning("%s: the offsets of group %s could not be committed: %s; trying again",
                       consumer->type->full_name, consumer->type->group, rd_kafka_err2str(first));
}

static void on_answer(rd_kafka_t *client, rd_kafka_resp_err_t code,
                      rd_kafka_topic_partition_list_t *list, void *opaque)
{
    bb_consumer *consumer = opaque;
    (void)client;
    BB_FAULT("commit.answer");
    consumer->commit_open = FALSE;
    consumer->commit_code = code;
    bb_consumer_take_commit(consumer, code, list);
}

gboolean bb_consumer_await_commit(bb_consumer *consumer, gint64 deadline_ms)
{
    enum { LOOK_MS = 50 };
    (void)rd_kafka_queue_poll_callback(consumer->commits, 0);
    while (consumer->commit_open) {
        gint64 left = deadline_ms - bb_clock_monotonic_ms();
        if (left <= 0)
            return FALSE;
        (void)rd_kafka_queue_poll_callback(consumer->commits, (int)MIN(left, LOOK_MS));
    }
    return TRUE;
}

void bb_consumer_send_offsets(bb_consumer *consumer, rd_kafka_topic_partition_list_t *list,
                              bb_commit_answer *answer)
{
    consumer->commit_open = TRUE;
    rd_kafka_resp_err_t code =
        BB_FAULT_ERRNO("commit.begin")
            ? RD_KAFKA_RESP_ERR__TRANSPORT
            : rd_kafka_commit_queue(consumer->client, list, consumer->commits, answer, consumer);
    BB_FAULT("commit.sent");
    if (code)
        answer(consumer->client, code, list, consumer);
    rd_kafka_topic_partition_list_destroy(list);
}

static void send_commit(bb_consumer *consumer)
{
    rd_kafka_topic_partition_list_t *list = bb_partitions_to_commit(consumer->partitions);
    consumer->commit_code = RD_KAFKA_RESP_ERR_NO_ERROR;
    bb_consumer_hold_crowded(consumer);
    if (list)
        bb_consumer_send_offsets(consumer, list, on_answer);
}

static void forget_committed(gint32 partition, bb_partition *state, void *user)
{
    bb_consumer *consumer = user;
    (void)state;
    bb_partitions_uncommit(consumer->partitions, partition);
}

gboolean bb_consumer_commit(bb_consumer *consumer, gint64 wait_ms)
{
    if (consumer->ahead) /* all that was handed over is committed */
        return TRUE;
    gint64 deadline_ms = bb_clock_monotonic_ms() + wait_ms;
    if (consumer->stores_at_ms) /* what the stores lack shows by the offset that is there */
        return TRUE;
    gboolean answered = bb_consumer_await_commit(consumer, deadline_ms);
    if (!answered && wait_ms == 0)
        return TRUE;
    /* an answer that did not come in time: what it was about is sent once more */
    if (!answered)
        bb_partitions_each(consumer->partitions, forget_committed, consumer);
    send_commit(consumer);
    return wait_ms == 0 ||
           (bb_consumer_await_commit(consumer,
                                     MAX(deadline_ms, bb_clock_monotonic_ms() + LAST_COMMIT_MS)) &&
            !consumer->commit_code);
}

gboolean bb_consumer_is_expelled(const bb_consumer *consumer)
{
    return consumer->commit_code == RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID ||
           consumer->commit_code == RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION ||
           consumer->commit_code == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID;
}

gboolean bb_consumer_commit_in_group(bb_consumer *consumer)
{
    return bb_consumer_commit(consumer, LAST_COMMIT_MS) ||
           !(consumer->commit_code == RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS ||
             bb_consumer_is_expelled(consumer));
}

void bb_consumer_commit_last(bb_consumer *consumer, gint64 timeout_ms)
{
    gint64 deadline_ms = bb_clock_monotonic_ms() + timeout_ms;
    while (!bb_consumer_commit(consumer, MAX(deadline_ms - bb_clock_monotonic_ms(), 1)) &&
           bb_clock_monotonic_ms() < deadline_ms && !bb_consumer_is_expelled(consumer) &&
           g_atomic_int_get(&consumer->stopping) != BB_STOP_FAST)
        bb_consumer_collect(consumer, COMMIT_AGAIN_MS);
    if (bb_consumer_is_expelled(consumer))
        bb_log_warning("%s: group %s has given this member's partitions away (%s): what was "
                       "handled since the last commit is read again by whoever has them",
                       consumer->type->full_name, consumer->type->group,
                       rd_kafka_err2str(consumer->commit_code));
}
