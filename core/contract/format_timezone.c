/* Checks IANA time zone names against the compiled-in list of zones and links. */
#include "contract/format_checks.h"

#include <string.h>

#include "contract/timezone_names.inc"

enum { NAME_COUNT = sizeof timezone_names / sizeof timezone_names[0] };

static int compare(const char *name, const char *text, size_t size)
{
    int order = strncmp(name, text, size);
    return order ? order : (name[size] != '\0');
}

bool bb_format_timezone(const char *text, size_t size)
{
    size_t low = 0;
    size_t high = NAME_COUNT;
    if (size == 0 || memchr(text, '\0', size))
        return false;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = compare(timezone_names[middle], text, size);
        if (order == 0)
            return true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}
