/* Finds member names given twice in one object, in linear time also for names made to collide. */
#include "event/names.h"

#include <glib.h>

enum {
    FIRST_CAPACITY = 512,
    KEEP_CAPACITY = 64 * 1024,
    LONGEST_PROBE = 64 /* a fair table at half load hardly ever gets there */
};

static void set_capacity(bb_names *names, uint32_t capacity)
{
    g_free(names->entries);
    names->entries = g_new0(bb_name_entry, capacity);
    names->mask = capacity - 1;
    names->most = capacity / 2;
    names->base = names->after = 1;
}

void bb_names_init(bb_names *names)
{
    memset(names, 0, sizeof(*names));
    set_capacity(names, FIRST_CAPACITY);
    for (size_t i = 0; i < G_N_ELEMENTS(names->key); i++)
        names->key[i] = (uint64_t)g_random_int() << 32 | g_random_int();
}

void bb_names_clear(bb_names *names)
{
    g_free(names->entries);
    g_free(names->scratch);
}

/* Makes all entries free by moving the stamps on. */
static void forget(bb_names *names)
{
    if (names->after > UINT32_MAX - names->span) {
        memset(names->entries, 0, ((size_t)names->mask + 1) * sizeof(*names->entries));
        names->after = 1;
    }
    names->base = names->after;
    names->after += names->span;
    names->count = 0;
}

void bb_names_start(bb_names *names, uint32_t span, bool keyed)
{
    if (names->mask >= KEEP_CAPACITY)
        set_capacity(names, FIRST_CAPACITY);
    names->keyed = keyed;
    names->span = span;
    forget(names);
}

static inline uint64_t rotate(uint64_t value, int bits)
{
    return value << bits | value >> (64 - bits);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[0] = rotate(v[0], 32);
    v[2] += v[3];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[2] = rotate(v[2], 32);
}

/* SipHash-1-3 of a decoded name: without the key nobody can make names that collide. */
static uint32_t hash_keyed(const uint64_t key[2], const char *name, size_t size)
{
    uint64_t v[4] = {key[0] ^ 0x736f6d6570736575u, key[1] ^ 0x646f72616e646f6du,
                     key[0] ^ 0x6c7967656e657261u, key[1] ^ 0x7465646279746573u};
    for (size_t at = 0; at <= size; at += 8) {
        uint64_t block = size - at < 8 ? (uint64_t)size << 56 : 0;
        size_t part = MIN(size - at, 8);
        uint64_t bytes = 0;
        if (part)
            memcpy(&bytes, name + at, part);
        block |= bytes;
        v[3] ^= block;
        sip_round(v);
        v[0] ^= block;
    }
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(v);
    return (uint32_t)(v[0] ^ v[1] ^ v[2] ^ v[3]);
}

/* Decoded text of a name: itself, or a copy in the scratch. */
static busbar_bytes decoded(bb_names *names, const char *text, const bb_token *token)
{
    busbar_bytes name = {text + token->start, token->size};
    if (!(token->flags & BB_TOKEN_ESCAPED))
        return name;
    if (names->scratch_size < token->size) {
        names->scratch_size = token->size;
        g_free(names->scratch);
        names->scratch = g_malloc(names->scratch_size);
    }
    name.size = bb_unescape(name.data, name.size, names->scratch);
    name.data = names->scratch;
    return name;
}

uint32_t bb_names_hash_token(bb_names *names, const char *text, const bb_token *token)
{
    busbar_bytes name = decoded(names, text, token);
    return bb_hash_wide(name.data, name.size);
}

static uint32_t place_hash(bb_names *names, const char *text, const bb_token *token)
{
    busbar_bytes name = decoded(names, text, token);
    return names->keyed ? hash_keyed(names->key, name.data, name.size)
                        : bb_hash_wide(name.data, name.size);
}

static bool same_name(bb_names *names, const char *text, const bb_token *a, const bb_token *b)
{
    if (a->hash != b->hash)
        return false;
    if (!((a->flags | b->flags) & BB_TOKEN_ESCAPED))
        return a->size == b->size && memcmp(text + a->start, text + b->start, a->size) == 0;
    busbar_bytes name = decoded(names, text, a);
    return bb_token_equals(text, b, name.data, name.size);
}

int bb_names_probe(bb_names *names, const char *text, const bb_token *tokens, uint32_t object,
                   uint32_t name, uint32_t hash)
{
    uint32_t stamp = names->base + object;
    if (names->keyed)
        hash = place_hash(names, text, &tokens[name]);
    uint32_t at = bb_names_place(names, stamp, hash);
    for (uint32_t steps = 0; names->entries[at].stamp >= names->base; steps++) {
        const bb_name_entry *entry = &names->entries[at];
        if (entry->stamp == stamp && same_name(names, text, &tokens[name], &tokens[entry->token]))
            return BB_NAME_DUPLICATE;
        if (steps >= LONGEST_PROBE && !names->keyed)
            return BB_NAME_CRAFTED;
        at = (at + 1) & names->mask;
    }
    names->entries[at].stamp = stamp;
    names->entries[at].token = name;
    names->count++;
    return BB_NAME_NEW;
}

/* Puts a name into a free place without looking for its like. */
static void put_back(bb_names *names, const char *text, const bb_token *tokens, uint32_t object,
                     uint32_t name)
{
    uint32_t stamp = names->base + object;
    uint32_t at = bb_names_place(names, stamp, place_hash(names, text, &tokens[name]));
    while (names->entries[at].stamp >= names->base)
        at = (at + 1) & names->mask;
    names->entries[at].stamp = stamp;
    names->entries[at].token = name;
    names->count++;
}

/* Calls for the names of one open container: all before token `stop`, which is the open container
 * within it or the end. Returns their number; puts them back when `put` is set. */
static uint32_t walk_names(bb_names *names, const char *text, const bb_token *tokens,
                           uint32_t object, uint32_t stop, bool put)
{
    uint32_t count = 0;
    for (uint32_t at = object + 1; at < stop; at = tokens[at + 1].next) {
        count++;
        if (put)
            put_back(names, text, tokens, object, at);
        if (at + 1 >= stop)
            break;
    }
    return count;
}

static uint32_t walk_open(bb_names *names, const char *text, const bb_token *tokens, uint32_t open,
                          uint32_t end, bool put)
{
    uint32_t count = 0;
    for (uint32_t at = open, stop = end; at != BB_NO_CONTAINER; stop = at, at = tokens[at].next)
        if (tokens[at].type == BB_OBJECT)
            count += walk_names(names, text, tokens, at, stop, put);
    return count;
}

void bb_names_sweep(bb_names *names, const char *text, const bb_token *tokens, uint32_t open,
                    uint32_t end)
{
    uint32_t alive = walk_open(names, text, tokens, open, end, /* put= */ false);
    uint32_t capacity = names->mask + 1;
    while (alive > capacity / 4)
        capacity *= 2;
    if (capacity > names->mask + 1)
        set_capacity(names, capacity);
    forget(names);
    walk_open(names, text, tokens, open, end, /* put= */ true);
}
