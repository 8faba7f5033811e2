/* Values in RowBinary, and names and texts in SQL. */
#ifndef CH_WIRE_H
#define CH_WIRE_H

#include <stdint.h>

#include <busbar/plugin.h>

#include "../handler_common/buffer.h"
#include "../handler_common/ranges.h"

/* Little endian, `size` bytes. */
void ch_add_integer(handler_buffer *out, uint64_t value, size_t size);
void ch_add_length(handler_buffer *out, uint64_t length);
void ch_add_text(handler_buffer *out, const char *data, size_t size);
/* Array(Int64): first, last, first, last, ... */
void ch_add_ranges(handler_buffer *out, const handler_ranges *ranges);

/* `name` in backquotes, 'text' in quotes, both with escapes. */
void ch_add_name(handler_buffer *out, const char *name);
void ch_add_literal(handler_buffer *out, const char *data, size_t size);
void ch_add_table(handler_buffer *out, const char *database, const char *table);
/* Ends the text with a NUL that the size does not count; NULL when memory was out. */
const char *ch_sql(handler_buffer *out);

#endif
