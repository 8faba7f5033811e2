/* Whether rows may go straight into the table, without the staging table. */
#ifndef PG_DIRECT_H
#define PG_DIRECT_H

#include "connection.h"

/* `*ret_direct`: COPY does what INSERT ... ON CONFLICT does as long as no key is there already, and
 * where one is it fails. False after a fault. */
bool pg_direct_ask(pg_connection *connection, const pg_settings *settings, bool *ret_direct,
                   pg_fault *fault);

#endif
