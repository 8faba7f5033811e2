/* The statements that make what a store needs. */
#include <stdlib.h>
#include <string.h>

#include "plan.h"

#define NAME_MAX_BYTES 63

/* The object behind the last, its statement to be set. */
static pg_object *add_object(pg_plan *plan, const char *kind, const char *name)
{
    pg_object *list = realloc(plan->list, (plan->count + 1) * sizeof(*list));
    if (!list) {
        plan->failed = true;
        return NULL;
    }
    plan->list = list;
    pg_object *object = &list[plan->count++];
    *object = (pg_object){.kind = kind, .name = strdup(name), .differences = json_array()};
    plan->failed = plan->failed || !object->name || !object->differences;
    return object;
}

static void set_statement(pg_plan *plan, pg_object *object, pg_buffer *sql)
{
    plan->failed = plan->failed || sql->failed;
    if (object)
        object->statement = sql->data;
    else
        pg_buffer_clear(sql);
}

static void add_qualified(const pg_plan *plan, pg_buffer *out, const char *name)
{
    pg_add_name(out, plan->settings->schema);
    pg_buffer_text(out, ".");
    pg_add_name(out, name);
}

/* "a", "b" of a list of names. */
static void add_names(pg_buffer *out, const json_t *names)
{
    size_t i;
    json_t *name;
    json_array_foreach(names, i, name)
    {
        pg_buffer_text(out, i ? ", " : "");
        pg_add_name(out, json_string_value(name) ? json_string_value(name) : "");
    }
}

typedef struct columns {
    pg_plan *plan;
    pg_buffer *sql;
    bool any;
} columns;

/* "table.column", only where foreign keys were asked for. */
static void add_reference(const columns *to, const pg_wanted *wanted)
{
    const char *point = wanted->references ? strrchr(wanted->references, '.') : NULL;
    if (!to->plan->foreign_keys || !point)
        return;
    char *table = strndup(wanted->references, (size_t)(point - wanted->references));
    pg_buffer_text(to->sql, " REFERENCES ");
    add_qualified(to->plan, to->sql, table ? table : "");
    pg_buffer_text(to->sql, " (");
    pg_add_name(to->sql, point + 1);
    pg_buffer_text(to->sql, ")");
    if (wanted->on_delete)
        pg_buffer_format(to->sql, " ON DELETE %s", wanted->on_delete);
    free(table);
}

static void add_column(const pg_wanted *wanted, void *user)
{
    columns *to = user;
    pg_buffer *shape = &to->plan->shape;
    pg_buffer_text(to->sql, to->any ? ",\n  " : "\n  ");
    pg_add_name(to->sql, wanted->name);
    pg_buffer_format(to->sql, " %s", wanted->type);
    if (wanted->expression)
        pg_buffer_format(to->sql, " DEFAULT %s", wanted->expression);
    if (wanted->not_null)
        pg_buffer_text(to->sql, " NOT NULL");
    add_reference(to, wanted);
    pg_buffer_text(shape, to->any ? ", " : "");
    pg_add_name(shape, wanted->name);
    pg_buffer_format(shape, " %s%s", wanted->type, wanted->not_null ? " NOT NULL" : "");
    to->any = true;
}

const char *pg_plan_partitioned_by(const pg_plan *plan)
{
    const json_t *partition = json_object_get(plan->settings->annotation, "partition");
    return json_string_value(json_object_get(partition, "by"));
}

static void write_table(pg_plan *plan)
{
    const pg_settings *settings = plan->settings;
    pg_object *object = add_object(plan, "table", settings->table);
    pg_buffer sql = {0};
    columns to = {plan, &sql, false};
    size_t i;
    json_t *unique;
    pg_buffer_text(&sql, "CREATE TABLE IF NOT EXISTS ");
    add_qualified(plan, &sql, settings->table);
    pg_buffer_text(&sql, " (");
    pg_annotation_columns(settings->contract, settings->annotation, add_column, &to);
    if (settings->key) {
        pg_buffer_text(&sql, ",\n  PRIMARY KEY (");
        add_names(&sql, settings->key);
        pg_buffer_text(&sql, ")");
    }
    json_array_foreach(json_object_get(settings->annotation, "unique"), i, unique)
    {
        pg_buffer_text(&sql, ",\n  UNIQUE (");
        add_names(&sql, unique);
        pg_buffer_text(&sql, ")");
    }
    pg_buffer_text(&sql, "\n)");
    const char *by = pg_plan_partitioned_by(plan);
    if (by) {
        pg_buffer_text(&sql, " PARTITION BY RANGE (");
        pg_add_name(&sql, by);
        pg_buffer_text(&sql, ")");
    }
    set_statement(plan, object, &sql);
}

/* Month `number` counted from year 0. */
static void write_partition(pg_plan *plan, int64_t number)
{
    char name[256], from[40], to[40];
    int64_t next = number + 1;
    (void)snprintf(name, sizeof(name), "%.200s_%04lld_%02lld", plan->settings->table,
                   (long long)(number / 12), (long long)(number % 12 + 1));
    (void)snprintf(from, sizeof(from), "%04lld-%02lld-01", (long long)(number / 12),
                   (long long)(number % 12 + 1));
    (void)snprintf(to, sizeof(to), "%04lld-%02lld-01", (long long)(next / 12),
                   (long long)(next % 12 + 1));
    pg_object *object = add_object(plan, "partition", name);
    pg_buffer sql = {0}, same = {0};
    pg_buffer_text(&sql, "CREATE TABLE IF NOT EXISTS ");
    add_qualified(plan, &sql, name);
    pg_buffer_text(&sql, " PARTITION OF ");
    add_qualified(plan, &sql, plan->settings->table);
    pg_buffer_format(&sql, " FOR VALUES FROM ('%s') TO ('%s')", from, to);
    pg_buffer_format(&same, "FOR VALUES FROM ('%s') TO ('%s')", from, to);
    set_statement(plan, object, &sql);
    plan->failed = plan->failed || same.failed;
    if (object)
        object->same = same.data;
    else
        pg_buffer_clear(&same);
}

static void write_default_partition(pg_plan *plan)
{
    char name[256];
    (void)snprintf(name, sizeof(name), "%.200s_default", plan->settings->table);
    pg_object *object = add_object(plan, "partition", name);
    pg_buffer sql = {0};
    pg_buffer_text(&sql, "CREATE TABLE IF NOT EXISTS ");
    add_qualified(plan, &sql, name);
    pg_buffer_text(&sql, " PARTITION OF ");
    add_qualified(plan, &sql, plan->settings->table);
    pg_buffer_text(&sql, " DEFAULT");
    set_statement(plan, object, &sql);
    if (object)
        object->same = strdup("DEFAULT");
}

static void write_partitions(pg_plan *plan)
{
    struct tm today;
    if (!pg_plan_partitioned_by(plan) || !gmtime_r(&plan->now, &today))
        return;
    int64_t month = ((int64_t)today.tm_year + 1900) * 12 + today.tm_mon;
    for (int64_t i = -plan->settings->months_back; i <= plan->settings->months_ahead; i++)
        write_partition(plan, month + i);
    write_default_partition(plan);
}

/* A name that fits: what is too long ends in a number made from all of it. */
static void shorten(char *name)
{
    size_t size = strlen(name);
    uint32_t hash = 2166136261u;
    if (size <= NAME_MAX_BYTES)
        return;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ (unsigned char)name[i]) * 16777619u;
    (void)snprintf(name + NAME_MAX_BYTES - 9, 10, "_%08x", hash);
}

static const char *text_at(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

static void name_index(const pg_plan *plan, const json_t *index, char *name, size_t size)
{
    size_t at, i;
    json_t *column;
    const char *given = text_at(index, "name");
    if (given) {
        (void)snprintf(name, size, "%s", given);
        return;
    }
    at = (size_t)snprintf(name, size, "%.100s", plan->settings->table);
    json_array_foreach(json_object_get(index, "columns"), i, column)
    {
        const char *text = json_string_value(column);
        if (text && at + strlen(text) + 8 < size)
            at += (size_t)snprintf(name + at, size - at, "_%s", text);
    }
    (void)snprintf(name + at, size - at, "_idx");
    shorten(name);
}

/* The index as plan_compare.c reads it from the catalog: method, columns, condition or none. */
static void write_same(pg_buffer *out, const json_t *index, const char *method)
{
    size_t i;
    json_t *column;
    pg_buffer_format(out, "%s(", method);
    json_array_foreach(json_object_get(index, "columns"), i, column)
    {
        pg_buffer_format(out, "%s%s", i ? "," : "",
                         json_string_value(column) ? json_string_value(column) : "");
    }
    pg_buffer_format(out, ")%s", text_at(index, "where") ? " where" : "");
}

static void write_index(pg_plan *plan, const json_t *index)
{
    char name[512];
    const char *expression = text_at(index, "expression"), *where = text_at(index, "where");
    const char *method = text_at(index, "method") ? text_at(index, "method") : "btree";
    pg_buffer sql = {0}, same = {0};
    name_index(plan, index, name, sizeof(name));
    pg_object *object = add_object(plan, "index", name);
    pg_buffer_text(&sql, "CREATE INDEX IF NOT EXISTS ");
    pg_add_name(&sql, name);
    pg_buffer_text(&sql, " ON ");
    add_qualified(plan, &sql, plan->settings->table);
    pg_buffer_format(&sql, " USING %s (", method);
    if (expression)
        pg_buffer_text(&sql, expression);
    else
        add_names(&sql, json_object_get(index, "columns"));
    pg_buffer_text(&sql, ")");
    if (where)
        pg_buffer_format(&sql, " WHERE %s", where);
    if (!expression)
        write_same(&same, index, method);
    set_statement(plan, object, &sql);
    plan->failed = plan->failed || same.failed;
    if (object)
        object->same = same.data;
    else
        pg_buffer_clear(&same);
}

static void write_offsets(pg_plan *plan)
{
    pg_object *object = add_object(plan, "table", plan->settings->offsets_table);
    pg_buffer sql = {0};
    pg_buffer_text(&sql, "CREATE TABLE IF NOT EXISTS ");
    add_qualified(plan, &sql, plan->settings->offsets_table);
    pg_buffer_text(&sql, " (\n  consumer_group text NOT NULL,\n  topic text NOT NULL,\n"
                         "  handler text NOT NULL,\n  partition integer NOT NULL,\n"
                         "  writer bigint NOT NULL,\n  epoch bigint NOT NULL,\n"
                         "  owner text NOT NULL,\n  former text[] NOT NULL DEFAULT '{}',\n"
                         "  stored bigint[] NOT NULL DEFAULT '{}',\n"
                         "  changed timestamptz NOT NULL DEFAULT now(),\n"
                         "  PRIMARY KEY (consumer_group, topic, handler, partition, writer)\n)");
    set_statement(plan, object, &sql);
}

/* A table whose columns the configuration names is its owner's business. */
bool pg_plan_makes_table(const pg_plan *plan)
{
    return plan->settings->columns == NULL;
}

static void write_table_and_parts(pg_plan *plan)
{
    size_t i;
    json_t *index;
    write_table(plan);
    write_partitions(plan);
    json_array_foreach(json_object_get(plan->settings->annotation, "indexes"), i, index)
        write_index(plan, index);
}

void pg_plan_write(pg_plan *plan)
{
    if (pg_plan_makes_table(plan))
        write_table_and_parts(plan);
    if (plan->settings->exactly_once)
        write_offsets(plan);
    plan->failed = plan->failed || plan->shape.failed;
}

void pg_plan_clear(pg_plan *plan)
{
    for (size_t i = 0; i < plan->count; i++) {
        free(plan->list[i].name);
        free(plan->list[i].statement);
        free(plan->list[i].same);
        json_decref(plan->list[i].differences);
    }
    free(plan->list);
    pg_buffer_clear(&plan->shape);
    *plan = (pg_plan){.count = 0};
}
