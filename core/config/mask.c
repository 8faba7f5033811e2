/* The tree as JSON for people: secrets masked. */
#include <string.h>

#include "config/build.h"
#include "config/properties.h"

static const char mask[] = "********";

/* "scheme://user:password@host" with the password masked; NULL when it has none. */
static char *mask_url(const char *text)
{
    const char *scheme = strstr(text, "://");
    const char *at = scheme ? strchr(scheme + 3, '@') : NULL;
    const char *colon = scheme ? strchr(scheme + 3, ':') : NULL;
    if (!at || !colon || colon > at)
        return NULL;
    at = strrchr(colon, '@');
    return g_strdup_printf("%.*s%s%s", (int)(colon + 1 - text), text, mask, at);
}

static json_t *mask_scalar(const bb_node *node, gboolean secret)
{
    if (secret || node->secret)
        return json_string(mask);
    g_autofree char *url = mask_url(node->text);
    return url ? json_string_nocheck(url) : bb_node_json(node);
}

static json_t *mask_node(const bb_node *node, gboolean secret)
{
    if (node->kind == BB_NODE_SCALAR)
        return mask_scalar(node, secret);
    json_t *json = node->kind == BB_NODE_LIST ? json_array() : json_object();
    for (guint i = 0; i < node->children->len; i++) {
        const bb_node *child = g_ptr_array_index(node->children, i);
        gboolean hidden = secret || (child->key && bb_property_secret(child->key));
        if (node->kind == BB_NODE_LIST)
            json_array_append_new(json, mask_node(child, hidden));
        else
            json_object_set_new_nocheck(json, child->key, mask_node(child, hidden));
    }
    return json;
}

json_t *bb_masked_json(const bb_node *root)
{
    return mask_node(root, FALSE);
}
