/* The table of partitions. */
#include "kafka/partitions.h"

struct bb_partitions {
    char *topic;
    GArray *states; /* bb_partition, by number */
    gint64 epoch;
    guint assigned;
};

bb_partitions *bb_partitions_new(const char *topic)
{
    bb_partitions *partitions = g_new0(bb_partitions, 1);
    partitions->topic = g_strdup(topic);
    partitions->states = g_array_new(FALSE, TRUE, sizeof(bb_partition));
    return partitions;
}

void bb_partitions_free(bb_partitions *partitions)
{
    if (!partitions)
        return;
    bb_partitions_revoke_all(partitions);
    g_array_unref(partitions->states);
    g_free(partitions->topic);
    g_free(partitions);
}

static bb_partition *at(const bb_partitions *partitions, guint number)
{
    return &g_array_index(partitions->states, bb_partition, number);
}

void bb_partitions_assign(bb_partitions *partitions, gint32 partition)
{
    guint before = partitions->states->len;
    if ((guint)partition >= before)
        g_array_set_size(partitions->states, (guint)partition + 1);
    for (guint i = before; i < partitions->states->len; i++)
        *at(partitions, i) =
            (bb_partition){.committed = -1, .base = -1, .position = -1, .low = -1, .end = -1};
    bb_partition *state = at(partitions, (guint)partition);
    if (!state->assigned)
        partitions->assigned++;
    bb_offsets_free(state->offsets);
    gint64 epoch = ++partitions->epoch;
    /* `low` and `end` stay: they are of the start of the process */
    *state = (bb_partition){.assigned = TRUE,
                            .offsets = bb_offsets_new(epoch, -1),
                            .first_epoch = epoch,
                            .first = -1,
                            .committed = -1,
                            .base = -1,
                            .position = -1,
                            .low = state->low,
                            .end = state->end};
}

void bb_partitions_revoke(bb_partitions *partitions, gint32 partition)
{
    bb_partition *state = bb_partitions_get(partitions, partition);
    if (!state)
        return;
    g_clear_pointer(&state->offsets, bb_offsets_free);
    state->assigned = FALSE;
    partitions->assigned--;
}

void bb_partitions_revoke_all(bb_partitions *partitions)
{
    for (guint i = 0; i < partitions->states->len; i++)
        bb_partitions_revoke(partitions, (gint32)i);
}

gint64 bb_partitions_epoch(const bb_partitions *partitions)
{
    return partitions->epoch;
}

bb_partition *bb_partitions_get(const bb_partitions *partitions, gint32 partition)
{
    if (partition < 0 || (guint)partition >= partitions->states->len)
        return NULL;
    bb_partition *state = at(partitions, (guint)partition);
    return state->assigned ? state : NULL;
}

guint bb_partitions_assigned(const bb_partitions *partitions)
{
    return partitions->assigned;
}

gint64 bb_partitions_read(bb_partitions *partitions, gint32 partition, gint64 offset,
                          const bb_partition **ret_state)
{
    bb_partition *state = bb_partitions_get(partitions, partition);
    if (!state)
        return -1;
    if (G_UNLIKELY(!bb_offsets_read(state->offsets, offset))) {
        state->older += bb_offsets_in_flight(state->offsets);
        bb_offsets_free(state->offsets);
        state->offsets = bb_offsets_new(++partitions->epoch, -1);
        state->committed = -1;
        (void)bb_offsets_read(state->offsets, offset); /* the first always rises */
        state->first = -1;
    }
    if (G_UNLIKELY(state->first < 0)) {
        state->first = offset;
        state->base = state->base < 0 ? offset : state->base;
    }
    if (ret_state)
        *ret_state = state;
    state->position = offset + 1;
    return bb_offsets_epoch(state->offsets);
}

gboolean bb_partitions_finish(bb_partitions *partitions, gint32 partition, gint64 epoch,
                              gint64 offset)
{
    bb_partition *state = bb_partitions_get(partitions, partition);
    if (!state)
        return FALSE;
    if (epoch == bb_offsets_epoch(state->offsets))
        return bb_offsets_finish(state->offsets, epoch, offset);
    if (epoch < state->first_epoch || !state->older)
        return FALSE;
    state->older--; /* each record is finished once */
    return TRUE;
}

rd_kafka_topic_partition_list_t *bb_partitions_to_commit(bb_partitions *partitions)
{
    rd_kafka_topic_partition_list_t *list = NULL;
    for (guint i = 0; i < partitions->states->len; i++) {
        bb_partition *state = at(partitions, i);
        gint64 frontier =
            state->assigned && !state->older ? bb_offsets_frontier(state->offsets) : -1;
        if (frontier < 0 || frontier == state->committed)
            continue;
        if (!list)
            list = rd_kafka_topic_partition_list_new((int)partitions->assigned);
        rd_kafka_topic_partition_list_add(list, partitions->topic, (int32_t)i)->offset = frontier;
        state->committed = frontier;
    }
    return list;
}

void bb_partitions_uncommit(bb_partitions *partitions, gint32 partition)
{
    bb_partition *state = bb_partitions_get(partitions, partition);
    if (state)
        state->committed = -1;
}

gboolean bb_partitions_complete(const bb_partitions *partitions)
{
    for (guint i = 0; i < partitions->states->len; i++) {
        const bb_partition *state = at(partitions, i);
        if (state->assigned && (state->older || bb_offsets_in_flight(state->offsets)))
            return FALSE;
    }
    return TRUE;
}

void bb_partitions_committed(bb_partitions *partitions)
{
    for (guint i = 0; i < partitions->states->len; i++) {
        bb_partition *state = at(partitions, i);
        if (state->assigned && state->committed >= 0)
            state->base = state->committed;
    }
}

void bb_partitions_restart(bb_partitions *partitions)
{
    for (guint i = 0; i < partitions->states->len; i++) {
        gint64 base = at(partitions, i)->base;
        if (!at(partitions, i)->assigned)
            continue;
        bb_partitions_assign(partitions, (gint32)i);
        at(partitions, i)->base = base;
    }
}

void bb_partitions_each(const bb_partitions *partitions,
                        void (*each)(gint32 partition, bb_partition *state, void *user), void *user)
{
    for (guint i = 0; i < partitions->states->len; i++) {
        if (at(partitions, i)->assigned)
            each((gint32)i, at(partitions, i), user);
    }
}
