/* Decimal numbers of up to nineteen digits, read from text without floating point. */
#ifndef BB_FIXED_H
#define BB_FIXED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* (negative ? -1 : 1) * digits * 10^exponent; trailing zeros are in the exponent. `cut` when
 * digits other than zero did not fit. */
typedef struct bb_fixed {
    uint64_t digits;
    int32_t exponent;
    bool negative;
    bool cut;
} bb_fixed;

/* With `json` a JSON number (leading zeros and plus signs are not minded); else [+-]digits.digits
 * without exponent, where one side of the point may be empty. */
bool bb_fixed_parse(const char *text, size_t size, bool json, bb_fixed *ret_decimal);
/* |decimal| * 10^shift, rounded half away from zero; false when it does not fit. */
bool bb_fixed_scale(const bb_fixed *decimal, int shift, uint64_t *ret_value);

#endif
