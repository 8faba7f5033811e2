/* SHA-256 and HMAC with it, by OpenSSL. All answer false when memory is out. */
#ifndef HANDLER_SHA256_H
#define HANDLER_SHA256_H

#include <stdbool.h>
#include <stdint.h>

#include <busbar/plugin.h>

enum { HANDLER_SHA256_SIZE = 32, HANDLER_SHA256_TEXT = 2 * HANDLER_SHA256_SIZE + 1 };

/* The digest of `data` as lower-case hexadecimal digits with a NUL behind them. */
bool handler_sha256(const void *data, size_t size, char ret_text[HANDLER_SHA256_TEXT]);

/* Of the parts one after the other. `ret_digest` may be the key. */
bool handler_hmac(const void *key, size_t size, const busbar_bytes *parts, size_t count,
                  uint8_t ret_digest[HANDLER_SHA256_SIZE]);

void handler_digest_text(const uint8_t digest[HANDLER_SHA256_SIZE],
                         char ret_text[HANDLER_SHA256_TEXT]);

#endif
