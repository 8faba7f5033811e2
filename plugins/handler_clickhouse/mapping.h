/* How members of an event become columns of a table. */
#ifndef CH_MAPPING_H
#define CH_MAPPING_H

#include "../handler_common/columns.h"
#include "encode.h"
#include "settings.h"
#include "table.h"

/* A column that is filled. */
typedef struct ch_column {
    char *name;
    char *native_type; /* as blocks in Native say it */
    ch_type type;
    busbar_field field; /* below 0: by pointer */
    char *pointer;
} ch_column;

typedef struct ch_mapping {
    size_t count;
    ch_column *columns;
    handler_buffer insert; /* INSERT INTO ... FORMAT Native, with a NUL behind it */
} ch_mapping;

/* For the table as it is now. False with a fault, LASTING when it cannot be filled. */
bool ch_mapping_make(ch_mapping *mapping, const ch_settings *settings,
                     const handler_members *members, const ch_table *table, ch_fault *fault);
void ch_mapping_clear(ch_mapping *mapping);

/* Members that no column takes, as a list; nothing where there are none. */
void ch_mapping_unused(const ch_mapping *mapping, const handler_members *members,
                       handler_buffer *out);

/* The row of an event. False, with the problem in the cell: `ret_column` does not take it. */
bool ch_mapping_encode(const ch_mapping *mapping, ch_cell *cell, const char **ret_column);

#endif
