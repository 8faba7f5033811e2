/* Member names while a text is parsed: their hash, and the table that finds a name given twice.
 *
 * One table serves all objects of a text. An entry is stamped with the object it belongs to, and
 * stamps grow from text to text, so that old entries need no clearing. */
#ifndef BB_NAMES_H
#define BB_NAMES_H

#include <stdint.h>
#include <string.h>

#include <busbar/plugin.h>

#include "event/tape.h"

typedef struct bb_name_entry {
    uint32_t stamp; /* `base` of the text + token of the object; below `base`: free */
    uint32_t token; /* of the name */
} bb_name_entry;

typedef struct bb_names {
    bb_name_entry *entries;
    uint32_t mask;  /* capacity - 1; a power of two */
    uint32_t base;  /* stamps in use start here */
    uint32_t after; /* and end before this */
    uint32_t span;  /* most tokens of this text */
    uint32_t count; /* entries taken since the start or the last sweep */
    uint32_t most;  /* sweep when `count` reaches this */
    bool keyed;     /* crafted names were seen: place them by a keyed hash */
    uint64_t key[2];
    char *scratch; /* for decoding names with escapes */
    size_t scratch_size;
} bb_names;

/* Outcome of bb_names_add. */
enum {
    BB_NAME_NEW = 0,
    BB_NAME_DUPLICATE = 1,
    BB_NAME_CRAFTED = 2 /* too many names in one place: start again with keyed places */
};

void bb_names_init(bb_names *names);
void bb_names_clear(bb_names *names);

/* Prepares for a text of at most `span` tokens. */
void bb_names_start(bb_names *names, uint32_t span, bool keyed);

#define BB_NO_CONTAINER UINT32_MAX

/* Makes room: drops the names of objects that are complete, and enlarges the table where that is
 * not enough. `open` is the innermost open container, whose `next` leads outwards until
 * BB_NO_CONTAINER; `end` is the number of tokens so far. */
void bb_names_sweep(bb_names *names, const char *text, const bb_token *tokens, uint32_t open,
                    uint32_t end);

/* Wide hash of a name in the text, decoding it where it has escapes. */
uint32_t bb_names_hash_token(bb_names *names, const char *text, const bb_token *token);

/* Continues bb_names_add behind the first place. */
int bb_names_probe(bb_names *names, const char *text, const bb_token *tokens, uint32_t object,
                   uint32_t name, uint32_t hash);

#define BB_HASH_FIRST 0x9e3779b97f4a7c15u
#define BB_HASH_SECOND 0xc2b2ae3d27d4eb4fu

/* Takes 16 bytes of a name into its hash; the last block is padded with zeros. */
static inline uint64_t bb_hash_block(uint64_t state, uint64_t low, uint64_t high)
{
    uint64_t mixed = (state ^ low) * BB_HASH_FIRST;
    return (mixed ^ (mixed >> 32)) + ((high * BB_HASH_SECOND) ^ (high >> 29));
}

static inline uint32_t bb_hash_finish(uint64_t state, size_t size)
{
    state = (state ^ size) * BB_HASH_SECOND;
    return (uint32_t)(state >> 32);
}

/* The part of the hash that a token keeps. */
static inline uint16_t bb_hash_short(uint32_t hash)
{
    uint16_t part = (uint16_t)(hash >> 16);
    return part ? part : 1;
}

static inline uint32_t bb_hash_wide(const char *name, size_t size)
{
    uint64_t state = 0;
    size_t at = 0;
    do {
        uint64_t block[2] = {0, 0};
        size_t part = size - at < sizeof(block) ? size - at : sizeof(block);
        if (part)
            memcpy(block, name + at, part);
        state = bb_hash_block(state, block[0], block[1]);
        at += part;
    } while (at < size);
    return bb_hash_finish(state, size);
}

static inline uint32_t bb_names_place(const bb_names *names, uint32_t stamp, uint32_t hash)
{
    return (hash ^ (stamp * 0x85ebca6bu)) & names->mask;
}

/* Notes the name `name` of the container `object`. The caller sweeps first when `count` has reached
 * `most`. */
static inline int bb_names_add(bb_names *names, const char *text, const bb_token *tokens,
                               uint32_t object, uint32_t name, uint32_t hash)
{
    uint32_t stamp = names->base + object;
    bb_name_entry *entry = &names->entries[bb_names_place(names, stamp, hash)];
    if (G_UNLIKELY(entry->stamp >= names->base || names->keyed))
        return bb_names_probe(names, text, tokens, object, name, hash);
    entry->stamp = stamp;
    entry->token = name;
    names->count++;
    return BB_NAME_NEW;
}

/* Whether the first and the last 8 bytes are the same; with up to 16 bytes: all. */
static inline bool bb_same_ends(const char *a, const char *b, size_t size)
{
    uint64_t first[2], last[2];
    memcpy(&first[0], a, sizeof(first[0]));
    memcpy(&first[1], b, sizeof(first[1]));
    memcpy(&last[0], a + size - sizeof(last[0]), sizeof(last[0]));
    memcpy(&last[1], b + size - sizeof(last[1]), sizeof(last[1]));
    return ((first[0] ^ first[1]) | (last[0] ^ last[1])) == 0;
}

/* The same for texts of less than 8 bytes. */
static inline bool bb_same_short(const char *a, const char *b, size_t size)
{
    uint32_t first[2], last[2];
    if (size < sizeof(first[0]))
        return size == 0 ||
               (a[0] == b[0] && a[size / 2] == b[size / 2] && a[size - 1] == b[size - 1]);
    memcpy(&first[0], a, sizeof(first[0]));
    memcpy(&first[1], b, sizeof(first[1]));
    memcpy(&last[0], a + size - sizeof(last[0]), sizeof(last[0]));
    memcpy(&last[1], b + size - sizeof(last[1]), sizeof(last[1]));
    return ((first[0] ^ first[1]) | (last[0] ^ last[1])) == 0;
}

/* Equality without a call for the short texts that most names are. */
static inline bool bb_same_bytes(const char *a, size_t a_size, const char *b, size_t b_size)
{
    if (a_size != b_size)
        return false;
    if (a_size < 8)
        return bb_same_short(a, b, a_size);
    if (G_LIKELY(a_size <= 16))
        return bb_same_ends(a, b, a_size);
    if (a_size <= 32)
        return bb_same_ends(a, b, 16) && bb_same_ends(a + a_size - 16, b + a_size - 16, 16);
    return memcmp(a, b, a_size) == 0;
}

#endif
