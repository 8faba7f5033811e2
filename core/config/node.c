/* The tree of a configuration text. */
#include "config/node.h"

#include <stdarg.h>
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

json_t *bb_node_json(const bb_node *node)
{
    if (node->kind == BB_NODE_SCALAR)
        return bb_scalar_json(node);
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

const char *bb_node_shown(const bb_node *node)
{
    return node->expanded || node->secret ? "(not shown)" : node->text;
}
