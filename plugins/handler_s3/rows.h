/* Events as rows in the form of the chosen format, and rows as the bytes of an object. */
#ifndef S3_ROWS_H
#define S3_ROWS_H

#include <busbar/plugin.h>

#include "../handler_common/buffer.h"
#include "cells.h"
#include "object.h"
#include "pack.h"

typedef struct s3_rows {
    const s3_settings *settings;
    busbar_bytes event_name;
    int compression;
    s3_cells cells; /* of Parquet */
    char problem[256];
} s3_rows;

/* NULL, or what is wrong with the configuration. */
const char *s3_rows_init(s3_rows *rows, const s3_settings *settings, busbar_call *call,
                         busbar_bytes event_name);
void s3_rows_clear(s3_rows *rows);

/* What the names of objects end with. */
const char *s3_rows_suffix(const s3_rows *rows);

enum { S3_ROW_DONE = 1, S3_ROW_REFUSED = 2, S3_ROW_NO_MEMORY = 3 };

/* Adds an event to `out`. Refused: `ret_column` and `ret_problem` say why, and nothing is added. */
int s3_rows_add(s3_rows *rows, busbar_call *call, busbar_event *event, handler_buffer *out,
                const char **ret_column, const char **ret_problem);

/* Makes the object's body of its rows. NULL, or what went wrong. */
const char *s3_rows_finish(s3_rows *rows, s3_object *object);
/* An object without rows, of the form that `key` ends with. */
bool s3_rows_empty(void *rows, const char *key, handler_buffer *out);

#endif
