/* Sets of offsets as sorted ranges. */
#ifndef HANDLER_RANGES_H
#define HANDLER_RANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct handler_range {
    int64_t first;
    int64_t last; /* it is part of the range */
} handler_range;

typedef struct handler_ranges {
    handler_range *list; /* in order, neither overlapping nor touching */
    size_t count;
    size_t capacity;
} handler_ranges;

void handler_ranges_clear(handler_ranges *ranges);
/* Empties it and keeps its memory. */
void handler_ranges_reset(handler_ranges *ranges);
/* False when memory is out: nothing was added. */
bool handler_ranges_add(handler_ranges *ranges, int64_t first, int64_t last);
bool handler_ranges_add_all(handler_ranges *ranges, const handler_ranges *more);
bool handler_ranges_has(const handler_ranges *ranges, int64_t offset);

#endif
