/* The columns of an event type in Parquet files, and events as their rows. */
#ifndef S3_CELLS_H
#define S3_CELLS_H

#include <busbar/plugin.h>
#include <jansson.h>

#include "../arrow_parquet/parquet.h"
#include "../handler_common/buffer.h"
#include "settings.h"

enum { S3_PROBLEM_SIZE = 160 };

typedef struct s3_cells {
    size_t count;
    size_t own; /* how many of them are members; behind them is where a record came from */
    arrow_parquet_column *columns;
    busbar_field *fields;
    char problem[S3_PROBLEM_SIZE]; /* why the last row was refused */
} s3_cells;

/* All members of the contract but those of the way and the column of the directories; with
 * `envelope` also _partition, _offset and _timestamp of the record. Only in `open`. False: out of
 * memory; clear it in both cases. */
bool s3_cells_init(s3_cells *cells, const s3_settings *settings, busbar_call *call);
void s3_cells_clear(s3_cells *cells);

/* Adds a row. False: nothing was added, and `ret_column` with `cells->problem` say why; without a
 * column memory is out. */
bool s3_cells_add(s3_cells *cells, busbar_call *call, busbar_event *event, handler_buffer *out,
                  const char **ret_column);

/* The type of a column by its member's schema. Public for its tests. */
void s3_cells_type(const json_t *schema, arrow_parquet_column *column);

#endif
