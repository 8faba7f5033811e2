/* What the server says of a table. */
#include "table.h"

#include <stdlib.h>
#include <string.h>

#include "wire.h"

static char *copy_at(const json_t *row, size_t index)
{
    const char *text = json_string_value(json_array_get(row, index));
    return strdup(text ? text : "");
}

/* The number behind "name = " among the settings of the table; else of the server's. */
static int64_t read_setting(const ch_table *table, const json_t *defaults, const char *name)
{
    size_t i, size = strlen(name);
    json_t *row;
    for (const char *at = strstr(table->engine_full, name); at; at = strstr(at + size, name)) {
        if (at[-1] == ' ' && strncmp(at + size, " = ", 3) == 0)
            return strtoll(at + size + 3 + (at[size + 3] == '\'' ? 1 : 0), NULL, 10);
    }
    json_array_foreach(defaults, i, row)
    {
        const char *found = json_string_value(json_array_get(row, 0));
        const char *value = json_string_value(json_array_get(row, 1));
        if (found && value && strcmp(found, name) == 0)
            return strtoll(value, NULL, 10);
    }
    return 0;
}

static bool is_merge_tree(const char *engine)
{
    const char *end = strstr(engine, "MergeTree");
    return end && strcmp(end, "MergeTree") == 0;
}

static bool read_window(ch_table *table, ch_client *client, ch_fault *fault)
{
    table->replicated =
        strncmp(table->engine, "Replicated", 10) == 0 || strncmp(table->engine, "Shared", 6) == 0;
    if (!is_merge_tree(table->engine))
        return true;
    json_t *defaults = ch_client_query(
        client,
        "SELECT name, value FROM system.merge_tree_settings WHERE name LIKE '%deduplication%'",
        fault);
    if (!defaults)
        return false;
    table->window = read_setting(table, defaults,
                                 table->replicated ? "replicated_deduplication_window"
                                                   : "non_replicated_deduplication_window");
    if (table->replicated)
        table->window_seconds =
            read_setting(table, defaults, "replicated_deduplication_window_seconds");
    json_decref(defaults);
    return true;
}

static bool read_columns(ch_table *table, const json_t *rows)
{
    size_t i;
    json_t *row;
    table->columns = calloc(json_array_size(rows) + 1, sizeof(*table->columns));
    if (!table->columns)
        return false;
    json_array_foreach(rows, i, row)
    {
        ch_table_column *column = &table->columns[table->count++];
        *column =
            (ch_table_column){copy_at(row, 0), copy_at(row, 1), copy_at(row, 2), copy_at(row, 3)};
        if (!column->name || !column->type || !column->default_kind || !column->default_expression)
            return false;
    }
    return true;
}

/* `what` of the table in system.tables or system.columns. */
static json_t *ask(ch_client *client, const char *what, const char *and, const char *database,
                   const char *name, ch_fault *fault)
{
    handler_buffer sql = {.data = NULL};
    (void)handler_buffer_add_text(&sql, what); /* `failed` tells */
    (void)handler_buffer_add_text(&sql, " WHERE database = ");
    ch_add_literal(&sql, database, strlen(database));
    (void)handler_buffer_add_text(&sql, and);
    ch_add_literal(&sql, name, strlen(name));
    const char *text = ch_sql(&sql);
    json_t *rows = text ? ch_client_query(client, text, fault) : NULL;
    if (!text)
        ch_fault_set(fault, CH_FAULT_PASSING, "out of memory");
    handler_buffer_clear(&sql);
    return rows;
}

bool ch_table_read(ch_table *table, ch_client *client, const char *database, const char *name,
                   ch_fault *fault)
{
    *table = (ch_table){.exists = false};
    json_t *found = ask(client, "SELECT engine, engine_full FROM system.tables",
                        " AND name = ", database, name, fault);
    if (!found)
        return false;
    const json_t *row = json_array_get(found, 0);
    table->exists = row != NULL;
    table->engine = copy_at(row, 0);
    table->engine_full = copy_at(row, 1);
    json_decref(found);
    bool good = table->engine && table->engine_full;
    if (!good)
        ch_fault_set(fault, CH_FAULT_PASSING, "out of memory");
    if (!good || !table->exists)
        return good;
    json_t *columns =
        ask(client, "SELECT name, type, default_kind, default_expression FROM system.columns",
            " AND table = ", database, name, fault);
    good = columns && read_columns(table, columns);
    if (columns && !good)
        ch_fault_set(fault, CH_FAULT_PASSING, "out of memory");
    json_decref(columns);
    return good && read_window(table, client, fault);
}

void ch_table_clear(ch_table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        free(table->columns[i].name);
        free(table->columns[i].type);
        free(table->columns[i].default_kind);
        free(table->columns[i].default_expression);
    }
    free(table->columns);
    free(table->engine);
    free(table->engine_full);
    *table = (ch_table){.exists = false};
}

const ch_table_column *ch_table_find(const ch_table *table, const char *name)
{
    for (size_t i = 0; i < table->count; i++) {
        if (strcmp(table->columns[i].name, name) == 0)
            return &table->columns[i];
    }
    return NULL;
}

bool ch_table_takes(const ch_table_column *column)
{
    return strcmp(column->default_kind, "MATERIALIZED") != 0 &&
           strcmp(column->default_kind, "ALIAS") != 0 &&
           strcmp(column->default_kind, "EPHEMERAL") != 0;
}
