/* Columns, and the statements that fill them. */
#include "mapping.h"

#include <stdlib.h>
#include <string.h>

#define STAGE "busbar_stage"

/* Member or pointer of a column: of the configuration, of the annotation, else its own name. NULL:
 * it is left out. */
static const char *source_of(const pg_settings *settings, const char *column)
{
    const json_t *set = json_object_get(settings->columns, column);
    if (set)
        return json_string_value(set); /* null leaves it out */
    const json_t *columns = json_object_get(settings->annotation, "columns");
    const char *from = json_string_value(json_object_get(json_object_get(columns, column), "from"));
    return from ? from : column;
}

static bool set_type(pg_column *to, const pg_catalog_column *from)
{
    to->is_array = from->element != 0;
    to->oid = to->is_array ? from->element : from->base;
    to->encode = pg_encoder_of(to->oid, from->kind);
    to->by_server = !to->encode;
    if (to->by_server) {
        to->is_array = false;
        to->encode = pg_encode_as_text;
    }
    to->modifier = to->by_server ? -1 : from->modifier;
    to->type = strdup(to->by_server ? "text" : from->type);
    to->not_null = from->not_null;
    to->name = strdup(from->name);
    return to->type && to->name;
}

/* False when memory is out. A column without a source is not added. */
static bool add_column(pg_mapping *mapping, const pg_settings *settings,
                       const handler_members *members, const pg_catalog_column *from)
{
    const char *source = source_of(settings, from->name);
    busbar_field field = source && *source != '/' ? handler_members_find(members, source) : -1;
    bool pointer = source && *source == '/';
    if (from->generated || !source || (field < 0 && !pointer))
        return true;
    pg_column *to = &mapping->columns[mapping->count++];
    *to = (pg_column){.field = field};
    to->pointer = pointer ? strdup(source) : NULL;
    return set_type(to, from) && (!pointer || to->pointer);
}

/* A column that the configuration names and that the table, or the event, does not have. */
static bool check_named(const pg_settings *settings, const handler_members *members,
                        const pg_catalog *catalog, pg_fault *fault)
{
    const char *name;
    json_t *source;
    json_object_foreach(settings->columns, name, source)
    {
        const char *member = json_string_value(source);
        if (!pg_catalog_find(catalog, name)) {
            pg_fault_set(fault, PG_FAULT_LASTING, "`columns` names %s, which table %s.%s has not",
                         name, settings->schema, settings->table);
            return false;
        }
        if (member && *member != '/' && handler_members_find(members, member) < 0) {
            pg_fault_set(fault, PG_FAULT_LASTING,
                         "`columns` fills %s from %s, which the event has not; a JSON pointer "
                         "begins with /",
                         name, member);
            return false;
        }
    }
    return true;
}

static bool has_column(const pg_mapping *mapping, const char *name)
{
    for (size_t i = 0; i < mapping->count; i++) {
        if (strcmp(mapping->columns[i].name, name) == 0)
            return true;
    }
    return false;
}

static bool check_filled(const pg_mapping *mapping, const pg_settings *settings,
                         const pg_catalog *catalog, pg_fault *fault)
{
    size_t i;
    json_t *key;
    for (i = 0; i < catalog->count; i++) {
        const pg_catalog_column *column = &catalog->columns[i];
        if (!column->not_null || column->has_default || column->generated ||
            has_column(mapping, column->name))
            continue;
        pg_fault_set(fault, PG_FAULT_LASTING,
                     "column %s of table %s.%s must not be null and has no default, and no member "
                     "of the event fills it; name one under `columns`",
                     column->name, settings->schema, settings->table);
        return false;
    }
    json_array_foreach(settings->key, i, key)
    {
        const char *name = json_string_value(key);
        if (name && has_column(mapping, name))
            continue;
        pg_fault_set(fault, PG_FAULT_LASTING, "key column %s of table %s.%s is not filled",
                     name ? name : "(no text)", settings->schema, settings->table);
        return false;
    }
    return true;
}

/* "a", "b", with `before` in front of each and casts behind where the server is to read. */
static void add_columns(pg_buffer *out, const pg_mapping *mapping, const pg_catalog *catalog)
{
    for (size_t i = 0; i < mapping->count; i++) {
        const pg_column *column = &mapping->columns[i];
        pg_buffer_text(out, i ? ", " : "");
        pg_add_name(out, column->name);
        if (catalog && column->by_server)
            pg_buffer_format(out, "::%s", pg_catalog_find(catalog, column->name)->type);
    }
}

static void add_key(pg_buffer *out, const pg_settings *settings)
{
    size_t i;
    json_t *key;
    json_array_foreach(settings->key, i, key)
    {
        pg_buffer_text(out, i ? ", " : "");
        pg_add_name(out, json_string_value(key));
    }
}

static bool is_key(const pg_settings *settings, const char *name)
{
    size_t i;
    json_t *key;
    json_array_foreach(settings->key, i, key)
    {
        if (strcmp(json_string_value(key), name) == 0)
            return true;
    }
    return false;
}

static void add_table(pg_buffer *out, const pg_settings *settings)
{
    pg_add_name(out, settings->schema);
    pg_buffer_text(out, ".");
    pg_add_name(out, settings->table);
}

static void add_update(pg_buffer *out, const pg_mapping *mapping, const pg_settings *settings)
{
    bool any = false;
    for (size_t i = 0; i < mapping->count; i++) {
        const char *name = mapping->columns[i].name;
        if (is_key(settings, name))
            continue;
        pg_buffer_text(out, any ? ", " : " DO UPDATE SET ");
        pg_add_name(out, name);
        pg_buffer_text(out, " = EXCLUDED.");
        pg_add_name(out, name);
        any = true;
    }
    if (!any)
        pg_buffer_text(out, " DO NOTHING");
}

/* Sorted by key, so that two lanes meet the rows they share in the same order. */
static void write_insert(pg_buffer *out, const pg_mapping *mapping, const pg_settings *settings,
                         const pg_catalog *catalog)
{
    pg_buffer_text(out, "INSERT INTO ");
    add_table(out, settings);
    pg_buffer_text(out, " (");
    add_columns(out, mapping, NULL);
    pg_buffer_text(out, ") SELECT ");
    if (settings->mode == PG_UPSERT) {
        pg_buffer_text(out, "DISTINCT ON (");
        add_key(out, settings);
        pg_buffer_text(out, ") ");
    }
    add_columns(out, mapping, catalog);
    pg_buffer_text(out, " FROM pg_temp." STAGE);
    if (settings->key) {
        pg_buffer_text(out, " ORDER BY ");
        add_key(out, settings);
        pg_buffer_text(out, settings->mode == PG_UPSERT ? ", busbar_row DESC" : "");
    }
    if (settings->mode == PG_APPEND || !settings->key)
        return;
    pg_buffer_text(out, " ON CONFLICT (");
    add_key(out, settings);
    pg_buffer_text(out, ")");
    if (settings->mode == PG_UPSERT)
        add_update(out, mapping, settings);
    else
        pg_buffer_text(out, " DO NOTHING");
}

/* Where the last of several rows counts, they are numbered as they come. */
static void write_stage(pg_buffer *out, const pg_mapping *mapping, const pg_settings *settings)
{
    pg_buffer_text(out, "CREATE TEMP TABLE " STAGE " (");
    if (settings->mode == PG_UPSERT)
        pg_buffer_text(out, "busbar_row bigserial, ");
    for (size_t i = 0; i < mapping->count; i++) {
        pg_buffer_text(out, i ? ", " : "");
        pg_add_name(out, mapping->columns[i].name);
        pg_buffer_format(out, " %s", mapping->columns[i].type);
    }
    pg_buffer_text(out, ");PREPARE busbar_insert AS ");
}

/* The transaction has the savepoint from its beginning on. TRUNCATE stands before the next one: so
 * it makes a file in the first batch of a transaction only, and empties it later. */
static void write_copy(pg_buffer *out, const pg_mapping *mapping, const pg_settings *settings,
                       bool staged)
{
    pg_buffer_text(out, "RELEASE SAVEPOINT busbar;");
    pg_buffer_text(out, staged ? "TRUNCATE pg_temp." STAGE ";" : "");
    pg_buffer_text(out, "SAVEPOINT busbar;COPY ");
    if (staged)
        pg_buffer_text(out, "pg_temp." STAGE);
    else
        add_table(out, settings);
    pg_buffer_text(out, " (");
    add_columns(out, mapping, NULL);
    pg_buffer_text(out, ") FROM STDIN (FORMAT binary)");
}

static bool write_staged(pg_mapping *mapping, const pg_settings *settings,
                         const pg_catalog *catalog)
{
    pg_buffer stage = {0}, staged = {0};
    write_stage(&stage, mapping, settings);
    write_insert(&stage, mapping, settings, catalog);
    write_copy(&staged, mapping, settings, true);
    mapping->stage_sql = stage.data;
    mapping->staged_sql = staged.data;
    return !stage.failed && !staged.failed;
}

/* What the server is to read from text, it reads behind the staging table. */
static bool write_statements(pg_mapping *mapping, const pg_settings *settings,
                             const pg_catalog *catalog, bool direct)
{
    pg_buffer copy = {0};
    for (size_t i = 0; i < mapping->count; i++)
        direct = direct && !mapping->columns[i].by_server;
    if (direct)
        write_copy(&copy, mapping, settings, false);
    mapping->direct_sql = copy.data;
    return !copy.failed &&
           ((direct && settings->mode == PG_APPEND) || write_staged(mapping, settings, catalog));
}

bool pg_mapping_make(pg_mapping *mapping, const pg_settings *settings,
                     const handler_members *members, const pg_catalog *catalog, bool direct,
                     pg_fault *fault)
{
    bool good;
    *mapping = (pg_mapping){.columns = calloc(catalog->count + 1, sizeof(*mapping->columns))};
    good = mapping->columns != NULL;
    for (size_t i = 0; good && i < catalog->count; i++)
        good = add_column(mapping, settings, members, &catalog->columns[i]);
    fault->kind = PG_FAULT_NONE;
    if (good && !mapping->count)
        pg_fault_set(fault, PG_FAULT_LASTING, "no column of table %s.%s has the name of a member",
                     settings->schema, settings->table);
    else if (good && check_named(settings, members, catalog, fault) &&
             check_filled(mapping, settings, catalog, fault))
        good = write_statements(mapping, settings, catalog, direct);
    if (!good)
        pg_fault_set(fault, PG_FAULT_PASSING, "out of memory");
    if (!fault->kind)
        return true;
    pg_mapping_clear(mapping);
    return false;
}

void pg_mapping_clear(pg_mapping *mapping)
{
    for (size_t i = 0; i < mapping->count; i++) {
        free(mapping->columns[i].name);
        free(mapping->columns[i].type);
        free(mapping->columns[i].pointer);
    }
    free(mapping->columns);
    free(mapping->direct_sql);
    free(mapping->stage_sql);
    free(mapping->staged_sql);
    *mapping = (pg_mapping){.count = 0};
}

void pg_mapping_unused(const pg_mapping *mapping, const handler_members *members, pg_buffer *out)
{
    for (size_t i = 0; i < members->count; i++) {
        bool used = members->list[i].name[0] == '_'; /* metadata of the way */
        for (size_t k = 0; k < mapping->count && !used; k++)
            used = mapping->columns[k].field == members->list[i].field;
        if (!used)
            pg_buffer_format(out, "%s%s", out->size ? ", " : "", members->list[i].name);
    }
}

static bool encode_column(const pg_column *column, pg_cell *cell)
{
    busbar_value value;
    const busbar_host *host = cell->call->host;
    uint32_t type = column->field >= 0
                        ? host->get(cell->event, column->field, &value)
                        : host->find(cell->event, busbar_text(column->pointer), &value);
    if (type == BUSBAR_ABSENT || type == BUSBAR_NULL) {
        pg_buffer_add_int32(cell->out, -1);
        return !column->not_null || pg_refuse(cell, "must not be null");
    }
    cell->type = column->oid;
    cell->modifier = column->modifier;
    return column->is_array ? pg_encode_array(cell, &value, column->encode)
                            : column->encode(cell, &value);
}

bool pg_mapping_encode(const pg_mapping *mapping, pg_cell *cell, const char **ret_column)
{
    pg_buffer_add_int16(cell->out, (int16_t)mapping->count);
    for (size_t i = 0; i < mapping->count; i++) {
        if (encode_column(&mapping->columns[i], cell))
            continue;
        *ret_column = mapping->columns[i].name;
        return false;
    }
    return true;
}
