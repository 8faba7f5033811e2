/* SHA-256 (FIPS 180-4) and HMAC with it (RFC 2104). */
#ifndef HANDLER_SHA256_H
#define HANDLER_SHA256_H

#include <stddef.h>
#include <stdint.h>

enum { HANDLER_SHA256_SIZE = 32, HANDLER_SHA256_BLOCK = 64 };

typedef struct handler_sha256 {
    uint32_t state[8];
    uint64_t size; /* bytes so far */
    uint8_t fast;  /* the processor has instructions for it */
    uint8_t block[HANDLER_SHA256_BLOCK];
} handler_sha256;

void handler_sha256_begin(handler_sha256 *hash);
/* Without the processor's own instructions, so that both ways can be tested. */
void handler_sha256_begin_slow(handler_sha256 *hash);
void handler_sha256_add(handler_sha256 *hash, const void *data, size_t size);
void handler_sha256_end(handler_sha256 *hash, uint8_t ret_digest[HANDLER_SHA256_SIZE]);

typedef struct handler_hmac {
    handler_sha256 inner;
    uint8_t outer_pad[HANDLER_SHA256_BLOCK];
} handler_hmac;

void handler_hmac_begin(handler_hmac *hmac, const void *key, size_t size);
void handler_hmac_add(handler_hmac *hmac, const void *data, size_t size);
void handler_hmac_end(handler_hmac *hmac, uint8_t ret_digest[HANDLER_SHA256_SIZE]);

/* As lower-case hexadecimal digits with a NUL behind them. */
void handler_sha256_hex(const uint8_t digest[HANDLER_SHA256_SIZE],
                        char ret_text[2 * HANDLER_SHA256_SIZE + 1]);

#endif
