/* Values of number tokens, exact and independent of the locale. */
#include <float.h>
#include <glib.h>
#include <math.h>
#include <string.h>

#include "event/scan.h"
#include "event/tape.h"

/* A number as digits without leading and trailing zeros, times a power of ten. */
typedef struct decimal {
    uint64_t digits; /* the first 19 */
    uint32_t count;  /* of digits, capped at 20: more than fit */
    int64_t exponent;
    bool negative;
} decimal;

enum { MOST_DIGITS = 19 };

/* Exponent behind the `e`; capped far beyond what any text can make up for. */
static int64_t read_exponent(const char *at, const char *end)
{
    bool negative = *at == '-';
    int64_t value = 0;
    if (*at == '-' || *at == '+')
        at++;
    for (; at < end && value < INT64_C(1) << 40; at++)
        value = value * 10 + (*at - '0');
    return negative ? -value : value;
}

/* Takes a digit that has `zeros` zeros before it which count only because it comes. */
static void add_digit(decimal *number, int64_t zeros, char digit)
{
    if (number->count == 0)
        zeros = 0;
    if (zeros >= MOST_DIGITS || number->count + (uint32_t)zeros + 1 > MOST_DIGITS) {
        number->count = MOST_DIGITS + 1;
        return;
    }
    for (; zeros > 0; zeros--, number->count++)
        number->digits *= 10;
    number->digits = number->digits * 10 + (uint64_t)(digit - '0');
    number->count++;
}

static decimal read_decimal(const char *at, size_t size)
{
    const char *end = at + size;
    decimal number = {.negative = *at == '-'};
    bool fraction = false;
    int64_t zeros = 0; /* seen since the last other digit */
    for (at += number.negative; at < end && (bb_is_digit(*at) || *at == '.'); at++) {
        if (*at == '.') {
            fraction = true;
            continue;
        }
        number.exponent -= fraction;
        if (*at == '0') {
            zeros++;
            continue;
        }
        add_digit(&number, zeros, *at);
        zeros = 0;
    }
    number.exponent += zeros;
    if (at < end)
        number.exponent += read_exponent(at + 1, end);
    return number;
}

static bool decimal_integer(const decimal *number, int64_t *ret_value)
{
    uint64_t value = number->digits;
    const uint64_t limit = (uint64_t)INT64_MAX + number->negative;
    if (number->count == 0) {
        *ret_value = 0;
        return true;
    }
    if (number->count > MOST_DIGITS || number->exponent < 0 || number->exponent >= MOST_DIGITS)
        return false;
    for (int64_t i = 0; i < number->exponent; i++)
        if (__builtin_mul_overflow(value, UINT64_C(10), &value))
            return false;
    if (value > limit)
        return false;
    *ret_value = number->negative ? (int64_t)(0 - value) : (int64_t)value;
    return true;
}

static bool text_integer(const char *text, size_t size, int64_t *ret_value)
{
    const char *end = text + size;
    bool negative = *text == '-';
    const char *at = text + negative;
    uint64_t value = 0;
    if (end - at < MOST_DIGITS) {
        while (at < end && bb_is_digit(*at))
            value = value * 10 + (uint64_t)(*at++ - '0');
        if (at == end) {
            *ret_value = negative ? -(int64_t)value : (int64_t)value;
            return true;
        }
    }
    decimal number = read_decimal(text, size);
    return decimal_integer(&number, ret_value);
}

/* Both the digits and the power of ten are exact as doubles, so that one operation rounds right. */
static bool exact_double(const decimal *number, double *ret_value)
{
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                    1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    const int64_t most = (int64_t)G_N_ELEMENTS(powers) - 1;
    if (FLT_EVAL_METHOD != 0 || number->count > 15 || number->exponent > most ||
        number->exponent < -most)
        return false;
    double value = (double)number->digits;
    value =
        number->exponent < 0 ? value / powers[-number->exponent] : value * powers[number->exponent];
    *ret_value = number->negative ? -value : value;
    return true;
}

static bool text_double(const char *text, size_t size, double *ret_value)
{
    decimal number = read_decimal(text, size);
    double value = 0;
    if (!exact_double(&number, &value)) {
        char buffer[128];
        g_autofree char *heap = size < sizeof(buffer) ? NULL : g_malloc(size + 1);
        char *copy = heap ? heap : buffer;
        memcpy(copy, text, size);
        copy[size] = '\0';
        value = g_ascii_strtod(copy, NULL);
    }
    if (!isfinite(value))
        return false;
    *ret_value = value;
    return true;
}

bool bb_token_integer(const char *json, const bb_token *token, int64_t *ret_value)
{
    return token->type == BB_NUMBER && token->size &&
           text_integer(json + token->start, token->size, ret_value);
}

bool bb_token_double(const char *json, const bb_token *token, double *ret_value)
{
    return token->type == BB_NUMBER && token->size &&
           text_double(json + token->start, token->size, ret_value);
}
