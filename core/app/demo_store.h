/* The store that `busbar demo --with` starts for itself, and throws away at the end. */
#ifndef BB_DEMO_STORE_H
#define BB_DEMO_STORE_H

#include <glib.h>

typedef struct bb_demo_store bb_demo_store;

/* Starts a store of this kind in a temporary folder. NULL with an error that says how to get what
 * is missing. */
bb_demo_store *bb_demo_store_start(const char *kind, GError **error);
/* Stops it and removes everything; NULL is fine. */
void bb_demo_store_free(bb_demo_store *store);

/* Its entry under `handlers:`, one line; named `store`. Lives as long as the store. */
const char *bb_demo_store_handler(const bb_demo_store *store);
/* What `consume:` says under `defaults:`, one line; NULL: nothing. */
const char *bb_demo_store_consume(const bb_demo_store *store);
/* Makes the tables of the configuration at `path`, by `busbar storage apply`. */
gboolean bb_demo_store_make_tables(const bb_demo_store *store, const char *path, GError **error);
/* Prints what is in it, by the store's own client. */
gboolean bb_demo_store_show(const bb_demo_store *store, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(bb_demo_store, bb_demo_store_free)

#endif
