/* Queries over the HTTP interface, one at a time over a connection that is kept. */
#ifndef CH_CLIENT_H
#define CH_CLIENT_H

#include <stdbool.h>

#include <busbar/plugin.h>
#include <jansson.h>

#include "../handler_common/buffer.h"
#include "fault.h"
#include "settings.h"

typedef struct ch_client ch_client;

/* What is inserted: rows in the format that the query names. */
typedef struct ch_insert {
    const char *sql;      /* INSERT INTO ... FORMAT ... */
    const char *token;    /* by which the server knows it again; NULL: it need not */
    const char *encoding; /* of the body, "" for none */
    busbar_bytes body;
} ch_insert;

/* NULL, with a LASTING fault, when the URL or a file cannot be used. `settings` must outlive it. */
ch_client *ch_client_new(const ch_settings *settings, ch_fault *fault);
void ch_client_free(ch_client *client);

/* Where queries go, fit for a message. */
const char *ch_client_place(const ch_client *client);

/* False after a fault. */
bool ch_client_run(ch_client *client, const char *sql, ch_fault *fault);
bool ch_client_insert(ch_client *client, const ch_insert *insert, ch_fault *fault);
/* Rows of a query without FORMAT, each a list of values; NULL after a fault. */
json_t *ch_client_query(ch_client *client, const char *sql, ch_fault *fault);
/* The one value of a query without FORMAT, as it is; valid until the next query. */
bool ch_client_value(ch_client *client, const char *sql, busbar_bytes *ret_value, ch_fault *fault);

#endif
