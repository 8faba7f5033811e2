/* The tree of a configuration text. */
#include "config/node.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static void free_child(gpointer child)
{
    bb_node_free(child);
}

bb_node *bb_node_new(bb_node_kind kind, const bb_setting_place *place)
{
    bb_node *node = g_new0(bb_node, 1);
    node->kind = kind;
    node->place = *place;
    if (kind != BB_NODE_SCALAR)
        node->children = g_ptr_array_new_with_free_func(free_child);
    return node;
}

void bb_node_free(bb_node *node)
{
    if (!node)
        return;
    if (node->children)
        g_ptr_array_unref(node->children);
    g_free(node->key);
    g_free(node->text);
    g_free(node);
}

bb_node *bb_node_copy(const bb_node *node)
{
    bb_node *copy = g_new0(bb_node, 1);
    *copy = *node;
    copy->key = g_strdup(node->key);
    copy->text = g_strdup(node->text);
    if (!node->children)
        return copy;
    copy->children = g_ptr_array_new_with_free_func(free_child);
    for (guint i = 0; i < node->children->len; i++)
        g_ptr_array_add(copy->children, bb_node_copy(g_ptr_array_index(node->children, i)));
    return copy;
}

gsize bb_node_count(const bb_node *node)
{
    gsize count = 1;
    for (guint i = 0; node->children && i < node->children->len; i++)
        count += bb_node_count(g_ptr_array_index(node->children, i));
    return count;
}

bb_node *bb_node_get(const bb_node *node, const char *key)
{
    if (!node || node->kind != BB_NODE_MAP)
        return NULL;
    for (guint i = 0; i < node->children->len; i++) {
        bb_node *child = g_ptr_array_index(node->children, i);
        if (strcmp(child->key, key) == 0)
            return child;
    }
    return NULL;
}

bb_node *bb_node_find(const bb_node *node, ...)
{
    va_list keys;
    bb_node *found = NULL;
    va_start(keys, node);
    for (const char *key = va_arg(keys, const char *); key; key = va_arg(keys, const char *)) {
        found = bb_node_get(node, key);
        node = found;
    }
    va_end(keys);
    return found;
}

void bb_node_add(bb_node *node, const char *key, bb_node *child_new)
{
    g_free(child_new->key);
    child_new->key = g_strdup(key);
    g_ptr_array_add(node->children, child_new);
}

static gboolean equal_children(const bb_node *a, const bb_node *b)
{
    if (a->children->len != b->children->len)
        return FALSE;
    for (guint i = 0; i < a->children->len; i++) {
        const bb_node *child = g_ptr_array_index(a->children, i);
        const bb_node *other =
            a->kind == BB_NODE_MAP ? bb_node_get(b, child->key) : g_ptr_array_index(b->children, i);
        if (!other || !bb_node_equal(child, other))
            return FALSE;
    }
    return TRUE;
}

gboolean bb_node_equal(const bb_node *a, const bb_node *b)
{
    if (a->kind != b->kind)
        return FALSE;
    if (a->kind == BB_NODE_SCALAR)
        return a->type == b->type && strcmp(a->text, b->text) == 0;
    return equal_children(a, b);
}

static gboolean is_one_of(const char *text, const char *const *words)
{
    return g_strv_contains(words, text);
}

/* Digits of a base behind a prefix such as "0x". */
static gboolean is_based(const char *text, const char *prefix, const char *digits)
{
    return g_str_has_prefix(text, prefix) && text[2] &&
           strspn(text + 2, digits) == strlen(text + 2);
}

static gboolean is_decimal(const char *text)
{
    text += *text == '-' || *text == '+';
    return *text && strspn(text, "0123456789") == strlen(text);
}

/* [-+]? ( "." [0-9]+ | [0-9]+ ( "." [0-9]* )? ) ( [eE] [-+]? [0-9]+ )? */
static gboolean is_real(const char *text)
{
    text += *text == '-' || *text == '+';
    gsize whole = strspn(text, "0123456789"), fraction = 0;
    text += whole;
    if (*text == '.') {
        text++;
        fraction = strspn(text, "0123456789");
        text += fraction;
    }
    if (whole + fraction == 0)
        return FALSE;
    return *text == '\0' || ((*text == 'e' || *text == 'E') && is_decimal(text + 1));
}

bb_scalar_type bb_scalar_resolve(const char *text)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const booleans[] = {"true", "True", "TRUE", "false", "False", "FALSE", NULL};
    static const char *const specials[] = {".inf",  ".Inf",  ".INF",  "+.inf", "+.Inf",
                                           "+.INF", "-.inf", "-.Inf", "-.INF", ".nan",
                                           ".NaN",  ".NAN",  NULL};
    if (is_one_of(text, nulls))
        return BB_SCALAR_NULL;
    if (is_one_of(text, booleans))
        return BB_SCALAR_BOOLEAN;
    if (is_decimal(text) || is_based(text, "0o", "01234567") ||
        is_based(text, "0x", "0123456789abcdefABCDEF"))
        return BB_SCALAR_INTEGER;
    return is_real(text) || is_one_of(text, specials) ? BB_SCALAR_REAL : BB_SCALAR_TEXT;
}

static json_t *integer_json(const char *text)
{
    guint base = g_str_has_prefix(text, "0o") ? 8 : g_str_has_prefix(text, "0x") ? 16 : 10;
    errno = 0;
    gint64 value = g_ascii_strtoll(base == 10 ? text : text + 2, NULL, base);
    if (errno == ERANGE)
        return json_real(g_ascii_strtod(text, NULL));
    return json_integer(value);
}

static json_t *scalar_json(const bb_node *node)
{
    double value = 0;
    switch (node->type) {
    case BB_SCALAR_NULL:
        return json_null();
    case BB_SCALAR_BOOLEAN:
        return json_boolean(g_ascii_tolower(node->text[0]) == 't');
    case BB_SCALAR_INTEGER: {
        json_t *integer = integer_json(node->text);
        return integer ? integer : json_string_nocheck(node->text);
    }
    case BB_SCALAR_REAL:
        value = g_ascii_strtod(node->text, NULL);
        return isfinite(value) && !strpbrk(node->text, "nN") ? json_real(value)
                                                             : json_string_nocheck(node->text);
    case BB_SCALAR_TEXT:
        break;
    }
    return json_string_nocheck(node->text);
}

json_t *bb_node_json(const bb_node *node)
{
    if (node->kind == BB_NODE_SCALAR)
        return scalar_json(node);
    json_t *json = node->kind == BB_NODE_LIST ? json_array() : json_object();
    for (guint i = 0; i < node->children->len; i++) {
        const bb_node *child = g_ptr_array_index(node->children, i);
        if (node->kind == BB_NODE_LIST)
            json_array_append_new(json, bb_node_json(child));
        else
            json_object_set_new_nocheck(json, child->key, bb_node_json(child));
    }
    return json;
}

char *bb_place_text(const bb_setting_place *place)
{
    if (!place->file)
        return g_strdup("(default)");
    if (place->line == 0)
        return g_strdup(place->file);
    return g_strdup_printf("%s:%u:%u", place->file, place->line, place->column);
}

void bb_problem_add(GPtrArray *problems, const bb_setting_place *place, const char *pointer,
                    const char *format, ...)
{
    va_list arguments;
    bb_config_problem *problem = g_new0(bb_config_problem, 1);
    va_start(arguments, format);
    problem->place = *place;
    problem->pointer = g_strdup(pointer ? pointer : "");
    problem->message = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_ptr_array_add(problems, problem);
}
