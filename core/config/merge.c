/* Files, drop-ins and overrides to one tree. */
#include <string.h>

#include "config/layers.h"
#include "config/yaml.h"

static gboolean is_null(const bb_node *node)
{
    return node->kind == BB_NODE_SCALAR && node->type == BB_SCALAR_NULL;
}

/* Turns a scalar into a map with the place and key it has. */
static void become_map(bb_node *node)
{
    node->kind = BB_NODE_MAP;
    g_clear_pointer(&node->text, g_free);
    node->children = g_ptr_array_new_with_free_func((GDestroyNotify)bb_node_free);
}

/* `true` and `false` as {enabled: ...}; nothing as {}. */
static void lengthen(bb_node *node)
{
    if (is_null(node)) {
        become_map(node);
        return;
    }
    if (node->kind != BB_NODE_SCALAR || node->type != BB_SCALAR_BOOLEAN)
        return;
    bb_node *enabled = bb_node_copy(node);
    become_map(node);
    bb_node_add(node, "enabled", enabled);
}

/* Empty sections of a domain, an event or the defaults. */
static void fill_sections(bb_node *node)
{
    static const char *const sections[] = {"publish", "consume", "events"};
    for (guint i = 0; i < G_N_ELEMENTS(sections); i++) {
        bb_node *section = bb_node_get(node, sections[i]);
        if (section && is_null(section))
            become_map(section);
    }
}

static void normalise_domain(bb_node *domain)
{
    lengthen(domain);
    fill_sections(domain);
    bb_node *events = bb_node_get(domain, "events");
    for (guint i = 0; events && events->kind == BB_NODE_MAP && i < events->children->len; i++) {
        bb_node *event = g_ptr_array_index(events->children, i);
        lengthen(event);
        fill_sections(event);
    }
}

void bb_normalise(bb_node *root)
{
    if (root->kind != BB_NODE_MAP)
        return;
    for (guint i = 0; i < root->children->len; i++) {
        bb_node *section = g_ptr_array_index(root->children, i);
        if (is_null(section) && strcmp(section->key, "drain") != 0)
            become_map(section);
    }
    bb_node *defaults = bb_node_get(root, "defaults");
    if (defaults)
        fill_sections(defaults);
    bb_node *admin = bb_node_get(root, "admin");
    if (admin)
        lengthen(admin);
    bb_node *domains = bb_node_get(root, "domains");
    for (guint i = 0; domains && domains->kind == BB_NODE_MAP && i < domains->children->len; i++)
        normalise_domain(g_ptr_array_index(domains->children, i));
}

/* Puts one member of another file into `base`; takes `child_new` over. */
static void merge_member(bb_node *base, bb_node *child_new, GPtrArray *problems)
{
    bb_node *there = bb_node_get(base, child_new->key);
    if (!there) {
        g_ptr_array_add(base->children, child_new);
        return;
    }
    if (there->kind == BB_NODE_MAP && child_new->kind == BB_NODE_MAP) {
        bb_merge(there, child_new, problems);
        return;
    }
    if (!bb_node_equal(there, child_new)) {
        g_autofree char *place = bb_place_text(&there->key_place);
        bb_problem_add(problems, &child_new->key_place, NULL,
                       "`%s` has another value at %s; say it in one file only", child_new->key,
                       place);
    }
    bb_node_free(child_new);
}

void bb_merge(bb_node *base, bb_node *extra_new, GPtrArray *problems)
{
    g_autoptr(bb_node) extra = extra_new;
    gsize count = 0;
    if (base->kind != BB_NODE_MAP || extra->kind != BB_NODE_MAP)
        return;
    g_autofree gpointer *children = g_ptr_array_steal(extra->children, &count);
    for (gsize i = 0; i < count; i++)
        merge_member(base, children[i], problems);
}

/* The value of an override: a YAML scalar or list, else the text as it is. */
static bb_node *parse_value(const char *text, const bb_setting_place *place)
{
    g_autoptr(GPtrArray) ignored = g_ptr_array_new_with_free_func(bb_config_problem_free);
    bb_node *node = bb_yaml_parse(place->file, text, strlen(text), ignored);
    if (node && node->kind != BB_NODE_MAP && ignored->len == 0) {
        node->place = *place;
        return node;
    }
    bb_node_free(node);
    node = bb_node_new(BB_NODE_SCALAR, place);
    node->text = g_strdup(text);
    node->type = BB_SCALAR_TEXT;
    return node;
}

/* "kafka.a.b.c" is the property a.b.c; everywhere else a dot goes one level down. */
static char **split_path(const char *path)
{
    if (g_str_has_prefix(path, "kafka."))
        return g_strsplit(path, ".", 2);
    return g_strsplit(path, ".", -1);
}

static gboolean has_empty(char **keys)
{
    for (; *keys; keys++) {
        if (!**keys)
            return TRUE;
    }
    return FALSE;
}

static void remove_member(bb_node *node, const char *key)
{
    bb_node *there = bb_node_get(node, key);
    if (there)
        g_ptr_array_remove(node->children, there);
}

static bb_node *enter_map(bb_node *node, const char *key, const bb_setting_place *place)
{
    bb_node *child = bb_node_get(node, key);
    if (child && child->kind == BB_NODE_MAP)
        return child;
    remove_member(node, key);
    child = bb_node_new(BB_NODE_MAP, place);
    child->key_place = *place;
    bb_node_add(node, key, child);
    return child;
}

void bb_override(bb_node *root, const char *override, GPtrArray *problems)
{
    const char *equals = strchr(override, '=');
    g_autofree char *path = equals ? g_strndup(override, (gsize)(equals - override)) : NULL;
    g_autofree char *source = g_strdup_printf("--set %s", path ? path : override);
    bb_setting_place place = {g_intern_string(source), 0, 0};
    g_auto(GStrv) keys = path ? split_path(path) : NULL;
    if (!keys || !keys[0] || has_empty(keys) || !g_utf8_validate(override, -1, NULL)) {
        bb_problem_add(problems, &place, NULL,
                       "takes the form key.path=value, as kafka.bootstrap.servers=localhost:9092");
        return;
    }
    char **key = keys;
    for (; key[1]; key++)
        root = enter_map(root, *key, &place);
    remove_member(root, *key);
    bb_node *value = parse_value(equals + 1, &place);
    value->key_place = place;
    bb_expand(value, problems);
    bb_node_add(root, *key, value);
}
