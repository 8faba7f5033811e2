/* Values of events in RowBinary. */
#ifndef CH_ENCODE_H
#define CH_ENCODE_H

#include <busbar/plugin.h>

#include "type.h"
#include "wire.h"

/* A value on its way into a row. */
typedef struct ch_cell {
    busbar_call *call;
    const busbar_event *event;
    handler_buffer *out;
    char problem[200]; /* why it does not fit, when an encoder returns false */
} ch_cell;

/* Appends the value, or the placeholder of the type where there is none. False, with the problem
 * set: it does not fit. */
bool ch_encode(ch_cell *cell, const ch_type *type, const busbar_value *value);

/* Appends the placeholder. */
void ch_encode_nothing(handler_buffer *out, const ch_type *type);

/* Says why; returns false. */
bool ch_refuse(ch_cell *cell, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* As ch_refuse, with the beginning of what was found behind it. */
bool ch_refuse_value(ch_cell *cell, const busbar_value *value, const char *expected);

/* encode_number.c */
bool ch_encode_integer(ch_cell *cell, const ch_type *type, const busbar_value *value);
bool ch_encode_float(ch_cell *cell, const ch_type *type, const busbar_value *value);
bool ch_encode_decimal(ch_cell *cell, const ch_type *type, const busbar_value *value);

#endif
