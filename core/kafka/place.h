/* Where reading a partition begins: pure.
 *
 * `offset_reset` holds for the first start of a group only. Afterwards an offset that is not in the
 * partition is never passed over in silence: `on_out_of_range` says what happens. */
#ifndef BB_PLACE_H
#define BB_PLACE_H

#include <glib.h>

typedef enum {
    BB_PLACE_COMMITTED, /* at the committed offset */
    BB_PLACE_FIRST,     /* the group has committed nothing in this topic: its first start */
    BB_PLACE_ADDED,     /* it has, but not for this partition: the partition came later */
    BB_PLACE_BEHIND,    /* what was committed has been deleted: retention was faster */
    BB_PLACE_BEYOND,    /* the end lies before it: the topic was made anew, or its log was cut */
    BB_PLACE_GONE       /* what was read is gone, and committed offsets with it: Kafka deletes them
                           with their topic */
} bb_place_cause;

typedef struct bb_place_facts {
    gint64 committed; /* -1: none */
    gint64 low, high; /* the partition has low <= offset < high */
    gboolean first;   /* the group has no committed offset in the whole topic */
    gboolean cut;     /* Kafka says that the log was cut below what was committed */
    gboolean gone;    /* the offset that was to be read next was not there any more */
} bb_place_facts;

typedef struct bb_place {
    bb_place_cause cause;
    gboolean stop;
    gint64 offset;           /* unless `stop` */
    gint64 lost, lost_until; /* BEHIND: what is gone, or skipped with `latest`; else equal */
} bb_place;

/* `reset`: earliest, latest or error; `out_of_range`: stop, earliest or latest. */
bb_place bb_place_choose(const bb_place_facts *facts, const char *reset, const char *out_of_range);

/* What happened and, with `stop`, how to go on; one sentence without the names. NULL for COMMITTED.
 * g_free. */
char *bb_place_explain(const bb_place_facts *facts, const bb_place *place);

#endif
