/* Helpers for text that people read. */
#include "base/text.h"

#include <stdio.h>

/* Appends one escape where JSON asks for it; FALSE when the byte can stand as it is. */
static gboolean append_escape(GString *out, unsigned char byte)
{
    switch (byte) {
    case '"':
        g_string_append(out, "\\\"");
        return TRUE;
    case '\\':
        g_string_append(out, "\\\\");
        return TRUE;
    case '\n':
        g_string_append(out, "\\n");
        return TRUE;
    case '\r':
        g_string_append(out, "\\r");
        return TRUE;
    case '\t':
        g_string_append(out, "\\t");
        return TRUE;
    default:
        break;
    }
    if (byte >= 0x20)
        return FALSE;
    g_string_append_printf(out, "\\u%04x", byte);
    return TRUE;
}

void bb_text_append_json(GString *out, const char *text, gsize size)
{
    const char *end = text + size;
    g_string_append_c(out, '"');
    while (text < end) {
        unsigned char byte = (unsigned char)*text;
        if (byte < 0x80) {
            if (!append_escape(out, byte))
                g_string_append_c(out, (char)byte);
            text++;
            continue;
        }
        gunichar point = g_utf8_get_char_validated(text, end - text);
        if (point == (gunichar)-1 || point == (gunichar)-2) {
            g_string_append(out, "\xef\xbf\xbd");
            text++;
            continue;
        }
        gsize width = (gsize)(g_utf8_next_char(text) - text);
        g_string_append_len(out, text, (gssize)width);
        text += width;
    }
    g_string_append_c(out, '"');
}

const char *bb_text_excerpt(const char *text, gsize size, gsize limit, char *buffer,
                            gsize buffer_size)
{
    gsize out = 0, at = 0;
    g_return_val_if_fail(buffer_size >= limit + 4, "");
    for (; at < size; at++) {
        unsigned char byte = (unsigned char)text[at];
        gboolean plain = byte >= 0x20 && byte < 0x7f;
        gsize width = plain ? 1 : 4;
        if (out + width > limit)
            break;
        if (plain)
            buffer[out] = (char)byte;
        else
            (void)snprintf(buffer + out, 5, "\\x%02x", byte);
        out += width;
    }
    if (at < size) {
        memcpy(buffer + out, "...", 3);
        out += 3;
    }
    buffer[out] = '\0';
    return buffer;
}

guint bb_text_distance(const char *a, const char *b)
{
    gsize rows = strlen(a), columns = strlen(b);
    if (rows > 64 || columns > 64)
        return G_MAXUINT;
    guint cost[66][66];
    for (gsize i = 0; i <= rows; i++)
        cost[i][0] = (guint)i;
    for (gsize j = 0; j <= columns; j++)
        cost[0][j] = (guint)j;
    for (gsize i = 1; i <= rows; i++) {
        for (gsize j = 1; j <= columns; j++) {
            char x = g_ascii_tolower(a[i - 1]), y = g_ascii_tolower(b[j - 1]);
            guint best = MIN(cost[i - 1][j] + 1, cost[i][j - 1] + 1);
            best = MIN(best, cost[i - 1][j - 1] + (x == y ? 0u : 1u));
            if (i > 1 && j > 1 && x == g_ascii_tolower(b[j - 2]) && y == g_ascii_tolower(a[i - 2]))
                best = MIN(best, cost[i - 2][j - 2] + 1);
            cost[i][j] = best;
        }
    }
    return cost[rows][columns];
}

const char *bb_text_nearest(const char *wanted, const char *const *names)
{
    const char *nearest = NULL;
    guint best = (guint)(strlen(wanted) + 2) / 3 + 1;
    for (; *names; names++) {
        guint distance = bb_text_distance(wanted, *names);
        if (distance < best) {
            best = distance;
            nearest = *names;
        }
    }
    return nearest;
}

static const struct {
    const char *name;
    guint64 factor;
} size_units[] = {
    {"", 1},           {"b", 1},         {"kb", 1000},        {"mb", 1000000}, {"gb", 1000000000},
    {"kib", 1 << 10},  {"mib", 1 << 20}, {"gib", 1ull << 30}, {"k", 1 << 10},  {"m", 1 << 20},
    {"g", 1ull << 30},
};

gboolean bb_text_parse_size(const char *text, guint64 *ret_bytes)
{
    char *rest = NULL;
    if (!g_ascii_isdigit(*text))
        return FALSE;
    guint64 number = g_ascii_strtoull(text, &rest, 10);
    while (*rest == ' ')
        rest++;
    for (gsize i = 0; i < G_N_ELEMENTS(size_units); i++) {
        if (g_ascii_strcasecmp(rest, size_units[i].name) != 0)
            continue;
        return g_uint64_checked_mul(ret_bytes, number, size_units[i].factor);
    }
    return FALSE;
}

static const struct {
    const char *name;
    gint64 factor_ms;
} duration_units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};

/* Milliseconds of the unit at `text`; 0 when there is none. */
static gint64 take_unit(const char **text)
{
    for (gsize i = 0; i < G_N_ELEMENTS(duration_units); i++) {
        gsize width = strlen(duration_units[i].name);
        if (strncmp(*text, duration_units[i].name, width) == 0 &&
            !g_ascii_isalpha((*text)[width])) {
            *text += width;
            return duration_units[i].factor_ms;
        }
    }
    return 0;
}

gboolean bb_text_parse_duration_ms(const char *text, gint64 *ret_ms)
{
    gint64 total = 0;
    gboolean bare = TRUE;
    if (!g_ascii_isdigit(*text))
        return FALSE;
    while (*text) {
        char *rest = NULL;
        if (!g_ascii_isdigit(*text))
            return FALSE;
        guint64 number = g_ascii_strtoull(text, &rest, 10);
        text = rest;
        if (number > G_MAXINT32 * 1000ull)
            return FALSE;
        gint64 factor = take_unit(&text);
        if (factor == 0 && (*text || !bare))
            return FALSE;
        total += (gint64)number * (factor ? factor : 1);
        bare = FALSE;
    }
    *ret_ms = total;
    return TRUE;
}
