/* A window over the keys of the records that were read lately: one that comes again is a duplicate.
 *
 * Bounded in memory; a record that is read again (same partition and offset) is no duplicate, and
 * one that became a dead letter is forgotten, so that it may come back. Times are those of the
 * records, so reading them again gives the same answers. All functions: [any thread]. */
#ifndef BB_DEDUP_H
#define BB_DEDUP_H

#include <busbar/plugin.h>
#include <glib.h>

typedef struct bb_dedup bb_dedup;

typedef struct bb_dedup_place {
    gint32 partition;
    gint64 offset;
    gint64 time_ms;
} bb_dedup_place;

/* Of the memory that `records` take. */
guint64 bb_dedup_bytes(guint64 records);

/* `pointer`: JSON pointer of the member that tells events apart. The last `records` are remembered
 * (0: as many as fit), as long as their times lie within `window_ms` (0: without a bound), in at
 * most `max_bytes`. */
bb_dedup *bb_dedup_new(const char *pointer, guint records, gint64 window_ms, guint64 max_bytes);
void bb_dedup_free(bb_dedup *dedup);

/* TRUE when `key` was seen at another place; else it is remembered. */
gboolean bb_dedup_check(bb_dedup *dedup, busbar_bytes key, bb_dedup_place place);
/* Forgets `key` if it was seen at `place`. */
void bb_dedup_forget(bb_dedup *dedup, busbar_bytes key, bb_dedup_place place);
/* Keys that are remembered. */
guint bb_dedup_count(bb_dedup *dedup);

/* The same for an event with its origin; without the member, or with null there, it is never a
 * duplicate. */
gboolean bb_dedup_check_event(bb_dedup *dedup, const busbar_event *event,
                              const busbar_origin *origin);
void bb_dedup_forget_event(bb_dedup *dedup, const busbar_event *event, const busbar_origin *origin);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(bb_dedup, bb_dedup_free)

#endif
