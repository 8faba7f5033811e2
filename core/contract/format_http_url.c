/* Checks web addresses as the OwnLens models do: ^https?://[^\s/$.?#].[^\s]*$ with Unicode spaces.
 */
#include "contract/format_checks.h"

#include <string.h>

/* The characters that \s matches in Python. */
static bool is_space(uint32_t rune)
{
    if (rune <= 0x20)
        return rune == 0x20 || (rune >= 0x09 && rune <= 0x0D) || (rune >= 0x1C && rune <= 0x1F);
    if (rune < 0x85)
        return false;
    return rune == 0x85 || rune == 0xA0 || rune == 0x1680 || (rune >= 0x2000 && rune <= 0x200A) ||
           rune == 0x2028 || rune == 0x2029 || rune == 0x202F || rune == 0x205F || rune == 0x3000;
}

bool bb_format_http_url(const char *text, size_t size)
{
    size_t at = 0;
    if (size >= 7 && memcmp(text, "http://", 7) == 0)
        at = 7;
    else if (size >= 8 && memcmp(text, "https://", 8) == 0)
        at = 8;
    if (at == 0 || at == size)
        return false;
    uint32_t first = bb_format_next_rune(text, size, &at);
    if (is_space(first) || (first < 0x80 && first && strchr("/$.?#", (int)first)) || at == size)
        return false;
    /* The second character is any but a line feed: the models do allow a space there. */
    if (bb_format_next_rune(text, size, &at) == '\n')
        return false;
    while (at < size) {
        if (text[at] > ' ')
            at++; /* plain ASCII, as nearly all of it is */
        else if (is_space(bb_format_next_rune(text, size, &at)))
            return false;
    }
    return true;
}
