/* Reads a dead letter topic, and keeps in a group how far it got. */
#include "kafka/dlq_reader.h"

#include "base/error.h"
#include "base/log.h"
#include "kafka/range_reader.h"

#define REQUEST_TIMEOUT_MS 30000
#define COMMIT_TRIES 10
#define COMMIT_PAUSE_MS 300

struct bb_dlq_reader {
    bb_range_reader *range;
    char *topic;
    gint64 *finished; /* of each partition, the next offset to commit; -1: nothing new */
    gboolean resumed;
};

bb_dlq_reader *bb_dlq_reader_new(const bb_settings *settings, const char *group, GError **error)
{
    g_autoptr(bb_dlq_reader) reader = g_new0(bb_dlq_reader, 1);
    reader->range = bb_range_reader_new(settings, group ? group : "busbar.dlq", error);
    return reader->range ? g_steal_pointer(&reader) : NULL;
}

void bb_dlq_reader_free(bb_dlq_reader *reader)
{
    if (!reader)
        return;
    bb_range_reader_free(reader->range);
    g_free(reader->topic);
    g_free(reader->finished);
    g_free(reader);
}

rd_kafka_t *bb_dlq_reader_client(bb_dlq_reader *reader)
{
    return bb_range_reader_client(reader->range);
}

static gboolean fail(GError **error, const char *topic, const char *what, rd_kafka_resp_err_t code)
{
    g_set_error(error, BB_ERROR, BB_ERROR_KAFKA, "topic %s: %s: %s", topic, what,
                rd_kafka_err2str(code));
    return FALSE;
}

static void resume_part(bb_dlq_reader *reader, gint32 partition, gint64 offset)
{
    bb_range_part *part = bb_range_reader_part(reader->range, (guint)partition);
    reader->resumed = reader->resumed || offset >= 0;
    if (offset > part->end)
        bb_log_warning("topic %s, partition %d: the progress kept, %" G_GINT64_FORMAT
                       ", is behind its end %" G_GINT64_FORMAT
                       ": the topic was made anew, and is read from its beginning",
                       reader->topic, partition, offset, part->end);
    else if (offset > part->start)
        part->start = offset;
}

/* Moves the starts to what the group has committed. */
static gboolean apply_committed(bb_dlq_reader *reader, GError **error)
{
    guint count = bb_range_reader_count(reader->range);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
    rd_kafka_topic_partition_list_add_range(list, reader->topic, 0, (gint32)count - 1);
    rd_kafka_resp_err_t code =
        rd_kafka_committed(bb_dlq_reader_client(reader), list, REQUEST_TIMEOUT_MS);
    for (int i = 0; !code && i < list->cnt; i++) {
        code = list->elems[i].err;
        resume_part(reader, list->elems[i].partition, list->elems[i].offset);
    }
    rd_kafka_topic_partition_list_destroy(list);
    return code ? fail(error, reader->topic, "the progress kept cannot be read", code) : TRUE;
}

/* To the one record, when there is one asked for. */
static gboolean narrow(bb_dlq_reader *reader, const bb_dlq_range *range, GError **error)
{
    bb_range one = bb_range_all();
    if (range->offset < 0)
        return TRUE;
    one.partition = range->partition;
    one.from_offset = range->offset;
    one.to_offset = range->offset + 1;
    return bb_range_reader_narrow(reader->range, &one, error);
}

gboolean bb_dlq_reader_open(bb_dlq_reader *reader, const bb_dlq_range *range, gboolean *ret_exists,
                            GError **error)
{
    g_free(reader->topic);
    g_clear_pointer(&reader->finished, g_free);
    reader->topic = g_strdup(range->topic);
    reader->resumed = FALSE;
    bb_range_reader_clear(reader->range);
    if (!bb_range_reader_add(reader->range, reader->topic, ret_exists, error))
        return FALSE;
    guint count = bb_range_reader_count(reader->range);
    if (!count)
        return TRUE;
    reader->finished = g_new(gint64, count);
    for (guint i = 0; i < count; i++)
        reader->finished[i] = -1;
    if (range->resume && !apply_committed(reader, error))
        return FALSE;
    return narrow(reader, range, error) && bb_range_reader_begin(reader->range, error);
}

gboolean bb_dlq_reader_resumed(const bb_dlq_reader *reader)
{
    return reader->resumed;
}

guint64 bb_dlq_reader_total(const bb_dlq_reader *reader)
{
    return bb_range_reader_total(reader->range);
}

gboolean bb_dlq_reader_done(const bb_dlq_reader *reader)
{
    return bb_range_reader_done(reader->range);
}

rd_kafka_message_t *bb_dlq_reader_next(bb_dlq_reader *reader, int timeout_ms, GError **error)
{
    return bb_range_reader_next(reader->range, timeout_ms, error);
}

void bb_dlq_reader_end_partition(bb_dlq_reader *reader, gint32 partition)
{
    bb_range_reader_end(reader->range, bb_range_reader_part(reader->range, (guint)partition));
}

void bb_dlq_reader_finish(bb_dlq_reader *reader, gint32 partition, gint64 offset)
{
    reader->finished[partition] = offset + 1;
}

static rd_kafka_resp_err_t commit(bb_dlq_reader *reader,
                                  const rd_kafka_topic_partition_list_t *list)
{
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    for (guint i = 0; i < COMMIT_TRIES; i++) {
        code = rd_kafka_commit(bb_dlq_reader_client(reader), list, /* async= */ 0);
        if (!code || code == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED ||
            code == RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID)
            break;
        g_usleep(COMMIT_PAUSE_MS * 1000);
    }
    return code;
}

gboolean bb_dlq_reader_commit(bb_dlq_reader *reader, GError **error)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    for (guint i = 0; i < bb_range_reader_count(reader->range); i++) {
        if (reader->finished[i] >= 0)
            rd_kafka_topic_partition_list_add(list, reader->topic, (gint32)i)->offset =
                reader->finished[i];
        reader->finished[i] = -1;
    }
    rd_kafka_resp_err_t code = list->cnt > 0 ? commit(reader, list) : RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_topic_partition_list_destroy(list);
    return code ? fail(error, reader->topic, "the progress cannot be kept", code) : TRUE;
}
