/* Bytes that grow, in the byte order of PostgreSQL's protocol. */
#ifndef PG_BUFFER_H
#define PG_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct pg_buffer {
    char *data;
    size_t size;
    size_t capacity;
    bool failed; /* memory was out: what it holds is not complete */
} pg_buffer;

void pg_buffer_clear(pg_buffer *buffer);
/* Room for `size` more bytes; NULL when memory is out. The size grows with it. */
char *pg_buffer_grow(pg_buffer *buffer, size_t size);
void pg_buffer_add(pg_buffer *buffer, const void *data, size_t size);
void pg_buffer_add_int16(pg_buffer *buffer, int16_t value);
void pg_buffer_add_int32(pg_buffer *buffer, int32_t value);
void pg_buffer_add_int64(pg_buffer *buffer, int64_t value);
/* Writes over four bytes that are there. */
void pg_buffer_set_int32(pg_buffer *buffer, size_t at, int32_t value);

/* Text: with a NUL behind it that `size` does not count. */
void pg_buffer_text(pg_buffer *buffer, const char *text);
void pg_buffer_format(pg_buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
