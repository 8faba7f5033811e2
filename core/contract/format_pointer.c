/* Checks JSON pointers (RFC 6901) and relative JSON pointers. */
#include "contract/format_checks.h"

#include "contract/calendar.h"

bool bb_format_json_pointer(const char *text, size_t size)
{
    if (size == 0)
        return true;
    if (text[0] != '/')
        return false;
    for (size_t i = 1; i < size; i++) {
        if (text[i] == '~' && (i + 1 == size || (text[i + 1] != '0' && text[i + 1] != '1')))
            return false;
    }
    return true;
}

/* Bytes of a decimal number without leading zeros at the start of `text`; 0 when there is none. */
static size_t read_number(const char *text, size_t size)
{
    size_t at = 0;
    while (at < size && bb_is_digit(text[at]))
        at++;
    return at > 1 && text[0] == '0' ? 0 : at;
}

bool bb_format_relative_json_pointer(const char *text, size_t size)
{
    size_t at = read_number(text, size);
    if (at == 0)
        return false;
    if (at < size && (text[at] == '+' || text[at] == '-')) {
        size_t index = read_number(text + at + 1, size - at - 1);
        if (index == 0)
            return false;
        at += 1 + index;
    }
    if (at + 1 == size && text[at] == '#')
        return true;
    return bb_format_json_pointer(text + at, size - at);
}
