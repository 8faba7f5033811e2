/* The statements that make what a store needs. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "../handler_common/columns.h"
#include "plan.h"
#include "wire.h"

static const char *text_at(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

static void add(handler_buffer *sql, const char *text)
{
    (void)handler_buffer_add_text(sql, text); /* `failed` tells */
}

/* Types by the JSON Schema alone: lists and objects are texts, as everything else without a type
 * of its own. */
static const char *default_type(const json_t *schema)
{
    bool ignored;
    const char *type = handler_schema_type(schema, &ignored);
    const char *format = text_at(schema, "format");
    if (strcmp(type, "integer") == 0)
        return "Int64";
    if (strcmp(type, "number") == 0)
        return "Float64";
    if (strcmp(type, "boolean") == 0)
        return "UInt8";
    if (strcmp(type, "string") == 0 && format && strcmp(format, "date-time") == 0)
        return "DateTime";
    if (strcmp(type, "string") == 0 && format && strcmp(format, "date") == 0)
        return "Date";
    return "String";
}

typedef struct columns {
    ch_plan *plan;
    handler_buffer *sql;
    bool any;
} columns;

static void add_column(const handler_column *column, void *user)
{
    static const char *const parts[][2] = {
        {"default", " DEFAULT "}, {"materialized", " MATERIALIZED "}, {"codec", " CODEC("}};
    columns *to = user;
    const char *type = text_at(column->annotated, "type");
    type = type ? type : default_type(column->schema);
    add(to->sql, to->any ? ",\n  " : "\n  ");
    ch_add_name(to->sql, column->name);
    add(to->sql, " ");
    add(to->sql, type);
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        const char *text = text_at(column->annotated, parts[i][0]);
        if (!text)
            continue;
        add(to->sql, parts[i][1]);
        add(to->sql, text);
        add(to->sql, parts[i][1][strlen(parts[i][1]) - 1] == '(' ? ")" : "");
    }
    add(&to->plan->shape, to->any ? ", " : "");
    ch_add_name(&to->plan->shape, column->name);
    add(&to->plan->shape, " ");
    add(&to->plan->shape, type);
    to->any = true;
}

static void add_order(ch_plan *plan, handler_buffer *sql)
{
    size_t i;
    json_t *column;
    const ch_settings *settings = plan->settings;
    const json_t *order = json_object_get(settings->annotation, "order_by");
    if (!order)
        order = handler_default_key(settings->contract, settings->tree);
    bool list = json_array_size(order) != 1; /* none at all is an empty one */
    add(sql, list ? "\nORDER BY (" : "\nORDER BY ");
    json_array_foreach(order, i, column)
    {
        add(sql, i ? ", " : "");
        ch_add_name(sql, json_string_value(column) ? json_string_value(column) : "");
    }
    add(sql, list ? ")" : "");
}

static bool is_replicated(const char *engine)
{
    return strncmp(engine, "Replicated", 10) == 0 || strncmp(engine, "Shared", 6) == 0;
}

static const char *engine_of(const ch_plan *plan)
{
    const char *engine = text_at(plan->settings->annotation, "engine");
    return engine ? engine : "MergeTree()";
}

int64_t ch_plan_window(const ch_plan *plan)
{
    const json_t *given = json_object_get(plan->settings->annotation, "settings");
    if (!plan->settings->exactly_once || is_replicated(engine_of(plan)) ||
        json_object_get(given, "non_replicated_deduplication_window"))
        return 0; /* it has one of its own */
    return plan->settings->deduplication_window;
}

static void add_settings(ch_plan *plan, handler_buffer *sql)
{
    const char *name, *before = "\nSETTINGS ";
    json_t *value;
    int64_t window = ch_plan_window(plan);
    json_object_foreach(json_object_get(plan->settings->annotation, "settings"), name, value)
    {
        (void)handler_buffer_format(sql, "%s%s = ", before, name); /* `failed` tells */
        if (json_is_string(value))
            ch_add_literal(sql, json_string_value(value), json_string_length(value));
        else
            (void)handler_buffer_format(sql, "%lld", (long long)json_integer_value(value));
        before = ", ";
    }
    if (window)
        (void)handler_buffer_format(sql, "%snon_replicated_deduplication_window = %" PRId64, before,
                                    window);
}

static handler_buffer *add_object(ch_plan *plan, const char *name)
{
    ch_object *object = &plan->list[plan->count++];
    *object = (ch_object){.name = name, .state = "missing", .differences = json_array()};
    plan->failed = plan->failed || !object->differences;
    add(&object->statement, "CREATE TABLE IF NOT EXISTS ");
    ch_add_table(&object->statement, plan->settings->database, name);
    return &object->statement;
}

static void write_table(ch_plan *plan)
{
    const ch_settings *settings = plan->settings;
    const char *partition = text_at(settings->annotation, "partition_by");
    const char *ttl = text_at(settings->annotation, "ttl");
    handler_buffer *sql = add_object(plan, settings->table);
    columns to = {plan, sql, false};
    add(sql, " (");
    handler_columns_visit(settings->contract, settings->annotation, add_column, &to);
    add(sql, "\n)\nENGINE = ");
    add(sql, engine_of(plan));
    add(sql, partition ? "\nPARTITION BY " : "");
    add(sql, partition ? partition : "");
    add_order(plan, sql);
    add(sql, ttl ? "\nTTL " : "");
    add(sql, ttl ? ttl : "");
    add_settings(plan, sql);
    plan->failed = plan->failed || !ch_sql(sql) || !ch_sql(&plan->shape);
}

static void write_batches(ch_plan *plan)
{
    handler_buffer *sql = add_object(plan, plan->settings->batches_table);
    add(sql, " (\n  consumer_group String,\n  topic String,\n  handler String,\n"
             "  partition Int32,\n  writer String,\n  version UInt64,\n  epoch UInt64,\n"
             "  owner String,\n  settled UInt8,\n  stored Array(Int64),\n"
             "  pending Array(Int64),\n  token String,\n  block Int64,\n  target String,\n"
             "  columns Array(String),\n  encoding String,\n  payload String CODEC(NONE),\n"
             "  changed DateTime DEFAULT now()\n)\nENGINE = ReplacingMergeTree(version)\n"
             "ORDER BY (consumer_group, topic, handler, partition, writer)\n"
             "TTL changed + INTERVAL 1 YEAR");
    plan->failed = plan->failed || !ch_sql(sql);
}

/* A table whose columns the configuration names is its owner's business. */
bool ch_plan_makes_table(const ch_plan *plan)
{
    return plan->settings->columns == NULL;
}

void ch_plan_write(ch_plan *plan)
{
    if (ch_plan_makes_table(plan))
        write_table(plan);
    if (plan->settings->exactly_once)
        write_batches(plan);
}

void ch_plan_clear(ch_plan *plan)
{
    for (size_t i = 0; i < plan->count; i++) {
        handler_buffer_clear(&plan->list[i].statement);
        json_decref(plan->list[i].differences);
    }
    handler_buffer_clear(&plan->shape);
    *plan = (ch_plan){.count = 0};
}
