/* How members of an event become columns of a table. */
#ifndef PG_MAPPING_H
#define PG_MAPPING_H

#include "../handler_common/columns.h"
#include "catalog.h"
#include "encode.h"
#include "settings.h"

/* A column that is filled. */
typedef struct pg_column {
    char *name;
    char *type; /* in the staging table */
    Oid oid;    /* of the value, or of the array's elements */
    int modifier;
    pg_encoder encode;
    bool is_array;
    bool by_server; /* staged as text, cast by the server */
    bool not_null;
    busbar_field field; /* below 0: by pointer */
    char *pointer;
} pg_column;

typedef struct pg_mapping {
    size_t count;
    pg_column *columns;
    char *direct_sql; /* up to COPY into the table itself; NULL: that cannot be */
    char *stage_sql;  /* CREATE TEMP TABLE, PREPARE; NULL: there is no staging table */
    char *staged_sql; /* up to COPY into the staging table */
} pg_mapping;

/* From the staging table into the table. */
#define PG_INSERT_STAGED "EXECUTE busbar_insert"

/* For the table as it is now; `direct`: COPY may go straight into it. False with a LASTING fault
 * when it cannot be filled. */
bool pg_mapping_make(pg_mapping *mapping, const pg_settings *settings,
                     const handler_members *members, const pg_catalog *catalog, bool direct,
                     pg_fault *fault);
void pg_mapping_clear(pg_mapping *mapping);

/* "a, b" of members that no column takes; empty: all are taken. */
void pg_mapping_unused(const pg_mapping *mapping, const handler_members *members, pg_buffer *out);

/* One row of the binary format at the end of `out`. False: `*ret_column` names the column and
 * `cell->problem` the reason; what was appended is to be cut off. */
bool pg_mapping_encode(const pg_mapping *mapping, pg_cell *cell, const char **ret_column);

#endif
