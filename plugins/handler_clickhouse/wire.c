/* Values in RowBinary, and names and texts in SQL. */
#include "wire.h"

#include <string.h>

void ch_add_integer(handler_buffer *out, uint64_t value, size_t size)
{
    if (!handler_buffer_reserve(out, size))
        return;
    for (size_t i = 0; i < size; i++)
        out->data[out->size + i] = (char)(value >> (8 * i));
    out->size += size;
}

void ch_add_length(handler_buffer *out, uint64_t length)
{
    char bytes[10];
    size_t size = 0;
    while (length >= 0x80) {
        bytes[size++] = (char)(length | 0x80);
        length >>= 7;
    }
    bytes[size++] = (char)length;
    (void)handler_buffer_add(out, bytes, size); /* `failed` tells */
}

void ch_add_text(handler_buffer *out, const char *data, size_t size)
{
    ch_add_length(out, size);
    (void)handler_buffer_add(out, data, size); /* `failed` tells */
}

void ch_add_ranges(handler_buffer *out, const handler_ranges *ranges)
{
    ch_add_length(out, 2 * ranges->count);
    for (size_t i = 0; i < ranges->count; i++) {
        ch_add_integer(out, (uint64_t)ranges->list[i].first, 8);
        ch_add_integer(out, (uint64_t)ranges->list[i].last, 8);
    }
}

static void add_quoted(handler_buffer *out, const char *data, size_t size, char quote)
{
    (void)handler_buffer_add(out, &quote, 1); /* `failed` tells, here and below */
    for (size_t i = 0; i < size; i++) {
        if (data[i] == quote || data[i] == '\\')
            (void)handler_buffer_add(out, "\\", 1);
        if (data[i] == '\0')
            (void)handler_buffer_add(out, "\\0", 2);
        else
            (void)handler_buffer_add(out, data + i, 1);
    }
    (void)handler_buffer_add(out, &quote, 1);
}

void ch_add_name(handler_buffer *out, const char *name)
{
    add_quoted(out, name, strlen(name), '`');
}

void ch_add_literal(handler_buffer *out, const char *data, size_t size)
{
    add_quoted(out, data, size, '\'');
}

void ch_add_table(handler_buffer *out, const char *database, const char *table)
{
    ch_add_name(out, database);
    (void)handler_buffer_add(out, ".", 1); /* `failed` tells */
    ch_add_name(out, table);
}

const char *ch_sql(handler_buffer *out)
{
    if (!handler_buffer_reserve(out, 1) || out->failed)
        return NULL;
    out->data[out->size] = '\0';
    return out->data;
}
