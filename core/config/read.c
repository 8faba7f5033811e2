/* Readers of single values. */
#include <string.h>

#include "base/text.h"
#include "config/build.h"
#include "config/layers.h"

static const bb_node *get_scalar(const bb_node *map, const char *key, bb_scalar_type type)
{
    const bb_node *node = bb_node_get(map, key);
    return node && node->kind == BB_NODE_SCALAR && node->type == type ? node : NULL;
}

void bb_read_text(const bb_node *map, const char *key, char **ret)
{
    const bb_node *node = get_scalar(map, key, BB_SCALAR_TEXT);
    if (!node)
        return;
    g_free(*ret);
    *ret = g_strdup(node->text);
}

void bb_read_path(const bb_node *map, const char *key, char **ret)
{
    const bb_node *node = get_scalar(map, key, BB_SCALAR_TEXT);
    if (!node)
        return;
    g_free(*ret);
    *ret = bb_path_beside(node->place.file, node->text);
}

void bb_read_flag(const bb_node *map, const char *key, gboolean *ret)
{
    const bb_node *node = get_scalar(map, key, BB_SCALAR_BOOLEAN);
    if (node)
        *ret = g_ascii_tolower(node->text[0]) == 't';
}

void bb_read_count(const bb_node *map, const char *key, guint *ret)
{
    const bb_node *node = get_scalar(map, key, BB_SCALAR_INTEGER);
    json_auto_t *value = node ? bb_node_json(node) : NULL; /* also of 0x10 and 0o20 */
    if (json_is_integer(value) && json_integer_value(value) >= 0 &&
        json_integer_value(value) <= G_MAXUINT)
        *ret = (guint)json_integer_value(value);
}

/* A text or a whole number; NULL when the value is another thing. */
static const bb_node *get_measure(const bb_node *map, const char *key)
{
    const bb_node *node = get_scalar(map, key, BB_SCALAR_TEXT);
    return node ? node : get_scalar(map, key, BB_SCALAR_INTEGER);
}

void bb_read_size(const bb_node *map, const char *key, guint64 *ret, GPtrArray *problems)
{
    const bb_node *node = get_measure(map, key);
    if (node && !bb_text_parse_size(node->text, ret))
        bb_problem_add(problems, &node->place, NULL,
                       "`%s` is `%s`; expected a size such as 32MiB, 500KiB or a number of bytes",
                       key, bb_node_shown(node));
}

void bb_read_duration(const bb_node *map, const char *key, gint64 *ret_ms, GPtrArray *problems)
{
    const bb_node *node = get_measure(map, key);
    if (node && !bb_text_parse_duration_ms(node->text, ret_ms))
        bb_problem_add(problems, &node->place, NULL,
                       "`%s` is `%s`; expected a duration such as 500ms, 2s or 1m30s (a bare "
                       "number is milliseconds)",
                       key, bb_node_shown(node));
}

void bb_read_choice(const bb_node *map, const char *key, const char *const *names, int *ret)
{
    const bb_node *node = get_scalar(map, key, BB_SCALAR_TEXT);
    for (int i = 0; node && names[i]; i++) {
        if (strcmp(names[i], node->text) == 0)
            *ret = i;
    }
}
