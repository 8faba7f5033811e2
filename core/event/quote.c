/* Writes text as JSON strings. */
#include "event/event.h"

#include "event/scan.h"

enum { LONGEST_ESCAPE = 6 };

/* Letter of a two-character escape, 0 when there is none. */
static char short_escape(char c)
{
    switch (c) {
    case '"':
    case '\\':
        return c;
    case '\b':
        return 'b';
    case '\f':
        return 'f';
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    default:
        return 0;
    }
}

/* Writes one control character, quote or backslash; returns the position behind it. */
static char *write_escape(char c, char *to)
{
    static const char digits[] = "0123456789abcdef";
    char letter = short_escape(c);
    *to++ = '\\';
    if (letter) {
        *to++ = letter;
        return to;
    }
    *to++ = 'u';
    *to++ = '0';
    *to++ = '0';
    *to++ = digits[(unsigned char)c >> 4];
    *to++ = digits[c & 15];
    return to;
}

/* Bytes of `text` as a JSON string with its quotes, 0 when it cannot be one. */
static size_t quoted_size(busbar_bytes text)
{
    const char *start = text.data;
    const char *end = start + text.size;
    size_t size = text.size + 2;
    for (const char *at = start; (at = bb_scan_plain(at, start, end, /* wide= */ true)) < end;) {
        if ((unsigned char)*at >= 0x80) {
            size_t sequence = bb_scan_utf8(at, end);
            if (!sequence)
                return 0;
            at += sequence;
            continue;
        }
        if (*at == '\0')
            return 0;
        size += short_escape(*at) ? 1 : LONGEST_ESCAPE - 1;
        at++;
    }
    return size;
}

busbar_bytes bb_quote(bb_arena *arena, busbar_bytes text)
{
    size_t size = text.size ? quoted_size(text) : 2;
    if (!size)
        return (busbar_bytes){NULL, 0};
    char *quoted = bb_arena_alloc(arena, size);
    char *to = quoted;
    *to++ = '"';
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        if (G_UNLIKELY((unsigned char)c < 0x20 || c == '"' || c == '\\'))
            to = write_escape(c, to);
        else
            *to++ = c;
    }
    *to++ = '"';
    return (busbar_bytes){quoted, size};
}
