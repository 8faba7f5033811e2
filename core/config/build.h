/* From the merged tree to settings. */
#ifndef BB_BUILD_H
#define BB_BUILD_H

#include "config/node.h"

/* Fills `settings` from the tree. Values of a wrong type are left at their defaults (the schema
 * check names them); what no schema can say is checked here and appended to `problems`. */
void bb_build(bb_settings *settings, const bb_node *root, GPtrArray *problems);

/* The domains: part of bb_build. */
void bb_build_domains(bb_settings *settings, const bb_node *root, GPtrArray *problems);

/* The kafka section: part of bb_build. */
void bb_build_kafka(bb_settings *settings, const bb_node *kafka, GPtrArray *problems);

/* Readers of one value: where `map` has `key` with a value of the right kind, `*ret` is replaced.
 */
void bb_read_text(const bb_node *map, const char *key, char **ret);
void bb_read_flag(const bb_node *map, const char *key, gboolean *ret);
void bb_read_count(const bb_node *map, const char *key, guint *ret);
void bb_read_size(const bb_node *map, const char *key, guint64 *ret, GPtrArray *problems);
void bb_read_duration(const bb_node *map, const char *key, gint64 *ret_ms, GPtrArray *problems);
/* A path, made absolute from the folder of the file it stands in. */
void bb_read_path(const bb_node *map, const char *key, char **ret);
/* A name out of `names` (ends with NULL): its index. */
void bb_read_choice(const bb_node *map, const char *key, const char *const *names, int *ret);

/* The tree as JSON with every secret masked. */
json_t *bb_masked_json(const bb_node *root);
/* Problems of the tree against the published schema. Values out of ${...} take the kind that the
 * schema asks for. */
void bb_check_schema(bb_node *root, GPtrArray *problems);

#endif
