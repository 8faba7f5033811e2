/* Reads a bounded part of one or more topics, without membership in a group. */
#include "kafka/range_reader.h"

#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "kafka/client.h"
#include "kafka/gates.h"
#include "kafka/topics.h"

#define REQUEST_TIMEOUT_MS 30000
/* No record for so long, with some still to come, is an error. */
#define SILENCE_MS 60000
#define NUDGE_MS 10

struct bb_range_reader {
    rd_kafka_t *client;
    GPtrArray *topics; /* char * */
    GArray *parts;     /* bb_range_part */
    guint found;       /* where the last record's partition is */
    guint open;        /* partitions that are not done */
    gint64 heard_ms;
    gint64 nudged_ms;
};

bb_range bb_range_all(void)
{
    return (bb_range){-1, -1, -1, -1, -1, -1};
}

bb_range_reader *bb_range_reader_new(const bb_settings *settings, const char *group, GError **error)
{
    const char *const extra[] = {"group.id",
                                 group,
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
    g_autoptr(bb_range_reader) reader = g_new0(bb_range_reader, 1);
    reader->topics = g_ptr_array_new_with_free_func(g_free);
    reader->parts = g_array_new(FALSE, TRUE, sizeof(bb_range_part));
    rd_kafka_conf_t *conf = bb_kafka_conf_new(settings, extra, error);
    if (!conf)
        return NULL;
    if (!bb_gate_active(BB_GATE_NO_FETCH_BACKOFF) &&
        !bb_kafka_conf_default(conf, settings, "fetch.queue.backoff.ms", "10", error)) {
        rd_kafka_conf_destroy(conf);
        return NULL;
    }
    reader->client = bb_kafka_new(RD_KAFKA_CONSUMER, conf, error);
    if (!reader->client)
        return NULL;
    (void)rd_kafka_poll_set_consumer(reader->client); /* cannot fail for a consumer */
    return g_steal_pointer(&reader);
}

void bb_range_reader_free(bb_range_reader *reader)
{
    if (!reader)
        return;
    if (reader->client) {
        (void)rd_kafka_consumer_close(reader->client); /* nothing to leave or commit */
        rd_kafka_destroy(reader->client);
    }
    g_ptr_array_unref(reader->topics);
    g_array_unref(reader->parts);
    g_free(reader);
}

rd_kafka_t *bb_range_reader_client(bb_range_reader *reader)
{
    return reader->client;
}

void bb_range_reader_clear(bb_range_reader *reader)
{
    g_ptr_array_set_size(reader->topics, 0);
    g_array_set_size(reader->parts, 0);
    reader->open = reader->found = 0;
}

guint bb_range_reader_count(const bb_range_reader *reader)
{
    return reader->parts->len;
}

bb_range_part *bb_range_reader_part(bb_range_reader *reader, guint index)
{
    return &g_array_index(reader->parts, bb_range_part, index);
}

static gboolean fail(GError **error, const char *topic, const char *what, rd_kafka_resp_err_t code)
{
    g_set_error(error, BB_ERROR, BB_ERROR_KAFKA, "topic %s: %s: %s", topic, what,
                rd_kafka_err2str(code));
    return FALSE;
}

/* Partitions of a topic, 0 when it does not exist. */
static gboolean count_partitions(bb_range_reader *reader, const char *topic, gint32 *ret_count,
                                 GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    g_ptr_array_add(names, (char *)topic);
    g_autoptr(GPtrArray) states =
        bb_topics_describe(reader->client, names, REQUEST_TIMEOUT_MS, error);
    if (!states)
        return FALSE;
    const bb_topic_state *state = g_ptr_array_index(states, 0);
    *ret_count = MAX(state->partitions, 0);
    if (*ret_count > 0)
        return TRUE;
    rd_kafka_resp_err_t code = bb_topics_ask(reader->client, topic, REQUEST_TIMEOUT_MS);
    if (code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED)
        return fail(error, topic, "it may not be read", code);
    return TRUE;
}

gboolean bb_range_reader_add(bb_range_reader *reader, const char *topic, gboolean *ret_exists,
                             GError **error)
{
    gint32 count = 0;
    if (!count_partitions(reader, topic, &count, error))
        return FALSE;
    *ret_exists = count > 0;
    char *name = g_strdup(topic);
    g_ptr_array_add(reader->topics, name);
    for (gint32 i = 0; i < count; i++) {
        bb_range_part part = {
            .topic = name, .partition = i, .from_ms = -1, .to_ms = -1, .first = -1, .next = -1};
        rd_kafka_resp_err_t code = rd_kafka_query_watermark_offsets(
            reader->client, topic, i, &part.start, &part.end, REQUEST_TIMEOUT_MS);
        if (code)
            return fail(error, topic, "where it ends cannot be read", code);
        g_array_append_val(reader->parts, part);
    }
    return TRUE;
}

/* Asks for the first offset at or after a time in each partition. The caller frees the list. */
static rd_kafka_topic_partition_list_t *ask_times(bb_range_reader *reader, gint64 time_ms,
                                                  GError **error)
{
    guint count = reader->parts->len;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
    for (guint i = 0; i < count; i++) {
        const bb_range_part *part = bb_range_reader_part(reader, i);
        rd_kafka_topic_partition_list_add(list, part->topic, part->partition)->offset = time_ms;
    }
    rd_kafka_resp_err_t code = rd_kafka_offsets_for_times(reader->client, list, REQUEST_TIMEOUT_MS);
    for (guint i = 0; !code && i < count; i++)
        code = list->elems[i].err;
    if (!code)
        return list;
    rd_kafka_topic_partition_list_destroy(list);
    (void)fail(error, bb_range_reader_part(reader, 0)->topic, "where that time is cannot be read",
               code);
    return NULL;
}

/* The embedded broker finds no time at all: then every record is read, and its own time decides. A
 * broker that knows times finds the beginning of time in a partition that has records. */
static gboolean knows_times(bb_range_reader *reader, gboolean *ret_knows, GError **error)
{
    rd_kafka_topic_partition_list_t *list = ask_times(reader, 0, error);
    *ret_knows = FALSE;
    for (int i = 0; list && i < list->cnt; i++)
        *ret_knows = *ret_knows || list->elems[i].offset >= 0;
    if (!list)
        return FALSE;
    rd_kafka_topic_partition_list_destroy(list);
    return TRUE;
}

/* Moves the starts to where Kafka's index says that the time is; each record's own time decides
 * then. */
static gboolean find_times(bb_range_reader *reader, gint64 from_ms, GError **error)
{
    gboolean knows = FALSE;
    if (!knows_times(reader, &knows, error))
        return FALSE;
    rd_kafka_topic_partition_list_t *list = knows ? ask_times(reader, from_ms, error) : NULL;
    for (int i = 0; list && i < list->cnt; i++) {
        gint64 offset = list->elems[i].offset;
        bb_range_part *part = bb_range_reader_part(reader, (guint)i);
        part->start = offset >= 0 ? MAX(part->start, offset) : part->end;
    }
    if (list)
        rd_kafka_topic_partition_list_destroy(list);
    return list || !knows;
}

gboolean bb_range_reader_narrow(bb_range_reader *reader, const bb_range *range, GError **error)
{
    for (guint i = 0; i < reader->parts->len; i++) {
        bb_range_part *part = bb_range_reader_part(reader, i);
        part->from_ms = range->from_ms;
        part->to_ms = range->to_ms;
        if (range->last >= 0)
            part->start = MAX(part->start, part->end - range->last);
        if (range->from_offset >= 0)
            part->start = MAX(part->start, range->from_offset);
        if (range->to_offset >= 0)
            part->end = MIN(part->end, range->to_offset);
        if (range->partition >= 0 && part->partition != range->partition)
            part->start = part->end;
        part->start = MIN(part->start, part->end);
    }
    return range->from_ms < 0 || !reader->parts->len || find_times(reader, range->from_ms, error);
}

gboolean bb_range_reader_resolve(bb_range_reader *reader, gboolean *ret_exact, GError **error)
{
    const bb_range_part *first = reader->parts->len ? bb_range_reader_part(reader, 0) : NULL;
    *ret_exact = !first || (first->from_ms < 0 && first->to_ms < 0);
    if (*ret_exact)
        return TRUE;
    if (!knows_times(reader, ret_exact, error))
        return FALSE;
    if (!*ret_exact || first->to_ms < 0)
        return TRUE; /* the starts are where narrow found them */
    rd_kafka_topic_partition_list_t *list = ask_times(reader, first->to_ms, error);
    for (int i = 0; list && i < list->cnt; i++) {
        gint64 offset = list->elems[i].offset;
        bb_range_part *part = bb_range_reader_part(reader, (guint)i);
        part->end = offset >= 0 ? MIN(part->end, offset) : part->end;
    }
    if (list)
        rd_kafka_topic_partition_list_destroy(list);
    return list != NULL;
}

gboolean bb_range_reader_begin(bb_range_reader *reader, GError **error)
{
    guint count = reader->parts->len;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
    reader->open = 0;
    for (guint i = 0; i < count; i++) {
        bb_range_part *part = bb_range_reader_part(reader, i);
        part->has_begun = part->from_ms < 0;
        part->is_done = part->start >= part->end;
        if (part->is_done)
            continue;
        rd_kafka_topic_partition_list_add(list, part->topic, part->partition)->offset = part->start;
        reader->open++;
    }
    reader->heard_ms = bb_clock_monotonic_ms();
    rd_kafka_resp_err_t code = rd_kafka_assign(reader->client, list);
    rd_kafka_topic_partition_list_destroy(list);
    const char *topic = count ? bb_range_reader_part(reader, 0)->topic : "";
    return code ? fail(error, topic, "it cannot be read", code) : TRUE;
}

guint64 bb_range_reader_total(const bb_range_reader *reader)
{
    guint64 total = 0;
    for (guint i = 0; i < reader->parts->len; i++) {
        const bb_range_part *part = &g_array_index(reader->parts, bb_range_part, i);
        total += (guint64)MAX(part->end - part->start, 0);
    }
    return total;
}

gboolean bb_range_reader_done(const bb_range_reader *reader)
{
    return reader->open == 0;
}

void bb_range_reader_end(bb_range_reader *reader, bb_range_part *part)
{
    if (!part->is_done)
        reader->open--;
    part->is_done = TRUE;
}

/* NULL: of a topic that was read before, and still in the queue. Records come in runs of one
 * partition, so the last one is tried first. */
static bb_range_part *find_part(bb_range_reader *reader, const rd_kafka_message_t *message)
{
    const char *topic = message->rkt ? rd_kafka_topic_name(message->rkt) : "";
    for (guint i = 0; i < reader->parts->len; i++) {
        guint index = (reader->found + i) % reader->parts->len;
        bb_range_part *part = bb_range_reader_part(reader, index);
        if (part->partition == message->partition && strcmp(part->topic, topic) == 0) {
            reader->found = index;
            return part;
        }
    }
    return NULL;
}

/* An error that reading goes on after is NO_ERROR. */
static rd_kafka_resp_err_t take_error(bb_range_reader *reader, const rd_kafka_message_t *message)
{
    bb_range_part *part = find_part(reader, message);
    if (message->rkt && !part)
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    switch (message->err) {
    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
        if (part)
            bb_range_reader_end(reader, part);
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__FATAL:
        return message->err;
    default: /* librdkafka tries again; SILENCE_MS is the bound */
        bb_log_debug("reading: %s", rd_kafka_message_errstr(message));
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    }
}

/* Whether the record's own time is inside. */
static gboolean take_time(bb_range_reader *reader, bb_range_part *part,
                          const rd_kafka_message_t *message)
{
    rd_kafka_timestamp_type_t type;
    if (part->from_ms < 0 && part->to_ms < 0)
        return TRUE;
    gint64 time_ms = rd_kafka_message_timestamp(message, &type);
    part->has_begun = part->has_begun || time_ms >= part->from_ms;
    if (part->to_ms >= 0 && time_ms >= part->to_ms) {
        bb_range_reader_end(reader, part);
        return FALSE;
    }
    return part->has_begun;
}

/* TRUE when the record is in the range. */
static gboolean take_record(bb_range_reader *reader, bb_range_part *part,
                            const rd_kafka_message_t *message)
{
    reader->heard_ms = bb_clock_monotonic_ms();
    gboolean wanted = !part->is_done && message->offset >= part->start &&
                      message->offset < part->end && take_time(reader, part, message);
    if (message->offset >= part->end - 1)
        bb_range_reader_end(reader, part);
    if (!wanted)
        return FALSE;
    part->taken++;
    part->first = part->first < 0 ? message->offset : part->first;
    part->next = message->offset + 1;
    return TRUE;
}

/* See the gate no-fetch-backoff: any request to the leader of a partition wakes its fetcher. */
static void nudge(bb_range_reader *reader)
{
    gint64 low, high, now_ms = bb_clock_monotonic_ms();
    if (now_ms - reader->nudged_ms < NUDGE_MS)
        return;
    reader->nudged_ms = now_ms;
    for (guint i = 0; i < reader->parts->len; i++) {
        const bb_range_part *part = bb_range_reader_part(reader, i);
        if (!part->is_done) {
            (void)rd_kafka_query_watermark_offsets(reader->client, part->topic, part->partition,
                                                   &low, &high, 1000); /* sent is enough */
            return;
        }
    }
}

/* What is in the queue, and only when that is empty what comes. */
static rd_kafka_message_t *poll_next(bb_range_reader *reader, int timeout_ms)
{
    rd_kafka_message_t *message = rd_kafka_consumer_poll(reader->client, 0);
    if (message)
        return message;
    if (bb_gate_active(BB_GATE_NO_FETCH_BACKOFF))
        nudge(reader);
    return rd_kafka_consumer_poll(reader->client, timeout_ms);
}

rd_kafka_message_t *bb_range_reader_next(bb_range_reader *reader, int timeout_ms, GError **error)
{
    if (reader->open == 0)
        return NULL;
    rd_kafka_message_t *message = poll_next(reader, timeout_ms);
    if (!message) {
        if (bb_clock_monotonic_ms() - reader->heard_ms > SILENCE_MS)
            (void)fail(error, bb_range_reader_part(reader, 0)->topic, "no record came",
                       RD_KAFKA_RESP_ERR__TIMED_OUT);
        return NULL;
    }
    bb_range_part *part = message->err ? NULL : find_part(reader, message);
    if (part && take_record(reader, part, message))
        return message;
    rd_kafka_resp_err_t code =
        message->err ? take_error(reader, message) : RD_KAFKA_RESP_ERR_NO_ERROR;
    if (code)
        (void)fail(error, message->rkt ? rd_kafka_topic_name(message->rkt) : "?",
                   "it cannot be read", code);
    rd_kafka_message_destroy(message);
    return NULL;
}
