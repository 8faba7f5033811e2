/* Reading a table's columns from the server's catalog. */
#include "catalog.h"

#include <stdlib.h>
#include <string.h>

/* One row for each column; none where the table does not exist. Domains are looked through once:
 * the server checks them itself. */
static const char columns_sql[] =
    "SELECT a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), b.oid,"
    " CASE WHEN b.typcategory = 'A' AND b.typelem <> 0 THEN b.typelem ELSE 0 END,"
    " CASE WHEN t.typtype = 'd' THEN t.typtypmod ELSE a.atttypmod END,"
    " coalesce(e.typtype, b.typtype), a.attnotnull OR t.typnotnull, a.attgenerated <> '' OR"
    " a.attidentity = 'a', a.atthasdef OR a.attidentity <> ''"
    " FROM pg_catalog.pg_attribute a"
    " JOIN pg_catalog.pg_class c ON c.oid = a.attrelid"
    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " JOIN pg_catalog.pg_type t ON t.oid = a.atttypid"
    " JOIN pg_catalog.pg_type b ON b.oid = CASE WHEN t.typtype = 'd' THEN t.typbasetype"
    " ELSE t.oid END"
    " LEFT JOIN pg_catalog.pg_type e ON b.typcategory = 'A' AND e.oid = b.typelem"
    " WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p', 'v', 'f')"
    " AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum";

static bool take_column(pg_catalog_column *column, const PGresult *rows, int row)
{
    *column = (pg_catalog_column){
        .name = strdup(PQgetvalue(rows, row, 0)),
        .type = strdup(PQgetvalue(rows, row, 1)),
        .base = (Oid)strtoul(PQgetvalue(rows, row, 2), NULL, 10),
        .element = (Oid)strtoul(PQgetvalue(rows, row, 3), NULL, 10),
        .modifier = (int)strtol(PQgetvalue(rows, row, 4), NULL, 10),
        .kind = PQgetvalue(rows, row, 5)[0],
        .not_null = PQgetvalue(rows, row, 6)[0] == 't',
        .generated = PQgetvalue(rows, row, 7)[0] == 't',
        .has_default = PQgetvalue(rows, row, 8)[0] == 't',
    };
    return column->name && column->type;
}

bool pg_catalog_read(pg_catalog *catalog, pg_connection *connection, const char *schema,
                     const char *table, pg_fault *fault)
{
    const char *const parameters[] = {schema, table};
    *catalog = (pg_catalog){.count = 0};
    PGresult *rows = pg_query_with(connection, columns_sql, 2, parameters, fault);
    if (!rows)
        return false;
    int count = PQntuples(rows);
    catalog->exists = count > 0;
    catalog->columns = calloc((size_t)count + 1, sizeof(*catalog->columns));
    bool good = catalog->columns != NULL;
    for (int i = 0; good && i < count; i++) {
        good = take_column(&catalog->columns[i], rows, i);
        catalog->count++;
    }
    PQclear(rows);
    if (!good)
        pg_fault_set(fault, PG_FAULT_PASSING, "out of memory");
    return good;
}

void pg_catalog_clear(pg_catalog *catalog)
{
    for (size_t i = 0; i < catalog->count; i++) {
        free(catalog->columns[i].name);
        free(catalog->columns[i].type);
    }
    free(catalog->columns);
    *catalog = (pg_catalog){.count = 0};
}

const pg_catalog_column *pg_catalog_find(const pg_catalog *catalog, const char *name)
{
    for (size_t i = 0; i < catalog->count; i++) {
        if (strcmp(catalog->columns[i].name, name) == 0)
            return &catalog->columns[i];
    }
    return NULL;
}
