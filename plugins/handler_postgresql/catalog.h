/* What a table is like, as the server's catalog has it. */
#ifndef PG_CATALOG_H
#define PG_CATALOG_H

#include "connection.h"

typedef struct pg_catalog_column {
    char *name;
    char *type;   /* as SQL writes it: "character varying(50)" */
    Oid base;     /* behind a domain */
    Oid element;  /* of an array; 0: it is none */
    int modifier; /* length or precision; -1: none */
    char kind;    /* of the base type or the element: 'b' base, 'e' enum, others */
    bool not_null;
    bool generated; /* the server fills it always */
    bool has_default;
} pg_catalog_column;

typedef struct pg_catalog {
    bool exists;
    size_t count;
    pg_catalog_column *columns;
} pg_catalog;

/* False after a fault. A table that does not exist is no fault. */
bool pg_catalog_read(pg_catalog *catalog, pg_connection *connection, const char *schema,
                     const char *table, pg_fault *fault);
void pg_catalog_clear(pg_catalog *catalog);
const pg_catalog_column *pg_catalog_find(const pg_catalog *catalog, const char *name);

#endif
