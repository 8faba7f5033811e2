/* Events as the body of a request. */
#ifndef HTTP_BODY_H
#define HTTP_BODY_H

#include "../handler_common/buffer.h"
#include "settings.h"

/* The events of a batch, each in its form; bodies are cut out of them. */
typedef struct http_pieces {
    handler_buffer text;
    size_t *ends; /* of each event's piece in `text` */
    uint32_t count;
    uint32_t capacity;
} http_pieces;

/* False: out of memory. */
bool http_pieces_fill(http_pieces *pieces, const http_settings *settings, busbar_bytes event_name,
                      busbar_call *call, const busbar_batch *batch);
void http_pieces_clear(http_pieces *pieces);

/* Bytes of the pieces [first, first + count). */
size_t http_pieces_size(const http_pieces *pieces, uint32_t first, uint32_t count);

/* Puts the body of the events [first, first + count) in `body`. False: out of memory. */
bool http_body_make(handler_buffer *body, const http_pieces *pieces, http_format format,
                    uint32_t first, uint32_t count);
const char *http_body_type(http_format format);

/* What makes a request the same as one before: "<topic>/<partition>/<offset>" of a single event, 32
 * hexadecimal digits of the SHA-256 of one such line for each of several. False: out of memory. */
bool http_body_key(const busbar_host *host, busbar_event *const *events, uint32_t count,
                   char ret_key[320]);

/* Replaces `body` by its gzip form. False: out of memory, or built without zlib. */
bool http_body_gzip(handler_buffer *body, handler_buffer *scratch);
bool http_body_can_gzip(void);

#endif
