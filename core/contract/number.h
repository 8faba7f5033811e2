/* Exact decimal arithmetic on the JSON text of numbers of any size. Pure; no allocation. */
#ifndef BB_NUMBER_H
#define BB_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A number as 0.d1d2...dn * 10^exponent with d1 and dn not 0; zero has no digits. The digits stay
 * in the text: `head` holds those before the point, `tail` those behind it. */
typedef struct bb_decimal {
    const char *head, *tail;
    uint32_t head_size, tail_size;
    int64_t exponent;
    bool negative;
} bb_decimal;

/* `text` is a valid JSON number that must outlive the decimal. */
bb_decimal bb_decimal_parse(const char *text, size_t size);
/* Below 0, 0, above 0. */
int bb_decimal_compare(const bb_decimal *a, const bb_decimal *b);
bool bb_decimal_is_integer(const bb_decimal *decimal);
bool bb_decimal_is_zero(const bb_decimal *decimal);
/* `divisor` is above 0. Exact for divisors of up to 18 significant digits. */
bool bb_decimal_is_multiple(const bb_decimal *decimal, const bb_decimal *divisor);
/* False when it is no integer or does not fit. */
bool bb_decimal_integer(const bb_decimal *decimal, int64_t *ret_value);
/* Equal numbers have equal hashes. */
uint32_t bb_decimal_hash(const bb_decimal *decimal);

#endif
