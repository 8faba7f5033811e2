/* Brings integers, numbers and booleans to their canonical form. */
#include "contract/canonical_forms.h"

#include <glib.h>
#include <string.h>

#include "contract/calendar.h"
#include "contract/fixed.h"
#include "contract/format_checks.h"
#include "event/tape.h"

typedef struct span {
    const char *text;
    size_t size;
} span;

static bb_canonical put(const char *text, size_t size, char *out, size_t *ret_size)
{
    memcpy(out, text, size);
    *ret_size = size;
    return BB_CANONICAL_CHANGED;
}

static bool is_blank(uint32_t rune)
{
    return rune == ' ' || (rune >= 0x09 && rune <= 0x0D) || rune == 0x85 || rune == 0xA0 ||
           rune == 0x1680 || (rune >= 0x2000 && rune <= 0x200A) || rune == 0x2028 ||
           rune == 0x2029 || rune == 0x202F || rune == 0x205F || rune == 0x3000;
}

/* Takes Unicode white space off both ends. */
static span trim(const char *text, size_t size)
{
    size_t start = 0;
    size_t end = 0;
    bool seen = false;
    for (size_t at = 0; at < size;) {
        size_t before = at;
        if (is_blank(bb_format_next_rune(text, size, &at)))
            continue;
        start = seen ? start : before;
        seen = true;
        end = at;
    }
    return (span){text + start, end - start};
}

static bool has_fraction_or_exponent(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '.' || (text[i] | 0x20) == 'e')
            return true;
    }
    return false;
}

/* A JSON number with fraction or exponent that is an integer within 64 bits. The text decides, not
 * the nearest double. */
static bb_canonical shorten_integer(const char *text, size_t size, char *out, size_t *ret_size)
{
    bb_fixed decimal;
    uint64_t value;
    if (!bb_fixed_parse(text, size, /* json= */ true, &decimal) || decimal.cut ||
        decimal.exponent < 0 || !bb_fixed_scale(&decimal, 0, &value) || value > INT64_MAX)
        return BB_CANONICAL_REFUSED;
    char digits[24];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + value % 10);
    } while ((value /= 10) != 0);
    if (decimal.negative && decimal.digits != 0)
        digits[--at] = '-';
    return put(digits + at, sizeof digits - at, out, ret_size);
}

/* Bytes of digits, in groups joined by single underscores, at the start of `text`. Writes the
 * digits without leading zeros and says how many there are. */
static size_t read_groups(span in, char *out, size_t *ret_count)
{
    size_t at = 0;
    size_t count = 0;
    for (; at < in.size; at++) {
        char c = in.text[at];
        if (bb_is_digit(c)) {
            if (c != '0' || count > 0)
                out[count++] = c;
        } else if (c != '_' || at == 0 || at + 1 == in.size || !bb_is_digit(in.text[at - 1]) ||
                   !bb_is_digit(in.text[at + 1])) {
            break;
        }
    }
    *ret_count = count;
    return at;
}

static bb_canonical read_integer_text(const char *text, size_t size, char *out, size_t *ret_size)
{
    span in = trim(text, size);
    bool negative = in.size > 0 && in.text[0] == '-';
    size_t at = in.size > 0 && (in.text[0] == '-' || in.text[0] == '+');
    size_t count = 0;
    size_t digits = read_groups((span){in.text + at, in.size - at}, out + negative, &count);
    at += digits;
    if (digits == 0)
        return BB_CANONICAL_REFUSED;
    if (at < in.size) {
        size_t zeros = at + 1;
        while (zeros < in.size && in.text[zeros] == '0')
            zeros++;
        if (in.text[at] != '.' || zeros < in.size || zeros == at + 1)
            return BB_CANONICAL_REFUSED;
    }
    if (count == 0)
        return put("0", 1, out, ret_size);
    if (negative)
        out[0] = '-';
    *ret_size = count + negative;
    return BB_CANONICAL_CHANGED;
}

bb_canonical bb_canonical_integer(int type, const char *text, size_t size, char *out,
                                  size_t *ret_size)
{
    switch (type) {
    case BB_NUMBER:
        if (has_fraction_or_exponent(text, size))
            return shorten_integer(text, size, out, ret_size);
        if (size == 2 && text[0] == '-' && text[1] == '0')
            return put("0", 1, out, ret_size);
        return BB_CANONICAL_SAME;
    case BB_STRING:
        return read_integer_text(text, size, out, ret_size);
    case BB_TRUE:
        return put("1", 1, out, ret_size);
    case BB_FALSE:
        return put("0", 1, out, ret_size);
    default:
        return BB_CANONICAL_REFUSED;
    }
}

/* Below the largest double, by the first nineteen digits: nothing from 1.797693134862315807e308 on
 * passes, and everything below rounds to a finite double. */
static bool is_finite(const char *text, size_t size)
{
    bb_fixed decimal;
    if (!bb_fixed_parse(text, size, /* json= */ true, &decimal))
        return false;
    uint64_t digits = decimal.digits;
    if (digits == 0)
        return true;
    int64_t exponent = decimal.exponent;
    for (; digits < UINT64_C(1000000000000000000); exponent--)
        digits *= 10;
    for (; digits >= UINT64_C(10000000000000000000); exponent++)
        digits /= 10;
    return exponent < 290 || (exponent == 290 && digits < UINT64_C(1797693134862315807));
}

/* Copies without underscores; false when one is first, last or beside another. */
static bool drop_underscores(span in, char *out, size_t *ret_size)
{
    size_t count = 0;
    for (size_t i = 0; i < in.size; i++) {
        if (in.text[i] != '_')
            out[count++] = in.text[i];
        else if (i == 0 || i + 1 == in.size || in.text[i - 1] == '_')
            return false;
    }
    *ret_size = count;
    return true;
}

static size_t count_digits(span in, size_t at)
{
    size_t start = at;
    while (at < in.size && bb_is_digit(in.text[at]))
        at++;
    return at - start;
}

/* Writes [+-]digits.digits[e[+-]digits], where one side of the point may be empty, as JSON number.
 * Returns its size, 0 when `in` is no such text. */
static size_t write_json_number(span in, char *out)
{
    size_t size = 0;
    size_t at = in.size > 0 && (in.text[0] == '-' || in.text[0] == '+');
    if (at && in.text[0] == '-')
        out[size++] = '-';
    size_t whole = count_digits(in, at);
    size_t fraction_at = at + whole + 1;
    bool point = at + whole < in.size && in.text[at + whole] == '.';
    size_t fraction = point ? count_digits(in, fraction_at) : 0;
    if (whole + fraction == 0)
        return 0;
    size_t end = at + whole + (point ? 1 + fraction : 0);
    for (; whole > 1 && in.text[at] == '0'; whole--)
        at++;
    if (whole == 0)
        out[size++] = '0';
    memcpy(out + size, in.text + at, whole);
    size += whole;
    if (fraction > 0) {
        memcpy(out + size, in.text + fraction_at - 1, fraction + 1);
        size += fraction + 1;
    }
    if (end == in.size)
        return size;
    size_t exponent = end + 1;
    exponent += exponent < in.size && (in.text[exponent] == '-' || in.text[exponent] == '+');
    size_t digits = count_digits(in, exponent);
    if ((in.text[end] | 0x20) != 'e' || digits == 0 || exponent + digits != in.size)
        return 0;
    memcpy(out + size, in.text + end, in.size - end);
    return size + in.size - end;
}

static bb_canonical read_number_text(const char *text, size_t size, char *out, size_t *ret_size)
{
    char copy[BB_CANONICAL_MAX];
    size_t copied = 0;
    span in = trim(text, size);
    if (in.size > sizeof copy - 8 || !drop_underscores(in, copy, &copied))
        return BB_CANONICAL_REFUSED;
    size_t written = write_json_number((span){copy, copied}, out);
    if (written == 0 || !is_finite(out, written))
        return BB_CANONICAL_REFUSED;
    *ret_size = written;
    return BB_CANONICAL_CHANGED;
}

bb_canonical bb_canonical_number(int type, const char *text, size_t size, char *out,
                                 size_t *ret_size)
{
    switch (type) {
    case BB_NUMBER:
        /* No double overflows below 300 digits without an exponent. */
        if (size < 300 && !memchr(text, 'e', size) && !memchr(text, 'E', size))
            return BB_CANONICAL_SAME;
        return is_finite(text, size) ? BB_CANONICAL_SAME : BB_CANONICAL_REFUSED;
    case BB_STRING:
        return read_number_text(text, size, out, ret_size);
    case BB_TRUE:
        return put("1", 1, out, ret_size);
    case BB_FALSE:
        return put("0", 1, out, ret_size);
    default:
        return BB_CANONICAL_REFUSED;
    }
}

static bool is_one_of(const char *text, size_t size, const char *const *words)
{
    for (; *words; words++) {
        if (strlen(*words) == size && g_ascii_strncasecmp(text, *words, size) == 0)
            return true;
    }
    return false;
}

static bb_canonical read_boolean_text(const char *text, size_t size, char *out, size_t *ret_size)
{
    static const char *const yes[] = {"true", "1", "t", "yes", "y", "on", NULL};
    static const char *const no[] = {"false", "0", "f", "no", "n", "off", NULL};
    if (is_one_of(text, size, yes))
        return put("true", 4, out, ret_size);
    if (is_one_of(text, size, no))
        return put("false", 5, out, ret_size);
    return BB_CANONICAL_REFUSED;
}

bb_canonical bb_canonical_boolean(int type, const char *text, size_t size, char *out,
                                  size_t *ret_size)
{
    bb_fixed decimal;
    switch (type) {
    case BB_TRUE:
    case BB_FALSE:
        return BB_CANONICAL_SAME;
    case BB_STRING:
        return read_boolean_text(text, size, out, ret_size);
    case BB_NUMBER:
        if (!bb_fixed_parse(text, size, /* json= */ true, &decimal) || decimal.cut)
            return BB_CANONICAL_REFUSED;
        if (decimal.digits == 0)
            return put("false", 5, out, ret_size);
        if (decimal.digits == 1 && decimal.exponent == 0 && !decimal.negative)
            return put("true", 4, out, ret_size);
        return BB_CANONICAL_REFUSED;
    default:
        return BB_CANONICAL_REFUSED;
    }
}
