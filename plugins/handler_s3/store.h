/* Objects of a bucket: put where there is none, read, listed. */
#ifndef S3_STORE_H
#define S3_STORE_H

#include "client.h"

enum { S3_PUT_DONE = 1, S3_PUT_EXISTS = 2, S3_PUT_FAILED = 3 };

/* Makes an object where there is none of that name, in parts when it is large. A put whose answer
 * was lost is recognised by what is there. `ret_reply` says why it failed. */
int s3_store_put(s3_client *client, const char *key, const void *data, size_t size,
                 uint64_t part_bytes, s3_reply *ret_reply);

/* Puts an object, whether there is one or not. */
bool s3_store_replace(s3_client *client, const char *key, const void *data, size_t size,
                      s3_reply *ret_reply);

/* The object's bytes are the client's answer. False with status 404: there is none. */
bool s3_store_get(s3_client *client, const char *key, s3_reply *ret_reply);
/* `ret_reply->length` is its size. */
bool s3_store_head(s3_client *client, const char *key, s3_reply *ret_reply);

/* Calls `visit` with the name of each object that begins with `prefix` and is behind `after`, in
 * their order, until it answers false. */
bool s3_store_list(s3_client *client, const char *prefix, const char *after,
                   bool (*visit)(const char *key, void *user), void *user, s3_reply *ret_reply);

#endif
