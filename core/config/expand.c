/* ${...} in values. */
#include <string.h>
#include <sys/stat.h>

#include <glib/gstdio.h>

#include "config/layers.h"

enum { FILE_MAX_BYTES = 1024 * 1024 };

char *bb_path_beside(const char *file, const char *path)
{
    g_autofree char *folder = NULL;
    if (g_path_is_absolute(path))
        return g_canonicalize_filename(path, NULL);
    if (!file || g_str_has_prefix(file, "--set"))
        return g_canonicalize_filename(path, NULL);
    g_autofree char *whole = g_canonicalize_filename(file, NULL);
    folder = g_path_get_dirname(whole);
    return g_canonicalize_filename(path, folder);
}

static gboolean is_name(const char *text, gsize size)
{
    if (size == 0 || g_ascii_isdigit(*text))
        return FALSE;
    for (gsize i = 0; i < size; i++) {
        if (!g_ascii_isalnum(text[i]) && text[i] != '_')
            return FALSE;
    }
    return TRUE;
}

/* Appends a text from outside; it must be UTF-8. */
static void append_outside(GString *out, const char *text, gsize size, const char *what,
                           const bb_node *node, GPtrArray *problems)
{
    if (g_utf8_validate_len(text, size, NULL))
        g_string_append_len(out, text, (gssize)size);
    else
        bb_problem_add(problems, &node->place, NULL, "%s holds bytes that are not UTF-8 text",
                       what);
}

static void expand_file(bb_node *node, const char *path, GString *out, GPtrArray *problems)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *full = bb_path_beside(node->place.file, path);
    g_autofree char *text = NULL;
    g_autofree char *what = g_strdup_printf("${file:%s}", path);
    gsize size = 0;
    node->secret = TRUE;
    GStatBuf info = {0};
    if (g_stat(full, &info) != 0 || !S_ISREG(info.st_mode)) {
        bb_problem_add(problems, &node->place, NULL, "%s: no such file (%s)", what, full);
        return;
    }
    if (info.st_size > FILE_MAX_BYTES) {
        bb_problem_add(problems, &node->place, NULL, "%s: larger than 1 MiB", what);
        return;
    }
    if (!g_file_get_contents(full, &text, &size, &error)) {
        bb_problem_add(problems, &node->place, NULL, "%s: %s", what, error->message);
        return;
    }
    while (size > 0 && (text[size - 1] == '\n' || text[size - 1] == '\r'))
        size--;
    append_outside(out, text, size, what, node, problems);
}

static void expand_variable(bb_node *node, const char *inside, GString *out, GPtrArray *problems)
{
    const char *fallback = strstr(inside, ":-");
    gsize size = fallback ? (gsize)(fallback - inside) : strlen(inside);
    if (!is_name(inside, size)) {
        bb_problem_add(problems, &node->place, NULL,
                       "${%s} is not understood; write ${NAME}, ${NAME:-default}, ${file:path}, or "
                       "$${ for the two characters themselves",
                       inside);
        return;
    }
    g_autofree char *name = g_strndup(inside, size);
    const char *value = g_getenv(name);
    if (fallback && (!value || !*value))
        g_string_append(out, fallback + 2);
    else if (value)
        append_outside(out, value, strlen(value), name, node, problems);
    else
        bb_problem_add(problems, &node->place, NULL,
                       "environment variable %s is not set; set it, or give a default: ${%s:-...}",
                       name, name);
}

/* Expands the reference at `at` ("${"); returns where the text goes on, NULL when it has no end. */
static const char *expand_reference(bb_node *node, const char *at, GString *out,
                                    GPtrArray *problems)
{
    const char *end = strchr(at, '}');
    if (!end) {
        bb_problem_add(problems, &node->place, NULL,
                       "${ without its }; write $${ for the two characters themselves");
        return NULL;
    }
    g_autofree char *inside = g_strndup(at + 2, (gsize)(end - at - 2));
    if (g_str_has_prefix(inside, "file:"))
        expand_file(node, inside + 5, out, problems);
    else
        expand_variable(node, inside, out, problems);
    return end + 1;
}

static void expand_scalar(bb_node *node, GPtrArray *problems)
{
    g_autoptr(GString) out = g_string_new(NULL);
    const char *at = node->text;
    if (!strstr(at, "${"))
        return;
    while (at && *at) {
        if (g_str_has_prefix(at, "$${")) {
            g_string_append(out, "${");
            at += 3;
        } else if (g_str_has_prefix(at, "${")) {
            at = expand_reference(node, at, out, problems);
        } else {
            g_string_append_c(out, *at++);
        }
    }
    g_free(node->text);
    node->text = g_strdup(out->str);
    node->expanded = TRUE;
    /* A plain value has the type of what it became, but never turns into nothing. */
    if (node->plain)
        node->type = bb_scalar_resolve(node->text);
    if (node->type == BB_SCALAR_NULL)
        node->type = BB_SCALAR_TEXT;
}

void bb_expand(bb_node *root, GPtrArray *problems)
{
    if (root->kind == BB_NODE_SCALAR)
        expand_scalar(root, problems);
    for (guint i = 0; root->children && i < root->children->len; i++)
        bb_expand(g_ptr_array_index(root->children, i), problems);
}
