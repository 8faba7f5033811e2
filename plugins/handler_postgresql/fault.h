/* What went wrong at the server, and what that means for the events in hand. */
#ifndef PG_FAULT_H
#define PG_FAULT_H

#include <libpq-fe.h>

enum {
    PG_FAULT_NONE = 0,
    PG_FAULT_PASSING = 1, /* connection, deadlock, disk, shutdown: the same again, later */
    PG_FAULT_DATA = 2,    /* a row is at fault */
    PG_FAULT_LASTING = 3  /* table, right or setting is at fault: somebody must look at it */
};

typedef struct pg_fault {
    int kind;
    char state[6];   /* SQLSTATE; "" where there is none */
    char text[512];  /* one sentence, without secrets */
    char column[64]; /* "" where it is not known */
    long line;       /* of a COPY, from 1; 0 where it is not known */
} pg_fault;

/* By the class of the SQLSTATE; NULL: the connection is gone. */
int pg_fault_kind(const char *state);
/* From a result that failed. */
void pg_fault_from_result(pg_fault *fault, const PGresult *result, const PGconn *connection);
/* From a connection that is gone or could not be made. */
void pg_fault_from_connection(pg_fault *fault, const PGconn *connection);
void pg_fault_set(pg_fault *fault, int kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
