/* The report of `busbar check`. */
#include "app/check_report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/command.h"
#include "app/promise.h"
#include "kafka/membership.h"
#include "kafka/topics.h"

enum { COLUMNS = 6 };

static const char *order_name(const bb_event_type *type)
{
    static const char *const names[] = {"key", "partition", "none"};
    return names[type->settings->order];
}

/* Names of the bound handlers, "-" when there are none. */
static char *handler_names(const bb_event_type *type)
{
    GString *names = g_string_new(NULL);
    for (guint i = 0; i < type->handlers->len; i++) {
        const bb_handler_binding *handler = g_ptr_array_index(type->handlers, i);
        g_string_append_printf(names, "%s%s", i ? "," : "", handler->name);
    }
    return g_string_free(names->len ? names : g_string_append_c(names, '-'), FALSE);
}

/* What dead letters rest on, which go the way of all that is emitted. */
static void add_transaction_notes(const bb_settings *settings, const bb_event_type *type,
                                  GPtrArray *notes)
{
    if (type->settings->delivery != BB_EXACTLY_ONCE)
        return;
    if (g_strcmp0(settings->bootstrap, "embedded") == 0)
        g_ptr_array_add(notes, g_strdup("the embedded broker has no transactions: there, exactly "
                                        "once is only at least once"));
}

/* Where records wait that ask for another try, when not in their lane. */
static void add_retry_notes(const bb_event_type *type, GPtrArray *notes)
{
    if (!type->tiers)
        return;
    g_autoptr(GString) text = g_string_new("retries wait in topics:");
    for (guint i = 0; i < type->tiers->len; i++) {
        const bb_event_type *tier = g_ptr_array_index(type->tiers, i);
        g_string_append_printf(text, "%s %s (%.10gs, group %s)", i ? "," : "", tier->topic,
                               (double)tier->tier_delay_ms / 1000, tier->group);
    }
    g_ptr_array_add(notes, g_string_free(g_steal_pointer(&text), FALSE));
    if (type->settings->order != BB_ORDER_NONE)
        g_ptr_array_add(notes, g_strdup("retry.mode: topics: a record that is tried again is "
                                        "overtaken by later ones of its key"));
}

GPtrArray *bb_check_notes(const bb_settings *settings, const bb_event_type *type)
{
    GPtrArray *notes = g_ptr_array_new_with_free_func(g_free);
    add_transaction_notes(settings, type, notes);
    add_retry_notes(type, notes);
    if (type->handlers->len == 0 && !type->ops.handle)
        g_ptr_array_add(notes, g_strdup("nothing handles it: `run` only checks its events"));
    if (type->settings->delivery == BB_AT_MOST_ONCE)
        g_ptr_array_add(notes, g_strdup("at most once: what is in hand when a process dies, or "
                                        "longer than `drain` when it stops, is lost"));
    if (strcmp(type->settings->offset_reset, "latest") == 0)
        g_ptr_array_add(notes, g_strdup("offset_reset: latest: a new group never reads what was "
                                        "published before its first start"));
    if (type->settings->order == BB_ORDER_NONE)
        g_ptr_array_add(notes, g_strdup("order: none: events of one key may overtake each other"));
    return notes;
}

/* The cells of one row; the caller frees them. */
static char **make_row(const bb_event_type *type)
{
    char **row = g_new0(char *, COLUMNS + 1);
    row[0] = g_strdup(type->full_name);
    row[1] = g_strdup(type->topic);
    row[2] = g_strdup(type->group);
    row[3] = g_strdup(type->key_template ? type->key_template : "-");
    row[4] = g_strdup(order_name(type));
    row[5] = handler_names(type);
    return row;
}

static void print_row(char *const *row, const gsize *widths, const char *before, const char *after)
{
    (void)printf("%s", before);
    for (guint i = 0; i < COLUMNS; i++)
        (void)printf("%-*s%s", i + 1 < COLUMNS ? (int)widths[i] : 0, row[i],
                     i + 1 < COLUMNS ? "  " : "");
    (void)printf("%s\n", after);
}

static void print_table(const bb_session *session)
{
    char *head[COLUMNS + 1] = {"EVENT", "TOPIC", "GROUP", "KEY", "ORDER", "HANDLERS", NULL};
    gsize widths[COLUMNS] = {0};
    gboolean color = bb_app_color(STDOUT_FILENO);
    g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func((GDestroyNotify)g_strfreev);
    for (guint i = 0; i < bb_registry_count(session->registry); i++)
        g_ptr_array_add(rows, make_row(bb_registry_at(session->registry, i)));
    for (guint column = 0; column < COLUMNS; column++) {
        widths[column] = strlen(head[column]);
        for (guint i = 0; i < rows->len; i++) {
            char **row = g_ptr_array_index(rows, i);
            widths[column] = MAX(widths[column], strlen(row[column]));
        }
    }
    print_row(head, widths, color ? "\033[1m" : "", color ? "\033[0m" : "");
    for (guint i = 0; i < rows->len; i++)
        print_row(g_ptr_array_index(rows, i), widths, "", "");
}

/* The note with the number of event types that have it; once. */
static void print_note(GHashTable *seen, char *note)
{
    int count = GPOINTER_TO_INT(g_hash_table_lookup(seen, note));
    if (count > 0)
        (void)printf("  %s (%d event type%s)\n", note, count, count == 1 ? "" : "s");
    (void)g_hash_table_remove(seen, note);
}

/* Event types that share a note share its line. */
static void print_notes(const bb_session *session)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func((GDestroyNotify)g_ptr_array_unref);
    for (guint i = 0; i < bb_registry_count(session->registry); i++) {
        GPtrArray *notes = bb_check_notes(session->settings, bb_registry_at(session->registry, i));
        g_ptr_array_add(all, notes);
        for (guint j = 0; j < notes->len; j++) {
            char *note = g_ptr_array_index(notes, j);
            gpointer count = g_hash_table_lookup(seen, note);
            g_hash_table_replace(seen, note, GINT_TO_POINTER(GPOINTER_TO_INT(count) + 1));
        }
    }
    for (guint i = 0; i < all->len; i++) {
        GPtrArray *notes = g_ptr_array_index(all, i);
        for (guint j = 0; j < notes->len; j++)
            print_note(seen, g_ptr_array_index(notes, j));
    }
}

static gboolean is_bound(const bb_session *session, const char *handler)
{
    for (guint i = 0; i < bb_registry_count(session->registry); i++) {
        const bb_event_type *type = bb_registry_at(session->registry, i);
        for (guint j = 0; j < type->handlers->len; j++) {
            const bb_handler_binding *binding = g_ptr_array_index(type->handlers, j);
            if (strcmp(binding->name, handler) == 0)
                return TRUE;
        }
    }
    return FALSE;
}

static void print_unused(const bb_session *session)
{
    for (guint i = 0; i < session->settings->handlers->len; i++) {
        const bb_handler_settings *handler = g_ptr_array_index(session->settings->handlers, i);
        if (!is_bound(session, handler->name))
            (void)printf("  handler `%s` is defined and not used\n", handler->name);
    }
}

/* One line for each part: what it promises, why, and on what condition. */
static char *describe(const GArray *promises)
{
    GString *text = g_string_new(NULL);
    gsize width = 0;
    for (guint i = 0; i < promises->len; i++)
        width = MAX(width, strlen(g_array_index(promises, bb_promise, i).name));
    for (guint i = 0; i < promises->len; i++) {
        const bb_promise *promise = &g_array_index(promises, bb_promise, i);
        g_string_append_printf(text, "    %-*s  %-16s  %s%s%s\n", (int)width, promise->name,
                               bb_promise_name(promise->level), promise->reason,
                               promise->condition ? ", if " : "",
                               promise->condition ? promise->condition : "");
    }
    return g_string_free(text, FALSE);
}

static char *headline(const GArray *promises)
{
    const bb_promise *weakest = bb_promises_weakest(promises);
    const char *name = bb_promise_name(weakest ? weakest->level : BB_PROMISE_NONE);
    if (promises->len < 2 || weakest->level == BB_PROMISE_EXACTLY_ONCE)
        return g_strdup(name);
    return g_strdup_printf("%s; the weakest part is `%s`", name, weakest->name);
}

/* Event types with the same handlers and the same promises share their lines. */
static void print_guarantees(const bb_session *session)
{
    guint count = bb_registry_count(session->registry);
    g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < count; i++) {
        const bb_event_type *type = bb_registry_at(session->registry, i);
        g_autoptr(GArray) promises = bb_promises_of(session->settings, type);
        g_autofree char *parts = describe(promises);
        g_autofree char *head = headline(promises);
        g_autofree char *text = g_strdup_printf("%s\n%s", head, parts);
        guint at = 0;
        if (!g_ptr_array_find_with_equal_func(texts, text, g_str_equal, &at)) {
            g_ptr_array_add(texts, g_steal_pointer(&text));
            g_ptr_array_add(names, g_strdup(type->full_name));
            continue;
        }
        char *longer = g_strconcat(names->pdata[at], ", ", type->full_name, NULL);
        g_free(names->pdata[at]);
        names->pdata[at] = longer;
    }
    (void)printf("\nGuarantee from the topic to each handler\n");
    for (guint i = 0; i < texts->len; i++)
        (void)printf("  %s: %s",
                     texts->len == 1 && count > 1 ? "all event types" : (char *)names->pdata[i],
                     (char *)texts->pdata[i]);
}

void bb_check_print(const bb_session *session)
{
    const bb_settings *settings = session->settings;
    guint count = bb_registry_count(session->registry);
    (void)printf("configuration  ");
    for (guint i = 0; i < settings->files->len; i++)
        (void)printf("%s%s", i ? ", " : "", (char *)g_ptr_array_index(settings->files, i));
    (void)printf("%s\nkafka          %s\n\n", settings->files->len ? "" : "(none: defaults)",
                 settings->bootstrap);
    if (count == 0) {
        (void)printf("No event type is enabled; name a domain under `domains:`.\n");
        return;
    }
    print_table(session);
    print_guarantees(session);
    print_notes(session);
    print_unused(session);
}

/* What it comes to; contradictions were told before. */
static const char *assignment_of(const bb_settings *settings, const bb_event_type *type)
{
    g_autoptr(GPtrArray) problems = g_ptr_array_new_with_free_func(bb_config_problem_free);
    return bb_membership_name(bb_membership_choose(settings, type, rd_kafka_version(), problems));
}

static json_t *promises_json(const GArray *promises)
{
    json_t *list = json_array();
    for (guint i = 0; i < promises->len; i++) {
        const bb_promise *promise = &g_array_index(promises, bb_promise, i);
        json_array_append_new(list, json_pack("{s:s, s:s?, s:s, s:s, s:s?}", "handler",
                                              promise->name, "plugin", promise->plugin, "guarantee",
                                              bb_promise_name(promise->level), "why",
                                              promise->reason, "if", promise->condition));
    }
    return list;
}

/* null: they wait in their lane. */
static json_t *tiers_json(const bb_event_type *type)
{
    json_t *list = type->tiers ? json_array() : json_null();
    for (guint i = 0; type->tiers && i < type->tiers->len; i++) {
        const bb_event_type *tier = g_ptr_array_index(type->tiers, i);
        json_array_append_new(list,
                              json_pack("{s:s, s:s, s:I}", "topic", tier->topic, "group",
                                        tier->group, "delay_ms", (json_int_t)tier->tier_delay_ms));
    }
    return list;
}

static json_t *type_json(const bb_settings *settings, const bb_event_type *type)
{
    json_t *handlers = json_array(), *lowered = json_array();
    g_autoptr(GPtrArray) notes = bb_check_notes(settings, type);
    g_autoptr(GArray) promises = bb_promises_of(settings, type);
    const bb_promise *weakest = bb_promises_weakest(promises);
    for (guint i = 0; i < type->handlers->len; i++) {
        const bb_handler_binding *handler = g_ptr_array_index(type->handlers, i);
        json_array_append_new(handlers, json_string(handler->name));
    }
    for (guint i = 0; i < notes->len; i++)
        json_array_append_new(lowered, json_string(g_ptr_array_index(notes, i)));
    return json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s?, s:s, s:i, s:o, s:s, s:s?, s:o, s:o, s:o}",
        "event", type->full_name, "plugin", type->plugin, "plugin_version",
        type->plugin_version ? type->plugin_version : "", "topic", type->topic, "group",
        type->group, "assignment", assignment_of(settings, type), "dead_letter_topic",
        type->dead_letter_topic ? type->dead_letter_topic : "", "key", type->key_template, "order",
        order_name(type), "concurrency", (int)type->settings->concurrency, "handlers", handlers,
        "guarantee", bb_promise_name(weakest ? weakest->level : BB_PROMISE_NONE), "weakest",
        weakest ? weakest->name : NULL, "guarantees", promises_json(promises), "retry_topics",
        tiers_json(type), "notes", lowered);
}

static void print_document(json_t *document)
{
    char *text = json_dumps(document, JSON_INDENT(2));
    (void)printf("%s\n", text ? text : "{}");
    free(text);
}

void bb_check_print_topics(const bb_session *session, const GPtrArray *topics)
{
    (void)printf("\nkafka %s: reachable\n", session->settings->bootstrap);
    for (guint i = 0; i < topics->len; i++) {
        const bb_topic_state *topic = g_ptr_array_index(topics, i);
        if (topic->partitions > 0)
            (void)printf("topic %s: %d partitions, %d replicas\n", topic->name, topic->partitions,
                         topic->replicas);
        else
            (void)printf("topic %s: does not exist; `busbar topics apply` makes it\n", topic->name);
    }
}

static json_t *kafka_json(const GPtrArray *topics, const char *trouble)
{
    json_t *list = json_array();
    for (guint i = 0; topics && i < topics->len; i++) {
        const bb_topic_state *topic = g_ptr_array_index(topics, i);
        json_array_append_new(list, json_pack("{s:s, s:i, s:i}", "name", topic->name, "partitions",
                                              topic->partitions, "replicas", topic->replicas));
    }
    return json_pack("{s:b, s:s?, s:o}", "reachable", topics != NULL, "error", trouble, "topics",
                     list);
}

void bb_check_print_json(const bb_session *session, const GPtrArray *topics, const char *trouble)
{
    json_t *events = json_array(), *files = json_array();
    for (guint i = 0; i < bb_registry_count(session->registry); i++)
        json_array_append_new(events,
                              type_json(session->settings, bb_registry_at(session->registry, i)));
    for (guint i = 0; i < session->settings->files->len; i++)
        json_array_append_new(files, json_string(g_ptr_array_index(session->settings->files, i)));
    json_auto_t *document = json_pack("{s:b, s:o, s:s, s:o, s:O}", "valid", 1, "files", files,
                                      "bootstrap", session->settings->bootstrap, "events", events,
                                      "settings", session->settings->tree);
    if (topics || trouble)
        json_object_set_new(document, "kafka", kafka_json(topics, trouble));
    print_document(document);
}

void bb_check_print_problems_json(const GPtrArray *problems)
{
    json_t *list = json_array();
    for (guint i = 0; i < problems->len; i++) {
        const bb_config_problem *problem = g_ptr_array_index(problems, i);
        json_array_append_new(list, json_pack("{s:s?, s:i, s:i, s:s, s:s}", "file",
                                              problem->place.file, "line", (int)problem->place.line,
                                              "column", (int)problem->place.column, "pointer",
                                              problem->pointer ? problem->pointer : "", "message",
                                              problem->message));
    }
    json_auto_t *document = json_pack("{s:b, s:o}", "valid", 0, "problems", list);
    print_document(document);
}
