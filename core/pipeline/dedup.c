/* The window over keys: a ring of entries, found through chains. */
#include "pipeline/dedup.h"

#include <string.h>

#include "event/event.h"
#include "pipeline/monitor.h"

enum { KEY_BYTES = 40, LEAST = 16 };
#define NOBODY G_MAXUINT32

/* Empty when size is 0. */
typedef struct entry {
    bb_dedup_place place;
    guint32 next; /* of its chain */
    guint8 size;
    char key[KEY_BYTES]; /* the key, or, where it is longer, its SHA-256 with size KEY_BYTES */
} entry;

struct bb_dedup {
    char *pointer;
    gsize pointer_size;
    gint64 window_ms;
    bb_monitor lock; /* guards what follows */
    entry *entries;
    guint32 *chains;
    guint32 capacity;
    guint32 mask;
    guint32 next; /* the oldest: the one that is overwritten */
    guint32 count;
    guint32 seed;
};

static guint64 bytes_each(void)
{
    return sizeof(entry) + 2 * sizeof(guint32);
}

guint64 bb_dedup_bytes(guint64 records)
{
    return MAX(records, LEAST) * bytes_each();
}

static guint32 round_up(guint32 number)
{
    guint32 power = LEAST;
    while (power < number)
        power *= 2;
    return power;
}

bb_dedup *bb_dedup_new(const char *pointer, guint records, gint64 window_ms, guint64 max_bytes)
{
    guint64 fit = MIN(max_bytes / bytes_each(), G_MAXUINT32 / 4);
    bb_dedup *dedup = g_new0(bb_dedup, 1);
    dedup->pointer = g_strdup(pointer);
    dedup->pointer_size = strlen(pointer);
    dedup->window_ms = window_ms;
    dedup->capacity = MAX((guint32)(records ? MIN(records, fit) : fit), LEAST);
    dedup->mask = round_up(dedup->capacity / 2) - 1;
    dedup->entries = g_new0(entry, dedup->capacity); /* pages that are not used cost nothing */
    dedup->chains = g_new(guint32, dedup->mask + 1);
    memset(dedup->chains, 0xff, sizeof(guint32) * (dedup->mask + 1)); /* NOBODY */
    dedup->seed = g_random_int();
    bb_monitor_init(&dedup->lock);
    return dedup;
}

void bb_dedup_free(bb_dedup *dedup)
{
    if (!dedup)
        return;
    bb_monitor_clear(&dedup->lock);
    g_free(dedup->entries);
    g_free(dedup->chains);
    g_free(dedup->pointer);
    g_free(dedup);
}

/* The key as an entry holds it. */
static void set_key(entry *made, busbar_bytes key)
{
    gsize size = KEY_BYTES;
    if (key.size < KEY_BYTES) {
        memcpy(made->key, key.data, key.size);
        made->size = (guint8)key.size;
        return;
    }
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    g_checksum_update(sum, (const guchar *)key.data, (gssize)key.size);
    g_checksum_get_digest(sum, (guint8 *)made->key, &size);
    made->size = KEY_BYTES;
}

/* Seeded, so that nobody can choose keys that meet in one chain. */
static guint32 *chain_of(bb_dedup *dedup, const entry *wanted)
{
    guint32 hash = dedup->seed ^ 2166136261u;
    for (guint i = 0; i < wanted->size; i++)
        hash = (hash ^ (guchar)wanted->key[i]) * 16777619u;
    hash ^= hash >> 15;
    return &dedup->chains[(hash ^ (hash >> 9)) & dedup->mask];
}

/* The newest of the key, or NOBODY. */
static guint32 find(bb_dedup *dedup, const entry *wanted)
{
    guint32 at = *chain_of(dedup, wanted);
    while (at != NOBODY && (dedup->entries[at].size != wanted->size ||
                            memcmp(dedup->entries[at].key, wanted->key, KEY_BYTES) != 0))
        at = dedup->entries[at].next;
    return at;
}

/* Takes an entry out of its chain and empties it. */
static void unlink_entry(bb_dedup *dedup, guint32 index)
{
    entry *old = &dedup->entries[index];
    if (!old->size)
        return;
    guint32 *at = chain_of(dedup, old);
    while (*at != index)
        at = &dedup->entries[*at].next;
    *at = old->next;
    memset(old, 0, sizeof(*old));
    dedup->count--;
}

static void remember(bb_dedup *dedup, const entry *made)
{
    guint32 index = dedup->next;
    dedup->next = index + 1 < dedup->capacity ? index + 1 : 0;
    unlink_entry(dedup, index);
    guint32 *chain = chain_of(dedup, made);
    dedup->entries[index] = *made;
    dedup->entries[index].next = *chain;
    *chain = index;
    dedup->count++;
}

static gboolean is_near(const bb_dedup *dedup, gint64 one_ms, gint64 other_ms)
{
    gint64 apart = one_ms < other_ms ? other_ms - one_ms : one_ms - other_ms;
    return !dedup->window_ms || apart <= dedup->window_ms;
}

gboolean bb_dedup_check(bb_dedup *dedup, busbar_bytes key, bb_dedup_place place)
{
    entry made = {.place = place};
    gboolean duplicate = FALSE;
    if (!key.size)
        return FALSE;
    set_key(&made, key);
    bb_monitor_lock(&dedup->lock);
    guint32 at = find(dedup, &made);
    const entry *seen = at == NOBODY ? NULL : &dedup->entries[at];
    if (!seen || !is_near(dedup, seen->place.time_ms, place.time_ms))
        remember(dedup, &made);
    else
        duplicate = seen->place.partition != place.partition || seen->place.offset != place.offset;
    bb_monitor_unlock(&dedup->lock);
    return duplicate;
}

void bb_dedup_forget(bb_dedup *dedup, busbar_bytes key, bb_dedup_place place)
{
    entry wanted = {.size = 0};
    if (!key.size)
        return;
    set_key(&wanted, key);
    bb_monitor_lock(&dedup->lock);
    guint32 at = find(dedup, &wanted);
    if (at != NOBODY && dedup->entries[at].place.partition == place.partition &&
        dedup->entries[at].place.offset == place.offset)
        unlink_entry(dedup, at);
    bb_monitor_unlock(&dedup->lock);
}

guint bb_dedup_count(bb_dedup *dedup)
{
    bb_monitor_lock(&dedup->lock);
    guint count = dedup->count;
    bb_monitor_unlock(&dedup->lock);
    return count;
}

/* The member's JSON text; strings without their quotes. Empty when there is nothing to compare. */
static busbar_bytes key_of(const bb_dedup *dedup, const busbar_event *event)
{
    busbar_value value;
    busbar_bytes pointer = {dedup->pointer, dedup->pointer_size};
    switch (bb_event_find(event, pointer, &value)) {
    case BUSBAR_STRING:
    case BUSBAR_NUMBER:
    case BUSBAR_TRUE:
    case BUSBAR_FALSE:
        return value.json;
    default:
        return (busbar_bytes){NULL, 0};
    }
}

static bb_dedup_place place_of(const busbar_origin *origin)
{
    return (bb_dedup_place){origin->partition, origin->offset, origin->timestamp_ms};
}

gboolean bb_dedup_check_event(bb_dedup *dedup, const busbar_event *event,
                              const busbar_origin *origin)
{
    return bb_dedup_check(dedup, key_of(dedup, event), place_of(origin));
}

void bb_dedup_forget_event(bb_dedup *dedup, const busbar_event *event, const busbar_origin *origin)
{
    bb_dedup_forget(dedup, key_of(dedup, event), place_of(origin));
}
