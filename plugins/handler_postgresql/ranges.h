/* Sets of offsets as sorted ranges. */
#ifndef PG_RANGES_H
#define PG_RANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buffer.h"

typedef struct pg_range {
    int64_t first;
    int64_t last; /* it is part of the range */
} pg_range;

typedef struct pg_ranges {
    pg_range *list; /* in order, neither overlapping nor touching */
    size_t count;
    size_t capacity;
} pg_ranges;

void pg_ranges_clear(pg_ranges *ranges);
/* Empties it and keeps its memory. */
void pg_ranges_reset(pg_ranges *ranges);
/* False when memory is out: nothing was added. */
bool pg_ranges_add(pg_ranges *ranges, int64_t first, int64_t last);
bool pg_ranges_add_all(pg_ranges *ranges, const pg_ranges *more);
bool pg_ranges_has(const pg_ranges *ranges, int64_t offset);

/* As PostgreSQL writes a bigint[]: "{first,last,first,last}". */
void pg_ranges_write(const pg_ranges *ranges, pg_buffer *out);
/* Adds what `text` holds; false when it is no such list or memory is out. */
bool pg_ranges_read(pg_ranges *ranges, const char *text);

#endif
