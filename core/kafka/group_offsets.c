/* Reads and writes the offsets of a group. */
#include "kafka/group_offsets.h"

#include "base/error.h"
#include "kafka/handled_note.h"

typedef rd_kafka_topic_partition_list_t list;

static list *list_of(const char *topic, guint partitions, gint64 offset)
{
    list *made = rd_kafka_topic_partition_list_new((int)partitions);
    for (guint i = 0; i < partitions; i++)
        rd_kafka_topic_partition_list_add(made, topic, (int32_t)i)->offset = offset;
    return made;
}

/* The first failure of a request or of one of its partitions. */
static rd_kafka_resp_err_t first_error(rd_kafka_resp_err_t code, const list *answer)
{
    for (int i = 0; !code && i < answer->cnt; i++)
        code = answer->elems[i].err;
    return code;
}

static gboolean fail(GError **error, const char *what, const char *topic, rd_kafka_resp_err_t code)
{
    g_set_error(error, BB_ERROR, BB_ERROR_KAFKA, "%s of topic %s cannot be read: %s", what, topic,
                rd_kafka_err2str(code));
    return FALSE;
}

/* 0 (and an error) when it has none. */
static guint count_partitions(rd_kafka_t *client, const char *name, int timeout_ms, GError **error)
{
    const struct rd_kafka_metadata *found = NULL;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(client, name, NULL);
    rd_kafka_resp_err_t code =
        topic ? rd_kafka_metadata(client, 0, topic, &found, timeout_ms) : rd_kafka_last_error();
    guint count = !code && found->topic_cnt == 1 ? (guint)found->topics[0].partition_cnt : 0;
    if (!code && !count)
        code = found->topic_cnt == 1 && found->topics[0].err
                   ? found->topics[0].err
                   : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    if (found)
        rd_kafka_metadata_destroy(found);
    if (topic)
        rd_kafka_topic_destroy(topic);
    if (code)
        (void)fail(error, "the partitions", name, code);
    return count;
}

/* Offsets by ListOffsets: RD_KAFKA_OFFSET_BEGINNING, _END, or a time in ms. NULL with an error. */
static list *ask(rd_kafka_t *client, const char *topic, guint partitions, gint64 which,
                 int timeout_ms, GError **error)
{
    list *answer = list_of(topic, partitions, which);
    rd_kafka_resp_err_t code =
        first_error(rd_kafka_offsets_for_times(client, answer, timeout_ms), answer);
    if (!code)
        return answer;
    (void)fail(error, "the offsets", topic, code);
    rd_kafka_topic_partition_list_destroy(answer);
    return NULL;
}

static gboolean add_ends(rd_kafka_t *client, const char *topic, GArray *offsets, int timeout_ms,
                         GError **error)
{
    list *low = ask(client, topic, offsets->len, RD_KAFKA_OFFSET_BEGINNING, timeout_ms, error);
    list *high =
        low ? ask(client, topic, offsets->len, RD_KAFKA_OFFSET_END, timeout_ms, error) : NULL;
    gboolean known = high != NULL;
    for (guint i = 0; known && i < offsets->len; i++) {
        bb_group_offset *offset = &g_array_index(offsets, bb_group_offset, i);
        offset->low = low->elems[i].offset;
        offset->high = high->elems[i].offset;
    }
    if (low)
        rd_kafka_topic_partition_list_destroy(low);
    if (high)
        rd_kafka_topic_partition_list_destroy(high);
    return known;
}

static gboolean add_committed(rd_kafka_t *client, const char *topic, GArray *offsets,
                              int timeout_ms, GError **error)
{
    list *answer = list_of(topic, offsets->len, RD_KAFKA_OFFSET_INVALID);
    rd_kafka_resp_err_t code = first_error(rd_kafka_committed(client, answer, timeout_ms), answer);
    for (guint i = 0; !code && i < offsets->len; i++) {
        const rd_kafka_topic_partition_t *place = &answer->elems[i];
        bb_group_offset *offset = &g_array_index(offsets, bb_group_offset, i);
        offset->committed = MAX(place->offset, -1);
        offset->handled =
            place->offset < 0
                ? -1
                : bb_handled_note_read(place->metadata, place->metadata_size, NULL, NULL);
    }
    rd_kafka_topic_partition_list_destroy(answer);
    return code ? fail(error, "the group's offsets", topic, code) : TRUE;
}

GArray *bb_group_offsets_read(rd_kafka_t *client, const char *topic, int timeout_ms, GError **error)
{
    guint count = count_partitions(client, topic, timeout_ms, error);
    if (!count)
        return NULL;
    g_autoptr(GArray) offsets = g_array_sized_new(FALSE, TRUE, sizeof(bb_group_offset), count);
    g_array_set_size(offsets, count);
    if (!add_committed(client, topic, offsets, timeout_ms, error) ||
        !add_ends(client, topic, offsets, timeout_ms, error))
        return NULL;
    return g_steal_pointer(&offsets);
}

GArray *bb_group_offsets_at(rd_kafka_t *client, const char *topic, guint partitions, gint64 time_ms,
                            int timeout_ms, GError **error)
{
    list *found = ask(client, topic, partitions, time_ms, timeout_ms, error);
    list *end =
        found ? ask(client, topic, partitions, RD_KAFKA_OFFSET_END, timeout_ms, error) : NULL;
    GArray *offsets = end ? g_array_new(FALSE, FALSE, sizeof(gint64)) : NULL;
    for (guint i = 0; offsets && i < partitions; i++) {
        gint64 offset = found->elems[i].offset < 0 ? end->elems[i].offset : found->elems[i].offset;
        g_array_append_val(offsets, offset);
    }
    if (found)
        rd_kafka_topic_partition_list_destroy(found);
    if (end)
        rd_kafka_topic_partition_list_destroy(end);
    return offsets;
}

gboolean bb_group_offsets_write(rd_kafka_t *client, const char *topic, const GArray *offsets,
                                GError **error)
{
    list *wanted = rd_kafka_topic_partition_list_new((int)offsets->len);
    for (guint i = 0; i < offsets->len; i++) {
        if (g_array_index(offsets, gint64, i) >= 0)
            rd_kafka_topic_partition_list_add(wanted, topic, (int32_t)i)->offset =
                g_array_index(offsets, gint64, i);
    }
    rd_kafka_resp_err_t code = first_error(rd_kafka_commit(client, wanted, 0), wanted);
    rd_kafka_topic_partition_list_destroy(wanted);
    if (!code)
        return TRUE;
    gboolean members = code == RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID ||
                       code == RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION ||
                       code == RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS;
    g_set_error(error, BB_ERROR, BB_ERROR_KAFKA, "the offsets cannot be set: %s",
                members ? "the group has members; stop every process that is in it, wait for "
                          "session.timeout.ms if one was killed, and try again"
                        : rd_kafka_err2str(code));
    return FALSE;
}
