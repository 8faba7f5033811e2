/* Rows as a block of ClickHouse's Native format, which has them by columns. */
#ifndef CH_NATIVE_H
#define CH_NATIVE_H

#include "mapping.h"
#include "places.h"

typedef struct ch_native {
    const char **at; /* of each row, the cell of the column at hand */
    size_t capacity;
    handler_buffer block;
} ch_native;

/* The block of some rows, which are in RowBinary. False when memory is out. */
bool ch_native_write(ch_native *native, const ch_mapping *mapping, const ch_rows *rows,
                     size_t first, size_t count);
/* The block is not needed any more. */
void ch_native_rest(ch_native *native);
void ch_native_clear(ch_native *native);

#endif
