/* Which lane a record goes to.
 *
 * Keys are hashed to slots, and a slot keeps its lane while any of its records is in flight: so the
 * order of a key holds. One that is idle goes to the lane with the least to do: a lane that is held
 * up gets nothing new, and few keys do not meet in one lane by chance. Pure; one thread. */
#ifndef BB_SPREAD_H
#define BB_SPREAD_H

#include <glib.h>

typedef struct bb_spread bb_spread;

/* `lanes`: 1 to 256. */
bb_spread *bb_spread_new(guint lanes);
void bb_spread_free(bb_spread *spread);

/* The lane of one more record of the slot of `hash`, and the slot. */
guint bb_spread_take(bb_spread *spread, guint32 hash, guint16 *ret_slot);
/* The same without a key: `lane` as chosen by bb_spread_least. Not to be mixed with the above. */
guint16 bb_spread_take_lane(bb_spread *spread, guint lane);
/* A lane with the least to do. */
guint bb_spread_least(const bb_spread *spread);
/* A record of `slot` is not in flight any more. */
void bb_spread_give_back(bb_spread *spread, guint16 slot);
/* Records in flight of a lane. */
guint bb_spread_load(const bb_spread *spread, guint lane);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(bb_spread, bb_spread_free)

#endif
