/* Asks the catalog whether COPY into the table is as good as INSERT. */
#include "direct.h"

#include <stdlib.h>

/* COPY does not know views and row level security; rules it passes by, and INSERT does not. */
#define APPEND "SELECT c.relkind IN ('r', 'p', 'f') AND NOT pg_catalog.row_security_active(c.oid)"
#define INSERT                                                                                     \
    "SELECT c.relkind IN ('r', 'p') AND NOT pg_catalog.row_security_active(c.oid)"                 \
    " AND NOT c.relhasrules"

/* Nor does it look at a key, so an index must: one that ON CONFLICT would take ($3), at once, for
 * rows that are equal to each other as the columns' own types have it. ON CONFLICT DO UPDATE ($4)
 * fires triggers of UPDATE statements too, and takes nulls of one batch for equal. */
#define BY_KEY                                                                                     \
    " AND EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND i.indisunique"    \
    " AND i.indisvalid AND i.indisready AND i.indimmediate AND i.indpred IS NULL"                  \
    " AND i.indexprs IS NULL"                                                                      \
    " AND i.indnkeyatts = (SELECT count(*) FROM pg_catalog.json_array_elements($3))"               \
    " AND NOT EXISTS (SELECT FROM unnest(i.indkey::int2[], i.indclass::oid[],"                     \
    " i.indcollation::oid[]) WITH ORDINALITY AS k(number, opclass, sorting, place)"                \
    " LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.number"           \
    " LEFT JOIN pg_catalog.pg_opclass o ON o.oid = k.opclass"                                      \
    " WHERE k.place <= i.indnkeyatts AND (a.attname IN (SELECT name FROM"                          \
    " pg_catalog.json_array_elements_text($3) AS name) AND o.opcdefault"                           \
    " AND k.sorting = a.attcollation AND (a.attnotnull OR NOT $4)) IS NOT TRUE))"                  \
    " AND NOT ($4 AND EXISTS (SELECT FROM pg_catalog.pg_trigger t WHERE t.tgrelid = c.oid"         \
    " AND NOT t.tgisinternal AND t.tgtype & 1 = 0 AND t.tgtype & 16 <> 0))"

#define TABLE                                                                                      \
    " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"         \
    " WHERE n.nspname = $1 AND c.relname = $2"

static const char *statement_for(const pg_settings *settings)
{
    if (settings->mode == PG_APPEND)
        return APPEND TABLE;
    return settings->key ? INSERT BY_KEY TABLE : INSERT TABLE;
}

bool pg_direct_ask(pg_connection *connection, const pg_settings *settings, bool *ret_direct,
                   pg_fault *fault)
{
    bool by_key = settings->mode != PG_APPEND && settings->key;
    char *key = by_key ? json_dumps(settings->key, JSON_COMPACT) : NULL;
    const char *parameters[] = {settings->schema, settings->table, key,
                                settings->mode == PG_UPSERT ? "true" : "false"};
    PGresult *row = NULL;
    if (by_key && !key)
        pg_fault_set(fault, PG_FAULT_PASSING, "out of memory");
    else
        row = pg_query_with(connection, statement_for(settings), by_key ? 4 : 2, parameters, fault);
    if (row)
        *ret_direct = PQntuples(row) == 1 && PQgetvalue(row, 0, 0)[0] == 't';
    PQclear(row);
    free(key);
    return row != NULL;
}
