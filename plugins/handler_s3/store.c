/* Objects of a bucket: put where there is none, read, listed. */
#include "store.h"

#include <stdlib.h>
#include <string.h>

#include "sign.h"

/* Objects up to here are compared byte by byte, others by their size. */
enum { COMPARED_MAX = 16 << 20 };

bool s3_store_get(s3_client *client, const char *key, s3_reply *ret_reply)
{
    return s3_client_send(client, &(s3_request){.method = "GET", .key = key}, ret_reply);
}

bool s3_store_head(s3_client *client, const char *key, s3_reply *ret_reply)
{
    return s3_client_send(client, &(s3_request){.method = "HEAD", .key = key}, ret_reply);
}

bool s3_store_replace(s3_client *client, const char *key, const void *data, size_t size,
                      s3_reply *ret_reply)
{
    return s3_client_send(
        client, &(s3_request){.method = "PUT", .key = key, .body = data, .size = size}, ret_reply);
}

/* Whether the object that is there is the one that was to be put. */
static int judge_present(s3_client *client, const char *key, const void *data, size_t size,
                         s3_reply *reply)
{
    bool same;
    if (size <= COMPARED_MAX) {
        if (!s3_store_get(client, key, reply))
            return S3_PUT_FAILED;
        const handler_buffer *there = s3_client_answer(client);
        same = there->size == size && memcmp(there->data, data, size) == 0;
    } else {
        if (!s3_store_head(client, key, reply))
            return S3_PUT_FAILED;
        same = reply->length == (int64_t)size;
    }
    return same ? S3_PUT_DONE : S3_PUT_EXISTS;
}

static int put_whole(s3_client *client, const char *key, const void *data, size_t size,
                     s3_reply *reply)
{
    const s3_request request = {
        .method = "PUT", .key = key, .body = data, .size = size, .if_absent = true};
    if (s3_client_send(client, &request, reply))
        return S3_PUT_DONE;
    if (reply->status != 412)
        return S3_PUT_FAILED;
    return reply->unsure ? judge_present(client, key, data, size, reply) : S3_PUT_EXISTS;
}

/* An upload in parts. */
typedef struct upload {
    s3_client *client;
    const char *key;
    char id[1200];        /* encoded */
    handler_buffer parts; /* the XML that completes it */
} upload;

static bool begin_upload(upload *up, s3_reply *reply)
{
    handler_buffer id = {.data = NULL}, encoded = {.data = NULL};
    const char *behind = NULL;
    const s3_request request = {.method = "POST", .key = up->key, .query = "uploads="};
    bool good = s3_client_send(up->client, &request, reply);
    if (good) {
        good = s3_xml_text(s3_client_answer(up->client)->data, "UploadId", &id, &behind) &&
               s3_sign_encode(&encoded, id.data, true) && encoded.size < sizeof(up->id);
        if (good)
            (void)snprintf(up->id, sizeof(up->id), "%.*s", (int)encoded.size, encoded.data);
        else
            (void)snprintf(reply->trouble, sizeof(reply->trouble),
                           "the answer to a multipart upload has no UploadId");
    }
    handler_buffer_clear(&id);
    handler_buffer_clear(&encoded);
    return good;
}

static bool send_part(upload *up, unsigned number, const char *data, size_t size, s3_reply *reply)
{
    char query[1300];
    (void)snprintf(query, sizeof(query), "partNumber=%u&uploadId=%s", number, up->id);
    const s3_request request = {
        .method = "PUT", .key = up->key, .query = query, .body = data, .size = size};
    return s3_client_send(up->client, &request, reply) &&
           handler_buffer_format(&up->parts,
                                 "<Part><PartNumber>%u</PartNumber><ETag>%s</ETag></Part>", number,
                                 reply->etag);
}

/* True: done, or it is not known whether it was. An answer of 200 may still tell of an error. */
static bool complete(upload *up, s3_reply *reply)
{
    char query[1300];
    (void)snprintf(query, sizeof(query), "uploadId=%s", up->id);
    const s3_request request = {.method = "POST",
                                .key = up->key,
                                .query = query,
                                .body = up->parts.data,
                                .size = up->parts.size,
                                .if_absent = true};
    if (!s3_client_send(up->client, &request, reply))
        return false;
    if (!strstr(s3_client_answer(up->client)->data, "<Error>"))
        return true;
    reply->status = 500;
    (void)snprintf(reply->trouble, sizeof(reply->trouble),
                   "the server began to complete a multipart upload and failed");
    return false;
}

static void abandon(upload *up)
{
    char query[1300];
    s3_reply ignored; /* the server throws it away by its own rules, at the latest */
    (void)snprintf(query, sizeof(query), "uploadId=%s", up->id);
    (void)s3_client_send(
        up->client, &(s3_request){.method = "DELETE", .key = up->key, .query = query}, &ignored);
}

static int finish_parts(upload *up, const char *data, size_t size, uint64_t part_bytes,
                        s3_reply *reply)
{
    bool good = handler_buffer_add_text(&up->parts, "<CompleteMultipartUpload>");
    unsigned number = 1;
    for (size_t at = 0; good && at < size; at += part_bytes, number++)
        good = send_part(up, number, data + at,
                         size - at < part_bytes ? size - at : (size_t)part_bytes, reply);
    good = good && handler_buffer_add_text(&up->parts, "</CompleteMultipartUpload>");
    if (good && complete(up, reply))
        return S3_PUT_DONE;
    s3_reply failure = *reply;
    bool refused = failure.status == 412 && !failure.unsure;
    int result = refused ? S3_PUT_EXISTS : S3_PUT_FAILED;
    /* the answer may be lost, and the upload, when it is asked again, gone: what is there tells */
    if (good && !refused) {
        s3_reply there;
        if (s3_store_head(up->client, up->key, &there) && there.length == (int64_t)size)
            return S3_PUT_DONE;
        if (there.status == 200)
            result = S3_PUT_EXISTS;
    }
    abandon(up);
    *reply = failure;
    return result;
}

static int put_parts(s3_client *client, const char *key, const char *data, size_t size,
                     uint64_t part_bytes, s3_reply *reply)
{
    upload up = {.client = client, .key = key};
    int result = S3_PUT_FAILED;
    if (begin_upload(&up, reply))
        result = finish_parts(&up, data, size, part_bytes, reply);
    handler_buffer_clear(&up.parts);
    return result;
}

int s3_store_put(s3_client *client, const char *key, const void *data, size_t size,
                 uint64_t part_bytes, s3_reply *ret_reply)
{
    return size > part_bytes ? put_parts(client, key, data, size, part_bytes, ret_reply)
                             : put_whole(client, key, data, size, ret_reply);
}

static int hex(char digit)
{
    return digit >= '0' && digit <= '9'   ? digit - '0'
           : digit >= 'A' && digit <= 'F' ? digit - 'A' + 10
           : digit >= 'a' && digit <= 'f' ? digit - 'a' + 10
                                          : -1;
}

/* Names in a listing are encoded as in a URL, in place. */
static void decode_url(char *text)
{
    char *to = text;
    for (; *text; text++) {
        if (*text == '%' && hex(text[1]) >= 0 && hex(text[2]) >= 0) {
            *to++ = (char)(hex(text[1]) * 16 + hex(text[2]));
            text += 2;
        } else {
            *to++ = *text == '+' ? ' ' : *text;
        }
    }
    *to = '\0';
}

/* One page. `last` is where the next one begins. */
static bool visit_page(const char *xml, bool (*visit)(const char *key, void *user), void *user,
                       handler_buffer *last, bool *ret_more)
{
    handler_buffer text = {.data = NULL};
    const char *at = xml, *behind = NULL;
    bool goes_on = true;
    while (goes_on && s3_xml_text(at, "Key", &text, &behind)) {
        at = behind;
        decode_url(text.data);
        last->size = 0;
        goes_on =
            visit(text.data, user) && handler_buffer_add(last, text.data, strlen(text.data) + 1);
    }
    *ret_more = goes_on && s3_xml_text(xml, "IsTruncated", &text, &behind) &&
                strcmp(text.data, "true") == 0 && last->size;
    handler_buffer_clear(&text);
    return goes_on;
}

bool s3_store_list(s3_client *client, const char *prefix, const char *after,
                   bool (*visit)(const char *key, void *user), void *user, s3_reply *ret_reply)
{
    handler_buffer query = {.data = NULL}, last = {.data = NULL};
    bool more = true;
    bool good = handler_buffer_add(&last, after, strlen(after) + 1);
    while (good && more) {
        query.size = 0;
        good =
            handler_buffer_add_text(&query, "encoding-type=url&list-type=2&prefix=") &&
            s3_sign_encode(&query, prefix, true) &&
            (!*last.data || (handler_buffer_add_text(&query, "&start-after=") &&
                             s3_sign_encode(&query, last.data, true))) &&
            handler_buffer_add(&query, "", 1) &&
            s3_client_send(client, &(s3_request){.method = "GET", .query = query.data}, ret_reply);
        if (good)
            (void)visit_page(s3_client_answer(client)->data, visit, user, &last, &more);
    }
    handler_buffer_clear(&query);
    handler_buffer_clear(&last);
    return good;
}
