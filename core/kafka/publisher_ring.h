/* Outcomes that wait for their turn: a bounded ring in the order of publishing. */
#ifndef BB_PUBLISHER_RING_H
#define BB_PUBLISHER_RING_H

#include "kafka/publisher.h"

typedef struct bb_ring bb_ring;

/* `capacity` is rounded up to a power of two. */
bb_ring *bb_ring_new(gsize capacity);
void bb_ring_free(bb_ring *ring);

gboolean bb_ring_full(const bb_ring *ring);
gsize bb_ring_count(const bb_ring *ring);

/* Takes a place at the end; there must be room. Returns its number, which stays valid until its
 * outcome is popped. */
gsize bb_ring_add(bb_ring *ring, const bb_event_type *type, void *opaque);
const bb_event_type *bb_ring_type(const bb_ring *ring, gsize place);

void bb_ring_deliver(bb_ring *ring, gsize place, gint32 partition, gint64 offset);
/* REJECTED or FAILED; the texts are copied. */
void bb_ring_refuse(bb_ring *ring, gsize place, bb_outcome_status status, gboolean retriable,
                    const char *pointer, const char *keyword, const char *message);
/* Gives every place without an outcome the outcome FAILED, retriable. */
void bb_ring_fail_open(bb_ring *ring, const char *message);

/* Takes the oldest place off when its outcome is known. Its texts live until the next pop. */
gboolean bb_ring_pop(bb_ring *ring, bb_outcome *ret_outcome);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(bb_ring, bb_ring_free)

#endif
