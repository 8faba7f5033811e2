/* Numbers in the binary form of PostgreSQL's types. */
#include <math.h>
#include <stdlib.h>

#include "encode.h"

/* An exponent that no number which fits comes near. */
#define FAR 1000000000

static bool add_integer(pg_cell *cell, int64_t number)
{
    if (cell->type == PG_INT8) {
        pg_buffer_add_int32(cell->out, 8);
        pg_buffer_add_int64(cell->out, number);
        return true;
    }
    int64_t high = cell->type == PG_INT2 ? INT16_MAX : INT32_MAX;
    if (number > high || number < -high - 1)
        return pg_refuse(cell, "%lld is not between %lld and %lld", (long long)number,
                         (long long)(-high - 1), (long long)high);
    pg_buffer_add_int32(cell->out, cell->type == PG_INT2 ? 2 : 4);
    if (cell->type == PG_INT2)
        pg_buffer_add_int16(cell->out, (int16_t)number);
    else
        pg_buffer_add_int32(cell->out, (int32_t)number);
    return true;
}

static bool add_float(pg_cell *cell, double number)
{
    if (cell->type == PG_FLOAT8) {
        int64_t bits;
        memcpy(&bits, &number, sizeof(bits));
        pg_buffer_add_int32(cell->out, 8);
        pg_buffer_add_int64(cell->out, bits);
        return true;
    }
    float narrow = (float)number;
    int32_t bits;
    if (isinf(narrow))
        return pg_refuse(cell, "%g is beyond the range of a real", number);
    memcpy(&bits, &narrow, sizeof(bits));
    pg_buffer_add_int32(cell->out, 4);
    pg_buffer_add_int32(cell->out, bits);
    return true;
}

bool pg_encode_number(pg_cell *cell, const busbar_value *value)
{
    const busbar_host *host = cell->call->host;
    int64_t integer;
    double number;
    if (cell->type == PG_FLOAT4 || cell->type == PG_FLOAT8)
        return host->number(value, &number) ? add_float(cell, number)
                                            : pg_refuse(cell, "expected a number that is finite");
    if (host->integer(value, &integer))
        return add_integer(cell, integer);
    return pg_refuse(cell, "expected a whole number of at most 64 bits");
}

/* The digits of a decimal number without sign, point and leading zeros, and the power of ten of
 * the first. */
typedef struct decimal {
    const char *text;
    size_t size;
    bool negative;
    int64_t weight; /* of the first digit that is not 0 */
    int64_t scale;  /* digits behind the point */
    size_t digits;  /* of the mantissa from the first that is not 0 */
    size_t first;   /* where that one is */
} decimal;

/* JSON's grammar has been checked before. */
static void read_decimal(decimal *number, busbar_bytes json)
{
    *number = (decimal){.text = json.data, .size = json.size};
    size_t at = 0, before = 0, behind = 0;
    bool point = false;
    size_t leading = 0; /* zeros in front of the first other digit */
    if (at < json.size && json.data[at] == '-') {
        number->negative = true;
        at++;
    }
    for (; at < json.size && json.data[at] != 'e' && json.data[at] != 'E'; at++) {
        if (json.data[at] == '.') {
            point = true;
            continue;
        }
        before += point ? 0 : 1;
        behind += point ? 1 : 0;
        if (!number->digits && json.data[at] == '0') {
            leading++;
            continue;
        }
        if (!number->digits)
            number->first = at;
        number->digits++;
    }
    int64_t exponent = 0;
    if (at < json.size) {
        char text[24];
        size_t size = json.size - at - 1 < sizeof(text) - 1 ? json.size - at - 1 : sizeof(text) - 1;
        memcpy(text, json.data + at + 1, size);
        text[size] = '\0';
        exponent = strtoll(text, NULL, 10);
        exponent = exponent > FAR ? FAR : exponent < -FAR ? -FAR : exponent;
    }
    number->weight = (int64_t)before - 1 - (int64_t)leading + exponent;
    number->scale = (int64_t)behind - exponent > 0 ? (int64_t)behind - exponent : 0;
}

/* Appends the digits in groups of four, which are the digits of base 10000. */
static size_t add_groups(pg_buffer *out, const decimal *number, int64_t group_weight)
{
    int64_t place = number->weight; /* of the digit at hand */
    size_t left = number->digits, groups = 0;
    const char *at = number->text + number->first;
    for (int64_t group = group_weight; left; group--) {
        int16_t value = 0;
        for (int64_t i = group * 4 + 3; i >= group * 4; i--) {
            value = (int16_t)(value * 10);
            if (left && place == i) {
                at += *at == '.' ? 1 : 0;
                value = (int16_t)(value + (*at++ - '0'));
                left--;
                place--;
            }
        }
        pg_buffer_add_int16(out, value);
        groups++;
    }
    return groups;
}

/* The digits in front of the point that a numeric(p,s) has room for; -1: as many as there are. */
static int64_t room_of(int modifier)
{
    if (modifier < 4)
        return -1;
    int precision = ((modifier - 4) >> 16) & 0xffff;
    int scale = (modifier - 4) & 0x7ff;
    return precision - ((scale ^ 1024) - 1024);
}

bool pg_encode_decimal(pg_cell *cell, const busbar_value *value)
{
    enum { SIGN_MINUS = 0x4000, MOST = 16000 };
    decimal number;
    if (value->type != BUSBAR_NUMBER)
        return pg_refuse(cell, "expected a number");
    read_decimal(&number, value->json);
    int64_t room = room_of(cell->modifier);
    if (number.digits && room >= 0 && number.weight >= room)
        return pg_refuse(cell, "at most %lld digits fit in front of the point, found %lld",
                         (long long)room, (long long)number.weight + 1);
    if (number.scale > MOST || number.weight > MOST || number.weight < -MOST)
        return pg_refuse(cell, "the number has more digits than a numeric takes");
    int64_t weight = number.weight >= 0 ? number.weight / 4 : -((3 - number.weight) / 4);
    size_t at = cell->out->size;
    pg_buffer_add_int32(cell->out, 0); /* the length, set below */
    pg_buffer_add_int16(cell->out, 0); /* the number of groups, set below */
    pg_buffer_add_int16(cell->out, number.digits ? (int16_t)weight : 0);
    pg_buffer_add_int16(cell->out, number.negative && number.digits ? SIGN_MINUS : 0);
    pg_buffer_add_int16(cell->out, (int16_t)number.scale);
    size_t groups = add_groups(cell->out, &number, weight);
    pg_buffer_set_int32(cell->out, at, (int32_t)(8 + 2 * groups));
    if (!cell->out->failed) {
        cell->out->data[at + 4] = (char)(groups >> 8);
        cell->out->data[at + 5] = (char)groups;
    }
    return true;
}
