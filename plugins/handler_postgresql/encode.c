/* Texts, truth values, ids, addresses and JSON in the binary form of PostgreSQL's types. */
#include "encode.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdlib.h>

bool pg_refuse(pg_cell *cell, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(cell->problem, sizeof(cell->problem), format, arguments); /* cut if too long */
    va_end(arguments);
    return false;
}

bool pg_text_of(pg_cell *cell, const busbar_value *value, const char *expected,
                busbar_bytes *ret_text)
{
    if (cell->call->host->text(cell->call, cell->event, value, ret_text))
        return true;
    return pg_refuse(cell, "expected %s, found a value that is no text", expected);
}

/* Characters of UTF-8. */
static size_t count_characters(busbar_bytes text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.size; i++)
        count += ((unsigned char)text.data[i] & 0xc0) != 0x80;
    return count;
}

static bool add_text(pg_cell *cell, busbar_bytes text)
{
    const int head = 4; /* the server counts it in the limit of a character type */
    if (text.size && memchr(text.data, '\0', text.size))
        return pg_refuse(cell, "the text holds a NUL character, which PostgreSQL cannot store");
    if (cell->modifier > head && text.size > (size_t)(cell->modifier - head)) {
        size_t limit = (size_t)(cell->modifier - head), found = count_characters(text);
        if (found > limit)
            return pg_refuse(cell, "%zu characters where at most %zu fit", found, limit);
    }
    pg_buffer_add_int32(cell->out, (int32_t)text.size);
    pg_buffer_add(cell->out, text.data, text.size);
    return true;
}

/* A string as it is, anything else as JSON. */
bool pg_encode_as_text(pg_cell *cell, const busbar_value *value)
{
    busbar_bytes text = value->json;
    if (value->type == BUSBAR_STRING && !pg_text_of(cell, value, "text", &text))
        return false;
    return add_text(cell, text);
}

static bool encode_bool(pg_cell *cell, const busbar_value *value)
{
    char byte = value->type == BUSBAR_TRUE;
    if (value->type != BUSBAR_TRUE && value->type != BUSBAR_FALSE)
        return pg_refuse(cell, "expected true or false");
    pg_buffer_add_int32(cell->out, 1);
    pg_buffer_add(cell->out, &byte, 1);
    return true;
}

static int hex_digit(char sign)
{
    if (sign >= '0' && sign <= '9')
        return sign - '0';
    sign |= 0x20;
    return sign >= 'a' && sign <= 'f' ? sign - 'a' + 10 : -1;
}

static bool encode_uuid(pg_cell *cell, const busbar_value *value)
{
    busbar_bytes text;
    char bytes[16];
    size_t digits = 0;
    if (!pg_text_of(cell, value, "a UUID", &text))
        return false;
    for (size_t i = 0; i < text.size; i++) {
        int digit = hex_digit(text.data[i]);
        if (text.data[i] == '-' && (i == 8 || i == 13 || i == 18 || i == 23))
            continue;
        if (digit < 0 || digits == 32)
            return pg_refuse(cell, "expected a UUID");
        char *byte = &bytes[digits / 2];
        *byte = (char)(digits % 2 ? (*byte | digit) : digit << 4);
        digits++;
    }
    if (digits != 32)
        return pg_refuse(cell, "expected a UUID");
    pg_buffer_add_int32(cell->out, sizeof(bytes));
    pg_buffer_add(cell->out, bytes, sizeof(bytes));
    return true;
}

/* The bits behind a slash; false when they are no number up to `limit`. */
static bool read_prefix(const char *slash, int limit, int *ret_bits)
{
    char *end = NULL;
    long bits = slash ? strtol(slash + 1, &end, 10) : limit;
    if (slash && (end == slash + 1 || *end || slash[1] < '0' || slash[1] > '9'))
        return false;
    *ret_bits = (int)bits;
    return bits >= 0 && bits <= limit;
}

static bool encode_inet(pg_cell *cell, const busbar_value *value)
{
    enum { FAMILY_4 = 2, FAMILY_6 = 3 }; /* as the protocol numbers them, on every system */
    char text[64];
    unsigned char address[16];
    busbar_bytes given;
    int bits = 0;
    if (!pg_text_of(cell, value, "a network address", &given))
        return false;
    size_t size = given.size < sizeof(text) ? given.size : 0;
    memcpy(text, given.data ? given.data : "", size);
    text[size] = '\0';
    char *slash = strchr(text, '/');
    bool six = strchr(text, ':') != NULL;
    if (!read_prefix(slash, six ? 128 : 32, &bits))
        return pg_refuse(cell, "expected a network address");
    if (slash)
        *slash = '\0';
    if (strlen(text) + (slash ? strlen(slash + 1) + 1 : 0) != size ||
        inet_pton(six ? AF_INET6 : AF_INET, text, address) != 1)
        return pg_refuse(cell, "expected a network address");
    const char head[4] = {six ? FAMILY_6 : FAMILY_4, (char)bits, 0, six ? 16 : 4};
    pg_buffer_add_int32(cell->out, (int32_t)sizeof(head) + head[3]);
    pg_buffer_add(cell->out, head, sizeof(head));
    pg_buffer_add(cell->out, address, (size_t)head[3]);
    return true;
}

static bool encode_json(pg_cell *cell, const busbar_value *value)
{
    const char quote = '"', version = 1;
    bool is_text = value->type == BUSBAR_STRING; /* its quotes are not part of `json` */
    bool binary = cell->type == PG_JSONB;
    size_t size = value->json.size + (is_text ? 2 : 0) + (binary ? 1 : 0);
    pg_buffer_add_int32(cell->out, (int32_t)size);
    if (binary)
        pg_buffer_add(cell->out, &version, 1);
    if (is_text)
        pg_buffer_add(cell->out, &quote, 1);
    pg_buffer_add(cell->out, value->json.data, value->json.size);
    if (is_text)
        pg_buffer_add(cell->out, &quote, 1);
    return true;
}

pg_encoder pg_encoder_of(Oid type, char kind)
{
    switch (type) {
    case PG_BOOL:
        return encode_bool;
    case PG_INT2:
    case PG_INT4:
    case PG_INT8:
    case PG_FLOAT4:
    case PG_FLOAT8:
        return pg_encode_number;
    case PG_NUMERIC:
        return pg_encode_decimal;
    case PG_TEXT:
    case PG_VARCHAR:
    case PG_BPCHAR:
        return pg_encode_as_text;
    case PG_DATE:
        return pg_encode_date;
    case PG_TIMESTAMP:
    case PG_TIMESTAMPTZ:
        return pg_encode_instant;
    case PG_UUID:
        return encode_uuid;
    case PG_INET:
        return encode_inet;
    case PG_JSON:
    case PG_JSONB:
        return encode_json;
    default:
        return kind == 'e' ? pg_encode_as_text : NULL; /* labels are sent as text */
    }
}
