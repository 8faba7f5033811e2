/* Brings UUIDs to lower case 8-4-4-4-12. */
#include "contract/canonical_forms.h"

#include <string.h>

#include "contract/format_checks.h"

enum { UUID_SIZE = 36, HEX_COUNT = 32 };

static bool is_hex(char c)
{
    return (unsigned char)(c - '0') <= 9 || (unsigned char)((c | 0x20) - 'a') < 6;
}

/* The hex digits without hyphens; false unless there are exactly 32. */
static bool collect_hex(const char *text, size_t size, char *hex)
{
    size_t count = 0;
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '-')
            continue;
        if (!is_hex(text[i]) || count == HEX_COUNT)
            return false;
        hex[count++] = (char)(text[i] | 0x20);
    }
    return count == HEX_COUNT;
}

static void write_uuid(const char *hex, char *out)
{
    static const unsigned char groups[] = {8, 4, 4, 4, 12};
    *out++ = '"';
    for (size_t i = 0; i < sizeof groups; i++) {
        if (i > 0)
            *out++ = '-';
        memcpy(out, hex, groups[i]);
        out += groups[i];
        hex += groups[i];
    }
    *out = '"';
}

/* Takes "urn:uuid:" or the braces off; true when there was either. */
static bool unwrap(const char **text, size_t *size)
{
    if (*size >= 9 && memcmp(*text, "urn:uuid:", 9) == 0) {
        *text += 9;
        *size -= 9;
        return true;
    }
    if (*size >= 2 && (*text)[0] == '{' && (*text)[*size - 1] == '}') {
        *text += 1;
        *size -= 2;
        return true;
    }
    return false;
}

bb_canonical bb_canonical_uuid(const char *text, size_t size, bool any_hyphens, char *out,
                               size_t *ret_size)
{
    bool capitals = false;
    bool plain = bb_uuid_read(text, size, &capitals);
    if (plain && !capitals)
        return BB_CANONICAL_SAME;
    bool wrapped = !plain && unwrap(&text, &size);
    /* Without hyphens only when bare: "{" and "urn:uuid:" ask for the groups. */
    if (!any_hyphens && !bb_format_uuid(text, size) &&
        (wrapped || size != HEX_COUNT || memchr(text, '-', size)))
        return BB_CANONICAL_REFUSED;
    char hex[HEX_COUNT];
    if (!collect_hex(text, size, hex))
        return BB_CANONICAL_REFUSED;
    write_uuid(hex, out);
    *ret_size = UUID_SIZE + 2;
    return BB_CANONICAL_CHANGED;
}
