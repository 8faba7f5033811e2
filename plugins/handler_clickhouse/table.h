/* What the server says of a table. */
#ifndef CH_TABLE_H
#define CH_TABLE_H

#include "client.h"

typedef struct ch_table_column {
    char *name;
    char *type;
    char *default_kind; /* "", "DEFAULT", "MATERIALIZED", "ALIAS", "EPHEMERAL" */
    char *default_expression;
} ch_table_column;

typedef struct ch_table {
    bool exists;
    char *engine;      /* name alone */
    char *engine_full; /* with its clauses */
    bool replicated;
    int64_t window;         /* of parts by whose token an insert is known again; 0: none */
    int64_t window_seconds; /* and for how long; 0: without end */
    size_t count;
    ch_table_column *columns;
} ch_table;

/* False after a fault. A table that does not exist is none. Clear it in both cases. */
bool ch_table_read(ch_table *table, ch_client *client, const char *database, const char *name,
                   ch_fault *fault);
void ch_table_clear(ch_table *table);
/* NULL: there is none. */
const ch_table_column *ch_table_find(const ch_table *table, const char *name);
/* Whether an INSERT may name it. */
bool ch_table_takes(const ch_table_column *column);

#endif
