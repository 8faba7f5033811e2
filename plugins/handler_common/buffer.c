/* Bytes that grow at their end. */
#include "buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool handler_buffer_reserve(handler_buffer *buffer, size_t more)
{
    size_t wanted = buffer->size + more;
    if (wanted <= buffer->capacity)
        return true;
    size_t capacity = buffer->capacity ? buffer->capacity : 4096;
    while (capacity < wanted)
        capacity *= 2;
    char *data = realloc(buffer->data, capacity);
    if (!data) {
        buffer->failed = true;
        return false;
    }
    buffer->data = data;
    buffer->capacity = capacity;
    return true;
}

bool handler_buffer_add(handler_buffer *buffer, const void *data, size_t size)
{
    if (!handler_buffer_reserve(buffer, size))
        return false;
    if (size)
        memcpy(buffer->data + buffer->size, data, size);
    buffer->size += size;
    return true;
}

bool handler_buffer_add_text(handler_buffer *buffer, const char *text)
{
    return handler_buffer_add(buffer, text, strlen(text));
}

bool handler_buffer_format(handler_buffer *buffer, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int size = vsnprintf(NULL, 0, format, arguments);
    bool good = size >= 0 && handler_buffer_reserve(buffer, (size_t)size + 1);
    if (good)
        (void)vsnprintf(buffer->data + buffer->size, (size_t)size + 1, format, again);
    va_end(again);
    va_end(arguments);
    if (good)
        buffer->size += (size_t)size;
    return good;
}

void handler_buffer_drop(handler_buffer *buffer, size_t size)
{
    if (size && size < buffer->size)
        memmove(buffer->data, buffer->data + size, buffer->size - size);
    buffer->size -= size;
}

void handler_buffer_clear(handler_buffer *buffer)
{
    free(buffer->data);
    *buffer = (handler_buffer){.data = NULL};
}
