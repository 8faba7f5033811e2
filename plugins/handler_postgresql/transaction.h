/* The connection of a lane and the one transaction that is open on it. */
#ifndef PG_TRANSACTION_H
#define PG_TRANSACTION_H

#include "detour.h"
#include "mapping.h"
#include "places.h"
#include "rows.h"

typedef struct pg_transaction {
    const pg_settings *settings;
    const handler_members *members;
    const char *name;
    pg_connection connection;
    pg_mapping mapping; /* of the table when the connection was made */
    bool open;
    bool pending;        /* the server works on rows, and its answer was not taken */
    const pg_rows *sent; /* those, where they went straight and may go by the staging table */
    size_t accepted;     /* rows in it */
    unsigned careful;    /* flushes until batches are accepted before the server's word again */
    pg_detour detour;
    size_t conflicts; /* times that rows went straight in vain, since it was counted last */
} pg_transaction;

/* Is told about rows that the server refuses; `fault->column` may be empty. */
typedef void (*pg_refused)(void *user, const pg_row *row, const pg_fault *fault);

/* Connects where there is no connection. */
bool pg_transaction_connect(pg_transaction *transaction, pg_fault *fault);
/* What the server says of the rows put in last; those that could not go straight go by the staging
 * table now. False after a fault, which may be a row's: the transaction is to be given up, and its
 * rows are to be put in again, with care. */
bool pg_transaction_settle(pg_transaction *transaction, pg_fault *fault);
/* Puts the rows in, all but those that the server refuses. Opens the transaction where it is not.
 * False after a fault that is not the rows': the transaction is to be given up. Does not wait for
 * the last statement, unless with care, so that the next batch is prepared meanwhile; `rows` stay
 * until it is settled. Only what is settled is put in behind. */
bool pg_transaction_insert(pg_transaction *transaction, const pg_rows *rows, pg_refused refused,
                           void *user, pg_fault *fault);
bool pg_transaction_commit(pg_transaction *transaction, pg_fault *fault);
/* Ends it without a trace; closes the connection when `anew`. */
void pg_transaction_give_up(pg_transaction *transaction, bool anew);
void pg_transaction_close(pg_transaction *transaction);

#endif
