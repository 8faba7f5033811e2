/* What has been stored of each partition: the table of offsets, and its picture in memory.
 *
 * The table has one row for each partition (writer 0) that carries the fence, an epoch and its
 * owner, and what was stored up to when the fence was taken; and one row for each writer (a lane)
 * with what that one has stored since. An owner is a process with one assignment of the partition:
 * all its lanes write under one epoch, each its own row, so they do not wait for each other.
 *
 * Taking a partition raises the epoch under a lock that waits for commits in flight, gathers the
 * rows of all writers in the row of writer 0, and reads them. Storing checks, in the transaction
 * of the rows, that the epoch is still the one that was taken, and holds a shared lock on it until
 * the commit. So nobody stores beside the owner, and an owner knows all that was stored before. */
#ifndef PG_PLACES_H
#define PG_PLACES_H

#include <busbar/storage.h>

#include "connection.h"
#include "ranges.h"

/* One partition in the hands of a lane. */
typedef struct pg_place {
    int32_t partition;
    int64_t assignment;
    int64_t epoch;                         /* of the fence; -1: it is not ours */
    bool taken;                            /* the epoch is ours */
    bool told;                             /* that records of it had been stored before */
    int64_t wait_ms;                       /* not to be taken before; 0: at any time */
    handler_ranges known;                  /* stored by others and before */
    handler_ranges own;                    /* stored by this writer */
    handler_ranges fresh;                  /* in the transaction that is open */
    int64_t finished_from, finished_below; /* as the host said last */
} pg_place;

typedef struct pg_places {
    size_t count;
    pg_place *list;
    size_t last; /* the one asked for last */
    int64_t writer;
    char *identity; /* condition of the rows of this group, topic and handler */
    char *columns;  /* values of the same, for an insert */
    char *process;
    char *table; /* quoted */
    int64_t takeover_ms;
} pg_places;

bool pg_places_init(pg_places *places, const pg_settings *settings, const busbar_binding *binding);
void pg_places_clear(pg_places *places);

/* The place of a partition, made when it is new; NULL when memory is out. */
pg_place *pg_places_get(pg_places *places, int32_t partition);

/* Takes the partition for `assignment`, or joins the lanes that have it. False after a fault. Then
 * `place->taken` says whether it is ours; it is not while `wait_ms` has not passed, or, with
 * `*ret_stale` set, when this process has a later assignment of it. */
bool pg_places_take(pg_places *places, pg_place *place, int64_t assignment, int64_t now_ms,
                    pg_connection *connection, bool *ret_stale, pg_fault *fault);

bool pg_places_stored(const pg_place *place, int64_t offset);

/* Checks the fences and writes what is fresh, in the open transaction. False after a fault; a
 * fence that was taken by another is one (PASSING), and its place is not taken any more. */
bool pg_places_store(pg_places *places, int64_t now_ms, pg_connection *connection, pg_fault *fault);
/* The transaction was committed: what is fresh is stored. False when memory is out. */
bool pg_places_committed(pg_places *places);
/* The transaction is gone: everything is read anew before it is used again. */
void pg_places_forget(pg_places *places);

#endif
