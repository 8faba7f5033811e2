/* What a store needs for one event type: tables, partitions, indexes, and whether they are there.
 */
#ifndef PG_PLAN_H
#define PG_PLAN_H

#include <time.h>

#include "annotation.h"
#include "catalog.h"
#include "settings.h"

typedef struct pg_object {
    const char *kind;  /* "table", "partition", "index" */
    const char *state; /* "missing", "present", "differs", "made", "failed"; NULL: not looked at */
    char *name;        /* without the schema */
    char *statement;   /* that makes it */
    char *same;        /* what an object that does the same looks like in the catalog */
    json_t *differences;
} pg_object;

typedef struct pg_plan {
    const pg_settings *settings;
    bool foreign_keys;
    time_t now;
    size_t count;
    pg_object *list;
    pg_buffer shape; /* the wanted columns, as in CREATE TABLE, without constraints */
    bool failed;     /* memory is out */
} pg_plan;

/* plan_sql.c: the objects and their statements. */
void pg_plan_write(pg_plan *plan);
void pg_plan_clear(pg_plan *plan);
/* The column of the range partitions; NULL: there are none. */
const char *pg_plan_partitioned_by(const pg_plan *plan);

/* Whether the table is part of it: not where the configuration maps columns. */
bool pg_plan_makes_table(const pg_plan *plan);

/* plan_compare.c: sets the states. False after a fault. */
bool pg_plan_compare(pg_plan *plan, pg_connection *connection, pg_fault *fault);
void pg_plan_note(pg_plan *plan, pg_object *object, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
