/* URI references as RFC 3986 section 5 resolves them. */
#include "contract/uri.h"

#include <string.h>

/* Parts of a reference; `data` NULL where a part is absent. The path is never absent. */
typedef struct part {
    const char *data;
    gsize size;
} part;

typedef struct reference {
    part scheme, authority, path, query, fragment;
} reference;

static part take(const char *start, const char *end)
{
    part taken = {start, (gsize)(end - start)};
    return taken;
}

/* The scheme's end at the colon, or NULL. */
static const char *find_scheme_end(const char *text)
{
    if (!g_ascii_isalpha(*text))
        return NULL;
    while (g_ascii_isalnum(*text) || *text == '+' || *text == '-' || *text == '.')
        text++;
    return *text == ':' ? text : NULL;
}

static reference split(const char *text)
{
    reference parts = {{NULL, 0}, {NULL, 0}, {NULL, 0}, {NULL, 0}, {NULL, 0}};
    const char *colon = find_scheme_end(text);
    if (colon) {
        parts.scheme = take(text, colon);
        text = colon + 1;
    }
    if (text[0] == '/' && text[1] == '/') {
        const char *end = text + 2 + strcspn(text + 2, "/?#");
        parts.authority = take(text + 2, end);
        text = end;
    }
    const char *path_end = text + strcspn(text, "?#");
    parts.path = take(text, path_end);
    text = path_end;
    if (*text == '?') {
        const char *end = text + strcspn(text, "#");
        parts.query = take(text + 1, end);
        text = end;
    }
    if (*text == '#')
        parts.fragment = take(text + 1, text + strlen(text));
    return parts;
}

/* Drops the last segment of what was written since `start`, with its slash. */
static void drop_segment(GString *out, gsize start)
{
    while (out->len > start && out->str[out->len - 1] != '/')
        g_string_truncate(out, out->len - 1);
    if (out->len > start)
        g_string_truncate(out, out->len - 1);
}

/* Section 5.2.4 for a path whose segments are each preceded by a slash, but perhaps the first. */
static void append_without_dots(GString *out, const char *path, gsize size)
{
    const char *end = path + size;
    gsize start = out->len;
    while (path < end) {
        const char *next = path + (*path == '/' ? 1 : 0);
        while (next < end && *next != '/')
            next++;
        gsize slash = *path == '/' ? 1 : 0, width = (gsize)(next - path) - slash;
        gboolean one = width == 1 && path[slash] == '.';
        gboolean two = width == 2 && path[slash] == '.' && path[slash + 1] == '.';
        if (two)
            drop_segment(out, start);
        if (!one && !two)
            g_string_append_len(out, path, next - path);
        else if (next == end)
            g_string_append_c(out, '/');
        path = next;
    }
}

static void append_merged(GString *out, const reference *base, part path)
{
    g_autoptr(GString) merged = g_string_new(NULL);
    const char *slash = NULL;
    for (gsize i = 0; i < base->path.size; i++) {
        if (base->path.data[i] == '/')
            slash = base->path.data + i;
    }
    if (base->authority.data && base->path.size == 0)
        g_string_append_c(merged, '/');
    else if (slash)
        g_string_append_len(merged, base->path.data, slash - base->path.data + 1);
    g_string_append_len(merged, path.data, (gssize)path.size);
    append_without_dots(out, merged->str, merged->len);
}

static void append_origin(GString *out, part scheme, part authority)
{
    if (scheme.data) {
        g_string_append_len(out, scheme.data, (gssize)scheme.size);
        g_string_append_c(out, ':');
    }
    if (authority.data) {
        g_string_append(out, "//");
        g_string_append_len(out, authority.data, (gssize)authority.size);
    }
}

static void append_part(GString *out, char mark, part tail)
{
    if (!tail.data)
        return;
    g_string_append_c(out, mark);
    g_string_append_len(out, tail.data, (gssize)tail.size);
}

char *bb_uri_resolve(const char *base_text, const char *reference_text)
{
    reference base = split(base_text), relative = split(reference_text);
    GString *out = g_string_new(NULL);
    part query = relative.query;
    if (relative.scheme.data) {
        append_origin(out, relative.scheme, relative.authority);
        append_without_dots(out, relative.path.data, relative.path.size);
    } else if (relative.authority.data) {
        append_origin(out, base.scheme, relative.authority);
        append_without_dots(out, relative.path.data, relative.path.size);
    } else {
        append_origin(out, base.scheme, base.authority);
        if (relative.path.size == 0) {
            g_string_append_len(out, base.path.data, (gssize)base.path.size);
            query = relative.query.data ? relative.query : base.query;
        } else if (*relative.path.data == '/') {
            append_without_dots(out, relative.path.data, relative.path.size);
        } else {
            append_merged(out, &base, relative.path);
        }
    }
    append_part(out, '?', query);
    append_part(out, '#', relative.fragment);
    return g_string_free(out, FALSE);
}

char *bb_uri_decode(const char *text)
{
    GString *out = g_string_new(NULL);
    for (; *text; text++) {
        if (*text != '%') {
            g_string_append_c(out, *text);
            continue;
        }
        int high = g_ascii_xdigit_value(text[1]);
        int low = high < 0 ? -1 : g_ascii_xdigit_value(text[2]);
        if (low < 0 || high + low == 0) {
            g_string_free(out, TRUE);
            return NULL;
        }
        g_string_append_c(out, (char)(high * 16 + low));
        text += 2;
    }
    return g_string_free(out, FALSE);
}
