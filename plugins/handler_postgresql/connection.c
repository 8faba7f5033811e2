/* One connection to PostgreSQL, without waiting for ever. */
#include "connection.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define KEYWORDS_MAX 48
#define GRACE_MS 15000

static int64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* it is always there */
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Waits until the socket can be read or the patience is at its end. */
static bool wait_readable(pg_connection *connection, int64_t deadline_ms)
{
    struct pollfd socket = {PQsocket(connection->pq), POLLIN, 0};
    for (;;) {
        int64_t left = deadline_ms - now_ms();
        if (socket.fd < 0 || left <= 0)
            return false;
        int ready = poll(&socket, 1, left > 60000 ? 60000 : (int)left);
        if (ready > 0)
            return true;
        if (ready < 0 && errno != EINTR)
            return false;
    }
}

/* The next result; NULL with `fault` unset when there are no more. */
static PGresult *next_result(pg_connection *connection, int64_t deadline_ms, pg_fault *fault)
{
    while (PQisBusy(connection->pq)) {
        if (!wait_readable(connection, deadline_ms)) {
            pg_connection_close(connection);
            pg_fault_set(fault, PG_FAULT_PASSING, "the server has not answered for %lld ms",
                         (long long)connection->patience_ms);
            return NULL;
        }
        if (!PQconsumeInput(connection->pq)) {
            pg_fault_from_connection(fault, connection->pq);
            pg_connection_close(connection);
            return NULL;
        }
    }
    return PQgetResult(connection->pq);
}

static bool is_good(const PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_COPY_IN ||
           status == PGRES_EMPTY_QUERY;
}

/* Takes all results: keeps the last, notes the first fault. Ends before a COPY. */
static PGresult *take_results(pg_connection *connection, pg_fault *fault)
{
    int64_t deadline_ms = now_ms() + connection->patience_ms;
    PGresult *last = NULL, *result;
    fault->kind = PG_FAULT_NONE;
    while (connection->pq && (result = next_result(connection, deadline_ms, fault))) {
        PQclear(last);
        last = result;
        if (!is_good(result) && !fault->kind)
            pg_fault_from_result(fault, result, connection->pq);
        if (PQresultStatus(result) == PGRES_COPY_IN)
            break;
    }
    if (connection->pq && PQstatus(connection->pq) != CONNECTION_OK) {
        if (!fault->kind)
            pg_fault_from_connection(fault, connection->pq);
        pg_connection_close(connection);
    }
    if (!fault->kind && last)
        return last;
    PQclear(last);
    if (!fault->kind)
        pg_fault_set(fault, PG_FAULT_PASSING, "the server gave no result");
    return NULL;
}

static bool sent(pg_connection *connection, int success, pg_fault *fault)
{
    if (success)
        return true;
    pg_fault_from_connection(fault, connection->pq);
    pg_connection_close(connection);
    return false;
}

static bool is_open(const pg_connection *connection, pg_fault *fault)
{
    if (!connection->pq)
        pg_fault_set(fault, PG_FAULT_PASSING, "there is no connection");
    return connection->pq != NULL;
}

bool pg_send(pg_connection *connection, const char *sql, pg_fault *fault)
{
    return is_open(connection, fault) && sent(connection, PQsendQuery(connection->pq, sql), fault);
}

bool pg_take(pg_connection *connection, pg_fault *fault)
{
    PGresult *result = is_open(connection, fault) ? take_results(connection, fault) : NULL;
    PQclear(result);
    return result != NULL;
}

PGresult *pg_query(pg_connection *connection, const char *sql, pg_fault *fault)
{
    return pg_send(connection, sql, fault) ? take_results(connection, fault) : NULL;
}

PGresult *pg_query_with(pg_connection *connection, const char *sql, int count,
                        const char *const *parameters, pg_fault *fault)
{
    if (!is_open(connection, fault) ||
        !sent(connection,
              PQsendQueryParams(connection->pq, sql, count, NULL, parameters, NULL, NULL, 0),
              fault))
        return NULL;
    return take_results(connection, fault);
}

bool pg_run(pg_connection *connection, const char *sql, pg_fault *fault)
{
    PGresult *result = pg_query(connection, sql, fault);
    PQclear(result);
    return result != NULL;
}

static bool put(pg_connection *connection, const char *data, size_t size)
{
    const size_t piece = 256 * 1024;
    while (size > 0) {
        size_t part = size < piece ? size : piece;
        if (PQputCopyData(connection->pq, data, (int)part) != 1)
            return false;
        data += part;
        size -= part;
    }
    return true;
}

bool pg_send_copy(pg_connection *connection, const char *sql, const pg_buffer *head,
                  const char *data, size_t size, pg_fault *fault)
{
    static const char tail[2] = {(char)0xff, (char)0xff};
    PGresult *begun = pg_query(connection, sql, fault);
    if (!begun)
        return false;
    PQclear(begun);
    bool all = put(connection, head->data, head->size) && put(connection, data, size) &&
               put(connection, tail, sizeof(tail)) && PQputCopyEnd(connection->pq, NULL) == 1;
    return sent(connection, all, fault);
}

/* Keywords of libpq from the configuration, ours where it is silent. */
typedef struct keywords {
    const char *names[KEYWORDS_MAX];
    const char *values[KEYWORDS_MAX];
    char numbers[KEYWORDS_MAX][24];
    int count;
} keywords;

static void add_keyword(keywords *to, const char *name, const char *value)
{
    if (to->count >= KEYWORDS_MAX - 1)
        return;
    to->names[to->count] = name;
    to->values[to->count] = value;
    to->count++;
}

static void collect_keywords(keywords *to, const pg_settings *settings, const char *name)
{
    const char *keyword;
    json_t *value;
    add_keyword(to, "connect_timeout", "10");
    add_keyword(to, "tcp_user_timeout", "60000");
    add_keyword(to, "fallback_application_name", name);
    json_object_foreach(settings->connection, keyword, value)
    {
        if (to->count >= KEYWORDS_MAX - 2)
            break;
        char *number = to->numbers[to->count];
        if (json_is_integer(value))
            (void)snprintf(number, sizeof(to->numbers[0]), "%lld",
                           (long long)json_integer_value(value));
        add_keyword(to, keyword, json_is_integer(value) ? number : json_string_value(value));
    }
    add_keyword(to, "client_encoding", "UTF8");
}

static bool set_up(pg_connection *connection, const pg_settings *settings, pg_fault *fault)
{
    char sql[512];
    (void)snprintf(
        sql, sizeof(sql),
        "SET TimeZone='UTC';SET statement_timeout=%lld;SET lock_timeout=%lld;"
        "SET idle_in_transaction_session_timeout=%lld;SET standard_conforming_strings=on;"
        "SET client_min_messages=error;SET extra_float_digits=1",
        (long long)settings->statement_timeout_ms, (long long)settings->lock_timeout_ms,
        (long long)settings->idle_transaction_timeout_ms); /* measured: fits */
    return pg_run(connection, sql, fault);
}

bool pg_connection_open(pg_connection *connection, const pg_settings *settings, const char *name,
                        pg_fault *fault)
{
    keywords all = {.count = 0};
    pg_connection_close(connection);
    collect_keywords(&all, settings, name);
    connection->pq = PQconnectdbParams(all.names, all.values, 0);
    connection->patience_ms = settings->statement_timeout_ms
                                  ? settings->statement_timeout_ms + GRACE_MS
                                  : 24LL * 3600 * 1000;
    if (PQstatus(connection->pq) != CONNECTION_OK) {
        pg_fault_from_connection(fault, connection->pq);
        pg_connection_close(connection);
        return false;
    }
    if (set_up(connection, settings, fault))
        return true;
    pg_connection_close(connection);
    return false;
}

void pg_connection_close(pg_connection *connection)
{
    PQfinish(connection->pq);
    connection->pq = NULL;
}

bool pg_connection_alive(const pg_connection *connection)
{
    return connection->pq && PQstatus(connection->pq) == CONNECTION_OK;
}

/* `quote` around the text and doubled inside it. */
static void add_quoted(pg_buffer *out, const char *text, char quote)
{
    pg_buffer_add(out, &quote, 1);
    for (; *text; text++) {
        if (*text == quote)
            pg_buffer_add(out, &quote, 1);
        pg_buffer_add(out, text, 1);
    }
    pg_buffer_add(out, &quote, 1);
    pg_buffer_text(out, "");
}

void pg_add_name(pg_buffer *out, const char *name)
{
    add_quoted(out, name, '"');
}

/* The session has standard_conforming_strings on: a backslash is a backslash. */
void pg_add_literal(pg_buffer *out, const char *text)
{
    add_quoted(out, text, '\'');
}
