/* Checks IANA time zone names against the compiled-in list of zones and links. */
#include "contract/format_checks.h"

#include <glib.h>
#include <pthread.h>
#include <string.h>

#include "event/names.h"

#define ZONE(name)                                                                                 \
    {                                                                                              \
        sizeof(name) - 1, name                                                                     \
    }
#include "contract/timezone_names.inc"

enum { ZONE_COUNT = sizeof timezones / sizeof timezones[0] };

/* Open addressing over the names; number + 1, 0 is free. */
enum { INDEX_SIZE = 2048 };
G_STATIC_ASSERT(INDEX_SIZE > 2 * ZONE_COUNT);
static uint16_t zone_index[INDEX_SIZE];

static unsigned place_of(const char *text, size_t size)
{
    uint64_t ends[2] = {0, 0};
    if (size >= sizeof(ends[0])) {
        memcpy(&ends[0], text, sizeof(ends[0]));
        memcpy(&ends[1], text + size - sizeof(ends[1]), sizeof(ends[1]));
    } else if (size > 0) {
        memcpy(&ends[0], text, size);
    }
    return (unsigned)(bb_hash_finish(bb_hash_block(0, ends[0], ends[1]), size) % INDEX_SIZE);
}

static void make_index(void)
{
    for (unsigned i = 0; i < ZONE_COUNT; i++) {
        unsigned at = place_of(timezones[i].name, timezones[i].size);
        while (zone_index[at])
            at = (at + 1) % INDEX_SIZE;
        zone_index[at] = (uint16_t)(i + 1);
    }
}

bool bb_format_timezone(const char *text, size_t size)
{
    static pthread_once_t made = PTHREAD_ONCE_INIT; /* the thread sanitizer sees it */
    (void)pthread_once(&made, make_index);
    for (unsigned at = place_of(text, size); zone_index[at]; at = (at + 1) % INDEX_SIZE) {
        if (bb_same_bytes(timezones[zone_index[at] - 1].name, timezones[zone_index[at] - 1].size,
                          text, size))
            return true;
    }
    return false;
}
