/* A parsed configuration text as a tree that remembers where everything stands. */
#ifndef BB_NODE_H
#define BB_NODE_H

#include <jansson.h>

#include "config/settings.h"

typedef enum { BB_NODE_SCALAR, BB_NODE_LIST, BB_NODE_MAP } bb_node_kind;
typedef enum {
    BB_SCALAR_NULL,
    BB_SCALAR_BOOLEAN,
    BB_SCALAR_INTEGER,
    BB_SCALAR_REAL,
    BB_SCALAR_TEXT
} bb_scalar_type;

typedef struct bb_node {
    bb_node_kind kind;
    bb_setting_place place;     /* of the value; `file` is interned */
    bb_setting_place key_place; /* of its key in a map; file NULL elsewhere */
    char *key;                  /* in a map */
    GPtrArray *children;        /* of a list or map: bb_node *, owned */
    /* of a scalar */
    char *text; /* as written, or as expanded */
    bb_scalar_type type;
    gboolean plain;    /* not quoted and without a tag: its type follows from its text */
    gboolean expanded; /* came out of ${...} */
    gboolean secret;   /* came out of ${file:...} */
} bb_node;

bb_node *bb_node_new(bb_node_kind kind, const bb_setting_place *place);
void bb_node_free(bb_node *node);
bb_node *bb_node_copy(const bb_node *node);
gsize bb_node_count(const bb_node *node); /* itself and everything below */

/* Member of a map; NULL when there is none or `node` is no map. */
bb_node *bb_node_get(const bb_node *node, const char *key);
/* Member by several keys, ending with NULL. */
bb_node *bb_node_find(const bb_node *node, ...) G_GNUC_NULL_TERMINATED;
/* Appends to a map under `key`, or to a list with key NULL; takes `child_new` over. */
void bb_node_add(bb_node *node, const char *key, bb_node *child_new);
/* The node a JSON pointer leads to; `ret_exact` FALSE when it is only the nearest one above. */
const bb_node *bb_node_at(const bb_node *root, const char *pointer, gboolean *ret_exact);
/* Same values, wherever they stand. */
gboolean bb_node_equal(const bb_node *a, const bb_node *b);

/* The type of a plain scalar under the YAML 1.2 core schema. */
bb_scalar_type bb_scalar_resolve(const char *text);

/* Text of a scalar for messages; what came out of ${...} is not shown. */
const char *bb_node_shown(const bb_node *node);
/* A scalar as JSON. */
json_t *bb_scalar_json(const bb_node *node);

/* As JSON. Real numbers that JSON cannot say are text. */
json_t *bb_node_json(const bb_node *node);

/* Appends a problem. `pointer` may be NULL. */
void bb_problem_add(GPtrArray *problems, const bb_setting_place *place, const char *pointer,
                    const char *format, ...) G_GNUC_PRINTF(4, 5);

/* Hands the problems of `found` on, sorted; of several at one place the first, which is the cause
 * of the others, is kept. */
void bb_problems_hand_over(GPtrArray *found, GPtrArray *problems);

/* "file:line:column", the caller frees. */
char *bb_place_text(const bb_setting_place *place);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(bb_node, bb_node_free)

#endif
