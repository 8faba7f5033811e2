/* Signed requests to one bucket, one at a time over a connection that is kept. */
#ifndef S3_CLIENT_H
#define S3_CLIENT_H

#include <busbar/plugin.h>

#include "../handler_common/buffer.h"
#include "settings.h"

typedef struct s3_client s3_client;

typedef struct s3_request {
    const char *method;
    const char *key;   /* of the object, not encoded; NULL: the bucket */
    const char *query; /* encoded, names in order, each with "="; NULL: none */
    const void *body;
    size_t size;
    bool if_absent; /* only where there is no such object */
} s3_request;

typedef struct s3_reply {
    long status;    /* 0: there was no answer */
    bool unsure;    /* an attempt before this answer may have had its effect */
    int64_t length; /* of the object, by its header; -1: not said */
    char etag[128];
    char trouble[600]; /* in one sentence, without secrets */
} s3_reply;

/* NULL, with what is wrong in `ret_trouble`. `settings` must live as long. */
s3_client *s3_client_new(const s3_settings *settings, const busbar_host *host,
                         char ret_trouble[512]);
void s3_client_free(s3_client *client);

/* Sends a request, up to four times while the server is away or busy. True for 2xx. */
bool s3_client_send(s3_client *client, const s3_request *request, s3_reply *ret_reply);
/* The body of the last answer, ends with NUL. */
const handler_buffer *s3_client_answer(const s3_client *client);
/* Requests that were sent again since this was asked last. */
unsigned s3_client_repeated(s3_client *client);

/* Whether waiting may help. */
bool s3_reply_passing(const s3_reply *reply);
/* The text of the first element of a name, decoded; false: there is none. */
bool s3_xml_text(const char *xml, const char *name, handler_buffer *ret_text,
                 const char **ret_behind);

#endif
