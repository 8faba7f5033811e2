/* The table of partitions. */
#include "kafka/partitions.h"

#include <string.h>

#include "kafka/handled_note.h"
#include "pipeline/ackmap.h"

struct bb_partitions {
    char *topic;
    GArray *states; /* bb_partition, by number */
    gint64 epoch;
    guint assigned;
    gsize map_bytes;
    gboolean notes_handled;
};

bb_partitions *bb_partitions_new(const char *topic)
{
    bb_partitions *partitions = g_new0(bb_partitions, 1);
    partitions->topic = g_strdup(topic);
    partitions->map_bytes = BB_ACKMAP_MAX_BYTES;
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

static void forget_resumed(bb_partition *state)
{
    g_clear_pointer(&state->resumed, g_array_unref);
    state->next_resumed = 0;
}

void bb_partitions_assign(bb_partitions *partitions, gint32 partition)
{
    guint before = partitions->states->len;
    if ((guint)partition >= before)
        g_array_set_size(partitions->states, (guint)partition + 1);
    for (guint i = before; i < partitions->states->len; i++)
        *at(partitions, i) = (bb_partition){
            .committed = -1, .base = -1, .position = -1, .handled = -1, .low = -1, .end = -1};
    bb_partition *state = at(partitions, (guint)partition);
    if (!state->assigned)
        partitions->assigned++;
    bb_offsets_free(state->offsets);
    forget_resumed(state);
    gint64 epoch = ++partitions->epoch;
    /* `low` and `end` stay: they are of the start of the process */
    *state = (bb_partition){.assigned = TRUE,
                            .offsets = bb_offsets_new(epoch, -1),
                            .first_epoch = epoch,
                            .first = -1,
                            .committed = -1,
                            .base = -1,
                            .position = -1,
                            .handled = -1,
                            .low = state->low,
                            .end = state->end};
}

void bb_partitions_revoke(bb_partitions *partitions, gint32 partition)
{
    bb_partition *state = bb_partitions_get(partitions, partition);
    if (!state)
        return;
    g_clear_pointer(&state->offsets, bb_offsets_free);
    forget_resumed(state);
    state->assigned = FALSE;
    partitions->assigned--;
}

void bb_partitions_revoke_all(bb_partitions *partitions)
{
    for (guint i = 0; i < partitions->states->len; i++)
        bb_partitions_revoke(partitions, (gint32)i);
}

void bb_partitions_note_handled(bb_partitions *partitions)
{
    partitions->notes_handled = TRUE;
}

gboolean bb_partitions_notes_handled(const bb_partitions *partitions)
{
    return partitions->notes_handled;
}

void bb_partitions_handled(bb_partitions *partitions, gint32 partition, gint64 offset)
{
    bb_partition *state = bb_partitions_get(partitions, partition);
    if (state)
        state->handled = MAX(state->handled, offset);
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

void bb_partitions_set_map_bytes(bb_partitions *partitions, gsize max_bytes)
{
    partitions->map_bytes = max_bytes;
}

void bb_partitions_resume(bb_partitions *partitions, gint32 partition, gint64 offset,
                          const char *metadata, gsize size)
{
    bb_partition *state = bb_partitions_get(partitions, partition);
    gint64 handled = bb_handled_note_read(metadata, size, &metadata, &size);
    GArray *runs = state ? bb_ackmap_decode(metadata, size, offset) : NULL;
    if (state)
        state->handled = handled;
    if (!runs)
        return;
    forget_resumed(state);
    state->resumed = runs;
    state->resumed_at = offset;
    bb_offsets_set_closed(state->offsets, TRUE); /* so that every record is looked at */
}

/* TRUE when the record was finished before the start. Below where the map began, somebody has set
 * the offset back and wants it all again. */
static gboolean is_resumed(bb_partition *state, gint64 offset)
{
    if (offset < state->resumed_at)
        forget_resumed(state);
    while (state->resumed && state->next_resumed < state->resumed->len) {
        const bb_run *run = &g_array_index(state->resumed, bb_run, state->next_resumed);
        if (run->last >= offset)
            return run->first <= offset;
        state->next_resumed++;
    }
    forget_resumed(state);
    return FALSE;
}

static void begin_epoch(bb_partitions *partitions, bb_partition *state)
{
    state->older += bb_offsets_in_flight(state->offsets);
    bb_offsets_free(state->offsets);
    forget_resumed(state);
    state->offsets = bb_offsets_new(++partitions->epoch, -1);
    state->committed = -1;
    state->handled = -1;
    state->first = -1;
}

/* The first records after the start, and those that do not rise. */
static gint64 read_slowly(bb_partitions *partitions, bb_partition *state, gint64 offset)
{
    gboolean finished = state->resumed && is_resumed(state, offset);
    bb_offsets_set_closed(state->offsets, FALSE);
    if (!bb_offsets_read(state->offsets, offset)) {
        begin_epoch(partitions, state);
        finished = FALSE;
        (void)bb_offsets_read(state->offsets, offset); /* the first always rises */
    }
    gint64 epoch = bb_offsets_epoch(state->offsets);
    if (finished)
        (void)bb_offsets_finish(state->offsets, epoch, offset); /* it was read just now */
    if (state->resumed)
        bb_offsets_set_closed(state->offsets, TRUE);
    return finished ? BB_PARTITION_FINISHED : epoch;
}

gint64 bb_partitions_read(bb_partitions *partitions, gint32 partition, gint64 offset,
                          const bb_partition **ret_state)
{
    bb_partition *state = bb_partitions_get(partitions, partition);
    if (!state)
        return -1;
    gint64 epoch;
    if (G_LIKELY(bb_offsets_read(state->offsets, offset)))
        epoch = bb_offsets_epoch(state->offsets);
    else
        epoch = read_slowly(partitions, state, offset);
    if (G_UNLIKELY(state->first < 0)) {
        state->first = offset;
        state->base = state->base < 0 ? offset : state->base;
    }
    if (ret_state)
        *ret_state = state;
    state->position = offset + 1;
    return epoch;
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

/* What was finished before the start, from `from` on, and has not been read again yet. */
static void add_resumed(const bb_partition *state, gint64 from, GArray *runs)
{
    for (guint i = state->next_resumed; state->resumed && i < state->resumed->len; i++) {
        bb_run run = g_array_index(state->resumed, bb_run, i);
        run.first = MAX(run.first, from);
        if (run.first <= run.last)
            g_array_append_val(runs, run);
    }
}

/* What is finished beyond `offset`, also of what has not been read again yet. */
static GArray *collect_runs(const bb_partition *state)
{
    GArray *runs = g_array_new(FALSE, FALSE, sizeof(bb_run));
    bb_offsets_runs(state->offsets, runs);
    add_resumed(state, state->position, runs);
    return runs;
}

char *bb_partitions_resumed_map(const bb_partitions *partitions, gint32 partition, gint64 offset)
{
    const bb_partition *state = bb_partitions_get(partitions, partition);
    g_autoptr(GArray) runs = g_array_new(FALSE, FALSE, sizeof(bb_run));
    gint64 end = 0;
    if (state)
        add_resumed(state, offset, runs);
    return runs->len ? bb_ackmap_encode(offset, runs, partitions->map_bytes, &end) : NULL;
}

/* The map of what is finished beyond `offset`; notes whether it fits, with some room once it did
 * not. NULL: nothing is. */
static char *make_map(const bb_partitions *partitions, bb_partition *state, gint64 offset)
{
    g_autoptr(GArray) runs = collect_runs(state);
    gsize held = bb_offsets_held(state->offsets);
    gsize note = partitions->notes_handled ? BB_HANDLED_NOTE_BYTES : 0;
    gsize limit = MAX(partitions->map_bytes, note) - note;
    gint64 end = G_MAXINT64, comfortable_end = G_MAXINT64;
    char *map = bb_ackmap_encode(offset, runs, limit, &end);
    if (state->crowded && limit)
        g_free(bb_ackmap_encode(offset, runs, limit / 4 * 3, &comfortable_end));
    gboolean fits = !limit || MIN(end, comfortable_end) == G_MAXINT64;
    gsize most = state->crowded ? BB_PARTITION_HELD_MAX / 4 * 3 : BB_PARTITION_HELD_MAX;
    state->crowded = !fits || held >= most;
    return map;
}

static char *make_metadata(const bb_partitions *partitions, bb_partition *state, gint64 offset)
{
    g_autofree char *map = make_map(partitions, state, offset);
    gboolean noted = partitions->notes_handled && partitions->map_bytes && state->handled >= 0;
    return noted ? bb_handled_note_write(state->handled, map) : g_steal_pointer(&map);
}

/* The offset to commit: the frontier or, while the first record is not finished, that one, when
 * there is something beyond it to be noted. -1: none. */
static gint64 offset_to_commit(const bb_partition *state)
{
    if (!state->assigned || state->older)
        return -1;
    gint64 frontier = bb_offsets_frontier(state->offsets);
    return frontier < 0 && bb_offsets_finished(state->offsets) ? bb_offsets_oldest(state->offsets)
                                                               : frontier;
}

rd_kafka_topic_partition_list_t *bb_partitions_to_commit(bb_partitions *partitions)
{
    rd_kafka_topic_partition_list_t *list = NULL;
    for (guint i = 0; i < partitions->states->len; i++) {
        bb_partition *state = at(partitions, i);
        gint64 offset = offset_to_commit(state);
        if (offset < 0 ||
            (offset == state->committed && bb_offsets_finished(state->offsets) == state->mapped))
            continue;
        if (!list)
            list = rd_kafka_topic_partition_list_new((int)partitions->assigned);
        rd_kafka_topic_partition_t *place =
            rd_kafka_topic_partition_list_add(list, partitions->topic, (int32_t)i);
        g_autofree char *metadata = make_metadata(partitions, state, offset);
        place->offset = offset;
        if (metadata) {
            place->metadata = strdup(metadata); /* the list frees it */
            place->metadata_size = strlen(metadata);
        }
        state->committed = offset;
        state->mapped = bb_offsets_finished(state->offsets);
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

void bb_partitions_renew(bb_partitions *partitions)
{
    for (guint i = 0; i < partitions->states->len; i++) {
        bb_partition *state = at(partitions, i);
        gint64 committed = state->committed;
        if (!state->assigned)
            continue;
        begin_epoch(partitions, state);
        state->first_epoch = bb_offsets_epoch(state->offsets);
        state->older = 0;
        state->committed = committed;
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
