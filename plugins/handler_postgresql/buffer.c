/* Bytes that grow. */
#include "buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void pg_buffer_clear(pg_buffer *buffer)
{
    free(buffer->data);
    *buffer = (pg_buffer){0};
}

/* One byte more than asked for, for the NUL behind a text. */
char *pg_buffer_grow(pg_buffer *buffer, size_t size)
{
    size_t wanted = buffer->size + size + 1;
    if (wanted > buffer->capacity) {
        size_t capacity = buffer->capacity ? buffer->capacity : 1024;
        while (capacity < wanted)
            capacity *= 2;
        char *data = realloc(buffer->data, capacity);
        if (!data) {
            buffer->failed = true;
            return NULL;
        }
        buffer->data = data;
        buffer->capacity = capacity;
    }
    char *at = buffer->data + buffer->size;
    buffer->size += size;
    return at;
}

void pg_buffer_add(pg_buffer *buffer, const void *data, size_t size)
{
    char *at = pg_buffer_grow(buffer, size);
    if (at && size)
        memcpy(at, data, size);
}

static void add_big_endian(pg_buffer *buffer, uint64_t value, size_t size)
{
    char *at = pg_buffer_grow(buffer, size);
    for (size_t i = 0; at && i < size; i++)
        at[i] = (char)(value >> (8 * (size - 1 - i)));
}

void pg_buffer_add_int16(pg_buffer *buffer, int16_t value)
{
    add_big_endian(buffer, (uint64_t)value, 2);
}

void pg_buffer_add_int32(pg_buffer *buffer, int32_t value)
{
    add_big_endian(buffer, (uint64_t)value, 4);
}

void pg_buffer_add_int64(pg_buffer *buffer, int64_t value)
{
    add_big_endian(buffer, (uint64_t)value, 8);
}

void pg_buffer_set_int32(pg_buffer *buffer, size_t at, int32_t value)
{
    if (buffer->failed || at + 4 > buffer->size)
        return;
    for (size_t i = 0; i < 4; i++)
        buffer->data[at + i] = (char)((uint32_t)value >> (8 * (3 - i)));
}

void pg_buffer_text(pg_buffer *buffer, const char *text)
{
    pg_buffer_add(buffer, text, strlen(text));
    if (!buffer->failed)
        buffer->data[buffer->size] = '\0';
}

void pg_buffer_format(pg_buffer *buffer, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    char *at = size < 0 ? NULL : pg_buffer_grow(buffer, (size_t)size);
    if (!at) {
        buffer->failed = true;
        return;
    }
    va_start(arguments, format);
    (void)vsnprintf(at, (size_t)size + 1, format, arguments); /* measured above */
    va_end(arguments);
}
