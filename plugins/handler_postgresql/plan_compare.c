/* What is there against what is wanted. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "plan.h"

void pg_plan_note(pg_plan *plan, pg_object *object, const char *format, ...)
{
    char text[600];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments); /* cut where too long */
    va_end(arguments);
    if (json_array_append_new(object->differences, json_string(text)) != 0)
        plan->failed = true;
}

/* The wanted columns as the server writes their types: through a table that is never seen. */
static bool read_wanted(pg_plan *plan, pg_connection *connection, pg_catalog *ret_wanted,
                        pg_fault *fault)
{
    pg_buffer sql = {0};
    pg_fault ignored;
    pg_buffer_format(&sql,
                     "BEGIN;CREATE TEMP TABLE busbar_wanted (%s);"
                     "SELECT nspname FROM pg_namespace WHERE oid = pg_my_temp_schema()",
                     plan->shape.data ? plan->shape.data : "");
    PGresult *row = sql.failed ? NULL : pg_query(connection, sql.data, fault);
    bool good =
        row && PQntuples(row) == 1 &&
        pg_catalog_read(ret_wanted, connection, PQgetvalue(row, 0, 0), "busbar_wanted", fault);
    if (sql.failed)
        pg_fault_set(fault, PG_FAULT_PASSING, "out of memory");
    PQclear(row);
    pg_buffer_clear(&sql);
    (void)pg_run(connection, "ROLLBACK", &ignored); /* a broken connection shows at the next */
    return good;
}

static bool in_list(const json_t *names, const char *name)
{
    size_t i;
    json_t *item;
    json_array_foreach(names, i, item)
    {
        if (json_string_value(item) && strcmp(json_string_value(item), name) == 0)
            return true;
    }
    return false;
}

static void compare_column(pg_plan *plan, pg_object *table, const pg_catalog_column *wanted,
                           const pg_catalog_column *found)
{
    bool not_null = wanted->not_null || in_list(plan->settings->key, wanted->name);
    if (!found) {
        pg_plan_note(plan, table, "column %s is missing, expected %s", wanted->name, wanted->type);
        return;
    }
    if (strcmp(wanted->type, found->type) != 0)
        pg_plan_note(plan, table, "column %s has type %s, expected %s", wanted->name, found->type,
                     wanted->type);
    if (not_null != found->not_null)
        pg_plan_note(plan, table, "column %s %s be null, expected the opposite", wanted->name,
                     found->not_null ? "must not" : "may");
}

static void compare_columns(pg_plan *plan, pg_object *table, const pg_catalog *wanted,
                            const pg_catalog *found)
{
    for (size_t i = 0; i < wanted->count; i++)
        compare_column(plan, table, &wanted->columns[i],
                       pg_catalog_find(found, wanted->columns[i].name));
    for (size_t i = 0; i < found->count; i++) {
        if (!pg_catalog_find(wanted, found->columns[i].name))
            pg_plan_note(plan, table, "column %s (%s) is there and not expected",
                         found->columns[i].name, found->columns[i].type);
    }
}

/* One text of the catalog about the table, "" where there is no row. */
static bool ask(pg_plan *plan, pg_connection *connection, const char *sql, pg_buffer *ret_text,
                pg_fault *fault)
{
    const char *const parameters[] = {plan->settings->schema, plan->settings->table};
    PGresult *row = pg_query_with(connection, sql, 2, parameters, fault);
    pg_buffer_text(ret_text, row && PQntuples(row) > 0 ? PQgetvalue(row, 0, 0) : "");
    PQclear(row);
    return row != NULL;
}

static const char key_sql[] =
    "SELECT string_agg(a.attname, ', ' ORDER BY k.place) FROM pg_constraint p"
    " JOIN pg_class c ON c.oid = p.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace"
    " CROSS JOIN unnest(p.conkey) WITH ORDINALITY AS k(number, place)"
    " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.number"
    " WHERE n.nspname = $1 AND c.relname = $2 AND p.contype = 'p'";
static const char partitioned_sql[] =
    "SELECT pg_get_partkeydef(c.oid) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE n.nspname = $1 AND c.relname = $2";
static const char partitions_sql[] =
    "SELECT p.relname, pg_get_expr(p.relpartbound, p.oid) FROM pg_inherits i"
    " JOIN pg_class p ON p.oid = i.inhrelid JOIN pg_class c ON c.oid = i.inhparent"
    " JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2";
static const char indexes_sql[] =
    "SELECT r.relname, m.amname || '(' || coalesce((SELECT string_agg(a.attname, ',' ORDER BY"
    " k.place) FROM unnest(x.indkey::int2[]) WITH ORDINALITY AS k(number, place) JOIN pg_attribute"
    " a ON a.attrelid = c.oid AND a.attnum = k.number), '') || ')' ||"
    " CASE WHEN x.indpred IS NULL THEN '' ELSE ' where' END"
    " FROM pg_index x JOIN pg_class r ON r.oid = x.indexrelid JOIN pg_am m ON m.oid = r.relam"
    " JOIN pg_class c ON c.oid = x.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE n.nspname = $1 AND c.relname = $2 AND x.indisvalid";

static bool compare_key(pg_plan *plan, pg_object *table, pg_connection *connection, pg_fault *fault)
{
    pg_buffer found = {0}, wanted = {0};
    size_t i;
    json_t *name;
    json_array_foreach(plan->settings->key, i, name)
    {
        pg_buffer_format(&wanted, "%s%s", i ? ", " : "",
                         json_string_value(name) ? json_string_value(name) : "");
    }
    pg_buffer_text(&wanted, "");
    bool good = ask(plan, connection, key_sql, &found, fault);
    if (good && !found.failed && !wanted.failed && strcmp(found.data, wanted.data) != 0)
        pg_plan_note(plan, table, "the primary key is (%s), expected (%s)", found.data,
                     wanted.data);
    pg_buffer_clear(&found);
    pg_buffer_clear(&wanted);
    return good;
}

static bool compare_partitioning(pg_plan *plan, pg_object *table, pg_connection *connection,
                                 pg_fault *fault)
{
    pg_buffer found = {0}, wanted = {0};
    const char *by = pg_plan_partitioned_by(plan);
    if (by)
        pg_buffer_format(&wanted, "RANGE (%s)", by);
    pg_buffer_text(&wanted, "");
    bool good = ask(plan, connection, partitioned_sql, &found, fault);
    if (good && !found.failed && !wanted.failed && strcmp(found.data, wanted.data) != 0)
        pg_plan_note(plan, table, "it is partitioned by %s, expected %s",
                     *found.data ? found.data : "nothing", by ? wanted.data : "nothing");
    pg_buffer_clear(&found);
    pg_buffer_clear(&wanted);
    return good;
}

static bool compare_table(pg_plan *plan, pg_object *table, const pg_catalog *found,
                          pg_connection *connection, pg_fault *fault)
{
    pg_catalog wanted = {.count = 0};
    bool good = read_wanted(plan, connection, &wanted, fault);
    if (good)
        compare_columns(plan, table, &wanted, found);
    pg_catalog_clear(&wanted);
    good = good && compare_key(plan, table, connection, fault) &&
           compare_partitioning(plan, table, connection, fault);
    table->state = json_array_size(table->differences) ? "differs" : "present";
    return good;
}

/* Objects of `kind` that have the name or do the same as one in the catalog. */
static bool compare_kind(pg_plan *plan, const char *kind, const char *sql,
                         pg_connection *connection, pg_fault *fault)
{
    const char *const parameters[] = {plan->settings->schema, plan->settings->table};
    PGresult *rows = pg_query_with(connection, sql, 2, parameters, fault);
    for (size_t i = 0; rows && i < plan->count; i++) {
        pg_object *object = &plan->list[i];
        if (strcmp(object->kind, kind) != 0)
            continue;
        object->state = "missing";
        for (int row = 0; row < PQntuples(rows); row++) {
            if (strcmp(PQgetvalue(rows, row, 0), object->name) == 0 ||
                (object->same && strcmp(PQgetvalue(rows, row, 1), object->same) == 0))
                object->state = "present";
        }
    }
    PQclear(rows);
    return rows != NULL;
}

static bool compare_offsets(pg_plan *plan, pg_object *object, pg_connection *connection,
                            pg_fault *fault)
{
    static const char *const names[] = {"consumer_group", "topic",   "handler", "partition",
                                        "writer",         "epoch",   "owner",   "former",
                                        "stored",         "changed", NULL};
    pg_catalog found;
    if (!pg_catalog_read(&found, connection, plan->settings->schema, object->name, fault))
        return false;
    for (int i = 0; found.exists && names[i]; i++) {
        if (!pg_catalog_find(&found, names[i]))
            pg_plan_note(plan, object, "column %s is missing", names[i]);
    }
    object->state = !found.exists                          ? "missing"
                    : json_array_size(object->differences) ? "differs"
                                                           : "present";
    pg_catalog_clear(&found);
    return true;
}

/* The first object is the table. */
static bool compare_table_and_parts(pg_plan *plan, pg_connection *connection, pg_fault *fault)
{
    pg_catalog found;
    pg_object *table = plan->list;
    if (!pg_catalog_read(&found, connection, plan->settings->schema, plan->settings->table, fault))
        return false;
    table->state = "missing";
    bool good = !found.exists || compare_table(plan, table, &found, connection, fault);
    pg_catalog_clear(&found);
    return good && compare_kind(plan, "partition", partitions_sql, connection, fault) &&
           compare_kind(plan, "index", indexes_sql, connection, fault);
}

/* The table of the offsets is the last object. */
bool pg_plan_compare(pg_plan *plan, pg_connection *connection, pg_fault *fault)
{
    if (pg_plan_makes_table(plan) && !compare_table_and_parts(plan, connection, fault))
        return false;
    return !plan->settings->exactly_once ||
           compare_offsets(plan, &plan->list[plan->count - 1], connection, fault);
}
