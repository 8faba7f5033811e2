/* Numbers in RowBinary. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "encode.h"

static bool encode_signed(ch_cell *cell, const ch_type *type, int64_t number)
{
    int64_t high = type->size == 8 ? INT64_MAX : (INT64_C(1) << (8 * type->size - 1)) - 1;
    if (number > high || number < -high - 1)
        return ch_refuse(cell, "expected %" PRId64 " to %" PRId64 ", found %" PRId64, -high - 1,
                         high, number);
    ch_add_integer(cell->out, (uint64_t)number, type->size);
    return true;
}

static bool encode_unsigned(ch_cell *cell, const ch_type *type, int64_t number)
{
    uint64_t high = type->size == 8 ? UINT64_MAX : (UINT64_C(1) << (8 * type->size)) - 1;
    if (number < 0 || (uint64_t)number > high)
        return ch_refuse(cell, "expected 0 to %" PRIu64 ", found %" PRId64, high, number);
    ch_add_integer(cell->out, (uint64_t)number, type->size);
    return true;
}

/* Of 64 bits without a sign, in digits alone, beyond what has a sign. */
static bool read_large(const busbar_value *value, uint64_t *ret_number)
{
    char text[24];
    if (value->type != BUSBAR_NUMBER || value->json.size >= sizeof(text))
        return false;
    memcpy(text, value->json.data, value->json.size);
    text[value->json.size] = '\0';
    if (strspn(text, "0123456789") != value->json.size)
        return false;
    errno = 0;
    *ret_number = strtoull(text, NULL, 10);
    return errno == 0;
}

bool ch_encode_integer(ch_cell *cell, const ch_type *type, const busbar_value *value)
{
    int64_t number;
    uint64_t large;
    if (value->type == BUSBAR_TRUE || value->type == BUSBAR_FALSE) {
        ch_add_integer(cell->out, value->type == BUSBAR_TRUE, type->size);
        return true;
    }
    if (cell->call->host->integer(value, &number))
        return type->kind == CH_INT ? encode_signed(cell, type, number)
                                    : encode_unsigned(cell, type, number);
    if (type->kind != CH_UINT || type->size != 8 || !read_large(value, &large))
        return ch_refuse_value(cell, value, "a whole number of at most 64 bits");
    ch_add_integer(cell->out, large, 8);
    return true;
}

bool ch_encode_float(ch_cell *cell, const ch_type *type, const busbar_value *value)
{
    double number;
    uint64_t bits = 0;
    if (!cell->call->host->number(value, &number))
        return ch_refuse_value(cell, value, "a number that is finite");
    if (type->size == 8) {
        memcpy(&bits, &number, sizeof(number));
    } else {
        float narrow = (float)number;
        if (isinf(narrow))
            return ch_refuse(cell, "%g is beyond the range of Float32", number);
        memcpy(&bits, &narrow, sizeof(narrow)); /* the low half: all we run on is little endian */
    }
    ch_add_integer(cell->out, bits, type->size);
    return true;
}

/* The decimal digits of a JSON number as an integer of `scale` digits behind the point, rounded
 * half away from zero; false when it is beyond 18 digits. */
static bool read_scaled(busbar_bytes json, int scale, int64_t *ret_number)
{
    const int64_t limit = INT64_C(100000000000000000);
    int64_t number = 0, exponent = 0, behind = 0;
    bool negative = json.size && json.data[0] == '-', point = false;
    size_t at = negative ? 1 : 0, end = 0;
    while (end < json.size && (json.data[end] | 0x20) != 'e')
        end++;
    if (end < json.size)
        exponent = strtoll(json.data + end + 1, NULL, 10); /* JSON ends it with another sign */
    for (size_t i = at; i < end; i++) {
        behind += point ? 1 : 0;
        point = point || json.data[i] == '.';
    }
    int64_t drop = behind - exponent - scale; /* digits that are too many */
    if (drop < -18 || exponent > 1000 || exponent < -1000)
        return false;
    int64_t left = (int64_t)(end - at) - (point ? 1 : 0), rounds = 0;
    for (; at < end && left >= drop; at++) {
        if (json.data[at] == '.')
            continue;
        if (left-- == drop) {
            rounds = drop > 0 && json.data[at] >= '5';
            break;
        }
        if (number >= limit * 10)
            return false;
        number = number * 10 + (json.data[at] - '0');
    }
    for (; drop < 0; drop++) {
        if (number >= limit)
            return false;
        number *= 10;
    }
    number += rounds;
    *ret_number = negative ? -number : number;
    return true;
}

bool ch_encode_decimal(ch_cell *cell, const ch_type *type, const busbar_value *value)
{
    int64_t number, high = 1;
    for (int i = 0; i < type->precision; i++)
        high *= 10;
    if (value->type != BUSBAR_NUMBER)
        return ch_refuse_value(cell, value, "a number");
    if (!read_scaled(value->json, type->scale, &number) || number >= high || number <= -high)
        return ch_refuse_value(cell, value, "a number that the Decimal has room for");
    ch_add_integer(cell->out, (uint64_t)number, type->size);
    return true;
}
