/* Checks IANA time zone names against the compiled-in list of zones and links. */
#include "contract/format_checks.h"

#include <string.h>

#define ZONE(name)                                                                                 \
    {                                                                                              \
        sizeof(name) - 1, name                                                                     \
    }
#include "contract/timezone_names.inc"

enum { ZONE_COUNT = sizeof timezones / sizeof timezones[0] };

bool bb_format_timezone(const char *text, size_t size)
{
    size_t low = 0;
    size_t high = ZONE_COUNT;
    while (low < high) {
        size_t middle = (low + high) / 2;
        bool after = timezones[middle].size < size;
        if (timezones[middle].size == size) {
            int order = memcmp(timezones[middle].name, text, size);
            if (order == 0)
                return true;
            after = order < 0;
        }
        if (after)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}
