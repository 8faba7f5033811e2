/* Sets of offsets as sorted ranges. */
#include "ranges.h"

#include <stdlib.h>
#include <string.h>

void handler_ranges_clear(handler_ranges *ranges)
{
    free(ranges->list);
    *ranges = (handler_ranges){0};
}

void handler_ranges_reset(handler_ranges *ranges)
{
    ranges->count = 0;
}

/* Number of the first range that ends at `offset` or behind it. */
static size_t find(const handler_ranges *ranges, int64_t offset)
{
    size_t low = 0, high = ranges->count;
    if (high && ranges->list[high - 1].last < offset)
        return high; /* the usual case: offsets rise */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (ranges->list[middle].last < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool insert(handler_ranges *ranges, size_t at, handler_range range)
{
    if (ranges->count == ranges->capacity) {
        size_t capacity = ranges->capacity ? ranges->capacity * 2 : 16;
        handler_range *list = realloc(ranges->list, capacity * sizeof(*list));
        if (!list)
            return false;
        ranges->list = list;
        ranges->capacity = capacity;
    }
    memmove(&ranges->list[at + 1], &ranges->list[at], (ranges->count - at) * sizeof(range));
    ranges->list[at] = range;
    ranges->count++;
    return true;
}

bool handler_ranges_add(handler_ranges *ranges, int64_t first, int64_t last)
{
    /* from the first that touches it, one before counts as touching */
    size_t begin = find(ranges, first > INT64_MIN ? first - 1 : first), end = begin;
    if (begin == ranges->count || (last < INT64_MAX && ranges->list[begin].first > last + 1))
        return insert(ranges, begin, (handler_range){first, last});
    while (end < ranges->count && (last == INT64_MAX || ranges->list[end].first <= last + 1))
        end++;
    handler_range *merged = &ranges->list[begin];
    if (first < merged->first)
        merged->first = first;
    merged->last = ranges->list[end - 1].last > last ? ranges->list[end - 1].last : last;
    memmove(merged + 1, &ranges->list[end], (ranges->count - end) * sizeof(*merged));
    ranges->count -= end - begin - 1;
    return true;
}

bool handler_ranges_add_all(handler_ranges *ranges, const handler_ranges *more)
{
    for (size_t i = 0; i < more->count; i++) {
        if (!handler_ranges_add(ranges, more->list[i].first, more->list[i].last))
            return false;
    }
    return true;
}

bool handler_ranges_has(const handler_ranges *ranges, int64_t offset)
{
    size_t at = find(ranges, offset);
    return at < ranges->count && ranges->list[at].first <= offset;
}
