/* Checks regular expressions: what `pattern` would accept. */
#include "contract/format_checks.h"

#include "contract/pattern.h"

bool bb_format_regex(const char *text, size_t size)
{
    bb_pattern *pattern = bb_pattern_new(text, size, NULL);
    bool good = pattern != NULL;
    bb_pattern_free(pattern);
    return good;
}
