/* The actions of a Delta commit, as JSON. */
#ifndef S3_DELTA_ACTIONS_H
#define S3_DELTA_ACTIONS_H

#include "delta.h"

/* The schema of the table, as the log spells it. NULL: out of memory. */
json_t *s3_delta_schema(const s3_cells *cells, const char *column);

/* Lines of JSON are added to `out`. False: out of memory. */
bool s3_delta_add_creation(handler_buffer *out, const s3_delta *delta, int64_t now_ms);
bool s3_delta_add_info(handler_buffer *out, bool creates, int64_t now_ms);
bool s3_delta_add_txn(handler_buffer *out, const s3_delta *delta, int32_t partition, int64_t offset,
                      int64_t now_ms);
bool s3_delta_add_file(handler_buffer *out, const s3_delta *delta, const s3_object *object,
                       int64_t now_ms);

#endif
