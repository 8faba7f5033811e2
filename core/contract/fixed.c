/* Reads decimal numbers of up to nineteen digits exactly. */
#include "contract/fixed.h"

#include "contract/calendar.h"

enum { EXPONENT_MAX = 100000000 };

static void add_digit(bb_fixed *decimal, unsigned digit, bool fraction)
{
    if (decimal->digits >= UINT64_MAX / 10 - 1) {
        decimal->cut |= digit != 0;
        decimal->exponent += !fraction;
        return;
    }
    decimal->digits = decimal->digits * 10 + digit;
    decimal->exponent -= fraction;
}

/* Bytes of digits at the start of `text`. */
static size_t read_digits(const char *text, size_t size, bool fraction, bb_fixed *decimal)
{
    size_t at = 0;
    for (; at < size && bb_is_digit(text[at]); at++)
        add_digit(decimal, (unsigned)(text[at] - '0'), fraction);
    return at;
}

static bool read_exponent(const char *text, size_t size, bb_fixed *decimal)
{
    size_t at = size > 0 && (text[0] == '+' || text[0] == '-');
    int32_t value = 0;
    if (at == size)
        return false;
    for (; at < size; at++) {
        if (!bb_is_digit(text[at]))
            return false;
        if (value < EXPONENT_MAX)
            value = value * 10 + (text[at] - '0');
    }
    decimal->exponent += text[0] == '-' ? -value : value;
    return true;
}

static void move_zeros(bb_fixed *decimal)
{
    if (decimal->digits == 0)
        decimal->exponent = 0;
    while (decimal->digits != 0 && decimal->digits % 10 == 0) {
        decimal->digits /= 10;
        decimal->exponent++;
    }
}

bool bb_fixed_parse(const char *text, size_t size, bool json, bb_fixed *ret_decimal)
{
    bb_fixed decimal = {.negative = size > 0 && text[0] == '-'};
    size_t at = size > 0 && (text[0] == '+' || text[0] == '-');
    size_t whole = read_digits(text + at, size - at, /* fraction= */ false, &decimal);
    size_t fraction = 0;
    if (size > INT32_MAX / 4)
        return false;
    at += whole;
    if (at < size && text[at] == '.') {
        fraction = read_digits(text + at + 1, size - at - 1, /* fraction= */ true, &decimal);
        if (json && fraction == 0)
            return false;
        at += 1 + fraction;
    }
    if (whole == 0 && (json || fraction == 0))
        return false;
    if (at < size) {
        if (!json || (text[at] | 0x20) != 'e' ||
            !read_exponent(text + at + 1, size - at - 1, &decimal))
            return false;
    }
    move_zeros(&decimal);
    *ret_decimal = decimal;
    return true;
}

bool bb_fixed_scale(const bb_fixed *decimal, int shift, uint64_t *ret_value)
{
    uint64_t value = decimal->digits;
    int64_t exponent = (int64_t)decimal->exponent + shift;
    for (; exponent > 0 && value != 0; exponent--) {
        if (__builtin_mul_overflow(value, (uint64_t)10, &value))
            return false;
    }
    for (; exponent < -1 && value != 0; exponent++)
        value /= 10;
    if (exponent == -1)
        value = value / 10 + (value % 10 >= 5);
    *ret_value = value;
    return true;
}
