/* Checks URI templates (RFC 6570). */
#include "contract/format_checks.h"

#include <string.h>

#include "contract/calendar.h"

static bool is_hex(char c)
{
    return bb_is_digit(c) || (unsigned char)((c | 0x20) - 'a') < 6;
}

static bool is_encoded(const char *text, size_t size)
{
    return size >= 3 && text[0] == '%' && is_hex(text[1]) && is_hex(text[2]);
}

/* Bytes of one variable name character; 0 when there is none. */
static size_t read_name_char(const char *text, size_t size)
{
    if (size == 0)
        return 0;
    if (is_encoded(text, size))
        return 3;
    char c = text[0];
    return bb_is_digit(c) || (unsigned char)((c | 0x20) - 'a') < 26 || c == '_';
}

/* ":3" (up to four digits) or "*" or nothing. */
static bool is_modifier(const char *text, size_t size)
{
    if (size == 0 || (size == 1 && text[0] == '*'))
        return true;
    if (size < 2 || size > 5 || text[0] != ':' || text[1] == '0')
        return false;
    for (size_t i = 1; i < size; i++) {
        if (!bb_is_digit(text[i]))
            return false;
    }
    return true;
}

static bool is_variable(const char *text, size_t size)
{
    size_t at = 0;
    for (;;) {
        size_t step = read_name_char(text + at, size - at);
        if (step == 0)
            return false;
        at += step;
        while ((step = read_name_char(text + at, size - at)) > 0)
            at += step;
        if (at == size || text[at] != '.')
            return is_modifier(text + at, size - at);
        at++;
    }
}

/* The text between the braces. */
static bool is_expression(const char *text, size_t size)
{
    if (size > 0 && text[0] && strchr("+#./;?&=,!@|", text[0])) {
        text++;
        size--;
    }
    for (;;) {
        const char *comma = memchr(text, ',', size);
        size_t variable = comma ? (size_t)(comma - text) : size;
        if (!is_variable(text, variable))
            return false;
        if (!comma)
            return true;
        text += variable + 1;
        size -= variable + 1;
    }
}

bool bb_format_uri_template(const char *text, size_t size)
{
    for (size_t at = 0; at < size;) {
        unsigned char c = (unsigned char)text[at];
        if (c == '{') {
            const char *end = memchr(text + at, '}', size - at);
            if (!end || !is_expression(text + at + 1, (size_t)(end - text) - at - 1))
                return false;
            at = (size_t)(end - text) + 1;
        } else if (c == '%') {
            if (!is_encoded(text + at, size - at))
                return false;
            at += 3;
        } else if (c <= 0x20 || c == 0x7F || strchr("\"'<>\\^`|}", c)) {
            return false;
        } else {
            at++;
        }
    }
    return true;
}
