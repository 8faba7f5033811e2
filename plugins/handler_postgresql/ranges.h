/* Sets of offsets as PostgreSQL writes a bigint[]. */
#ifndef PG_RANGES_H
#define PG_RANGES_H

#include "../handler_common/ranges.h"
#include "buffer.h"

/* As PostgreSQL writes a bigint[]: "{first,last,first,last}". */
void pg_ranges_write(const handler_ranges *ranges, pg_buffer *out);
/* Adds what `text` holds; false when it is no such list or memory is out. */
bool pg_ranges_read(handler_ranges *ranges, const char *text);

#endif
