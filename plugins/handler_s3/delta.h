/* A Delta table: its log read, and commits to it by conditional puts.
 *
 * Every commit says with the protocol's `txn` action up to which offset each partition of the topic
 * is in the table, in the same object that makes the rows visible. So a partition's last offset is
 * read from the log when it is taken, and a commit is tried again behind those of others only while
 * none of them has moved a partition of its own. */
#ifndef S3_DELTA_H
#define S3_DELTA_H

#include "cells.h"
#include "journal.h"

/* Last offsets by partition. */
typedef struct s3_delta_txn {
    int32_t partition;
    int64_t offset;
} s3_delta_txn;

typedef struct s3_delta {
    const s3_settings *settings;
    const s3_cells *cells;
    s3_client *client;
    char *application; /* "busbar/<group>/<handler>/<topic>/" */
    char writer[17];
    uint64_t files;  /* that this writer has named */
    int64_t version; /* that was read last; -1: none */
    size_t txn_count;
    s3_delta_txn *txns;
    json_t *protocol;
    json_t *metadata;
} s3_delta;

bool s3_delta_init(s3_delta *delta, const s3_settings *settings, const s3_cells *cells,
                   s3_client *client, const busbar_binding *binding);
void s3_delta_clear(s3_delta *delta);

/* Reads the log, and makes the table where there is none. False after a fault; a table that the
 * event type does not fit is one. */
bool s3_delta_open(s3_delta *delta, int64_t now_ms, s3_fault *fault);

/* Reads what the table has of the partition. False after a fault. */
bool s3_delta_take(s3_delta *delta, s3_place *place, int64_t assignment, s3_fault *fault);

/* Names the objects; what they hold is not part of the table before the commit. */
bool s3_delta_name(s3_delta *delta, s3_object *objects, const char *topic, s3_fault *fault);

/* Makes the objects part of the table, and with `places` their offsets known. */
bool s3_delta_commit(s3_delta *delta, s3_places *places, const s3_object *objects, int64_t now_ms,
                     s3_fault *fault);

/* Reads the commits that were not read yet. */
bool s3_delta_refresh(s3_delta *delta, s3_fault *fault);
/* -1: there is none. */
int64_t s3_delta_offset(const s3_delta *delta, int32_t partition);

/* Takes one line of a commit. Public for its tests. False: out of memory, or it is no action. */
bool s3_delta_apply(s3_delta *delta, const char *line, size_t size);
/* NULL, or in which way the table does not fit. */
const char *s3_delta_check(s3_delta *delta, char ret_text[512]);

/* Writes the checkpoint of the version that was committed last. False after a fault, which does the
 * table no harm. */
bool s3_delta_checkpoint(s3_delta *delta, s3_fault *fault);
/* "path/_delta_log/name". */
void s3_delta_name_log(const s3_delta *delta, const char *name, char ret_key[S3_KEY_MAX]);
/* The JSON lines of a checkpoint, for `visit`. */
bool s3_delta_read_checkpoint(s3_delta *delta, int64_t version, int64_t parts,
                              bool (*visit)(void *user, const char *line, size_t size), void *user,
                              s3_fault *fault);
/* Calls `visit` for each line; false where it says so. */
bool s3_delta_lines(const char *text, size_t size,
                    bool (*visit)(void *user, const char *line, size_t size), void *user);

#endif
