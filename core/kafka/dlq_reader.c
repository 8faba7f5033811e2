/* Reads a range of a topic, without membership in a group. */
#include "kafka/dlq_reader.h"

#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "kafka/client.h"
#include "kafka/topics.h"

#define REQUEST_TIMEOUT_MS 30000
/* No record for so long, with some still to come, is an error. */
#define SILENCE_MS 60000
#define COMMIT_TRIES 10
#define COMMIT_PAUSE_MS 300

typedef struct part {
    gint64 start, end;
    gint64 finished;  /* the next offset to commit; -1: nothing new */
    gboolean is_done; /* all read */
} part;

struct bb_dlq_reader {
    rd_kafka_t *client;
    char *topic;
    part *parts;
    guint count;
    guint open; /* partitions that are not done */
    gboolean resumed;
    gint64 heard_ms;
};

bb_dlq_reader *bb_dlq_reader_new(const bb_settings *settings, const char *group, GError **error)
{
    const char *const extra[] = {"group.id",
                                 group ? group : "busbar.dlq",
                                 "enable.auto.commit",
                                 "false",
                                 "enable.auto.offset.store",
                                 "false",
                                 "enable.partition.eof",
                                 "true",
                                 "auto.offset.reset",
                                 "earliest",
                                 "queued.max.messages.kbytes",
                                 "16384",
                                 NULL};
    g_autoptr(bb_dlq_reader) reader = g_new0(bb_dlq_reader, 1);
    rd_kafka_conf_t *conf = bb_kafka_conf_new(settings, extra, error);
    if (!conf)
        return NULL;
    reader->client = bb_kafka_new(RD_KAFKA_CONSUMER, conf, error);
    if (!reader->client)
        return NULL;
    (void)rd_kafka_poll_set_consumer(reader->client); /* cannot fail for a consumer */
    return g_steal_pointer(&reader);
}

void bb_dlq_reader_free(bb_dlq_reader *reader)
{
    if (!reader)
        return;
    if (reader->client) {
        (void)rd_kafka_consumer_close(reader->client); /* nothing to leave or commit */
        rd_kafka_destroy(reader->client);
    }
    g_free(reader->topic);
    g_free(reader->parts);
    g_free(reader);
}

rd_kafka_t *bb_dlq_reader_client(bb_dlq_reader *reader)
{
    return reader->client;
}

static gboolean fail(GError **error, const char *topic, const char *what, rd_kafka_resp_err_t code)
{
    g_set_error(error, BB_ERROR, BB_ERROR_KAFKA, "topic %s: %s: %s", topic, what,
                rd_kafka_err2str(code));
    return FALSE;
}

/* Partitions of a topic, 0 when it does not exist. */
static gboolean count_partitions(bb_dlq_reader *reader, GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    g_ptr_array_add(names, reader->topic);
    g_autoptr(GPtrArray) states =
        bb_topics_describe(reader->client, names, REQUEST_TIMEOUT_MS, error);
    if (!states)
        return FALSE;
    const bb_topic_state *state = g_ptr_array_index(states, 0);
    reader->count = (guint)MAX(state->partitions, 0);
    if (reader->count > 0)
        return TRUE;
    rd_kafka_resp_err_t code = bb_topics_ask(reader->client, reader->topic, REQUEST_TIMEOUT_MS);
    if (code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED)
        return fail(error, reader->topic, "it may not be read", code);
    return TRUE;
}

static gboolean find_ends(bb_dlq_reader *reader, GError **error)
{
    for (guint i = 0; i < reader->count; i++) {
        part *each = &reader->parts[i];
        rd_kafka_resp_err_t code = rd_kafka_query_watermark_offsets(
            reader->client, reader->topic, (gint32)i, &each->start, &each->end, REQUEST_TIMEOUT_MS);
        if (code)
            return fail(error, reader->topic, "where it ends cannot be read", code);
    }
    return TRUE;
}

/* Moves the starts to what the group has committed. */
static gboolean apply_committed(bb_dlq_reader *reader, GError **error)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)reader->count);
    rd_kafka_topic_partition_list_add_range(list, reader->topic, 0, (gint32)reader->count - 1);
    rd_kafka_resp_err_t code = rd_kafka_committed(reader->client, list, REQUEST_TIMEOUT_MS);
    for (int i = 0; !code && i < list->cnt; i++) {
        part *each = &reader->parts[list->elems[i].partition];
        gint64 offset = list->elems[i].offset;
        code = list->elems[i].err;
        reader->resumed = reader->resumed || offset >= 0;
        if (offset > each->end)
            bb_log_warning("topic %s, partition %d: the progress kept, %" G_GINT64_FORMAT
                           ", is behind its end %" G_GINT64_FORMAT
                           ": the topic was made anew, and is read from its beginning",
                           reader->topic, i, offset, each->end);
        else if (offset > each->start)
            each->start = offset;
    }
    rd_kafka_topic_partition_list_destroy(list);
    return code ? fail(error, reader->topic, "the progress kept cannot be read", code) : TRUE;
}

static void narrow(bb_dlq_reader *reader, const bb_dlq_range *range)
{
    for (guint i = 0; range->offset >= 0 && i < reader->count; i++) {
        part *each = &reader->parts[i];
        gboolean wanted = (gint32)i == range->partition && range->offset >= each->start &&
                          range->offset < each->end;
        each->start = wanted ? range->offset : each->end;
        each->end = wanted ? range->offset + 1 : each->end;
    }
}

static gboolean assign(bb_dlq_reader *reader, GError **error)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)reader->count);
    for (guint i = 0; i < reader->count; i++) {
        part *each = &reader->parts[i];
        each->finished = -1;
        each->is_done = each->start >= each->end;
        if (each->is_done)
            continue;
        rd_kafka_topic_partition_list_add(list, reader->topic, (gint32)i)->offset = each->start;
        reader->open++;
    }
    rd_kafka_resp_err_t code = rd_kafka_assign(reader->client, list);
    rd_kafka_topic_partition_list_destroy(list);
    return code ? fail(error, reader->topic, "it cannot be read", code) : TRUE;
}

gboolean bb_dlq_reader_open(bb_dlq_reader *reader, const bb_dlq_range *range, gboolean *ret_exists,
                            GError **error)
{
    g_free(reader->topic);
    g_clear_pointer(&reader->parts, g_free);
    reader->topic = g_strdup(range->topic);
    reader->count = reader->open = 0;
    reader->resumed = FALSE;
    if (!count_partitions(reader, error))
        return FALSE;
    *ret_exists = reader->count > 0;
    if (reader->count == 0)
        return TRUE;
    reader->parts = g_new0(part, reader->count);
    if (!find_ends(reader, error) || (range->resume && !apply_committed(reader, error)))
        return FALSE;
    narrow(reader, range);
    reader->heard_ms = bb_clock_monotonic_ms();
    return assign(reader, error);
}

gboolean bb_dlq_reader_resumed(const bb_dlq_reader *reader)
{
    return reader->resumed;
}

guint64 bb_dlq_reader_total(const bb_dlq_reader *reader)
{
    guint64 total = 0;
    for (guint i = 0; i < reader->count; i++)
        total += (guint64)MAX(reader->parts[i].end - reader->parts[i].start, 0);
    return total;
}

gboolean bb_dlq_reader_done(const bb_dlq_reader *reader)
{
    return reader->open == 0;
}

void bb_dlq_reader_end_partition(bb_dlq_reader *reader, gint32 partition)
{
    part *each = &reader->parts[partition];
    if (!each->is_done)
        reader->open--;
    each->is_done = TRUE;
}

/* An error that reading goes on after is NO_ERROR. */
static rd_kafka_resp_err_t take_error(bb_dlq_reader *reader, const rd_kafka_message_t *message)
{
    switch (message->err) {
    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
        bb_dlq_reader_end_partition(reader, message->partition);
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__FATAL:
        return message->err;
    default: /* librdkafka tries again; SILENCE_MS is the bound */
        bb_log_debug("topic %s: %s", reader->topic, rd_kafka_message_errstr(message));
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    }
}

/* TRUE when the record is in the range. */
static gboolean take_record(bb_dlq_reader *reader, const rd_kafka_message_t *message)
{
    part *each = &reader->parts[message->partition];
    reader->heard_ms = bb_clock_monotonic_ms();
    gboolean wanted = !each->is_done && message->offset < each->end;
    if (message->offset >= each->end - 1)
        bb_dlq_reader_end_partition(reader, message->partition);
    return wanted;
}

rd_kafka_message_t *bb_dlq_reader_next(bb_dlq_reader *reader, int timeout_ms, GError **error)
{
    if (reader->open == 0)
        return NULL;
    rd_kafka_message_t *message = rd_kafka_consumer_poll(reader->client, timeout_ms);
    if (!message) {
        if (bb_clock_monotonic_ms() - reader->heard_ms > SILENCE_MS)
            (void)fail(error, reader->topic, "no record came", RD_KAFKA_RESP_ERR__TIMED_OUT);
        return NULL;
    }
    /* an event of a topic that was read before may still be in the queue */
    gboolean ours = !message->rkt || strcmp(rd_kafka_topic_name(message->rkt), reader->topic) == 0;
    if (!message->err && ours && take_record(reader, message))
        return message;
    rd_kafka_resp_err_t code =
        message->err && ours ? take_error(reader, message) : RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_message_destroy(message);
    if (code)
        (void)fail(error, reader->topic, "it cannot be read", code);
    return NULL;
}

void bb_dlq_reader_finish(bb_dlq_reader *reader, gint32 partition, gint64 offset)
{
    reader->parts[partition].finished = offset + 1;
}

static rd_kafka_resp_err_t commit(bb_dlq_reader *reader,
                                  const rd_kafka_topic_partition_list_t *list)
{
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    for (guint i = 0; i < COMMIT_TRIES; i++) {
        code = rd_kafka_commit(reader->client, list, /* async= */ 0);
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
    for (guint i = 0; i < reader->count; i++) {
        part *each = &reader->parts[i];
        if (each->finished >= 0)
            rd_kafka_topic_partition_list_add(list, reader->topic, (gint32)i)->offset =
                each->finished;
        each->finished = -1;
    }
    rd_kafka_resp_err_t code = list->cnt > 0 ? commit(reader, list) : RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_topic_partition_list_destroy(list);
    return code ? fail(error, reader->topic, "the progress cannot be kept", code) : TRUE;
}
