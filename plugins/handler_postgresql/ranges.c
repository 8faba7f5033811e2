/* Sets of offsets as PostgreSQL writes a bigint[]. */
#include "ranges.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

void pg_ranges_write(const handler_ranges *ranges, pg_buffer *out)
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

bool pg_ranges_read(handler_ranges *ranges, const char *text)
{
    const char *at = text;
    if (*at++ != '{')
        return false;
    if (*at == '}')
        return at[1] == '\0';
    do {
        int64_t first, last;
        if (!read_number(&at, ',', ',', &first) || !read_number(&at, ',', '}', &last) ||
            first > last || !handler_ranges_add(ranges, first, last))
            return false;
    } while (at[-1] == ',');
    return *at == '\0';
}
