/* Checks what is rare in a text: escapes, bytes beyond ASCII, fractions and exponents. */
#include "event/scan.h"

const char *bb_fail(bb_checker *checker, const char *at, const char *reason)
{
    checker->fault = at;
    checker->reason = reason;
    return NULL;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'                     ? c - '0'
           : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10
                                                    : -1;
}

/* The four digits of a \u escape at `at`, below 0 when they are not there. */
static int32_t hex_quad(const char *at, const char *end)
{
    int32_t value = 0;
    if (end - at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(at[i]);
        if (digit < 0)
            return -1;
        value = value << 4 | digit;
    }
    return value;
}

/* The \u escape at `at`, the backslash; with a surrogate also the one behind it. */
static const char *check_unicode_escape(bb_checker *checker, const char *at, const char *end)
{
    int32_t unit = hex_quad(at + 2, end);
    if (unit < 0)
        return bb_fail(checker, at, "a \\u escape needs four hexadecimal digits");
    if (unit == 0 && !checker->allow_nul)
        return bb_fail(checker, at, "\\u0000 in a string");
    if ((unit & 0xf800) != 0xd800)
        return at + 6;
    if (unit >= 0xdc00 || end - at < 12 || at[6] != '\\' || at[7] != 'u')
        return bb_fail(checker, at, "lone surrogate in a string");
    int32_t second = hex_quad(at + 8, end);
    if (second < 0)
        return bb_fail(checker, at + 6, "a \\u escape needs four hexadecimal digits");
    if ((second & 0xfc00) != 0xdc00)
        return bb_fail(checker, at, "lone surrogate in a string");
    return at + 12;
}

static const char *check_escape(bb_checker *checker, const char *at, const char *end)
{
    if (end - at < 2)
        return bb_fail(checker, end, "unterminated string");
    switch (at[1]) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        return at + 2;
    case 'u':
        return check_unicode_escape(checker, at, end);
    default:
        return bb_fail(checker, at, "unknown escape in a string");
    }
}

/* Goes over escapes and bytes beyond ASCII as long as one follows another. NULL on an error. */
const char *bb_check_special(bb_checker *checker, const char *at, const char *end)
{
    while (at && at < end) {
        if (*at == '\\') {
            at = check_escape(checker, at, end);
        } else if ((unsigned char)*at >= 0x80) {
            size_t size = bb_scan_utf8(at, end);
            if (!size)
                return bb_fail(checker, at, "bytes that are not UTF-8 in a string");
            at += size;
        } else if ((unsigned char)*at < 0x20) {
            return bb_fail(checker, at, "unescaped control character in a string");
        } else {
            return at;
        }
    }
    return at;
}

/* The part of a number behind its integer digits. NULL on an error. */
const char *bb_check_fraction(bb_checker *checker, const char *at)
{
    if (*at == '.') {
        at++;
        if (!bb_is_digit(*at))
            return bb_fail(checker, at, "expected a digit after the decimal point");
        while (bb_is_digit(*at))
            at++;
    }
    if ((*at | 0x20) == 'e') {
        at++;
        if (*at == '+' || *at == '-')
            at++;
        if (!bb_is_digit(*at))
            return bb_fail(checker, at, "expected a digit in the exponent");
        while (bb_is_digit(*at))
            at++;
    }
    return at;
}
