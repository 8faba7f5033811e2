/* JSON pointers into the tree. */
#include <string.h>

#include "config/node.h"

/* One step of a pointer: its text up to the next slash, unescaped. */
static char *take_step(const char **pointer)
{
    gsize size = strcspn(*pointer, "/");
    GString *step = g_string_new_len(*pointer, (gssize)size);
    g_string_replace(step, "~1", "/", 0);
    g_string_replace(step, "~0", "~", 0);
    *pointer += size;
    return g_string_free(step, FALSE);
}

static const bb_node *enter(const bb_node *node, const char *step)
{
    guint64 index = 0;
    if (node->kind == BB_NODE_MAP)
        return bb_node_get(node, step);
    if (node->kind != BB_NODE_LIST ||
        !g_ascii_string_to_unsigned(step, 10, 0, G_MAXUINT - 1, &index, NULL))
        return NULL;
    return index < node->children->len ? g_ptr_array_index(node->children, index) : NULL;
}

const bb_node *bb_node_at(const bb_node *root, const char *pointer, gboolean *ret_exact)
{
    *ret_exact = TRUE;
    while (*pointer == '/') {
        pointer++;
        g_autofree char *step = take_step(&pointer);
        const bb_node *next = enter(root, step);
        if (!next) {
            *ret_exact = FALSE;
            break;
        }
        root = next;
    }
    return root;
}
