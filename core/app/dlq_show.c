/* `busbar dlq show`: dead letters one by one. */
#include <stdio.h>

#include "app/command.h"
#include "app/dlq.h"
#include "base/text.h"

#define DEFAULT_RECORDS 100
#define EXCERPT_BYTES 200

typedef struct showing {
    const bb_dlq_job *job;
    guint64 max; /* 0: no bound */
    guint64 shown;
    gboolean has_more;
} showing;

static void append_headers_json(GString *line, const bb_dlq_record *record)
{
    const char *name;
    const void *value;
    size_t size;
    g_string_append(line, ",\"headers\":[");
    for (size_t i = 0;
         record->headers && !rd_kafka_header_get_all(record->headers, i, &name, &value, &size);
         i++) {
        g_string_append(line, i > 0 ? ",{\"name\":" : "{\"name\":");
        bb_text_append_json(line, name, strlen(name));
        bb_dlq_append_bytes(line, "value", (busbar_bytes){value, size});
        g_string_append_c(line, '}');
    }
    g_string_append_c(line, ']');
}

static void print_json(const bb_dlq_record *record, const char *topic)
{
    g_autoptr(GString) line = g_string_new("{\"topic\":");
    bb_text_append_json(line, topic, strlen(topic));
    g_string_append_printf(line,
                           ",\"partition\":%d,\"offset\":%" G_GINT64_FORMAT
                           ",\"timestamp\":%" G_GINT64_FORMAT ",\"hops\":%u,\"dead_letter\":{",
                           record->partition, record->offset, record->timestamp_ms, record->hops);
    gboolean is_first = TRUE;
    for (guint i = 0; i < BB_DLQ_FIELDS; i++) {
        if (i == BB_DLQ_HOPS || !*record->fields[i])
            continue;
        g_string_append_printf(line, "%s\"%s\":", is_first ? "" : ",",
                               bb_dlq_field_name((bb_dlq_field)i) + strlen("busbar."));
        bb_text_append_json(line, record->fields[i], strlen(record->fields[i]));
        is_first = FALSE;
    }
    g_string_append_c(line, '}');
    append_headers_json(line, record);
    bb_dlq_append_bytes(line, "key", record->key);
    bb_dlq_append_bytes(line, "value", record->value);
    g_string_append_c(line, '}');
    puts(line->str);
}

static void print_bytes(const char *name, busbar_bytes bytes)
{
    char excerpt[EXCERPT_BYTES + 4];
    if (!bytes.data)
        printf("  %-10s null\n", name);
    else
        printf("  %-10s %" G_GSIZE_FORMAT " bytes: %s\n", name, bytes.size,
               bb_text_excerpt(bytes.data, bytes.size, EXCERPT_BYTES, excerpt, sizeof excerpt));
}

static void print_field(const char *name, const char *text)
{
    char excerpt[1004]; /* the longest field */
    if (*text)
        printf("  %-10s %s\n", name,
               bb_text_excerpt(text, strlen(text), sizeof excerpt - 4, excerpt, sizeof excerpt));
}

static gboolean is_field(const char *name)
{
    for (guint i = 0; i < BB_DLQ_FIELDS; i++) {
        if (strcmp(name, bb_dlq_field_name((bb_dlq_field)i)) == 0)
            return TRUE;
    }
    return FALSE;
}

/* The headers that the record came with. */
static void print_headers(const bb_dlq_record *record)
{
    const char *name;
    const void *value;
    size_t size;
    for (size_t i = 0;
         record->headers && !rd_kafka_header_get_all(record->headers, i, &name, &value, &size);
         i++) {
        if (is_field(name))
            continue;
        char label[84], text[EXCERPT_BYTES + 4];
        printf("  header     %s = %s\n",
               bb_text_excerpt(name, strlen(name), sizeof label - 4, label, sizeof label),
               value ? bb_text_excerpt(value, size, EXCERPT_BYTES, text, sizeof text) : "null");
    }
}

static void print_text(const bb_dlq_record *record, const char *topic, gboolean payload)
{
    g_autofree char *hops = record->hops ? g_strdup_printf("%u", record->hops) : g_strdup("");
    const char *const *fields = record->fields;
    printf("%s %d:%" G_GINT64_FORMAT "\n", topic, record->partition, record->offset);
    g_autofree char *from = *fields[BB_DLQ_TOPIC]
                                ? g_strdup_printf("%s %s:%s", fields[BB_DLQ_TOPIC],
                                                  fields[BB_DLQ_PARTITION], fields[BB_DLQ_OFFSET])
                                : g_strdup("");
    print_field("from", from);
    for (guint i = 0; i < BB_DLQ_FIELDS; i++) {
        if (i != BB_DLQ_HOPS && i != BB_DLQ_TOPIC && i != BB_DLQ_PARTITION && i != BB_DLQ_OFFSET)
            print_field(bb_dlq_field_name((bb_dlq_field)i) + strlen("busbar."), fields[i]);
    }
    print_field("sent back", hops);
    print_headers(record);
    print_bytes("key", record->key);
    if (!payload || !record->value.data) {
        print_bytes("value", record->value);
    } else {
        printf("  %-10s %" G_GSIZE_FORMAT " bytes:\n", "value", record->value.size);
        (void)fwrite(record->value.data, 1, record->value.size, stdout); /* the end flushes */
        (void)putchar('\n');
    }
}

static gboolean take(const bb_dlq_record *record, const char *topic, void *user)
{
    showing *show = user;
    if (show->max && show->shown >= show->max) {
        show->has_more = TRUE;
        return FALSE;
    }
    show->shown++;
    if (show->job->json)
        print_json(record, topic);
    else
        print_text(record, topic, show->job->payload);
    return TRUE;
}

static void begin_topic(const char *topic, gboolean exists, void *user)
{
    const showing *show = user;
    if (!exists && *show->job->names)
        (void)fprintf(stderr, "%s: no such topic, so no dead letters\n", topic);
}

int bb_dlq_show(const bb_dlq_job *job)
{
    showing show = {.job = job, .max = job->max >= 0 ? (guint64)job->max : DEFAULT_RECORDS};
    g_autoptr(GPtrArray) topics = bb_dlq_topics(job);
    int code = bb_dlq_scan(job, topics, begin_topic, take, &show);
    (void)fflush(stdout);
    (void)fprintf(stderr, "%" G_GUINT64_FORMAT " dead letters%s\n", show.shown,
                  show.has_more ? "; there are more: --max 0 shows all" : "");
    return code;
}
