/* The live table of the demo: one row per event type, redrawn in place on a terminal. */
#ifndef BB_DEMO_TABLE_H
#define BB_DEMO_TABLE_H

#include <glib.h>

#include "app/generate.h"
#include "kafka/runner.h"

/* What the demo did with one event type. */
typedef struct bb_demo_row {
    const bb_event_type *type;
    bb_generator *generator;
    guint64 generated; /* handed to the publisher */
    guint64 published; /* confirmed by the broker */
    guint64 rejected;  /* refused while publishing */
    guint64 bypassed;  /* sent to the topic past the contract, as a foreign producer might */
    bb_run_counts run;
} bb_demo_row;

typedef struct bb_demo_table bb_demo_table;

bb_demo_table *bb_demo_table_new(void);
/* Redraws in place on a terminal; elsewhere prints nothing unless `final`. */
void bb_demo_table_draw(bb_demo_table *table, const bb_demo_row *rows, guint count, gboolean final);
void bb_demo_table_free(bb_demo_table *table);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(bb_demo_table, bb_demo_table_free)

#endif
