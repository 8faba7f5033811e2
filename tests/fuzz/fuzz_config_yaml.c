/* YAML from any bytes to a tree: parsed, expanded, merged with itself and written as JSON; merging
 * a tree with its copy changes nothing. */
#include <stdint.h>
#include <stdlib.h>

#include "config/build.h"
#include "config/layers.h"
#include "config/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GPtrArray) problems = g_ptr_array_new_with_free_func(bb_config_problem_free);
    g_autoptr(bb_node) root = bb_yaml_parse("fuzz", (const char *)data, size, problems);
    if (!root) {
        if (problems->len == 0)
            abort();
        return 0;
    }
    bb_expand(root, problems);
    bb_normalise(root);
    guint before = problems->len;
    json_auto_t *first = bb_node_json(root);
    bb_merge(root, bb_node_copy(root), problems);
    json_auto_t *second = bb_node_json(root);
    if (problems->len != before || !json_equal(first, second))
        abort();
    json_decref(bb_masked_json(root));
    return 0;
}
