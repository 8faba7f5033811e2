/* YAML text to a tree of nodes. */
#ifndef BB_YAML_H
#define BB_YAML_H

#include "config/node.h"

/* Parses `text`, one YAML 1.2 document. `file` names it in places (interned by the caller or
 * static). Problems are appended; NULL when nothing usable came out. An empty text is an empty map.
 */
bb_node *bb_yaml_parse(const char *file, const char *text, gsize size, GPtrArray *problems);

enum {
    BB_YAML_MAX_BYTES = 4 * 1024 * 1024,
    BB_YAML_MAX_DEPTH = 64,
    BB_YAML_MAX_NODES = 100000 /* aliases counted as often as they are used */
};

#endif
