/* Names the lax types and sends a value to the one that is asked for. */
#include "contract/canonical.h"

#include <string.h>

#include "contract/canonical_forms.h"
#include "event/tape.h"

static const struct {
    const char *name;
    const char *expectation;
} types[] = {
    [BB_LAX_NONE] = {"", "any value"},
    [BB_LAX_UUID] = {"uuid", "a UUID"},
    [BB_LAX_UUID_ANY] = {"uuid-any", "a UUID"},
    [BB_LAX_TIMESTAMP] = {"timestamp", "a date and time such as 2025-03-14T09:26:53Z or a Unix "
                                       "time"},
    [BB_LAX_DATE] = {"date", "a date such as 2025-03-14"},
    [BB_LAX_INTEGER] = {"integer", "an integer"},
    [BB_LAX_NUMBER] = {"number", "a finite number"},
    [BB_LAX_BOOLEAN] = {"boolean", "true or false"},
};

bb_lax bb_lax_find(const char *name)
{
    for (int i = BB_LAX_UUID; i <= BB_LAX_BOOLEAN; i++) {
        if (strcmp(types[i].name, name) == 0)
            return (bb_lax)i;
    }
    return BB_LAX_NONE;
}

const char *bb_lax_expectation(bb_lax lax)
{
    return types[lax].expectation;
}

bb_canonical bb_canonicalize(bb_lax lax, int type, const char *text, size_t size, char *out,
                             size_t *ret_size)
{
    switch (lax) {
    case BB_LAX_NONE:
        return BB_CANONICAL_SAME;
    case BB_LAX_UUID:
    case BB_LAX_UUID_ANY:
        if (type != BB_STRING)
            return BB_CANONICAL_REFUSED;
        return bb_canonical_uuid(text, size, lax == BB_LAX_UUID_ANY, out, ret_size);
    case BB_LAX_TIMESTAMP:
        return bb_canonical_timestamp(type, text, size, out, ret_size);
    case BB_LAX_DATE:
        return bb_canonical_date(type, text, size, out, ret_size);
    case BB_LAX_INTEGER:
        return bb_canonical_integer(type, text, size, out, ret_size);
    case BB_LAX_NUMBER:
        return bb_canonical_number(type, text, size, out, ret_size);
    case BB_LAX_BOOLEAN:
        return bb_canonical_boolean(type, text, size, out, ret_size);
    }
    return BB_CANONICAL_REFUSED;
}
