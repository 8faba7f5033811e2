/* Texts, truth values, times, ids, addresses and lists in RowBinary. */
#include "encode.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdarg.h>

#include "../handler_common/instant.h"

bool ch_refuse(ch_cell *cell, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(cell->problem, sizeof(cell->problem), format, arguments); /* cut if too long */
    va_end(arguments);
    return false;
}

bool ch_refuse_value(ch_cell *cell, const busbar_value *value, const char *expected)
{
    const size_t most = 60;
    size_t size = value->json.size < most ? value->json.size : most;
    while (size && size < value->json.size && (value->json.data[size] & 0xc0) == 0x80)
        size--; /* not in the middle of a character */
    return ch_refuse(cell, "expected %s, found %.*s%s", expected, (int)size,
                     value->json.data ? value->json.data : "",
                     size < value->json.size ? "..." : "");
}

static bool text_of(ch_cell *cell, const busbar_value *value, const char *expected,
                    busbar_bytes *ret_text)
{
    if (value->type != BUSBAR_STRING ||
        !cell->call->host->text(cell->call, cell->event, value, ret_text))
        return ch_refuse_value(cell, value, expected);
    return true;
}

/* A string as it is, anything else as JSON: lists and objects are texts for ClickHouse. */
static bool encode_text(ch_cell *cell, const ch_type *type, const busbar_value *value)
{
    busbar_bytes text = value->json;
    if (value->type == BUSBAR_STRING && !text_of(cell, value, "text", &text))
        return false;
    if (type->kind == CH_STRING) {
        ch_add_text(cell->out, text.data, text.size);
        return true;
    }
    if (text.size > type->size)
        return ch_refuse(cell, "%zu bytes where at most %zu fit", text.size, type->size);
    (void)handler_buffer_add(cell->out, text.data, text.size); /* `failed` tells */
    for (size_t i = text.size; i < type->size; i++)
        ch_add_integer(cell->out, 0, 1);
    return true;
}

static bool encode_bool(ch_cell *cell, const busbar_value *value)
{
    if (value->type != BUSBAR_TRUE && value->type != BUSBAR_FALSE)
        return ch_refuse_value(cell, value, "true or false");
    ch_add_integer(cell->out, value->type == BUSBAR_TRUE, 1);
    return true;
}

/* The day of an instant is the one it is written with, in its own offset. */
static bool encode_date(ch_cell *cell, const ch_type *type, const busbar_value *value)
{
    const int64_t last = type->kind == CH_DATE ? UINT16_MAX : 120529; /* 2299-12-31 */
    const int64_t first = type->kind == CH_DATE ? 0 : -25567;         /* 1900-01-01 */
    busbar_bytes text;
    int64_t days, ignored;
    if (!text_of(cell, value, "a date", &text))
        return false;
    if (!handler_read_day(text, &days) ||
        (text.size != 10 && !handler_read_instant(text, &ignored)))
        return ch_refuse_value(cell, value, "a date as 2026-11-24");
    if (days < first || days > last)
        return ch_refuse_value(cell, value,
                               type->kind == CH_DATE
                                   ? "a date from 1970-01-01 to 2149-06-06, all that a Date holds"
                                   : "a date from 1900-01-01 to 2299-12-31");
    ch_add_integer(cell->out, (uint64_t)days, type->size);
    return true;
}

static int64_t divide_down(int64_t number, int64_t by)
{
    return number / by - (number % by < 0 ? 1 : 0);
}

static bool encode_instant(ch_cell *cell, const ch_type *type, const busbar_value *value)
{
    const int64_t million = 1000000, first = INT64_C(-2208988800); /* 1900 */
    const int64_t last = INT64_C(10413791999);                     /* the end of 2299 */
    busbar_bytes text;
    int64_t micros, unit = 1;
    if (!text_of(cell, value, "a date and time", &text))
        return false;
    if (!handler_read_instant(text, &micros))
        return ch_refuse_value(cell, value, "a date and time as 2026-11-24T10:00:00Z");
    int64_t seconds = divide_down(micros, million);
    if (type->kind == CH_DATETIME) {
        if (seconds < 0 || seconds > UINT32_MAX)
            return ch_refuse_value(cell, value,
                                   "1970-01-01 to 2106-02-07T06:28:15Z, all that a DateTime holds");
        ch_add_integer(cell->out, (uint64_t)seconds, 4);
        return true;
    }
    if (seconds < first || seconds > last)
        return ch_refuse_value(cell, value,
                               "a time from 1900 to 2299, all that a DateTime64 holds");
    for (int i = type->scale; i < 6; i++)
        unit *= 10;
    int64_t ticks = divide_down(micros, unit);
    for (int i = 6; i < type->scale; i++) {
        if (ticks > INT64_MAX / 10 || ticks < INT64_MIN / 10)
            return ch_refuse_value(cell, value, "a time that a DateTime64 of this scale holds");
        ticks *= 10;
    }
    ch_add_integer(cell->out, (uint64_t)ticks, 8);
    return true;
}

static int hex_digit(char sign)
{
    if (sign >= '0' && sign <= '9')
        return sign - '0';
    sign |= 0x20;
    return sign >= 'a' && sign <= 'f' ? sign - 'a' + 10 : -1;
}

/* Two numbers of 64 bits, each with its lowest byte first. */
static bool encode_uuid(ch_cell *cell, const busbar_value *value)
{
    busbar_bytes text;
    uint64_t halves[2] = {0, 0};
    size_t digits = 0;
    if (!text_of(cell, value, "a UUID", &text))
        return false;
    for (size_t i = 0; i < text.size; i++) {
        int digit = hex_digit(text.data[i]);
        if (text.data[i] == '-' && (i == 8 || i == 13 || i == 18 || i == 23))
            continue;
        if (digit < 0 || digits == 32)
            return ch_refuse_value(cell, value, "a UUID");
        uint64_t *half = &halves[digits++ / 16];
        *half = *half << 4 | (uint64_t)digit;
    }
    if (digits != 32)
        return ch_refuse_value(cell, value, "a UUID");
    ch_add_integer(cell->out, halves[0], 8);
    ch_add_integer(cell->out, halves[1], 8);
    return true;
}

/* An IPv4 address goes into an IPv6 column as ::ffff:a.b.c.d. */
static bool encode_address(ch_cell *cell, const ch_type *type, const busbar_value *value)
{
    char text[64] = "";
    unsigned char address[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    busbar_bytes given;
    if (!text_of(cell, value, "a network address", &given))
        return false;
    if (given.size < sizeof(text) && given.size && !memchr(given.data, '\0', given.size))
        memcpy(text, given.data, given.size);
    bool four = inet_pton(AF_INET, text, address + 12) == 1;
    if (type->kind == CH_IPV4 && four) {
        for (int i = 15; i >= 12; i--)
            ch_add_integer(cell->out, address[i], 1);
        return true;
    }
    if (type->kind == CH_IPV4 || (!four && inet_pton(AF_INET6, text, address) != 1))
        return ch_refuse_value(cell, value,
                               type->kind == CH_IPV4 ? "an IPv4 address" : "a network address");
    (void)handler_buffer_add(cell->out, address, sizeof(address)); /* `failed` tells */
    return true;
}

static bool encode_label(ch_cell *cell, const ch_type *type, const busbar_value *value)
{
    busbar_bytes text;
    if (!text_of(cell, value, "a label of the enumeration", &text))
        return false;
    for (size_t i = 0; i < type->label_count; i++) {
        const ch_label *label = &type->labels[i];
        if (label->size != text.size || memcmp(label->text, text.data, text.size) != 0)
            continue;
        ch_add_integer(cell->out, (uint64_t)label->value, type->size);
        return true;
    }
    return ch_refuse_value(cell, value, "a label of the enumeration");
}

static bool encode_value(ch_cell *cell, const ch_type *type, const busbar_value *value)
{
    switch (type->kind) {
    case CH_STRING:
    case CH_FIXED:
        return encode_text(cell, type, value);
    case CH_BOOL:
        return encode_bool(cell, value);
    case CH_INT:
    case CH_UINT:
        return ch_encode_integer(cell, type, value);
    case CH_FLOAT:
        return ch_encode_float(cell, type, value);
    case CH_DECIMAL:
        return ch_encode_decimal(cell, type, value);
    case CH_DATE:
    case CH_DATE32:
        return encode_date(cell, type, value);
    case CH_DATETIME:
    case CH_DATETIME64:
        return encode_instant(cell, type, value);
    case CH_UUID:
        return encode_uuid(cell, value);
    case CH_IPV4:
    case CH_IPV6:
        return encode_address(cell, type, value);
    default:
        return encode_label(cell, type, value);
    }
}

/* What stands for null where there is none: nothing, 0, the beginning of 1970, the first label. */
void ch_encode_nothing(handler_buffer *out, const ch_type *type)
{
    uint64_t number = type->kind == CH_ENUM ? (uint64_t)type->labels[0].value : 0;
    size_t left = type->size;
    if (type->kind == CH_STRING || type->is_array) {
        ch_add_length(out, 0);
        return;
    }
    for (; left > 8; left--)
        ch_add_integer(out, 0, 1);
    ch_add_integer(out, number, left);
}

/* A walk over the elements of a JSON array. Its grammar has been checked before. */
static bool next_element(busbar_bytes *left, busbar_value *ret_value)
{
    size_t at = 0, depth = 0;
    const char *text = left->data;
    while (at < left->size && strchr(" \t\r\n,", text[at]))
        at++;
    if (at == left->size)
        return false;
    size_t from = at;
    bool quoted = false;
    *ret_value = (busbar_value){.type = BUSBAR_NUMBER};
    for (; at < left->size; at++) {
        if (quoted && text[at] == '\\') {
            ret_value->escaped = 1;
            at++;
        } else if (text[at] == '"') {
            quoted = !quoted;
        } else if (!quoted) {
            depth += text[at] == '[' || text[at] == '{';
            depth -= depth && (text[at] == ']' || text[at] == '}');
            if (!depth && strchr(" \t\r\n,", text[at]))
                break;
        }
    }
    ret_value->json = (busbar_bytes){text + from, at - from};
    *left = (busbar_bytes){text + at, left->size - at};
    return true;
}

static void set_element_type(busbar_value *value)
{
    switch (value->json.data[0]) {
    case '"':
        value->type = BUSBAR_STRING;
        value->json = (busbar_bytes){value->json.data + 1, value->json.size - 2};
        break;
    case 'n':
        value->type = BUSBAR_NULL;
        break;
    case 't':
        value->type = BUSBAR_TRUE;
        break;
    case 'f':
        value->type = BUSBAR_FALSE;
        break;
    case '[':
        value->type = BUSBAR_ARRAY;
        break;
    case '{':
        value->type = BUSBAR_OBJECT;
        break;
    default:
        break;
    }
}

static bool encode_array(ch_cell *cell, const ch_type *type, const busbar_value *value)
{
    if (value->type != BUSBAR_ARRAY)
        return ch_refuse_value(cell, value, "a list");
    busbar_bytes all = {value->json.data + 1, value->json.size - 2}, left = all;
    busbar_value item;
    uint64_t count = 0;
    while (next_element(&left, &item))
        count++;
    ch_add_length(cell->out, count);
    for (left = all; next_element(&left, &item);) {
        set_element_type(&item);
        if (!encode_value(cell, type, &item))
            return false;
    }
    return true;
}

bool ch_encode(ch_cell *cell, const ch_type *type, const busbar_value *value)
{
    bool null = value->type == BUSBAR_ABSENT || value->type == BUSBAR_NULL;
    if (type->nullable)
        ch_add_integer(cell->out, null, 1);
    if (null) {
        if (!type->nullable)
            ch_encode_nothing(cell->out, type);
        return true;
    }
    return type->is_array ? encode_array(cell, type, value) : encode_value(cell, type, value);
}
