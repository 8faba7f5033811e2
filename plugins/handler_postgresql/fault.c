/* Faults of the server by their SQLSTATE. https://www.postgresql.org/docs/15/errcodes-appendix.html
 */
#include "fault.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *prefix; /* of the SQLSTATE; the first that fits counts */
    int kind;
} kinds[] = {
    {"08", PG_FAULT_PASSING},    /* connection */
    {"25006", PG_FAULT_PASSING}, /* read only: a standby that is to become the primary */
    {"25P03", PG_FAULT_PASSING}, /* the transaction was idle for too long */
    {"40002", PG_FAULT_DATA},    /* constraint, seen at the end of the transaction */
    {"40", PG_FAULT_PASSING},    /* serialization, deadlock */
    {"53", PG_FAULT_PASSING},    /* disk, memory, connections */
    {"54", PG_FAULT_DATA},       /* row, array or nesting beyond what the server takes */
    {"55", PG_FAULT_PASSING},    /* lock not available */
    {"57", PG_FAULT_PASSING},    /* shutdown, start, time-out of a statement */
    {"58", PG_FAULT_PASSING},    /* operating system */
    {"21", PG_FAULT_DATA},       /* cardinality */
    {"22", PG_FAULT_DATA},       /* data */
    {"23", PG_FAULT_DATA},       /* constraints */
    {"44", PG_FAULT_DATA},       /* check option of a view */
    {"P0", PG_FAULT_DATA},       /* raised by a trigger */
    {"XX", PG_FAULT_PASSING},    /* internal: corrupt pages and the like */
};

int pg_fault_kind(const char *state)
{
    if (!state || !*state)
        return PG_FAULT_PASSING;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strncmp(state, kinds[i].prefix, strlen(kinds[i].prefix)) == 0)
            return kinds[i].kind;
    }
    return PG_FAULT_LASTING;
}

/* The first line of a text of several. */
static void copy_line(char *to, size_t to_size, const char *from)
{
    size_t size = from ? strcspn(from, "\r\n") : 0;
    if (size >= to_size)
        size = to_size - 1;
    memcpy(to, from ? from : "", size);
    to[size] = '\0';
}

/* "COPY busbar_stage, line 3, column title": in the language of the server, so by its shape. */
static void read_context(pg_fault *fault, const char *context)
{
    const char *at = context && strncmp(context, "COPY ", 5) == 0 ? strstr(context, ", ") : NULL;
    at = at ? strpbrk(at, "0123456789\n") : NULL;
    if (!at || *at == '\n')
        return;
    char *end = NULL;
    fault->line = strtol(at, &end, 10);
    if (strncmp(end, ", ", 2) != 0 || fault->column[0])
        return;
    const char *name = strchr(end + 2, ' ');
    size_t size = name ? strcspn(name + 1, "\n:") : 0;
    if (size && size < sizeof(fault->column)) {
        memcpy(fault->column, name + 1, size);
        fault->column[size] = '\0';
    }
}

void pg_fault_from_result(pg_fault *fault, const PGresult *result, const PGconn *connection)
{
    const char *state = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
    const char *primary = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    const char *column = result ? PQresultErrorField(result, PG_DIAG_COLUMN_NAME) : NULL;
    if (!state || !primary || PQstatus(connection) != CONNECTION_OK) {
        pg_fault_from_connection(fault, connection);
        if (state)
            copy_line(fault->state, sizeof(fault->state), state);
        if (primary)
            copy_line(fault->text, sizeof(fault->text), primary);
        return;
    }
    *fault = (pg_fault){.kind = pg_fault_kind(state)};
    copy_line(fault->state, sizeof(fault->state), state);
    copy_line(fault->text, sizeof(fault->text), primary);
    copy_line(fault->column, sizeof(fault->column), column);
    read_context(fault, PQresultErrorField(result, PG_DIAG_CONTEXT));
}

void pg_fault_from_connection(pg_fault *fault, const PGconn *connection)
{
    *fault = (pg_fault){.kind = PG_FAULT_PASSING};
    copy_line(fault->text, sizeof(fault->text), PQerrorMessage(connection));
    if (!fault->text[0])
        copy_line(fault->text, sizeof(fault->text), "the connection is gone");
}

void pg_fault_set(pg_fault *fault, int kind, const char *format, ...)
{
    va_list arguments;
    *fault = (pg_fault){.kind = kind};
    va_start(arguments, format);
    (void)vsnprintf(fault->text, sizeof(fault->text), format, arguments); /* cut where too long */
    va_end(arguments);
}
