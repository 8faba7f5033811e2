/* Checks regular expressions: ECMA-262, and what `pattern` would accept. */
#include "contract/format_checks.h"

#include <string.h>

#include "contract/pattern.h"

/* "(?" opens groups of kinds that PCRE2 knows and ECMA-262 does not, and "(*" its verbs. */
static bool is_group(const char *text, size_t size)
{
    if (size < 2 || (text[1] != '?' && text[1] != '*'))
        return true;
    if (size < 3 || text[1] == '*')
        return false;
    if (text[2] == ':' || text[2] == '=' || text[2] == '!')
        return true;
    return text[2] == '<';
}

/* Bytes of a quantifier with its "?" at the start; 0 when there is none. */
static size_t read_quantifier(const char *text, size_t size)
{
    size_t at = 0;
    if (text[0] == '*' || text[0] == '+' || text[0] == '?') {
        at = 1;
    } else if (text[0] == '{') {
        const char *end = memchr(text, '}', size);
        at = end ? (size_t)(end - text) + 1 : 0;
    }
    if (at > 0 && at < size && text[at] == '?')
        at++;
    return at;
}

/* Nothing that PCRE2 reads as an extension of its own: other groups, verbs, possessive
 * quantifiers. */
static bool is_plain_syntax(const char *text, size_t size)
{
    bool in_class = false;
    for (size_t at = 0; at < size; at++) {
        char c = text[at];
        if (c == '\\') {
            at++;
        } else if (in_class) {
            in_class = c != ']';
        } else if (c == '[') {
            in_class = true;
        } else if (c == '(') {
            if (!is_group(text + at, size - at))
                return false;
            at += at + 1 < size && text[at + 1] == '?';
        } else {
            size_t quantifier = read_quantifier(text + at, size - at);
            if (quantifier == 0)
                continue;
            at += quantifier - 1;
            if (at + 1 < size && text[at + 1] == '+')
                return false;
        }
    }
    return true;
}

bool bb_format_regex(const char *text, size_t size)
{
    if (!is_plain_syntax(text, size))
        return false;
    bb_pattern *pattern = bb_pattern_new(text, size, NULL);
    bool good = pattern != NULL;
    bb_pattern_free(pattern);
    return good;
}
