/* Exact decimal arithmetic on the JSON text of numbers of any size. */
#include "contract/number.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Exponents beyond this are as good as infinite; sums of two of them still fit. */
#define EXPONENT_LIMIT ((int64_t)1 << 60)
/* Divisors of more digits are compared as doubles. */
#define DIVISOR_DIGITS 18

__extension__ typedef unsigned __int128 wide;

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

static size_t count_digits(const char *text, const char *end)
{
    const char *at = text;
    while (at < end && is_digit(*at))
        at++;
    return (size_t)(at - text);
}

/* The number behind "e", clamped. */
static int64_t parse_exponent(const char *text, const char *end)
{
    bool negative = false;
    int64_t value = 0;
    if (text < end && (*text == '+' || *text == '-'))
        negative = *text++ == '-';
    for (; text < end && is_digit(*text); text++) {
        if (value < EXPONENT_LIMIT / 16)
            value = value * 10 + (*text - '0');
    }
    return negative ? -value : value;
}

static void strip_leading_zeros(bb_decimal *decimal)
{
    while (decimal->head_size && *decimal->head == '0') {
        decimal->head++;
        decimal->head_size--;
        decimal->exponent--;
    }
    while (!decimal->head_size && decimal->tail_size && *decimal->tail == '0') {
        decimal->tail++;
        decimal->tail_size--;
        decimal->exponent--;
    }
}

static void strip_trailing_zeros(bb_decimal *decimal)
{
    while (decimal->tail_size && decimal->tail[decimal->tail_size - 1] == '0')
        decimal->tail_size--;
    while (!decimal->tail_size && decimal->head_size &&
           decimal->head[decimal->head_size - 1] == '0')
        decimal->head_size--;
}

bb_decimal bb_decimal_parse(const char *text, size_t size)
{
    bb_decimal decimal = {NULL, NULL, 0, 0, 0, false};
    const char *end = text + size;
    if (text < end && *text == '-') {
        decimal.negative = true;
        text++;
    }
    decimal.head = text;
    decimal.head_size = (uint32_t)count_digits(text, end);
    decimal.exponent = decimal.head_size;
    text += decimal.head_size;
    decimal.tail = text;
    if (text < end && *text == '.') {
        decimal.tail = ++text;
        decimal.tail_size = (uint32_t)count_digits(text, end);
        text += decimal.tail_size;
    }
    if (text < end && (*text == 'e' || *text == 'E'))
        decimal.exponent += parse_exponent(text + 1, end);
    strip_leading_zeros(&decimal);
    strip_trailing_zeros(&decimal);
    if (bb_decimal_is_zero(&decimal)) {
        decimal.exponent = 0;
        decimal.negative = false;
    }
    return decimal;
}

static uint32_t digit_count(const bb_decimal *decimal)
{
    return decimal->head_size + decimal->tail_size;
}

static char digit_at(const bb_decimal *decimal, uint32_t index)
{
    return index < decimal->head_size ? decimal->head[index]
                                      : decimal->tail[index - decimal->head_size];
}

bool bb_decimal_is_zero(const bb_decimal *decimal)
{
    return digit_count(decimal) == 0;
}

bool bb_decimal_is_integer(const bb_decimal *decimal)
{
    return decimal->exponent >= (int64_t)digit_count(decimal);
}

/* Compares sizes without regard to sign. */
static int compare_magnitude(const bb_decimal *a, const bb_decimal *b)
{
    uint32_t a_count = digit_count(a), b_count = digit_count(b);
    uint32_t shared = a_count < b_count ? a_count : b_count;
    if (!a_count || !b_count)
        return a_count ? 1 : b_count ? -1 : 0;
    if (a->exponent != b->exponent)
        return a->exponent < b->exponent ? -1 : 1;
    for (uint32_t i = 0; i < shared; i++) {
        int difference = digit_at(a, i) - digit_at(b, i);
        if (difference)
            return difference;
    }
    return a_count == b_count ? 0 : a_count < b_count ? -1 : 1;
}

int bb_decimal_compare(const bb_decimal *a, const bb_decimal *b)
{
    if (a->negative != b->negative)
        return a->negative ? -1 : 1;
    return a->negative ? compare_magnitude(b, a) : compare_magnitude(a, b);
}

bool bb_decimal_integer(const bb_decimal *decimal, int64_t *ret_value)
{
    uint64_t limit = decimal->negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX;
    uint64_t value = 0;
    uint32_t count = digit_count(decimal);
    if (!bb_decimal_is_integer(decimal) || decimal->exponent > 19)
        return false;
    for (uint32_t i = 0; i < (uint32_t)decimal->exponent; i++) {
        uint64_t digit = i < count ? (uint64_t)(digit_at(decimal, i) - '0') : 0;
        if (value > (limit - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *ret_value = decimal->negative ? (int64_t)(0 - value) : (int64_t)value;
    return true;
}

/* (base ^ power) mod modulus */
static uint64_t power_modulo(uint64_t base, uint64_t power, uint64_t modulus)
{
    wide result = 1 % modulus, factor = base % modulus;
    for (; power; power >>= 1) {
        if (power & 1)
            result = result * factor % modulus;
        factor = factor * factor % modulus;
    }
    return (uint64_t)result;
}

/* The value as a double; only for numbers that are too long for the exact way. */
static double to_double(const bb_decimal *decimal)
{
    double value = 0;
    uint32_t count = digit_count(decimal);
    for (uint32_t i = 0; i < count && i < 20; i++)
        value = value * 10 + (digit_at(decimal, i) - '0');
    int64_t shift = decimal->exponent - (count < 20 ? count : 20);
    return value * pow(10, (double)shift);
}

bool bb_decimal_is_multiple(const bb_decimal *decimal, const bb_decimal *divisor)
{
    uint32_t count = digit_count(decimal), divisor_count = digit_count(divisor);
    int64_t power = decimal->exponent - count, divisor_power = divisor->exponent - divisor_count;
    uint64_t modulus = 0;
    wide rest = 0;
    if (!count)
        return true;
    /* Neither digit string ends in 0, so a divisor with the higher power of ten cannot divide. */
    if (power < divisor_power)
        return false;
    if (divisor_count > DIVISOR_DIGITS)
        return fmod(to_double(decimal), to_double(divisor)) == 0;
    for (uint32_t i = 0; i < divisor_count; i++)
        modulus = modulus * 10 + (uint64_t)(digit_at(divisor, i) - '0');
    for (uint32_t i = 0; i < count; i++) {
        uint64_t digit = (uint64_t)(digit_at(decimal, i) - '0');
        rest = (rest * 10 + digit) % modulus;
    }
    return rest * power_modulo(10, (uint64_t)(power - divisor_power), modulus) % modulus == 0;
}

uint32_t bb_decimal_hash(const bb_decimal *decimal)
{
    uint32_t hash = 2166136261u ^ (uint32_t)decimal->exponent ^ (decimal->negative ? 0x55u : 0u);
    uint32_t count = digit_count(decimal);
    for (uint32_t i = 0; i < count; i++)
        hash = (hash ^ (uint8_t)digit_at(decimal, i)) * 16777619u;
    return hash;
}
