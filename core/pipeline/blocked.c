/* The table of keys that have records in deeper retry topics. */
#include "pipeline/blocked.h"

/* A key of which only followers are left waits for them, for some rounds out of so many: when they
 * are not done by then, because other records hold them up, it follows them again for the others.
 */
#define WAIT_ROUNDS 8u
#define ALL_ROUNDS 32u

typedef struct entry {
    bb_blocked_key key;
    guint pending;    /* letters that are not confirmed */
    gpointer last;    /* of those */
    guint tier;       /* what is waited for: retry topic, from 1; 0: nothing is confirmed yet */
    gint32 partition; /* there */
    gint64 goal;      /* all before this is to be final; G_MAXINT64: up to the end */
    gint64 failed;    /* in the next level: behind the last that has failed itself */
    guint64 changed;  /* the mark at that time */
    guint rounds;     /* in which nothing but followers was left; 0: others are */
} entry;

struct bb_blocked {
    bb_order order;
    guint level, levels;
    guint64 mark;
    GHashTable *entries; /* entry -> itself */
};

static guint hash_entry(gconstpointer data)
{
    const bb_blocked_key *key = data;
    return (guint)key->hash ^ (guint)(key->hash >> 32);
}

static gboolean same_entry(gconstpointer a, gconstpointer b)
{
    const bb_blocked_key *one = a, *other = b;
    return one->partition == other->partition && one->hash == other->hash;
}

bb_blocked *bb_blocked_new(bb_order order, guint level, guint levels)
{
    bb_blocked *blocked = g_new0(bb_blocked, 1);
    blocked->order = order;
    blocked->level = level;
    blocked->levels = levels;
    blocked->entries = g_hash_table_new_full(hash_entry, same_entry, NULL, g_free);
    return blocked;
}

void bb_blocked_free(bb_blocked *blocked)
{
    if (!blocked)
        return;
    g_hash_table_unref(blocked->entries);
    g_free(blocked);
}

guint bb_blocked_count(const bb_blocked *blocked)
{
    return g_hash_table_size(blocked->entries);
}

/* Records with a null key share one per partition, as everywhere. */
bb_blocked_key bb_blocked_name(const bb_blocked *blocked, gint32 partition, busbar_bytes key)
{
    guint64 hash = 14695981039346656037u; /* FNV-1a */
    if (blocked->order == BB_ORDER_PARTITION || !key.data)
        return (bb_blocked_key){partition, 0};
    for (gsize i = 0; i < key.size; i++)
        hash = (hash ^ (guchar)key.data[i]) * 1099511628211u;
    return (bb_blocked_key){partition, hash ^ ((guint64)(guint32)partition * 2654435761u)};
}

static entry *find(const bb_blocked *blocked, bb_blocked_key key)
{
    return g_hash_table_lookup(blocked->entries, &key);
}

static entry *find_or_add(bb_blocked *blocked, bb_blocked_key key)
{
    entry *found = find(blocked, key);
    if (found)
        return found;
    found = g_new0(entry, 1);
    found->key = key;
    found->partition = -1;
    (void)g_hash_table_add(blocked->entries, found); /* it was not there */
    return found;
}

bb_turn bb_blocked_turn(const bb_blocked *blocked, bb_blocked_key key)
{
    const entry *found = find(blocked, key);
    if (!found)
        return BB_TURN_GO;
    gboolean waits = found->rounds && found->rounds % ALL_ROUNDS <= WAIT_ROUNDS;
    return waits ? BB_TURN_WAIT : BB_TURN_FOLLOW;
}

gint32 bb_blocked_partition(const bb_blocked *blocked, bb_blocked_key key)
{
    const entry *found = find(blocked, key);
    return found && found->tier == blocked->level + 1 ? found->partition : -1;
}

gpointer bb_blocked_send(bb_blocked *blocked, bb_blocked_key key, gpointer letter)
{
    entry *found = find_or_add(blocked, key);
    gpointer before = found->last;
    found->pending++;
    found->last = letter;
    return before;
}

void bb_blocked_confirm(bb_blocked *blocked, bb_blocked_key key, gconstpointer letter,
                        gint32 partition, gint64 offset, gboolean follows)
{
    entry *found = find(blocked, key);
    if (!found)
        return;
    found->pending -= found->pending ? 1 : 0;
    if (found->last == letter)
        found->last = NULL;
    if (partition >= 0) {
        found->tier = blocked->level + 1;
        found->partition = partition;
        found->goal = offset >= 0 ? offset + 1 : G_MAXINT64;
        found->changed = blocked->mark;
        if (!follows) {
            found->failed = found->goal;
            found->rounds = 0;
        }
    } else if (!found->pending && !found->tier) {
        (void)g_hash_table_remove(blocked->entries, &key);
    }
}

void bb_blocked_find(bb_blocked *blocked, bb_blocked_key key, guint tier, gint32 partition,
                     gint64 offset, gboolean follows)
{
    entry *found = find_or_add(blocked, key);
    if (found->tier && found->tier < tier)
        return; /* the way leads there */
    gboolean same = found->tier == tier && found->partition == partition;
    found->goal = same ? MAX(found->goal, offset + 1) : offset + 1;
    found->tier = tier;
    found->partition = partition;
    found->changed = blocked->mark;
    if (!follows && tier == blocked->level + 1) {
        found->failed = MAX(found->failed, offset + 1);
        found->rounds = 0;
    }
}

guint64 bb_blocked_mark(bb_blocked *blocked)
{
    return ++blocked->mark;
}

/* What is before the first record that is still there counts as final; so does what was lost with
 * its topic. */
static gboolean is_reached(entry *found, const GArray *states)
{
    if ((guint)found->partition >= states->len)
        return TRUE;
    const bb_tier_state *state = &g_array_index(states, bb_tier_state, found->partition);
    found->goal = MIN(found->goal, state->end);
    return state->done >= found->goal;
}

/* Only followers are left, all of them in the next level. */
static void count_round(const bb_blocked *blocked, entry *found, const GPtrArray *tiers)
{
    const GArray *next = g_ptr_array_index(tiers, 0);
    gboolean here = found->tier == blocked->level + 1 && (guint)found->partition < next->len;
    if (here && g_array_index(next, bb_tier_state, found->partition).done >= found->failed)
        found->rounds++;
    else
        found->rounds = 0;
}

static gboolean is_free(const bb_blocked *blocked, entry *found, const GPtrArray *tiers)
{
    for (;;) {
        const GArray *states = g_ptr_array_index(tiers, found->tier - blocked->level - 1);
        if (!is_reached(found, states))
            return FALSE;
        if (found->tier == blocked->levels)
            return TRUE;
        const GArray *deeper = g_ptr_array_index(tiers, found->tier - blocked->level);
        if (!deeper->len)
            return FALSE;
        found->tier++;
        found->partition = found->key.partition % (gint32)deeper->len;
        found->goal = G_MAXINT64; /* its end as it is in `deeper` */
    }
}

void bb_blocked_pass(bb_blocked *blocked, guint64 mark, const GPtrArray *tiers)
{
    GHashTableIter iter;
    gpointer data = NULL;
    g_hash_table_iter_init(&iter, blocked->entries);
    while (g_hash_table_iter_next(&iter, &data, NULL)) {
        entry *found = data;
        gboolean settled = !found->pending && found->tier && found->changed < mark;
        if (settled && is_free(blocked, found, tiers))
            g_hash_table_iter_remove(&iter);
        else
            count_round(blocked, found, tiers);
    }
}
