/* Asks how far the groups of retry topics have come and reads what waits in them. */
#include "kafka/tier_progress.h"

#include "kafka/group_offsets.h"
#include "kafka/range_reader.h"

#define REQUEST_TIMEOUT_MS 5000
#define READ_WAIT_MS 100

struct bb_tier_progress {
    const bb_event_type *type;
    GPtrArray *tiers;   /* bb_event_type *, the deeper ones; not owned */
    GPtrArray *readers; /* bb_range_reader *, one for each: the group is the client's */
};

bb_tier_progress *bb_tier_progress_new(const bb_settings *settings, const bb_event_type *type,
                                       GError **error)
{
    g_autoptr(bb_tier_progress) progress = g_new0(bb_tier_progress, 1);
    progress->type = type;
    progress->tiers = g_ptr_array_new();
    progress->readers = g_ptr_array_new_with_free_func((GDestroyNotify)bb_range_reader_free);
    for (const bb_event_type *tier = bb_event_type_next_tier(type); tier;
         tier = bb_event_type_next_tier(tier)) {
        bb_range_reader *reader = bb_range_reader_new(settings, tier->group, error);
        if (!reader)
            return NULL;
        g_ptr_array_add(progress->tiers, (gpointer)tier);
        g_ptr_array_add(progress->readers, reader);
    }
    return g_steal_pointer(&progress);
}

void bb_tier_progress_free(bb_tier_progress *progress)
{
    if (!progress)
        return;
    g_ptr_array_unref(progress->readers);
    g_ptr_array_unref(progress->tiers);
    g_free(progress);
}

/* What retention has taken is nobody's any more. */
static GArray *states_of(const GArray *offsets)
{
    GArray *states = g_array_sized_new(FALSE, FALSE, sizeof(bb_tier_state), offsets->len);
    for (guint i = 0; i < offsets->len; i++) {
        const bb_group_offset *offset = &g_array_index(offsets, bb_group_offset, i);
        const bb_tier_state state = {MAX(offset->committed, offset->low), offset->high};
        g_array_append_val(states, state);
    }
    return states;
}

GPtrArray *bb_tier_progress_ask(bb_tier_progress *progress, GError **error)
{
    g_autoptr(GPtrArray) states = g_ptr_array_new_with_free_func((GDestroyNotify)g_array_unref);
    for (guint i = 0; i < progress->readers->len; i++) {
        const bb_event_type *tier = g_ptr_array_index(progress->tiers, i);
        bb_range_reader *reader = g_ptr_array_index(progress->readers, i);
        g_autoptr(GArray) offsets = bb_group_offsets_read(bb_range_reader_client(reader),
                                                          tier->topic, REQUEST_TIMEOUT_MS, error);
        if (!offsets)
            return NULL;
        g_ptr_array_add(states, states_of(offsets));
    }
    return g_steal_pointer(&states);
}

/* Up to where the topic ends now, which is at least where `states` says. */
static gboolean begin(bb_range_reader *reader, const char *topic, const GArray *states,
                      GError **error)
{
    gboolean exists = FALSE;
    bb_range_reader_clear(reader);
    if (!bb_range_reader_add(reader, topic, &exists, error))
        return FALSE;
    for (guint i = 0; i < bb_range_reader_count(reader); i++) {
        bb_range_part *part = bb_range_reader_part(reader, i);
        if ((guint)part->partition < states->len)
            part->start =
                MAX(part->start, g_array_index(states, bb_tier_state, part->partition).done);
        part->start = MIN(part->start, part->end);
    }
    return bb_range_reader_begin(reader, error);
}

static gboolean read_tier(bb_range_reader *reader, guint tier, bb_tier_waiting_fn each,
                          gboolean (*stops)(void *user), void *user, GError **error)
{
    GError *problem = NULL;
    gboolean wanted = TRUE;
    while (wanted && !bb_range_reader_done(reader)) {
        rd_kafka_message_t *message = bb_range_reader_next(reader, READ_WAIT_MS, &problem);
        bb_retry_record record;
        if (message && bb_retry_record_read(message, &record))
            wanted = each(tier, message, &record, user);
        if (message)
            rd_kafka_message_destroy(message);
        if (problem) {
            g_propagate_error(error, problem);
            return FALSE;
        }
        wanted = wanted && !stops(user);
    }
    return wanted;
}

gboolean bb_tier_progress_read(bb_tier_progress *progress, const GPtrArray *states,
                               bb_tier_waiting_fn each, gboolean (*stops)(void *user), void *user,
                               GError **error)
{
    for (guint i = 0; i < progress->readers->len; i++) {
        const bb_event_type *tier = g_ptr_array_index(progress->tiers, i);
        bb_range_reader *reader = g_ptr_array_index(progress->readers, i);
        if (!begin(reader, tier->topic, g_ptr_array_index(states, i), error) ||
            !read_tier(reader, tier->tier, each, stops, user, error))
            return FALSE;
    }
    return TRUE;
}
