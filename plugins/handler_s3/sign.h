/* Signature Version 4 of AWS, for requests of S3. */
#ifndef S3_SIGN_H
#define S3_SIGN_H

#include <stddef.h>
#include <stdint.h>

#include "../handler_common/buffer.h"

enum { S3_STAMP_SIZE = 17, S3_AUTHORIZATION_SIZE = 768 };

/* A request as it is signed: its headers `host`, `x-amz-content-sha256`, `x-amz-date` and, with a
 * token, `x-amz-security-token`. */
typedef struct s3_signing {
    const char *access_key;
    const char *secret_key;
    const char *token; /* of the session; NULL: none */
    const char *region;
    const char *method;
    const char *host;         /* as in its header */
    const char *path;         /* encoded, begins with a slash */
    const char *query;        /* encoded, its names in order, each with "="; "" for none */
    const char *payload_hash; /* of the body: the value of x-amz-content-sha256 */
    int64_t now_seconds;
} s3_signing;

/* The values of x-amz-date and of Authorization. False: a part is too long, or no memory. */
bool s3_sign(const s3_signing *request, char ret_stamp[S3_STAMP_SIZE],
             char ret_authorization[S3_AUTHORIZATION_SIZE]);
/* `text` as a part of a URL; slashes stay unless `slashes` is set. False: out of memory. */
bool s3_sign_encode(handler_buffer *out, const char *text, bool slashes);

#endif
