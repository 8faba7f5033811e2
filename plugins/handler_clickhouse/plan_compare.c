/* What is there against what is wanted. */
#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "plan.h"
#include "wire.h"

static void note(ch_plan *plan, ch_object *object, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void note(ch_plan *plan, ch_object *object, const char *format, ...)
{
    char text[1000];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments); /* cut where too long */
    va_end(arguments);
    if (json_array_append_new(object->differences, json_string(text)) != 0)
        plan->failed = true;
}

/* A query with one literal in it. */
static json_t *ask_about(ch_client *client, const char *before, const char *text,
                         const char *behind, ch_fault *fault)
{
    handler_buffer sql = {.data = NULL};
    (void)handler_buffer_add_text(&sql, before); /* `failed` tells, here and below */
    ch_add_literal(&sql, text, strlen(text));
    (void)handler_buffer_add_text(&sql, behind);
    const char *whole = ch_sql(&sql);
    json_t *rows = whole ? ch_client_query(client, whole, fault) : NULL;
    if (!whole)
        ch_fault_set(fault, CH_FAULT_PASSING, "out of memory");
    handler_buffer_clear(&sql);
    return rows;
}

static const char *text_at(const json_t *row, size_t index)
{
    const char *text = json_string_value(json_array_get(row, index));
    return text ? text : "";
}

/* The same expression, whatever its blanks. */
static bool is_same(const char *a, const char *b)
{
    for (;;) {
        while (isspace((unsigned char)*a))
            a++;
        while (isspace((unsigned char)*b))
            b++;
        if (*a != *b)
            return false;
        if (!*a)
            return true;
        a++;
        b++;
    }
}

/* "(a)" is "a": parentheses around a whole key say nothing. */
static const char *strip(char *key)
{
    size_t size = strlen(key);
    if (size < 2 || key[0] != '(' || key[size - 1] != ')' || strchr(key + 1, '('))
        return key;
    key[size - 1] = '\0';
    return key + 1;
}

static const char *annotated(const ch_plan *plan, const char *column, const char *what)
{
    const json_t *columns = json_object_get(plan->settings->annotation, "columns");
    const char *text = json_string_value(json_object_get(json_object_get(columns, column), what));
    return text ? text : "";
}

static void compare_column(ch_plan *plan, ch_object *object, const char *name, const char *type,
                           const ch_table_column *found)
{
    const char *made = annotated(plan, name, "materialized");
    if (!found) {
        note(plan, object, "column %s is missing, expected %s", name, type);
        return;
    }
    if (strcmp(type, found->type) != 0)
        note(plan, object, "column %s has type %s, expected %s", name, found->type, type);
    bool is_made = strcmp(found->default_kind, "MATERIALIZED") == 0;
    if (is_made != (*made != '\0') || (is_made && !is_same(found->default_expression, made)))
        note(plan, object, "column %s is materialized as %s, expected %s", name,
             is_made ? found->default_expression : "nothing", *made ? made : "nothing");
}

static bool has_name(const json_t *rows, const char *name)
{
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row)
    {
        if (strcmp(text_at(row, 0), name) == 0)
            return true;
    }
    return false;
}

/* The wanted types as the server spells them. */
static bool compare_columns(ch_plan *plan, ch_object *object, const ch_table *found,
                            ch_client *client, ch_fault *fault)
{
    size_t i;
    json_t *row;
    json_t *wanted = ask_about(client, "DESCRIBE TABLE null(", plan->shape.data, ")", fault);
    if (!wanted)
        return false;
    json_array_foreach(wanted, i, row)
    {
        compare_column(plan, object, text_at(row, 0), text_at(row, 1),
                       ch_table_find(found, text_at(row, 0)));
    }
    for (size_t k = 0; k < found->count; k++) {
        if (!has_name(wanted, found->columns[k].name))
            note(plan, object, "column %s (%s) is there and not expected", found->columns[k].name,
                 found->columns[k].type);
    }
    json_decref(wanted);
    return true;
}

static const char *const clauses[] = {" PARTITION BY ", " PRIMARY KEY ", " ORDER BY ",
                                      " SAMPLE BY ",    " TTL ",         " SETTINGS "};
enum { CLAUSES = sizeof(clauses) / sizeof(clauses[0]) };

/* The part of an engine's text that begins with `clause`, or its name for NULL, up to the next. */
static void read_clause(const char *engine, const char *clause, char *to, size_t size)
{
    const char *from = clause ? strstr(engine, clause) : engine;
    to[0] = '\0';
    if (!from)
        return;
    from += clause ? strlen(clause) : 0;
    const char *end = from + strlen(from);
    for (size_t i = 0; i < CLAUSES; i++) {
        const char *next = strstr(from, clauses[i]);
        end = next && next < end ? next : end;
    }
    (void)snprintf(to, size, "%.*s", (int)(end - from), from); /* cut where too long */
}

/* "MergeTree" of "MergeTree()"; replicas have a path and a name as their first arguments. */
static const char *plain_engine(char *name)
{
    size_t size = strlen(name);
    if (size > 2 && strcmp(name + size - 2, "()") == 0)
        name[size - 2] = '\0';
    if (strncmp(name, "Replicated", 10) != 0 && strncmp(name, "Shared", 6) != 0)
        return name;
    char *arguments = strchr(name, '(');
    char *own = arguments ? strrchr(arguments, '\'') : NULL;
    const char *plain = name + (name[0] == 'R' ? 10 : 6);
    if (!arguments)
        return plain;
    own = own ? strchr(own, ',') : NULL; /* "updated_at)" behind path and replica */
    if (own)
        memmove(arguments + 1, own + 1 + (own[1] == ' '), strlen(own + 1 + (own[1] == ' ')) + 1);
    else
        *arguments = '\0';
    return plain;
}

static void compare_clause(ch_plan *plan, ch_object *object, const char *what, const char *clause,
                           const char *wanted, const char *found)
{
    char expected[600], there[600];
    read_clause(wanted, clause, expected, sizeof(expected));
    read_clause(found, clause, there, sizeof(there));
    const char *a = clause ? strip(expected) : plain_engine(expected);
    const char *b = clause ? strip(there) : plain_engine(there);
    if (!is_same(a, b))
        note(plan, object, "its %s is %s, expected %s", what, *b ? b : "missing", *a ? a : "none");
}

static bool compare_engine(ch_plan *plan, ch_object *object, const ch_table *found,
                           ch_client *client, ch_fault *fault)
{
    static const char mark[] = " ENGINE = ";
    json_t *rows =
        ask_about(client, "SELECT formatQuerySingleLine(", object->statement.data, ")", fault);
    if (!rows)
        return false;
    const char *wanted = strstr(text_at(json_array_get(rows, 0), 0), mark);
    wanted = wanted ? wanted + sizeof(mark) - 1 : "";
    compare_clause(plan, object, "engine", NULL, wanted, found->engine_full);
    compare_clause(plan, object, "partition key", clauses[0], wanted, found->engine_full);
    compare_clause(plan, object, "order key", clauses[2], wanted, found->engine_full);
    compare_clause(plan, object, "TTL", clauses[4], wanted, found->engine_full);
    json_decref(rows);
    int64_t window = ch_plan_window(plan) ? ch_plan_window(plan) : 1;
    if (plan->settings->exactly_once && found->window < window)
        note(plan, object,
             "its deduplication window is %" PRId64 " parts, expected at least %" PRId64,
             found->window, window);
    return true;
}

static bool compare_table(ch_plan *plan, ch_object *object, ch_client *client, ch_fault *fault)
{
    ch_table found;
    bool good = ch_table_read(&found, client, plan->settings->database, object->name, fault);
    if (good && found.exists) {
        good = compare_columns(plan, object, &found, client, fault) &&
               compare_engine(plan, object, &found, client, fault);
        object->state = json_array_size(object->differences) ? "differs" : "present";
    }
    ch_table_clear(&found);
    return good;
}

static bool compare_batches(ch_plan *plan, ch_object *object, ch_client *client, ch_fault *fault)
{
    static const char *const names[] = {
        "consumer_group", "topic",  "handler", "partition", "writer",  "version",
        "epoch",          "owner",  "settled", "stored",    "pending", "token",
        "block",          "target", "columns", "encoding",  "payload", "changed"};
    ch_table found;
    bool good = ch_table_read(&found, client, plan->settings->database, object->name, fault);
    for (size_t i = 0; good && found.exists && i < sizeof(names) / sizeof(names[0]); i++) {
        if (!ch_table_find(&found, names[i]))
            note(plan, object, "column %s is missing", names[i]);
    }
    if (good && found.exists)
        object->state = json_array_size(object->differences) ? "differs" : "present";
    ch_table_clear(&found);
    return good;
}

/* The batches are the last object. */
bool ch_plan_compare(ch_plan *plan, ch_client *client, ch_fault *fault)
{
    return (!ch_plan_makes_table(plan) || compare_table(plan, &plan->list[0], client, fault)) &&
           (!plan->settings->exactly_once ||
            compare_batches(plan, &plan->list[plan->count - 1], client, fault));
}
