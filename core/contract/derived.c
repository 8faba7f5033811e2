/* Derives UUIDs from topic, partition, offset and member name (SipHash-2-4-128). */
#include "contract/derived.h"

#include <string.h>

#include <glib.h>

static uint64_t rotate(uint64_t value, unsigned bits)
{
    return value << bits | value >> (64 - bits);
}

static void mix(uint64_t *v, int rounds)
{
    for (; rounds > 0; rounds--) {
        v[0] += v[1];
        v[2] += v[3];
        v[1] = rotate(v[1], 13) ^ v[0];
        v[3] = rotate(v[3], 16) ^ v[2];
        v[0] = rotate(v[0], 32);
        v[2] += v[1];
        v[0] += v[3];
        v[1] = rotate(v[1], 17) ^ v[2];
        v[3] = rotate(v[3], 21) ^ v[0];
        v[2] = rotate(v[2], 32);
    }
}

static void add_word(bb_derivation *derivation, uint64_t word)
{
    derivation->v[3] ^= word;
    mix(derivation->v, 2);
    derivation->v[0] ^= word;
    derivation->words++;
}

static void add_text(bb_derivation *derivation, const char *text, size_t size)
{
    add_word(derivation, size);
    for (size_t at = 0; at < size; at += 8) {
        uint64_t word = 0;
        memcpy(&word, text + at, MIN(size - at, sizeof word));
        add_word(derivation, GUINT64_FROM_LE(word));
    }
}

void bb_derivation_init(bb_derivation *derivation, const char *topic, int32_t partition,
                        int64_t offset)
{
    static const char key[16] = "busbar uuid v8.1";
    uint64_t k[2];
    memcpy(k, key, sizeof k);
    k[0] = GUINT64_FROM_LE(k[0]);
    k[1] = GUINT64_FROM_LE(k[1]);
    derivation->v[0] = k[0] ^ UINT64_C(0x736f6d6570736575);
    derivation->v[1] = k[1] ^ UINT64_C(0x646f72616e646f6d) ^ 0xee;
    derivation->v[2] = k[0] ^ UINT64_C(0x6c7967656e657261);
    derivation->v[3] = k[1] ^ UINT64_C(0x7465646279746573);
    derivation->words = 0;
    add_text(derivation, topic, strlen(topic));
    add_word(derivation, (uint64_t)(int64_t)partition);
    add_word(derivation, (uint64_t)offset);
}

static uint64_t fold(const uint64_t *v)
{
    return GUINT64_TO_LE(v[0] ^ v[1] ^ v[2] ^ v[3]);
}

void bb_derivation_uuid(const bb_derivation *derivation, const char *name, size_t name_size,
                        uint8_t *out)
{
    bb_derivation own = *derivation;
    uint64_t hash[2];
    add_text(&own, name, name_size);
    add_word(&own, own.words * 8 << 56);
    own.v[2] ^= 0xee;
    mix(own.v, 4);
    hash[0] = fold(own.v);
    own.v[1] ^= 0xdd;
    mix(own.v, 4);
    hash[1] = fold(own.v);
    memcpy(out, hash, sizeof hash);
    out[6] = (uint8_t)((out[6] & 0x0F) | 0x80);
    out[8] = (uint8_t)((out[8] & 0x3F) | 0x80);
}

void bb_uuid_write(const uint8_t *bytes, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *out++ = '-';
        *out++ = digits[bytes[i] >> 4];
        *out++ = digits[bytes[i] & 15];
    }
}
