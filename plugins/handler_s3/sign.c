/* Signature Version 4 of AWS, for requests of S3. */
#include "sign.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "../handler_common/sha256.h"

static bool mac(const void *key, size_t size, const char *text,
                uint8_t ret_digest[HANDLER_SHA256_SIZE])
{
    const busbar_bytes part = busbar_text(text);
    return handler_hmac(key, size, &part, 1, ret_digest);
}

/* The key of one day, region and service. */
static bool derive(const s3_signing *request, const char *day, uint8_t ret_key[HANDLER_SHA256_SIZE])
{
    char first[300];
    int size = snprintf(first, sizeof(first), "AWS4%s", request->secret_key);
    bool fits = size > 0 && (size_t)size < sizeof(first);
    bool good = fits && mac(first, (size_t)size, day, ret_key) &&
                mac(ret_key, HANDLER_SHA256_SIZE, request->region, ret_key) &&
                mac(ret_key, HANDLER_SHA256_SIZE, "s3", ret_key) &&
                mac(ret_key, HANDLER_SHA256_SIZE, "aws4_request", ret_key);
    explicit_bzero(first, sizeof(first));
    return good;
}

/* The request in the form whose hash is signed. */
static bool write_canonical(const s3_signing *request, const char *stamp, handler_buffer *out)
{
    const char *token = request->token;
    return handler_buffer_format(out, "%s\n%s\n%s\nhost:%s\n", request->method, request->path,
                                 request->query, request->host) &&
           handler_buffer_format(out, "x-amz-content-sha256:%s\nx-amz-date:%s\n",
                                 request->payload_hash, stamp) &&
           (!token || handler_buffer_format(out, "x-amz-security-token:%s\n", token)) &&
           handler_buffer_format(out, "\nhost;x-amz-content-sha256;x-amz-date%s\n%s",
                                 token ? ";x-amz-security-token" : "", request->payload_hash);
}

bool s3_sign(const s3_signing *request, char ret_stamp[S3_STAMP_SIZE],
             char ret_authorization[S3_AUTHORIZATION_SIZE])
{
    time_t now = (time_t)request->now_seconds;
    struct tm utc;
    char day[9], scope[160], text[400], hash[HANDLER_SHA256_TEXT];
    uint8_t key[HANDLER_SHA256_SIZE];
    handler_buffer canonical = {.data = NULL};
    if (!gmtime_r(&now, &utc) || !strftime(day, sizeof(day), "%Y%m%d", &utc) ||
        !strftime(ret_stamp, S3_STAMP_SIZE, "%Y%m%dT%H%M%SZ", &utc))
        return false;
    int size = snprintf(scope, sizeof(scope), "%s/%s/s3/aws4_request", day, request->region);
    bool good = size > 0 && (size_t)size < sizeof(scope) &&
                write_canonical(request, ret_stamp, &canonical) && derive(request, day, key) &&
                handler_sha256(canonical.data, canonical.size, hash);
    if (good) {
        (void)snprintf(text, sizeof(text), "AWS4-HMAC-SHA256\n%s\n%s\n%s", ret_stamp, scope,
                       hash); /* fits: all parts are bounded */
        good = mac(key, sizeof(key), text, key);
        handler_digest_text(key, hash);
        size = snprintf(ret_authorization, S3_AUTHORIZATION_SIZE,
                        "AWS4-HMAC-SHA256 Credential=%s/%s,"
                        "SignedHeaders=host;x-amz-content-sha256;x-amz-date%s,Signature=%s",
                        request->access_key, scope, request->token ? ";x-amz-security-token" : "",
                        hash);
        good = good && size > 0 && size < S3_AUTHORIZATION_SIZE;
    }
    explicit_bzero(key, sizeof(key));
    handler_buffer_clear(&canonical);
    return good;
}

static bool is_plain(char byte)
{
    return (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') ||
           (byte >= '0' && byte <= '9') || strchr("-._~", byte);
}

bool s3_sign_encode(handler_buffer *out, const char *text, bool slashes)
{
    for (; *text; text++) {
        bool good = is_plain(*text) || (*text == '/' && !slashes)
                        ? handler_buffer_add(out, text, 1)
                        : handler_buffer_format(out, "%%%02X", (unsigned)(unsigned char)*text);
        if (!good)
            return false;
    }
    return true;
}
