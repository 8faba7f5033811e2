/* The rows of one batch, encoded, and which event each comes from. */
#ifndef PG_ROWS_H
#define PG_ROWS_H

#include "buffer.h"
#include "places.h"

typedef struct pg_row {
    size_t at;      /* in the data; it ends where the next begins */
    uint32_t index; /* of the event in the batch */
    int32_t partition;
    int64_t offset;
} pg_row;

typedef struct pg_rows {
    pg_buffer data;
    size_t count;
    size_t capacity;
    pg_row *list;
} pg_rows;

void pg_rows_clear(pg_rows *rows);
/* Empties it and keeps its memory. */
void pg_rows_reset(pg_rows *rows);
/* The row that begins at the end of the data; false when memory is out. */
bool pg_rows_begin(pg_rows *rows, uint32_t index, int32_t partition, int64_t offset);
/* Takes back the row begun last. */
void pg_rows_drop(pg_rows *rows);
/* Where row `number` begins; the end of the data for the number behind the last. */
size_t pg_rows_at(const pg_rows *rows, size_t number);

#endif
