/* The offset engine: per partition and assignment epoch, the contiguous frontier over final
 * verdicts.
 *
 * Pure: no Kafka, no threads, no clock. The frontier is the offset to commit: every record below it
 * that was read has a final verdict. Offsets may have gaps (compaction, transactions): what counts
 * is the order in which records were *read*. */
#ifndef BB_OFFSETS_H
#define BB_OFFSETS_H

#include <glib.h>

typedef struct bb_offsets bb_offsets; /* one partition, one epoch */

/* `epoch` tags completions; `start` is the position of the first fetch (-1: not known yet). */
bb_offsets *bb_offsets_new(gint64 epoch, gint64 start);
void bb_offsets_free(bb_offsets *offsets);
gint64 bb_offsets_epoch(const bb_offsets *offsets);

/* A record was read; offsets come in rising order. FALSE (and nothing changes) when it does not
 * rise. */
gboolean bb_offsets_read(bb_offsets *offsets, gint64 offset);

/* A record has its final verdict, in any order. FALSE when it was never read, is finished already,
 * or belongs to another epoch. */
gboolean bb_offsets_finish(bb_offsets *offsets, gint64 epoch, gint64 offset);

/* The offset to commit next: last finished record of the contiguous run, plus one. -1 while nothing
 * has finished. */
gint64 bb_offsets_frontier(const bb_offsets *offsets);

/* Appends what is finished beyond the frontier, as runs (bb_run) of records that were read one
 * after the other. */
void bb_offsets_runs(const bb_offsets *offsets, GArray *runs);
/* Records read and not below the frontier, finished or not. */
gsize bb_offsets_held(const bb_offsets *offsets);
/* Records finished so far. */
guint64 bb_offsets_finished(const bb_offsets *offsets);
/* While it is closed, bb_offsets_read answers FALSE: its caller has something to look at first. */
void bb_offsets_set_closed(bb_offsets *offsets, gboolean closed);

/* Records read and not finished, and the oldest of them (-1: none). */
gsize bb_offsets_in_flight(const bb_offsets *offsets);
gint64 bb_offsets_oldest(const bb_offsets *offsets);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(bb_offsets, bb_offsets_free)

#endif
