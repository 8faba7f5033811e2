/* Finds a member that was overlooked when its group shared out the topic, and lets it join anew.
 *
 * The leader of a group of the classic protocols shares out what the coordinator's broker knows of
 * the topic at that moment. When that broker has not heard of it yet and the leader has, from
 * another one, nobody is given anything, and later answers show the leader nothing new.
 *
 * A group that several topics share does not get this while a member holds any of them. One of the
 * consumer protocol (KIP-848) needs none of it: its coordinator shares out, and is not understood
 * here.
 *
 * It asks by a call that blocks, on a thread of its own, because the error path of the newer
 * rd_kafka_DescribeConsumerGroups hangs (2.0.2) or uses what was freed. */
#include "kafka/consumer_private.h"

#include <string.h>

#include "base/log.h"

enum { FIRST_MS = 15000, LONGEST_MS = 240000, TIMEOUT_MS = 5000 };

/* ConsumerProtocolAssignment begins with int16 version, int32 topics. 1, 0; -1: not understood. */
static int holds_any(const struct rd_kafka_group_member_info *member)
{
    gint16 version;
    gint32 topics;
    const char *bytes = member->member_assignment;
    if (member->member_assignment_size == 0)
        return 0;
    if (!bytes || member->member_assignment_size < (int)(sizeof version + sizeof topics))
        return -1;
    memcpy(&version, bytes, sizeof version);
    memcpy(&topics, bytes + sizeof version, sizeof topics);
    version = GINT16_FROM_BE(version);
    topics = GINT32_FROM_BE(topics);
    return version < 0 || topics < 0 ? -1 : topics > 0;
}

int bb_consumer_count_holders(const struct rd_kafka_group_info *group)
{
    int holders = 0;
    if (group->err || g_strcmp0(group->state, "Stable") != 0 ||
        g_strcmp0(group->protocol_type, "consumer") != 0 || group->member_cnt <= 0)
        return -1;
    for (int i = 0; i < group->member_cnt; i++) {
        int holds = holds_any(&group->members[i]);
        if (holds < 0)
            return -1;
        holders += holds;
    }
    return holders;
}

/* [its own thread] */
static void *ask(void *user)
{
    bb_consumer *consumer = user;
    const char *name = consumer->type->group;
    const struct rd_kafka_group_list *list = NULL; /* also set when only some brokers answered */
    (void)rd_kafka_list_groups(consumer->client, name, &list, TIMEOUT_MS);
    consumer->idle.holders = -1;
    for (int i = 0; list && i < list->group_cnt; i++)
        if (g_strcmp0(list->groups[i].group, name) == 0)
            consumer->idle.holders = bb_consumer_count_holders(&list->groups[i]);
    if (list)
        rd_kafka_group_list_destroy(list);
    g_atomic_int_set(&consumer->idle.answered, 1);
    return NULL;
}

static void start_asking(bb_consumer *consumer)
{
    g_atomic_int_set(&consumer->idle.answered, 0);
    consumer->idle.fits = TRUE;
    /* without a thread it is asked the next time */
    consumer->idle.asked = pthread_create(&consumer->idle.thread, NULL, ask, consumer) == 0;
}

void bb_consumer_idle_end(bb_consumer *consumer)
{
    if (consumer->idle.asked)
        (void)pthread_join(consumer->idle.thread, NULL);
    consumer->idle.asked = FALSE;
}

void bb_consumer_take_holders(bb_consumer *consumer, int holders, gint64 now_ms)
{
    if (holders) /* it is not needed, or not known to be */
        return;
    if (!consumer->idle.said)
        bb_log_warning("%s: group %s has shared out no partition of %s to anybody; joining anew",
                       consumer->type->full_name, consumer->type->group, consumer->type->topic);
    consumer->idle.said = TRUE;
    consumer->rejoin_at_ms = now_ms;
}

static void take_answer(bb_consumer *consumer, gint64 now_ms)
{
    if (!consumer->idle.asked || !g_atomic_int_get(&consumer->idle.answered))
        return;
    bb_consumer_idle_end(consumer);
    if (consumer->idle.fits)
        bb_consumer_take_holders(consumer, consumer->idle.holders, now_ms);
}

void bb_consumer_look_idle(bb_consumer *consumer, gint64 now_ms)
{
    gboolean served = bb_partitions_assigned(consumer->partitions) > 0;
    if (served || !consumer->has_assignment) {
        consumer->idle.fits = FALSE; /* what was asked is about another time */
        consumer->idle.look_at_ms = 0;
        consumer->idle.wait_ms = served ? 0 : consumer->idle.wait_ms;
        consumer->idle.said &= !served;
    }
    take_answer(consumer, now_ms);
    if (served || !consumer->has_assignment || now_ms < consumer->idle.look_at_ms)
        return;
    if (consumer->type->settings->assignment == BB_ASSIGN_CONSUMER)
        return;
    if (consumer->idle.look_at_ms && !consumer->idle.asked) {
        start_asking(consumer);
        consumer->idle.wait_ms *= 2;
    }
    consumer->idle.wait_ms = CLAMP(consumer->idle.wait_ms, FIRST_MS, LONGEST_MS);
    consumer->idle.look_at_ms = now_ms + consumer->idle.wait_ms;
}
