/* Reads dead letter topics for `busbar dlq list` and `show`. */
#include "app/command.h"
#include "app/dlq.h"
#include "app/progress.h"
#include "base/text.h"
#include "kafka/client.h"
#include "kafka/dlq_reader.h"

#define POLL_MS 100

static const char *dead_letters_of(const bb_registry *registry, const char *name)
{
    for (guint i = 0; i < bb_registry_count(registry); i++) {
        const bb_event_type *type = bb_registry_at(registry, i);
        if (strcmp(type->full_name, name) == 0 || strcmp(type->topic, name) == 0)
            return type->dead_letter_topic;
    }
    return name;
}

static void add_topic(GPtrArray *topics, const char *topic)
{
    if (topic && !g_ptr_array_find_with_equal_func(topics, topic, g_str_equal, NULL))
        g_ptr_array_add(topics, (char *)topic);
}

GPtrArray *bb_dlq_topics(const bb_dlq_job *job)
{
    const bb_registry *registry = job->session->registry;
    GPtrArray *topics = g_ptr_array_new();
    for (char **name = job->names; *name; name++)
        add_topic(topics, dead_letters_of(registry, *name));
    for (guint i = 0; !*job->names && i < bb_registry_count(registry); i++)
        add_topic(topics, bb_registry_at(registry, i)->dead_letter_topic);
    return topics;
}

/* One scan. */
typedef struct scanning {
    const bb_dlq_job *job;
    bb_dlq_reader *reader;
    bb_progress *progress;
    bb_dlq_each_fn on_record;
    void *user;
    gboolean is_over; /* the caller has enough */
} scanning;

static void take(scanning *scan, const char *topic, const rd_kafka_message_t *message)
{
    bb_dlq_record record;
    bb_dlq_record_read(&record, message);
    if (bb_dlq_filter_matches(&scan->job->filter, &record))
        scan->is_over = !scan->on_record(&record, topic, scan->user);
}

static gboolean scan_topic(scanning *scan, const char *topic, bb_dlq_topic_fn on_topic,
                           GError **error)
{
    gboolean exists = FALSE;
    guint64 read = 0;
    GError *trouble = NULL;
    const bb_dlq_range range = {topic, FALSE, scan->job->only_partition, scan->job->only_offset};
    if (!bb_dlq_reader_open(scan->reader, &range, &exists, error))
        return FALSE;
    on_topic(topic, exists, scan->user);
    while (!bb_dlq_reader_done(scan->reader) && !scan->is_over &&
           !g_atomic_int_get(scan->job->stop)) {
        rd_kafka_message_t *message = bb_dlq_reader_next(scan->reader, POLL_MS, &trouble);
        if (trouble) {
            g_propagate_error(error, trouble);
            return FALSE;
        }
        if (!message)
            continue;
        take(scan, topic, message);
        rd_kafka_message_destroy(message);
        bb_progress_update(scan->progress, ++read, 0, bb_dlq_reader_total(scan->reader));
    }
    return TRUE;
}

int bb_dlq_scan(const bb_dlq_job *job, const GPtrArray *topics, bb_dlq_topic_fn on_topic,
                bb_dlq_each_fn on_record, void *user)
{
    GError *error = NULL;
    scanning scan = {.job = job, .on_record = on_record, .user = user};
    g_autoptr(bb_dlq_reader) reader = bb_dlq_reader_new(job->session->settings, NULL, &error);
    if (!reader)
        return bb_app_fail(error);
    scan.reader = reader;
    if (!bb_kafka_wait(bb_dlq_reader_client(reader), job->timeout_ms, job->stop, &error))
        return bb_app_fail(error);
    scan.progress = bb_progress_new("reading");
    gboolean good = TRUE;
    for (guint i = 0; good && i < topics->len && !scan.is_over && !g_atomic_int_get(job->stop); i++)
        good = scan_topic(&scan, g_ptr_array_index(topics, i), on_topic, &error);
    bb_progress_free(scan.progress);
    return good ? BB_EXIT_DONE : bb_app_fail(error);
}

void bb_dlq_append_bytes(GString *out, const char *name, busbar_bytes bytes)
{
    if (!bytes.data) {
        g_string_append_printf(out, ",\"%s\":null", name);
    } else if (g_utf8_validate_len(bytes.data, bytes.size, NULL)) {
        g_string_append_printf(out, ",\"%s\":", name);
        bb_text_append_json(out, bytes.data, bytes.size);
    } else {
        g_autofree char *text = g_base64_encode((const guchar *)bytes.data, bytes.size);
        g_string_append_printf(out, ",\"%s_base64\":\"%s\"", name, text);
    }
}

char *bb_dlq_time_text(gint64 time_us)
{
    if (time_us <= 0)
        return g_strdup("-");
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(time_us / G_USEC_PER_SEC);
    g_autofree char *seconds = time ? g_date_time_format(time, "%Y-%m-%dT%H:%M:%S") : NULL;
    return seconds ? g_strdup_printf("%s.%03dZ", seconds, (int)(time_us / 1000 % 1000))
                   : g_strdup("-");
}
