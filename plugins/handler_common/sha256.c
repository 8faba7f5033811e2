/* SHA-256 and HMAC with it, by OpenSSL. */
#include "sha256.h"

#include <stdio.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

bool handler_sha256(const void *data, size_t size, char ret_text[HANDLER_SHA256_TEXT])
{
    uint8_t digest[HANDLER_SHA256_SIZE];
    if (!EVP_Digest(size ? data : "", size, digest, NULL, EVP_sha256(), NULL))
        return false;
    handler_digest_text(digest, ret_text);
    return true;
}

bool handler_hmac(const void *key, size_t size, const busbar_bytes *parts, size_t count,
                  uint8_t ret_digest[HANDLER_SHA256_SIZE])
{
    char name[] = "SHA256";
    const OSSL_PARAM digest[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
                                 OSSL_PARAM_construct_end()};
    EVP_MAC *kind = EVP_MAC_fetch(NULL, OSSL_MAC_NAME_HMAC, NULL);
    EVP_MAC_CTX *mac = kind ? EVP_MAC_CTX_new(kind) : NULL;
    bool good = mac && EVP_MAC_init(mac, key, size, digest);
    for (size_t i = 0; good && i < count; i++)
        good = EVP_MAC_update(mac, (const unsigned char *)parts[i].data, parts[i].size);
    good = good && EVP_MAC_final(mac, ret_digest, NULL, HANDLER_SHA256_SIZE);
    EVP_MAC_CTX_free(mac);
    EVP_MAC_free(kind);
    return good;
}

void handler_digest_text(const uint8_t digest[HANDLER_SHA256_SIZE],
                         char ret_text[HANDLER_SHA256_TEXT])
{
    for (unsigned i = 0; i < HANDLER_SHA256_SIZE; i++)
        (void)snprintf(ret_text + 2 * (size_t)i, 3, "%02x", digest[i]);
}
