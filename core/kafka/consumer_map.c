/* What is finished beyond the committed offset: read back at the start of an assignment; partitions
 * where it is too much to be noted are not read. */
#include "kafka/consumer_private.h"

#include "base/log.h"

#define COMMITTED_TIMEOUT_MS 5000

void bb_consumer_read_maps(bb_consumer *consumer, const rd_kafka_topic_partition_list_t *list)
{
    rd_kafka_topic_partition_list_t *places = rd_kafka_topic_partition_list_copy(list);
    for (int i = 0; i < places->cnt; i++)
        places->elems[i].offset = RD_KAFKA_OFFSET_INVALID;
    rd_kafka_resp_err_t code = rd_kafka_committed(consumer->client, places, COMMITTED_TIMEOUT_MS);
    for (int i = 0; !code && i < places->cnt; i++) {
        const rd_kafka_topic_partition_t *place = &places->elems[i];
        if (!place->err && place->offset >= 0)
            bb_partitions_resume(consumer->partitions, place->partition, place->offset,
                                 place->metadata, place->metadata_size);
    }
    rd_kafka_topic_partition_list_destroy(places);
    if (code && bb_consumer_may_say(consumer))
        bb_log_warning("%s: what is finished beyond the offsets of group %s is not known (%s); it "
                       "is handled again",
                       consumer->type->full_name, consumer->type->group, rd_kafka_err2str(code));
}

typedef struct changes {
    const bb_consumer *consumer;
    rd_kafka_topic_partition_list_t *hold, *release;
} changes;

static void add_change(gint32 partition, bb_partition *state, void *user)
{
    changes *found = user;
    if (state->crowded == state->held)
        return;
    state->held = state->crowded;
    rd_kafka_topic_partition_list_add(state->held ? found->hold : found->release,
                                      found->consumer->type->topic, partition);
}

void bb_consumer_hold_crowded(bb_consumer *consumer)
{
    changes found = {consumer, rd_kafka_topic_partition_list_new(1),
                     rd_kafka_topic_partition_list_new(1)};
    bb_partitions_each(consumer->partitions, add_change, &found);
    if (found.hold->cnt) {
        /* fails only for partitions that are not ours any more */
        (void)rd_kafka_pause_partitions(consumer->client, found.hold);
        consumer->held_any = TRUE;
        bb_metric_record(consumer->metrics.held, found.hold->cnt);
        bb_log_warning("%s: so much is finished beyond the oldest open record of partition %d of "
                       "%s that it is not read until that one is final",
                       consumer->type->full_name, found.hold->elems[0].partition,
                       consumer->type->topic);
    }
    if (found.release->cnt)
        (void)rd_kafka_resume_partitions(consumer->client, found.release);
    rd_kafka_topic_partition_list_destroy(found.hold);
    rd_kafka_topic_partition_list_destroy(found.release);
}

void bb_consumer_release_held(bb_consumer *consumer, const rd_kafka_topic_partition_list_t *list)
{
    if (!consumer->held_any)
        return;
    rd_kafka_topic_partition_list_t *copy = rd_kafka_topic_partition_list_copy(list);
    (void)rd_kafka_resume_partitions(consumer->client,
                                     copy); /* fails for those that are not held */
    rd_kafka_topic_partition_list_destroy(copy);
}
