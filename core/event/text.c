/* Decoded text of string tokens. */
#include <glib.h>
#include <string.h>

#include "event/names.h"
#include "event/tape.h"

uint16_t bb_name_hash(const char *name, size_t size)
{
    return bb_hash_short(bb_hash_wide(name, size));
}

static uint32_t hex_unit(const char *at)
{
    uint32_t value = 0;
    for (int i = 0; i < 4; i++)
        value = value << 4 | (uint32_t)g_ascii_xdigit_value(at[i]);
    return value;
}

/* Code point of the \u escape at `at`, the backslash, and the bytes that it takes. */
static uint32_t escaped_point(const char *at, size_t *ret_size)
{
    uint32_t unit = hex_unit(at + 2);
    *ret_size = 6;
    if ((unit & 0xfc00) != 0xd800)
        return unit;
    *ret_size = 12;
    return 0x10000 + ((unit & 0x3ff) << 10 | (hex_unit(at + 8) & 0x3ff));
}

static char simple_escape(char c)
{
    switch (c) {
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return c;
    }
}

/* Decodes the escape at `at` to `out`; both advance. */
static void decode_escape(const char **at, char **out)
{
    if ((*at)[1] != 'u') {
        *(*out)++ = simple_escape((*at)[1]);
        *at += 2;
        return;
    }
    size_t size = 0;
    uint32_t point = escaped_point(*at, &size);
    *out += g_unichar_to_utf8(point, *out);
    *at += size;
}

size_t bb_unescape(const char *text, size_t size, char *out)
{
    const char *at = text;
    const char *end = text + size;
    char *to = out;
    while (at < end) {
        const char *stop = memchr(at, '\\', (size_t)(end - at));
        size_t plain = (size_t)((stop ? stop : end) - at);
        memcpy(to, at, plain);
        to += plain;
        at += plain;
        if (stop)
            decode_escape(&at, &to);
    }
    return (size_t)(to - out);
}

static bool escaped_equals(const char *at, const char *end, const char *text, size_t size)
{
    const char *text_end = text + size;
    while (at < end) {
        char piece[8] = {*at};
        char *piece_end = piece + 1;
        if (*at == '\\') {
            piece_end = piece;
            decode_escape(&at, &piece_end);
        } else {
            at++;
        }
        size_t piece_size = (size_t)(piece_end - piece);
        if ((size_t)(text_end - text) < piece_size || memcmp(text, piece, piece_size) != 0)
            return false;
        text += piece_size;
    }
    return text == text_end;
}

bool bb_token_equals(const char *json, const bb_token *token, const char *text, size_t size)
{
    const char *start = json + token->start;
    if (token->type != BB_STRING)
        return false;
    if (token->flags & BB_TOKEN_ESCAPED)
        return escaped_equals(start, start + token->size, text, size);
    return bb_same_bytes(start, token->size, text, size);
}

size_t bb_token_code_points(const char *json, const bb_token *token)
{
    const char *at = json + token->start;
    const char *end = at + token->size;
    if (!(token->flags & (BB_TOKEN_ESCAPED | BB_TOKEN_NON_ASCII)))
        return token->size;
    size_t points = 0;
    while (at < end) {
        size_t size = 1;
        if (*at == '\\' && at[1] == 'u')
            escaped_point(at, &size);
        else if (*at == '\\')
            size = 2;
        points += ((unsigned char)*at & 0xc0) != 0x80;
        at += size;
    }
    return points;
}
