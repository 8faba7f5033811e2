/* How a contract says it is stored: its annotation x-busbar-storage, and what follows from its
 * types where it has none. docs/storage.md describes both. */
#ifndef PG_ANNOTATION_H
#define PG_ANNOTATION_H

#include <stdbool.h>

#include <jansson.h>

#include "../handler_common/columns.h"

/* What a column is to be. Texts live as long as the contract. */
typedef struct pg_wanted {
    const char *name;
    char type[128];
    bool not_null;
    const char *expression; /* of the default; NULL: none */
    const char *from;       /* member or pointer; NULL: the member of the same name */
    const char *references; /* "table.column"; NULL: none */
    const char *on_delete;
} pg_wanted;

/* NULL, or what is wrong with it. Accepts NULL. */
const char *pg_annotation_check(const json_t *annotation);

/* The columns, in their order: `visit` for each. */
void pg_annotation_columns(const json_t *contract, const json_t *annotation,
                           void (*visit)(const pg_wanted *wanted, void *user), void *user);

#endif
