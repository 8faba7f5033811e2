/* Keys that have records in deeper retry topics: what comes later of them must not overtake those.
 *
 * Seen from one level (0: the topic, n: the n-th retry topic). A key is told by its partition in
 * the topic and a hash of its bytes; two that share both are kept in order as if they were one. It
 * is blocked from the moment one of its records is sent to the next level until that record and
 * all that follow it are final, through all levels: first everything up to the last one sent, then
 * what had come to the end of the next level by then, and so on, as a record is confirmed there
 * before it is committed here. Pure: no threads, no clock; what it knows of Kafka it is told. */
#ifndef BB_BLOCKED_H
#define BB_BLOCKED_H

#include <busbar/plugin.h>
#include <glib.h>

#include "config/settings.h"

typedef struct bb_blocked bb_blocked;

typedef struct bb_blocked_key {
    gint32 partition; /* in the topic where the record was first */
    guint64 hash;
} bb_blocked_key;

/* What becomes of a record whose turn it would be. */
typedef enum {
    BB_TURN_GO,     /* nothing of its key is deeper */
    BB_TURN_FOLLOW, /* it goes to the next level, behind the others */
    BB_TURN_WAIT    /* only followers are left there: they are soon done */
} bb_turn;

/* A partition of a retry topic. */
typedef struct bb_tier_state {
    gint64 done; /* all before it is final there */
    gint64 end;
} bb_tier_state;

/* `levels`: retry topics in all. */
bb_blocked *bb_blocked_new(bb_order order, guint level, guint levels);
void bb_blocked_free(bb_blocked *blocked);
guint bb_blocked_count(const bb_blocked *blocked);

bb_blocked_key bb_blocked_name(const bb_blocked *blocked, gint32 partition, busbar_bytes key);
bb_turn bb_blocked_turn(const bb_blocked *blocked, bb_blocked_key key);
/* Where the last one of the key is in the next level; -1: not known, or not there. */
gint32 bb_blocked_partition(const bb_blocked *blocked, bb_blocked_key key);

/* `letter` goes to the next level. Returns the one that it has to wait for, as it is not confirmed
 * yet; NULL: it may go at once. */
gpointer bb_blocked_send(bb_blocked *blocked, bb_blocked_key key, gpointer letter);
/* `letter` is confirmed. `partition` -1: it went elsewhere, and is final. `offset` -1: not known.
 * `follows`: it did not fail itself. */
void bb_blocked_confirm(bb_blocked *blocked, bb_blocked_key key, gconstpointer letter,
                        gint32 partition, gint64 offset, gboolean follows);
/* A record was found in retry topic `tier` (from 1), beyond what is final there. */
void bb_blocked_find(bb_blocked *blocked, bb_blocked_key key, guint tier, gint32 partition,
                     gint64 offset, gboolean follows);

/* Call it before the states are asked for: what changes from now on is not judged by them. */
guint64 bb_blocked_mark(bb_blocked *blocked);
/* Lets go of the keys of which nothing is left. `tiers`: a GArray of bb_tier_state for each retry
 * topic that is deeper, the next first, asked for in this order. */
void bb_blocked_pass(bb_blocked *blocked, guint64 mark, const GPtrArray *tiers);

#endif
