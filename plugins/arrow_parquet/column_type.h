/* Types of columns by the types of JSON Schema: one table for all who write Parquet, so that the
 * files of an event can be read as one. */
#ifndef ARROW_PARQUET_COLUMN_TYPE_H
#define ARROW_PARQUET_COLUMN_TYPE_H

#include <string.h>

#include "parquet.h"

static inline int32_t arrow_parquet_type_of_text(const char *format)
{
    if (format && strcmp(format, "date-time") == 0)
        return ARROW_PARQUET_INSTANT;
    return format && strcmp(format, "date") == 0 ? ARROW_PARQUET_DATE : ARROW_PARQUET_TEXT;
}

/* Of a scalar, `format` may be NULL. 0: it has no type of its own. */
static inline int32_t arrow_parquet_type_of(const char *type, const char *format)
{
    return strcmp(type, "string") == 0    ? arrow_parquet_type_of_text(format)
           : strcmp(type, "integer") == 0 ? ARROW_PARQUET_INT64
           : strcmp(type, "number") == 0  ? ARROW_PARQUET_DOUBLE
           : strcmp(type, "boolean") == 0 ? ARROW_PARQUET_BOOL
                                          : 0;
}

#endif
