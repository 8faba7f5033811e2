/* Sets of offsets as sorted ranges. */
#include "ranges.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void pg_ranges_clear(pg_ranges *ranges)
{
    free(ranges->list);
    *ranges = (pg_ranges){0};
}

void pg_ranges_reset(pg_ranges *ranges)
{
    ranges->count = 0;
}

/* Number of the first range that ends at `offset` or behind it. */
static size_t find(const pg_ranges *ranges, int64_t offset)
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

static bool insert(pg_ranges *ranges, size_t at, pg_range range)
{
    if (ranges->count == ranges->capacity) {
        size_t capacity = ranges->capacity ? ranges->capacity * 2 : 16;
        pg_range *list = realloc(ranges->list, capacity * sizeof(*list));
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

bool pg_ranges_add(pg_ranges *ranges, int64_t first, int64_t last)
{
    /* from the first that touches it, one before counts as touching */
    size_t begin = find(ranges, first > INT64_MIN ? first - 1 : first), end = begin;
    if (begin == ranges->count || (last < INT64_MAX && ranges->list[begin].first > last + 1))
        return insert(ranges, begin, (pg_range){first, last});
    while (end < ranges->count && (last == INT64_MAX || ranges->list[end].first <= last + 1))
        end++;
    pg_range *merged = &ranges->list[begin];
    if (first < merged->first)
        merged->first = first;
    merged->last = ranges->list[end - 1].last > last ? ranges->list[end - 1].last : last;
    memmove(merged + 1, &ranges->list[end], (ranges->count - end) * sizeof(*merged));
    ranges->count -= end - begin - 1;
    return true;
}

bool pg_ranges_add_all(pg_ranges *ranges, const pg_ranges *more)
{
    for (size_t i = 0; i < more->count; i++) {
        if (!pg_ranges_add(ranges, more->list[i].first, more->list[i].last))
            return false;
    }
    return true;
}

bool pg_ranges_has(const pg_ranges *ranges, int64_t offset)
{
    size_t at = find(ranges, offset);
    return at < ranges->count && ranges->list[at].first <= offset;
}

void pg_ranges_write(const pg_ranges *ranges, pg_buffer *out)
{
    pg_buffer_text(out, "{");
    for (size_t i = 0; i < ranges->count; i++)
        pg_buffer_format(out, "%s%" PRId64 ",%" PRId64, i ? "," : "", ranges->list[i].first,
                         ranges->list[i].last);
    pg_buffer_text(out, "}");
}

/* A number and the sign behind it. */
static bool read_number(const char **at, char behind, char or_behind, int64_t *ret_number)
{
    char *end = NULL;
    errno = 0;
    *ret_number = strtoll(*at, &end, 10);
    if (errno || end == *at || (*end != behind && *end != or_behind))
        return false;
    *at = end + 1;
    return true;
}

bool pg_ranges_read(pg_ranges *ranges, const char *text)
{
    const char *at = text;
    if (*at++ != '{')
        return false;
    if (*at == '}')
        return at[1] == '\0';
    do {
        int64_t first, last;
        if (!read_number(&at, ',', ',', &first) || !read_number(&at, ',', '}', &last) ||
            first > last || !pg_ranges_add(ranges, first, last))
            return false;
    } while (at[-1] == ',');
    return *at == '\0';
}
