/* When rows are to go round through the staging table although they could go straight into the
 * table. A COPY that the server refuses is work for nothing, so where keys come twice it is tried
 * ever more seldom: the detour is twice as long with each conflict, and half as long with each
 * flush that had none. */
#ifndef PG_DETOUR_H
#define PG_DETOUR_H

#define PG_DETOUR_MAX 1024

typedef struct pg_detour {
    unsigned left;   /* flushes, that at hand among them; 0: straight */
    unsigned length; /* of the last one */
} pg_detour;

/* After a conflict. */
void pg_detour_take(pg_detour *detour);
/* After a COPY that this table does not take at all. */
void pg_detour_take_longest(pg_detour *detour);
/* After a flush. */
void pg_detour_flushed(pg_detour *detour);

#endif
