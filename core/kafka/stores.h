/* Asks the handlers that keep offsets with their data where they stand (busbar.places/1). */
#ifndef BB_STORES_H
#define BB_STORES_H

#include "pipeline/event_type.h"
#include "base/metrics.h"

/* One partition: what is asked, and what comes of the answers of all handlers. */
typedef struct bb_stored {
    gint32 partition;
    gint64 from;       /* where reading would begin */
    gint64 handled;    /* a record that was durable when the offset was committed; -1: not known */
    gint64 next;       /* from here on it has to be read; `from` unless all handlers have more */
    gint64 lacks;      /* the first record that a handler lacks though it had it; -1: none */
    const char *where; /* that handler; NULL: none */
} bb_stored;

/* TRUE when a handler of `type` can be asked. */
gboolean bb_stores_any(const bb_event_type *type);
/* Asks all (bb_stored). FALSE when one cannot be reached: `*ret_problem` says why (g_free), and
 * the answers of the others stand. Blocks. */
gboolean bb_stores_ask(const bb_event_type *type, bb_metrics *metrics, GArray *places,
                       char **ret_problem);

#endif
