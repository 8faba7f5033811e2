/* `busbar dlq list`: what lies in the dead letter topics, counted. */
#include <stdio.h>

#include "app/command.h"
#include "app/dlq.h"
#include "base/text.h"

/* Reasons kept apart per topic, and those shown; the rest is one line. */
#define KEPT_GROUPS 1000
#define SHOWN_GROUPS 20
#define REASON_BYTES 120

/* Dead letters with one stage, keyword and reason. */
typedef struct reason_group {
    char *stage, *keyword, *reason;
    guint64 count;
    gint64 first_us, last_us;
} reason_group;

typedef struct listing {
    const bb_dlq_job *job;
    const char *topic; /* being read; NULL before the first */
    gboolean exists;
    GHashTable *groups; /* char * -> group * */
    reason_group all;
    guint64 other; /* in no group: there were too many */
    guint64 everything;
} listing;

static void group_free(gpointer data)
{
    reason_group *group = data;
    g_free(group->stage);
    g_free(group->keyword);
    g_free(group->reason);
    g_free(group);
}

static void count(reason_group *group, gint64 time_us)
{
    if (group->count == 0 || time_us < group->first_us)
        group->first_us = time_us;
    if (group->count == 0 || time_us > group->last_us)
        group->last_us = time_us;
    group->count++;
}

/* The record's group, NULL when there are too many. */
static reason_group *find_group(listing *table, const bb_dlq_record *record)
{
    const char *const *fields = record->fields;
    g_autofree char *name =
        g_strjoin("\n", fields[BB_DLQ_STAGE], fields[BB_DLQ_KEYWORD], fields[BB_DLQ_REASON], NULL);
    reason_group *found = g_hash_table_lookup(table->groups, name);
    if (found || g_hash_table_size(table->groups) >= KEPT_GROUPS)
        return found;
    found = g_new0(reason_group, 1);
    found->stage = g_strdup(fields[BB_DLQ_STAGE]);
    found->keyword = g_strdup(fields[BB_DLQ_KEYWORD]);
    found->reason = g_strdup(fields[BB_DLQ_REASON]);
    g_hash_table_insert(table->groups, g_steal_pointer(&name), found);
    return found;
}

static gboolean take(const bb_dlq_record *record, const char *topic, void *user)
{
    listing *table = user;
    (void)topic;
    reason_group *group = find_group(table, record);
    count(&table->all, record->time_us);
    table->everything++;
    if (group)
        count(group, record->time_us);
    else
        table->other++;
    return TRUE;
}

static int compare(gconstpointer a, gconstpointer b)
{
    const reason_group *left = *(const reason_group *const *)a,
                       *right = *(const reason_group *const *)b;
    if (left->count != right->count)
        return left->count < right->count ? 1 : -1;
    int order = strcmp(left->stage, right->stage);
    order = order ? order : strcmp(left->keyword, right->keyword);
    return order ? order : strcmp(left->reason, right->reason);
}

/* Most frequent first. */
static GPtrArray *sorted_groups(const listing *table)
{
    GPtrArray *sorted = g_ptr_array_new();
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, table->groups);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        g_ptr_array_add(sorted, value);
    g_ptr_array_sort(sorted, compare);
    return sorted;
}

static void append_span(GString *line, const reason_group *group)
{
    g_autofree char *first = bb_dlq_time_text(group->first_us);
    g_autofree char *last = bb_dlq_time_text(group->last_us);
    g_string_append_printf(line, "\"count\":%" G_GUINT64_FORMAT ",\"first\":\"%s\",\"last\":\"%s\"",
                           group->count, first, last);
}

static void append_text(GString *line, const char *name, const char *text)
{
    g_string_append_printf(line, "\"%s\":", name);
    bb_text_append_json(line, text, strlen(text));
    g_string_append_c(line, ',');
}

static void print_json(const listing *table)
{
    g_autoptr(GString) line = g_string_new("{");
    g_autoptr(GPtrArray) sorted = sorted_groups(table);
    append_text(line, "topic", table->topic);
    g_string_append_printf(line, "\"exists\":%s,", table->exists ? "true" : "false");
    append_span(line, &table->all);
    g_string_append(line, ",\"reasons\":[");
    for (guint i = 0; i < sorted->len; i++) {
        const reason_group *group = g_ptr_array_index(sorted, i);
        g_string_append(line, i > 0 ? ",{" : "{");
        append_text(line, "stage", group->stage);
        append_text(line, "keyword", group->keyword);
        append_text(line, "reason", group->reason);
        append_span(line, group);
        g_string_append_c(line, '}');
    }
    g_string_append_printf(line, "],\"other\":%" G_GUINT64_FORMAT "}", table->other);
    puts(line->str);
}

static void print_group(const reason_group *group)
{
    char reason[REASON_BYTES + 4];
    printf(
        "%10" G_GUINT64_FORMAT "  %-8s %-12s %s\n", group->count,
        *group->stage ? group->stage : "-", *group->keyword ? group->keyword : "-",
        bb_text_excerpt(group->reason, strlen(group->reason), REASON_BYTES, reason, sizeof reason));
}

static void print_text(const listing *table)
{
    if (table->all.count == 0) {
        printf("%s: none%s\n", table->topic, table->exists ? "" : ", and no such topic");
        return;
    }
    g_autofree char *first = bb_dlq_time_text(table->all.first_us);
    g_autofree char *last = bb_dlq_time_text(table->all.last_us);
    g_autoptr(GPtrArray) sorted = sorted_groups(table);
    guint64 rest = table->other;
    printf("%s: %" G_GUINT64_FORMAT ", from %s to %s\n", table->topic, table->all.count, first,
           last);
    for (guint i = 0; i < sorted->len; i++) {
        const reason_group *group = g_ptr_array_index(sorted, i);
        if (i < SHOWN_GROUPS)
            print_group(group);
        else
            rest += group->count;
    }
    if (rest > 0)
        printf("%10" G_GUINT64_FORMAT "  with other reasons\n", rest);
}

/* Prints the topic that was read and empties the table. */
static void end_topic(listing *table)
{
    if (table->topic && table->job->json)
        print_json(table);
    else if (table->topic)
        print_text(table);
    g_hash_table_remove_all(table->groups);
    table->all = (reason_group){0};
    table->other = 0;
}

static void begin_topic(const char *topic, gboolean exists, void *user)
{
    listing *table = user;
    end_topic(table);
    table->topic = topic;
    table->exists = exists;
}

int bb_dlq_list(const bb_dlq_job *job)
{
    listing table = {.job = job};
    g_autoptr(GHashTable) groups =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, group_free);
    g_autoptr(GPtrArray) topics = bb_dlq_topics(job);
    table.groups = groups;
    int code = bb_dlq_scan(job, topics, begin_topic, take, &table);
    if (code == BB_EXIT_DONE)
        end_topic(&table);
    (void)fprintf(stderr, "%" G_GUINT64_FORMAT " dead letters in %u topics%s\n", table.everything,
                  topics->len, g_atomic_int_get(job->stop) ? "; stopped by a signal" : "");
    return code;
}
