/* One POST at a time over a connection that is kept. */
#ifndef HTTP_REQUEST_H
#define HTTP_REQUEST_H

#include "../handler_common/buffer.h"
#include "settings.h"

typedef struct http_client http_client;

typedef struct http_reply {
    long status;            /* 0: there was no answer, and `trouble` says why */
    int64_t retry_after_ms; /* -1: not said */
    char trouble[512];
} http_reply;

enum { HTTP_ANSWER_MAX = 1 << 20 }; /* bytes of an answer that are kept */

/* PASS, or a failure that was stated. `settings` must live as long. */
int32_t http_client_new(const http_settings *settings, busbar_call *call, http_client **ret_client);
void http_client_free(http_client *client);

/* Sends `body`; `key` makes the request the same as one before. */
void http_client_post(http_client *client, busbar_call *call, const handler_buffer *body,
                      const char *key, http_reply *ret_reply);
/* Of the last reply; may be cut. */
busbar_bytes http_client_answer(const http_client *client);
/* The URL without user, password and query. */
const char *http_client_place(const http_client *client);

/* Milliseconds from the value of Retry-After: seconds, or an HTTP date. -1: neither. */
int64_t http_retry_after(const char *value, int64_t now_seconds);

#endif
