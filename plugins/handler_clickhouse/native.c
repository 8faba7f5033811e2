/* Rows as a block of ClickHouse's Native format, which has them by columns. */
#include "native.h"

#include <stdlib.h>
#include <string.h>

static uint64_t take_length(const char **at)
{
    uint64_t length = 0;
    unsigned char byte;
    int shift = 0;
    do {
        byte = (unsigned char)*(*at)++;
        length |= (uint64_t)(byte & 0x7f) << shift;
        shift += 7;
    } while (byte & 0x80);
    return length;
}

/* A value has the same bytes in both formats. */
static void copy_value(const ch_type *type, const char **at, handler_buffer *out)
{
    const char *from = *at;
    if (type->kind == CH_STRING) {
        uint64_t size = take_length(at);
        *at += size;
    } else {
        *at += type->size;
    }
    (void)handler_buffer_add(out, from, (size_t)(*at - from)); /* `failed` tells */
}

/* Which are null, then as many values. */
static void add_nullable(const ch_native *native, const ch_type *type, size_t count,
                         handler_buffer *out)
{
    for (size_t i = 0; i < count; i++)
        (void)handler_buffer_add(out, native->at[i], 1); /* `failed` tells */
    for (size_t i = 0; i < count; i++) {
        if (*native->at[i]++)
            ch_encode_nothing(out, type);
        else
            copy_value(type, &native->at[i], out);
    }
}

/* Where each list ends, then the elements of all. */
static void add_lists(const ch_native *native, const ch_type *type, size_t count,
                      handler_buffer *out)
{
    uint64_t end = 0;
    for (size_t i = 0; i < count; i++) {
        const char *at = native->at[i];
        end += take_length(&at);
        ch_add_integer(out, end, 8);
    }
    for (size_t i = 0; i < count; i++) {
        for (uint64_t left = take_length(&native->at[i]); left; left--)
            copy_value(type, &native->at[i], out);
    }
}

static void add_column(const ch_native *native, const ch_column *column, size_t count,
                       handler_buffer *out)
{
    const ch_type *type = &column->type;
    ch_add_text(out, column->name, strlen(column->name));
    ch_add_text(out, column->native_type, strlen(column->native_type));
    if (type->is_array) {
        add_lists(native, type, count, out);
    } else if (type->nullable) {
        add_nullable(native, type, count, out);
    } else {
        for (size_t i = 0; i < count; i++)
            copy_value(type, &native->at[i], out);
    }
}

static bool begin_rows(ch_native *native, const ch_rows *rows, size_t first, size_t count)
{
    if (count > native->capacity) {
        const char **at = realloc(native->at, count * sizeof(*at));
        if (!at)
            return false;
        native->at = at;
        native->capacity = count;
    }
    for (size_t i = 0; i < count; i++)
        native->at[i] = rows->data.data + rows->list[first + i].at;
    return true;
}

bool ch_native_write(ch_native *native, const ch_mapping *mapping, const ch_rows *rows,
                     size_t first, size_t count)
{
    handler_buffer *out = &native->block;
    if (!begin_rows(native, rows, first, count))
        return false;
    ch_add_length(out, mapping->count);
    ch_add_length(out, count);
    for (size_t i = 0; i < mapping->count; i++)
        add_column(native, &mapping->columns[i], count, out);
    return !out->failed;
}

void ch_native_rest(ch_native *native)
{
    native->block.size = 0;
    if (native->block.capacity > CH_KEPT_BYTES || native->block.failed)
        handler_buffer_clear(&native->block);
}

void ch_native_clear(ch_native *native)
{
    free(native->at);
    handler_buffer_clear(&native->block);
    *native = (ch_native){.at = NULL};
}
