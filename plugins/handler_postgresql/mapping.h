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
    bool direct;      /* plain COPY into the table */
    bool numbered;    /* the staging table has busbar_row: the order within the batch */
    char *stage_sql;  /* CREATE TEMP TABLE, PREPARE; NULL: direct */
    char *begin_sql;  /* up to COPY */
    char *insert_sql; /* from the staging table into the table unless direct; RELEASE */
} pg_mapping;

/* For the table as it is now. False with a LASTING fault when it cannot be filled. */
bool pg_mapping_make(pg_mapping *mapping, const pg_settings *settings,
                     const handler_members *members, const pg_catalog *catalog, pg_fault *fault);
void pg_mapping_clear(pg_mapping *mapping);

/* "a, b" of members that no column takes; empty: all are taken. */
void pg_mapping_unused(const pg_mapping *mapping, const handler_members *members, pg_buffer *out);

/* One row of the binary format at the end of `out`. False: `*ret_column` names the column and
 * `cell->problem` the reason; what was appended is to be cut off. `number`: of the row. */
bool pg_mapping_encode(const pg_mapping *mapping, pg_cell *cell, int32_t number,
                       const char **ret_column);

#endif
