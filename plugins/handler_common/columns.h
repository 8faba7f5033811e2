/* How a contract says it is stored: its columns, as its annotation x-busbar-storage or its members
 * alone tell them. The types of a store are the store's business. docs/storage.md describes both.
 */
#ifndef HANDLER_COLUMNS_H
#define HANDLER_COLUMNS_H

#include <stdbool.h>

#include <busbar/plugin.h>
#include <jansson.h>

/* A column that is wanted. Borrowed from the contract. */
typedef struct handler_column {
    const char *name;
    const json_t *annotated; /* what "columns" of the annotation says; NULL: nothing */
    const json_t *schema;    /* of the member of the same name; NULL: there is none */
    const char *from;        /* member or pointer; NULL: the member of the same name */
    bool not_null;
} handler_column;

/* The columns in their order: those of the annotation, else all members but those of the way. */
void handler_columns_visit(const json_t *contract, const json_t *annotation,
                           void (*visit)(const handler_column *column, void *user), void *user);

/* What every store's annotation has in common. NULL, or what is wrong; `lists` ends with NULL: the
 * members that are lists. Accepts NULL for an annotation. */
const char *handler_columns_check(const json_t *annotation, const char *const *lists);

/* The one type of a member that is not null; "" where there are several. */
const char *handler_schema_type(const json_t *schema, bool *ret_nullable);

/* The member that is generated as an id, as a list that `owner` keeps; NULL: there is none. */
json_t *handler_default_key(const json_t *contract, json_t *owner);

/* "{domain}_{event}" with the parts of "customer.user_event" in it. NULL when memory is out. */
char *handler_expand_name(const char *form, const char *event);

/* The members that a contract declares, with their numbers. */
typedef struct handler_member {
    char *name;
    busbar_field field;
} handler_member;

typedef struct handler_members {
    size_t count;
    handler_member *list;
} handler_members;

/* Only in `open`. False when memory is out; clear it in both cases. */
bool handler_members_read(handler_members *members, busbar_call *call, const json_t *contract);
void handler_members_clear(handler_members *members);
/* Below 0: there is none. */
busbar_field handler_members_find(const handler_members *members, const char *name);

#endif
