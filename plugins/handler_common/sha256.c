/* SHA-256 (FIPS 180-4) and HMAC with it (RFC 2104). */
#include "sha256.h"

#include <stdio.h>
#include <string.h>

#ifdef __x86_64__
#include "sha256_x86.h"
#endif

static const uint32_t constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t rotate(uint32_t word, unsigned by)
{
    return word >> by | word << (32 - by);
}

/* The 16 words of a block made 64. */
static void expand(const uint8_t *block, uint32_t words[64])
{
    for (unsigned i = 0; i < 16; i++, block += 4)
        words[i] = (uint32_t)block[0] << 24 | (uint32_t)block[1] << 16 | (uint32_t)block[2] << 8 |
                   block[3];
    for (unsigned i = 16; i < 64; i++) {
        uint32_t near = words[i - 15], far = words[i - 2];
        words[i] = words[i - 16] + (rotate(near, 7) ^ rotate(near, 18) ^ near >> 3) + words[i - 7] +
                   (rotate(far, 17) ^ rotate(far, 19) ^ far >> 10);
    }
}

static void mix_slowly(uint32_t state[8], const uint8_t *block)
{
    enum { A, B, C, D, E, F, G, H };
    uint32_t words[64], s[8];
    expand(block, words);
    memcpy(s, state, sizeof(s));
    for (unsigned i = 0; i < 64; i++) {
        uint32_t first = s[H] + (rotate(s[E], 6) ^ rotate(s[E], 11) ^ rotate(s[E], 25)) +
                         ((s[E] & s[F]) ^ (~s[E] & s[G])) + constants[i] + words[i];
        uint32_t second = (rotate(s[A], 2) ^ rotate(s[A], 13) ^ rotate(s[A], 22)) +
                          ((s[A] & s[B]) ^ (s[A] & s[C]) ^ (s[B] & s[C]));
        memmove(&s[B], &s[A], 7 * sizeof(s[0]));
        s[E] += first;
        s[A] = first + second;
    }
    for (unsigned i = 0; i < 8; i++)
        state[i] += s[i];
}

static void mix(handler_sha256 *hash, const uint8_t *block)
{
#ifdef __x86_64__
    if (hash->fast) {
        sha256_x86_mix(hash->state, block, constants);
        return;
    }
#endif
    mix_slowly(hash->state, block);
}

void handler_sha256_begin_slow(handler_sha256 *hash)
{
    static const uint32_t initial[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                        0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    memcpy(hash->state, initial, sizeof(initial));
    hash->size = 0;
    hash->fast = 0;
}

void handler_sha256_begin(handler_sha256 *hash)
{
    handler_sha256_begin_slow(hash);
#ifdef __x86_64__
    hash->fast = sha256_x86_is_there();
#endif
}

void handler_sha256_add(handler_sha256 *hash, const void *data, size_t size)
{
    const uint8_t *bytes = data;
    while (size > 0) {
        size_t used = hash->size % HANDLER_SHA256_BLOCK;
        for (; used == 0 && size >= HANDLER_SHA256_BLOCK; size -= HANDLER_SHA256_BLOCK) {
            mix(hash, bytes);
            hash->size += HANDLER_SHA256_BLOCK;
            bytes += HANDLER_SHA256_BLOCK;
        }
        size_t part = HANDLER_SHA256_BLOCK - used < size ? HANDLER_SHA256_BLOCK - used : size;
        memcpy(hash->block + used, bytes, part);
        hash->size += part;
        bytes += part;
        size -= part;
        if (used + part == HANDLER_SHA256_BLOCK)
            mix(hash, hash->block);
    }
}

void handler_sha256_end(handler_sha256 *hash, uint8_t ret_digest[HANDLER_SHA256_SIZE])
{
    static const uint8_t padding[HANDLER_SHA256_BLOCK] = {0x80};
    uint64_t bits = hash->size * 8;
    uint8_t length[8];
    size_t used = hash->size % HANDLER_SHA256_BLOCK;
    for (unsigned i = 0; i < 8; i++)
        length[i] = (uint8_t)(bits >> (56 - 8 * i));
    handler_sha256_add(hash, padding, used < 56 ? 56 - used : 120 - used);
    handler_sha256_add(hash, length, sizeof(length));
    for (unsigned i = 0; i < HANDLER_SHA256_SIZE; i++)
        ret_digest[i] = (uint8_t)(hash->state[i / 4] >> (24 - 8 * (i % 4)));
}

void handler_hmac_begin(handler_hmac *hmac, const void *key, size_t size)
{
    uint8_t block[HANDLER_SHA256_BLOCK] = {0};
    if (size > sizeof(block)) {
        handler_sha256_begin(&hmac->inner);
        handler_sha256_add(&hmac->inner, key, size);
        handler_sha256_end(&hmac->inner, block);
    } else if (size) {
        memcpy(block, key, size);
    }
    for (unsigned i = 0; i < sizeof(block); i++) {
        hmac->outer_pad[i] = block[i] ^ 0x5c;
        block[i] ^= 0x36;
    }
    handler_sha256_begin(&hmac->inner);
    handler_sha256_add(&hmac->inner, block, sizeof(block));
}

void handler_hmac_add(handler_hmac *hmac, const void *data, size_t size)
{
    handler_sha256_add(&hmac->inner, data, size);
}

void handler_hmac_end(handler_hmac *hmac, uint8_t ret_digest[HANDLER_SHA256_SIZE])
{
    handler_sha256 outer;
    handler_sha256_end(&hmac->inner, ret_digest);
    handler_sha256_begin(&outer);
    handler_sha256_add(&outer, hmac->outer_pad, sizeof(hmac->outer_pad));
    handler_sha256_add(&outer, ret_digest, HANDLER_SHA256_SIZE);
    handler_sha256_end(&outer, ret_digest);
}

void handler_sha256_hex(const uint8_t digest[HANDLER_SHA256_SIZE],
                        char ret_text[2 * HANDLER_SHA256_SIZE + 1])
{
    for (unsigned i = 0; i < HANDLER_SHA256_SIZE; i++)
        (void)snprintf(ret_text + 2 * (size_t)i, 3, "%02x", digest[i]);
}
