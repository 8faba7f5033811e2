/* What a store needs for one event type, and whether it is there. */
#ifndef CH_PLAN_H
#define CH_PLAN_H

#include "client.h"
#include "table.h"

typedef struct ch_object {
    const char *name;
    const char *state;        /* "missing", "present", "differs", "made", "failed" */
    handler_buffer statement; /* that makes it, with a NUL behind it */
    json_t *differences;
} ch_object;

typedef struct ch_plan {
    const ch_settings *settings;
    size_t count;
    ch_object list[2];    /* the table, unless its columns are mapped by hand; the batches */
    handler_buffer shape; /* the wanted columns and their types, for the server to spell */
    bool failed;          /* memory is out */
} ch_plan;

/* plan_sql.c: the objects and their statements. */
void ch_plan_write(ch_plan *plan);
void ch_plan_clear(ch_plan *plan);
/* Whether the table is part of it: not where the configuration maps columns. */
bool ch_plan_makes_table(const ch_plan *plan);
/* The window that the table is to have; 0: none. */
int64_t ch_plan_window(const ch_plan *plan);

/* plan_compare.c: sets the states. False after a fault. */
bool ch_plan_compare(ch_plan *plan, ch_client *client, ch_fault *fault);

#endif
