/* How members of an event become columns of a table. */
#include "mapping.h"

#include <stdlib.h>
#include <string.h>

/* Member or pointer of a column: of the configuration, of the annotation, else its own name. NULL:
 * it is left out. */
static const char *source_of(const ch_settings *settings, const char *column)
{
    const json_t *set = json_object_get(settings->columns, column);
    if (set)
        return json_string_value(set); /* null leaves it out */
    const json_t *columns = json_object_get(settings->annotation, "columns");
    const char *from = json_string_value(json_object_get(json_object_get(columns, column), "from"));
    return from ? from : column;
}

/* A column without a source is not added. */
static bool add_column(ch_mapping *mapping, const ch_settings *settings,
                       const handler_members *members, const ch_table_column *from, ch_fault *fault)
{
    const char *source = source_of(settings, from->name);
    bool pointer = source && *source == '/';
    busbar_field field = source && !pointer ? handler_members_find(members, source) : -1;
    if (!ch_table_takes(from) || !source || (field < 0 && !pointer))
        return true;
    ch_column *to = &mapping->columns[mapping->count++];
    *to = (ch_column){.field = field};
    to->name = strdup(from->name);
    to->pointer = pointer ? strdup(source) : NULL;
    to->native_type = ch_type_in_full(from->type);
    if (!ch_type_read(&to->type, from->type))
        ch_fault_set(
            fault, CH_FAULT_LASTING,
            "column %s of table %s.%s has type %s, which this handler does not fill; leave "
            "it out with `columns: { %s: null }`",
            from->name, settings->database, settings->table, from->type, from->name);
    else if (!to->name || !to->native_type || (pointer && !to->pointer))
        ch_fault_set(fault, CH_FAULT_PASSING, "out of memory");
    return fault->kind == CH_FAULT_NONE;
}

/* A column that the configuration names and that the table, or the event, does not have. */
static bool check_named(const ch_settings *settings, const handler_members *members,
                        const ch_table *table, ch_fault *fault)
{
    const char *name;
    json_t *source;
    json_object_foreach(settings->columns, name, source)
    {
        const char *member = json_string_value(source);
        const ch_table_column *column = ch_table_find(table, name);
        if (!column || (member && !ch_table_takes(column)))
            ch_fault_set(fault, CH_FAULT_LASTING, "`columns` names %s, which table %s.%s %s", name,
                         settings->database, settings->table,
                         column ? "makes itself" : "does not have");
        else if (member && *member != '/' && handler_members_find(members, member) < 0)
            ch_fault_set(fault, CH_FAULT_LASTING,
                         "`columns` fills %s from %s, which the event does not have; a JSON "
                         "pointer begins with /",
                         name, member);
    }
    return fault->kind == CH_FAULT_NONE;
}

static bool write_insert(ch_mapping *mapping, const ch_settings *settings)
{
    handler_buffer *sql = &mapping->insert;
    (void)handler_buffer_add_text(sql, "INSERT INTO "); /* `failed` tells, here and below */
    ch_add_table(sql, settings->database, settings->table);
    for (size_t i = 0; i < mapping->count; i++) {
        (void)handler_buffer_add_text(sql, i ? ", " : " (");
        ch_add_name(sql, mapping->columns[i].name);
    }
    (void)handler_buffer_add_text(sql, ") FORMAT Native");
    return ch_sql(sql) != NULL;
}

bool ch_mapping_make(ch_mapping *mapping, const ch_settings *settings,
                     const handler_members *members, const ch_table *table, ch_fault *fault)
{
    *mapping = (ch_mapping){.columns = calloc(table->count + 1, sizeof(*mapping->columns))};
    fault->kind = CH_FAULT_NONE;
    bool good = mapping->columns && check_named(settings, members, table, fault);
    for (size_t i = 0; good && i < table->count; i++)
        good = add_column(mapping, settings, members, &table->columns[i], fault);
    if (good && !mapping->count)
        ch_fault_set(fault, CH_FAULT_LASTING, "no column of table %s.%s has the name of a member",
                     settings->database, settings->table);
    good = good && mapping->count && write_insert(mapping, settings);
    if (good)
        return true;
    if (fault->kind == CH_FAULT_NONE)
        ch_fault_set(fault, CH_FAULT_PASSING, "out of memory");
    ch_mapping_clear(mapping);
    return false;
}

void ch_mapping_clear(ch_mapping *mapping)
{
    for (size_t i = 0; i < mapping->count; i++) {
        free(mapping->columns[i].name);
        free(mapping->columns[i].native_type);
        free(mapping->columns[i].pointer);
        ch_type_clear(&mapping->columns[i].type);
    }
    free(mapping->columns);
    handler_buffer_clear(&mapping->insert);
    *mapping = (ch_mapping){.count = 0};
}

void ch_mapping_unused(const ch_mapping *mapping, const handler_members *members,
                       handler_buffer *out)
{
    for (size_t i = 0; i < members->count; i++) {
        bool used = members->list[i].name[0] == '_'; /* metadata of the way */
        for (size_t k = 0; k < mapping->count && !used; k++)
            used = mapping->columns[k].field == members->list[i].field;
        if (!used)
            (void)handler_buffer_format(out, "%s%s", out->size ? ", " : "", members->list[i].name);
    }
}

bool ch_mapping_encode(const ch_mapping *mapping, ch_cell *cell, const char **ret_column)
{
    const busbar_host *host = cell->call->host;
    for (size_t i = 0; i < mapping->count; i++) {
        const ch_column *column = &mapping->columns[i];
        busbar_value value = {.type = BUSBAR_ABSENT};
        if (column->field >= 0)
            (void)host->get(cell->event, column->field, &value); /* the type is in the value */
        else
            (void)host->find(cell->event, busbar_text(column->pointer), &value);
        if (ch_encode(cell, &column->type, &value))
            continue;
        *ret_column = column->name;
        return false;
    }
    return true;
}
