/* What the kinds of stores of the demo have in common. */
#ifndef BB_DEMO_STORE_KIND_H
#define BB_DEMO_STORE_KIND_H

#include "app/demo_process.h"
#include "app/demo_store.h"

typedef struct bb_demo_store_kind {
    const char *name;
    const char *folder;  /* form of its temporary folder's name, for mkdtemp */
    const char *consume; /* how to consume into it, under `defaults:`; NULL: as usual */
    gboolean has_tables; /* that `busbar storage apply` makes */
    gsize size;          /* of its own part; begins with bb_demo_store */
    /* Before the folder is there: are the programs? */
    gboolean (*find)(bb_demo_store *store, GError **error);
    /* In the folder; sets `handler`. */
    gboolean (*start)(bb_demo_store *store, GError **error);
    gboolean (*show)(const bb_demo_store *store, GError **error);
    /* Stops what was started, in part or in whole, and frees what is its own. */
    void (*stop)(bb_demo_store *store);
} bb_demo_store_kind;

struct bb_demo_store {
    const bb_demo_store_kind *kind;
    char *folder; /* mode 0700 */
    char *handler;
};

extern const bb_demo_store_kind bb_demo_postgresql, bb_demo_clickhouse, bb_demo_s3;

#endif
