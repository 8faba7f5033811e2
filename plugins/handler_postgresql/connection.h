/* One connection to PostgreSQL, without waiting for ever. */
#ifndef PG_CONNECTION_H
#define PG_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>

#include "buffer.h"
#include "fault.h"
#include "settings.h"

typedef struct pg_connection {
    PGconn *pq;
    int64_t patience_ms; /* for an answer; the server's own time-outs come first */
} pg_connection;

/* Connects and sets up the session. `name`: for pg_stat_activity. */
bool pg_connection_open(pg_connection *connection, const pg_settings *settings, const char *name,
                        pg_fault *fault);
void pg_connection_close(pg_connection *connection);
bool pg_connection_alive(const pg_connection *connection);

/* Runs one or more statements; the result of the last, NULL after a fault. The caller clears it. */
PGresult *pg_query(pg_connection *connection, const char *sql, pg_fault *fault);
/* With text parameters. */
PGresult *pg_query_with(pg_connection *connection, const char *sql, int count,
                        const char *const *parameters, pg_fault *fault);
/* As pg_query, where only success counts. */
bool pg_run(pg_connection *connection, const char *sql, pg_fault *fault);

/* Sends statements; pg_take has what comes of them, and nothing else is to be sent before. */
bool pg_send(pg_connection *connection, const char *sql, pg_fault *fault);
bool pg_take(pg_connection *connection, pg_fault *fault);

/* Statements that end in COPY ... FROM STDIN, then its data; pg_take has what comes of it. */
bool pg_send_copy(pg_connection *connection, const char *sql, const pg_buffer *head,
                  const char *data, size_t size, pg_fault *fault);

/* A name in quotes, or a literal, at the end of `out`. */
void pg_add_name(pg_buffer *out, const char *name);
void pg_add_literal(pg_buffer *out, const char *text);

#endif
