/* The steps between the text of a file and the merged tree. */
#ifndef BB_LAYERS_H
#define BB_LAYERS_H

#include "config/node.h"

/* Expands ${VAR}, ${VAR:-default} and ${file:path} in all values of the tree, in place. */
void bb_expand(bb_node *root, GPtrArray *problems);

/* Gives the short forms their long form, in place: `customer: true` becomes `customer: {enabled:
 * true}`, a section without content becomes an empty one. */
void bb_normalise(bb_node *root);

/* Merges `extra` into `base`; takes `extra_new` over. The same leaf in both is a problem unless the
 * values are equal. */
void bb_merge(bb_node *base, bb_node *extra_new, GPtrArray *problems);

/* Sets one "key.path=value" of the command line, replacing what is there. */
void bb_override(bb_node *root, const char *override, GPtrArray *problems);

/* Absolute form of `path`, relative to the folder of `file`; the caller frees. */
char *bb_path_beside(const char *file, const char *path);

#endif
