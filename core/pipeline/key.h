/* Record keys: a template such as "{table_name}_{metric_date}", compiled against a contract, and
 * the key's form on the wire. */
#ifndef BB_KEY_H
#define BB_KEY_H

#include "contract/contract.h"

typedef struct bb_key bb_key;

/* Compiles `text`: member names in braces, anything else stands as it is. BB_ERROR_USAGE when a
 * brace has no partner or a name is not a root member that the contract declares. */
bb_key *bb_key_new(const char *text, const bb_contract *contract, GError **error);
void bb_key_free(bb_key *key);

/* The key's text: decoded strings, JSON text of anything else. `data` is NULL when a member is
 * absent or null, and when the text is empty. @owns the event */
busbar_bytes bb_key_text(const bb_key *key, const busbar_event *event, bb_arena *arena);

/* `text` as a JSON string in ASCII: what is not printable is \uXXXX in lower case, so that the
 * bytes equal those of producers written with Python's json and hash to the same partition. */
busbar_bytes bb_key_json(busbar_bytes text, bb_arena *arena);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(bb_key, bb_key_free)

#endif
