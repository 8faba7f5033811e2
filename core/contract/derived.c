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
    uint64_t a = v[0], b = v[1], c = v[2], d = v[3];
    for (; rounds > 0; rounds--) {
        a += b;
        c += d;
        b = rotate(b, 13) ^ a;
        d = rotate(d, 16) ^ c;
        a = rotate(a, 32);
        c += b;
        a += d;
        b = rotate(b, 17) ^ c;
        d = rotate(d, 21) ^ a;
        c = rotate(c, 32);
    }
    v[0] = a;
    v[1] = b;
    v[2] = c;
    v[3] = d;
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

/* Eight hexadecimal digits of four bytes: every nibble to a byte of its own, first one lowest, then
 * '0' and the distance to 'a' where it is above nine. */
static void write_hex(const uint8_t *bytes, char *out)
{
    uint64_t x = (uint64_t)bytes[0] | (uint64_t)bytes[1] << 16 | (uint64_t)bytes[2] << 32 |
                 (uint64_t)bytes[3] << 48;
    x = ((x >> 4) | (x << 8)) & 0x0F0F0F0F0F0F0F0Fu;
    uint64_t above_nine = ((x + 0x0606060606060606u) >> 4) & 0x0101010101010101u;
    x = GUINT64_TO_LE(x + 0x3030303030303030u + above_nine * ('a' - '0' - 10));
    memcpy(out, &x, sizeof x);
}

void bb_uuid_write(const uint8_t *bytes, char *out)
{
    char hex[32];
    for (int i = 0; i < 4; i++)
        write_hex(bytes + i * 4, hex + i * 8);
    memcpy(out, hex, 8);
    memcpy(out + 9, hex + 8, 4);
    memcpy(out + 14, hex + 12, 4);
    memcpy(out + 19, hex + 16, 4);
    memcpy(out + 24, hex + 20, 12);
    out[8] = out[13] = out[18] = out[23] = '-';
}
