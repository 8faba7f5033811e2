/* Bytes that grow at their end. */
#ifndef HANDLER_BUFFER_H
#define HANDLER_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

typedef struct handler_buffer {
    char *data;
    size_t size;
    size_t capacity;
    bool failed; /* memory was out once: for who asks at the end only */
} handler_buffer;

/* All answer false when memory is out; what was there before stays as it was. */
bool handler_buffer_reserve(handler_buffer *buffer, size_t more);
bool handler_buffer_add(handler_buffer *buffer, const void *data, size_t size);
bool handler_buffer_add_text(handler_buffer *buffer, const char *text);
bool handler_buffer_format(handler_buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Takes `size` bytes off its front. */
void handler_buffer_drop(handler_buffer *buffer, size_t size);
void handler_buffer_clear(handler_buffer *buffer);

#endif
