/* A bounded part of a topic for a consumer group of its own. */
#include "kafka/replay.h"

#include "base/error.h"
#include "kafka/client.h"

enum { REQUEST_TIMEOUT_MS = 30000, POLL_MS = 100 };

static gboolean fail(const bb_replay *replay, const char *what, rd_kafka_resp_err_t code,
                     GError **error)
{
    g_set_error(error, BB_ERROR, BB_ERROR_KAFKA, "group %s: %s: %s", replay->group, what,
                rd_kafka_err2str(code));
    return FALSE;
}

static gboolean open_topic(const bb_replay *replay, bb_range_reader *reader, GError **error)
{
    gboolean exists = FALSE;
    if (!bb_kafka_wait(bb_range_reader_client(reader), replay->timeout_ms, NULL, error) ||
        !bb_range_reader_add(reader, replay->topic, &exists, error))
        return FALSE;
    if (!exists)
        g_set_error(error, BB_ERROR, BB_ERROR_KAFKA, "topic %s does not exist", replay->topic);
    return exists && bb_range_reader_narrow(reader, &replay->range, error);
}

/* Reads all of it: the only way to find times on a broker that does not know them. */
static gboolean scan(const bb_replay *replay, bb_range_reader *reader, GError **error)
{
    GError *trouble = NULL;
    if (!bb_range_reader_begin(reader, error))
        return FALSE;
    while (!bb_range_reader_done(reader) && !trouble && !replay->is_stopped(replay->user)) {
        rd_kafka_message_t *message = bb_range_reader_next(reader, POLL_MS, &trouble);
        if (message)
            rd_kafka_message_destroy(message);
    }
    if (!trouble && !bb_range_reader_done(reader))
        g_set_error(&trouble, BB_ERROR, BB_ERROR_KAFKA,
                    "group %s: ended by a signal before its part was found", replay->group);
    if (trouble)
        g_propagate_error(error, trouble);
    for (guint i = 0; !trouble && i < bb_range_reader_count(reader); i++) {
        bb_range_part *part = bb_range_reader_part(reader, i);
        part->start = part->taken ? part->first : part->end;
        part->end = part->taken ? part->next : part->end;
    }
    return !trouble;
}

static gboolean find_ends(const bb_replay *replay, bb_range_reader *reader, GError **error)
{
    gboolean exact = FALSE;
    if (!bb_range_reader_resolve(reader, &exact, error))
        return FALSE;
    return exact || scan(replay, reader, error);
}

/* The first `max` offsets, partition by partition. */
static void bound(bb_range_reader *reader, guint64 max)
{
    guint64 left = max;
    for (guint i = 0; max && i < bb_range_reader_count(reader); i++) {
        bb_range_part *part = bb_range_reader_part(reader, i);
        guint64 count = MIN((guint64)MAX(part->end - part->start, 0), left);
        part->end = part->start + (gint64)count;
        left -= count;
    }
}

static rd_kafka_topic_partition_list_t *list_of(const bb_replay *replay, const GArray *parts)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)parts->len);
    for (guint i = 0; i < parts->len; i++)
        rd_kafka_topic_partition_list_add(list, replay->topic, (gint32)i)->offset =
            g_array_index(parts, bb_replay_part, i).start;
    return list;
}

/* What an earlier run of the same group has done is not done again. */
static gboolean find_progress(const bb_replay *replay, bb_range_reader *reader, GArray *parts,
                              GError **error)
{
    rd_kafka_topic_partition_list_t *list = list_of(replay, parts);
    rd_kafka_resp_err_t code =
        rd_kafka_committed(bb_range_reader_client(reader), list, REQUEST_TIMEOUT_MS);
    for (int i = 0; !code && i < list->cnt; i++) {
        code = list->elems[i].err;
        if (list->elems[i].offset >= 0)
            g_array_index(parts, bb_replay_part, (guint)i).committed = list->elems[i].offset;
    }
    rd_kafka_topic_partition_list_destroy(list);
    return code ? fail(replay, "its progress cannot be read", code, error) : TRUE;
}

static gboolean commit_starts(const bb_replay *replay, bb_range_reader *reader, const GArray *parts,
                              GError **error)
{
    rd_kafka_topic_partition_list_t *list = list_of(replay, parts);
    for (guint i = parts->len; i > 0; i--) {
        if (g_array_index(parts, bb_replay_part, i - 1).committed >= 0)
            (void)rd_kafka_topic_partition_list_del_by_idx(list, (int)i - 1); /* it is there */
    }
    rd_kafka_resp_err_t code =
        list->cnt ? rd_kafka_commit(bb_range_reader_client(reader), list, /* async= */ 0)
                  : RD_KAFKA_RESP_ERR_NO_ERROR;
    for (int i = 0; !code && i < list->cnt; i++)
        code = list->elems[i].err;
    rd_kafka_topic_partition_list_destroy(list);
    return code ? fail(replay, "where it begins cannot be committed", code, error) : TRUE;
}

GArray *bb_replay_prepare(const bb_replay *replay, GError **error)
{
    g_autoptr(bb_range_reader) reader = bb_range_reader_new(replay->settings, replay->group, error);
    if (!reader || !open_topic(replay, reader, error) || !find_ends(replay, reader, error))
        return NULL;
    bound(reader, replay->max);
    g_autoptr(GArray) parts = g_array_new(FALSE, TRUE, sizeof(bb_replay_part));
    for (guint i = 0; i < bb_range_reader_count(reader); i++) {
        const bb_range_part *part = bb_range_reader_part(reader, i);
        const bb_replay_part found = {part->start, part->end, -1};
        g_array_append_val(parts, found);
    }
    if (!find_progress(replay, reader, parts, error) ||
        (!replay->dry_run && !commit_starts(replay, reader, parts, error)))
        return NULL;
    return g_steal_pointer(&parts);
}
