/* The rows of one batch. */
#include "rows.h"

#include <stdlib.h>

void pg_rows_clear(pg_rows *rows)
{
    pg_buffer_clear(&rows->data);
    free(rows->list);
    *rows = (pg_rows){.count = 0};
}

void pg_rows_reset(pg_rows *rows)
{
    const size_t kept = 32u * 1024 * 1024; /* a batch of giants does not keep its memory */
    if (rows->data.capacity > kept || rows->data.failed)
        pg_buffer_clear(&rows->data);
    rows->data.size = 0;
    rows->count = 0;
}

bool pg_rows_begin(pg_rows *rows, uint32_t index, int32_t partition, int64_t offset)
{
    if (rows->count == rows->capacity) {
        size_t capacity = rows->capacity ? rows->capacity * 2 : 256;
        pg_row *list = realloc(rows->list, capacity * sizeof(*list));
        if (!list)
            return false;
        rows->list = list;
        rows->capacity = capacity;
    }
    rows->list[rows->count++] = (pg_row){rows->data.size, index, partition, offset};
    return true;
}

void pg_rows_drop(pg_rows *rows)
{
    rows->data.size = rows->list[--rows->count].at;
}

size_t pg_rows_at(const pg_rows *rows, size_t number)
{
    return number < rows->count ? rows->list[number].at : rows->data.size;
}
