/* The table of keys whose records wait, and the order in which they are due. */
#include "pipeline/parked.h"

#include <string.h>

/* One key. `bytes` point to topic and key of an item while looking up, to the entry's own memory
 * otherwise. */
typedef struct entry {
    guint hash;
    gint32 partition;
    gint64 offset; /* -1 unless every record is a key of its own */
    busbar_bytes topic, key;
    char *memory;
    bb_batch_queue waiting; /* in the order of their offsets */
    guint taken;
    GSequenceIter *turn; /* in `turns`; NULL while some are taken */
} entry;

struct bb_parked {
    bb_order order;
    GHashTable *entries; /* entry -> itself */
    GSequence *turns;    /* entry, by the time it is due */
    guint count;
};

static guint hash_bytes(guint hash, busbar_bytes bytes)
{
    for (gsize i = 0; i < bytes.size; i++)
        hash = (hash ^ (guchar)bytes.data[i]) * 16777619u; /* FNV-1a */
    return hash;
}

static guint hash_entry(gconstpointer data)
{
    return ((const entry *)data)->hash;
}

static gboolean same_bytes(busbar_bytes a, busbar_bytes b)
{
    return a.size == b.size && !a.data == !b.data && (!a.size || !memcmp(a.data, b.data, a.size));
}

static gboolean same_entry(gconstpointer a, gconstpointer b)
{
    const entry *one = a, *other = b;
    return one->partition == other->partition && one->offset == other->offset &&
           same_bytes(one->key, other->key) && same_bytes(one->topic, other->topic);
}

static void free_entry(gpointer data)
{
    entry *found = data;
    g_free(found->memory);
    g_free(found);
}

bb_parked *bb_parked_new(bb_order order)
{
    bb_parked *parked = g_new0(bb_parked, 1);
    parked->order = order;
    parked->entries = g_hash_table_new_full(hash_entry, same_entry, NULL, free_entry);
    parked->turns = g_sequence_new(NULL);
    return parked;
}

void bb_parked_free(bb_parked *parked)
{
    if (!parked)
        return;
    g_hash_table_unref(parked->entries);
    g_sequence_free(parked->turns);
    g_free(parked);
}

guint bb_parked_count(const bb_parked *parked)
{
    return parked->count;
}

/* The name of the key of `item`. */
static entry name(const bb_parked *parked, const bb_item *item)
{
    entry named = {.partition = item->origin.partition, .offset = -1, .topic = item->origin.topic};
    if (parked->order == BB_ORDER_KEY)
        named.key = item->origin.key;
    if (parked->order == BB_ORDER_NONE)
        named.offset = item->origin.offset;
    guint seed = 2166136261u ^ ((guint)named.partition * 2654435761u) ^ (guint)named.offset;
    named.hash = hash_bytes(seed, named.key);
    return named;
}

static entry *find(const bb_parked *parked, const bb_item *item)
{
    const entry wanted = name(parked, item);
    return g_hash_table_lookup(parked->entries, &wanted);
}

static entry *find_or_add(bb_parked *parked, const bb_item *item)
{
    entry wanted = name(parked, item);
    entry *found = g_hash_table_lookup(parked->entries, &wanted);
    if (found)
        return found;
    found = g_new(entry, 1);
    *found = wanted;
    found->memory = g_malloc(wanted.key.size + wanted.topic.size + 1);
    if (wanted.key.data)
        found->key.data = found->memory;
    if (wanted.key.size)
        memcpy(found->memory, wanted.key.data, wanted.key.size);
    found->topic.data = found->memory + wanted.key.size;
    if (wanted.topic.size)
        memcpy(found->memory + wanted.key.size, wanted.topic.data, wanted.topic.size);
    (void)g_hash_table_add(parked->entries, found); /* it was not there */
    return found;
}

static gint64 due_of(const entry *found)
{
    return found->waiting.first->retry.due_ms;
}

static gint compare_turns(gconstpointer a, gconstpointer b, gpointer user)
{
    gint64 one = due_of(a), other = due_of(b);
    (void)user;
    return one < other ? -1 : one > other;
}

static void leave_turns(entry *found)
{
    if (found->turn)
        g_sequence_remove(found->turn);
    found->turn = NULL;
}

/* Gives the key its turn, or forgets it when nothing of it is left. */
static void settle(bb_parked *parked, entry *found)
{
    leave_turns(found);
    if (found->taken)
        return;
    if (found->waiting.first)
        found->turn = g_sequence_insert_sorted(parked->turns, found, compare_turns, NULL);
    else
        (void)g_hash_table_remove(parked->entries, found);
}

static gboolean is_before(const bb_batch *batch, const bb_item *item)
{
    const bb_item *other = &batch->items[0];
    if (other->epoch != item->epoch)
        return other->epoch < item->epoch;
    return other->origin.offset < item->origin.offset;
}

static void insert(bb_batch_queue *queue, bb_batch *batch)
{
    if (!queue->last || is_before(queue->last, &batch->items[0])) {
        bb_batch_queue_push(queue, batch);
        return;
    }
    bb_batch **at = &queue->first;
    while (is_before(*at, &batch->items[0]))
        at = &(*at)->next;
    batch->next = *at;
    *at = batch;
    queue->length++;
}

void bb_parked_put(bb_parked *parked, bb_batch *batch, gint64 due_ms)
{
    entry *found = find_or_add(parked, &batch->items[0]);
    leave_turns(found); /* its time may change */
    if (batch->retry.taken)
        found->taken--;
    else
        parked->count++;
    batch->retry.taken = FALSE;
    batch->retry.due_ms = due_ms;
    insert(&found->waiting, batch);
    settle(parked, found);
}

gboolean bb_parked_blocks(const bb_parked *parked, const bb_item *item)
{
    const entry *found = find(parked, item);
    return found && found->waiting.first && is_before(found->waiting.first, item);
}

gint64 bb_parked_due(const bb_parked *parked)
{
    GSequenceIter *first = g_sequence_get_begin_iter(parked->turns);
    return g_sequence_iter_is_end(first) ? -1 : due_of(g_sequence_get(first));
}

/* Takes the first of a key, and with one that was not tried yet the others like it. */
static guint take_key(entry *found, guint max, GPtrArray *ret_batches)
{
    guint count = 0;
    gboolean tried = found->waiting.first->retry.due_ms != 0;
    while (count < max && found->waiting.first &&
           (!count || (!tried && !found->waiting.first->retry.due_ms))) {
        bb_batch *batch = bb_batch_queue_pop(&found->waiting);
        batch->retry.taken = TRUE;
        g_ptr_array_add(ret_batches, batch);
        count++;
    }
    found->taken += count;
    return count;
}

void bb_parked_take(bb_parked *parked, gint64 now_ms, guint max, GPtrArray *ret_batches)
{
    while (max) {
        GSequenceIter *first = g_sequence_get_begin_iter(parked->turns);
        if (g_sequence_iter_is_end(first))
            return;
        entry *found = g_sequence_get(first);
        if (due_of(found) > now_ms)
            return;
        leave_turns(found);
        max -= take_key(found, max, ret_batches);
    }
}

void bb_parked_done(bb_parked *parked, bb_batch *batch)
{
    entry *found = find(parked, &batch->items[0]);
    batch->retry.taken = FALSE;
    parked->count--;
    found->taken--;
    settle(parked, found);
}

void bb_parked_each(const bb_parked *parked, void (*each)(bb_batch *batch, void *user), void *user)
{
    GHashTableIter iter;
    gpointer key;
    g_hash_table_iter_init(&iter, parked->entries);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        for (bb_batch *at = ((entry *)key)->waiting.first; at; at = at->next)
            each(at, user);
    }
}

/* Takes the older ones out of one key into `forgotten`. */
static void sift(bb_parked *parked, entry *found, gint64 epoch, bb_batch_queue *forgotten)
{
    bb_batch_queue kept = {NULL, NULL, 0};
    bb_batch *batch;
    leave_turns(found);
    while ((batch = bb_batch_queue_pop(&found->waiting))) {
        gboolean old = batch->epoch < epoch;
        parked->count -= old ? 1 : 0;
        bb_batch_queue_push(old ? forgotten : &kept, batch);
    }
    found->waiting = kept;
}

void bb_parked_forget(bb_parked *parked, gint64 epoch)
{
    bb_batch_queue forgotten = {NULL, NULL, 0};
    g_autoptr(GList) keys = g_hash_table_get_keys(parked->entries);
    bb_batch *batch;
    for (GList *at = keys; at; at = at->next) {
        sift(parked, at->data, epoch, &forgotten);
        settle(parked, at->data);
    }
    while ((batch = bb_batch_queue_pop(&forgotten)))
        bb_batch_release(batch);
}
