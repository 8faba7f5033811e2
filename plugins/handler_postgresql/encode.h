/* Values of events in the binary form of PostgreSQL's types. */
#ifndef PG_ENCODE_H
#define PG_ENCODE_H

#include <busbar/plugin.h>

#include "buffer.h"
#include "catalog.h"

/* Oids of the types that are built in; they never change (src/include/catalog/pg_type.dat). */
enum {
    PG_BOOL = 16,
    PG_INT8 = 20,
    PG_INT2 = 21,
    PG_INT4 = 23,
    PG_TEXT = 25,
    PG_JSON = 114,
    PG_FLOAT4 = 700,
    PG_FLOAT8 = 701,
    PG_INET = 869,
    PG_BPCHAR = 1042,
    PG_VARCHAR = 1043,
    PG_DATE = 1082,
    PG_TIMESTAMP = 1114,
    PG_TIMESTAMPTZ = 1184,
    PG_NUMERIC = 1700,
    PG_UUID = 2950,
    PG_JSONB = 3802
};

/* A value on its way into a row. */
typedef struct pg_cell {
    busbar_call *call;
    const busbar_event *event;
    pg_buffer *out;
    Oid type;
    int modifier;
    char problem[160]; /* why it does not fit, when an encoder returns false */
} pg_cell;

/* Appends the value behind its length. False, with the problem set: it does not fit the type. */
typedef bool (*pg_encoder)(pg_cell *cell, const busbar_value *value);

/* The encoder of a type that is no array; NULL: the server is to read it from text. */
pg_encoder pg_encoder_of(Oid type, char kind);
/* Text, for types that the server reads itself. */
bool pg_encode_as_text(pg_cell *cell, const busbar_value *value);
/* Arrays of `cell->type`, by the element's encoder (encode_array.c). */
bool pg_encode_array(pg_cell *cell, const busbar_value *value, pg_encoder element);

/* Says why; returns false. */
bool pg_refuse(pg_cell *cell, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The text of a string; false, with the problem set, when it is none. */
bool pg_text_of(pg_cell *cell, const busbar_value *value, const char *expected,
                busbar_bytes *ret_text);

/* encode_number.c, encode_time.c */
bool pg_encode_number(pg_cell *cell, const busbar_value *value);
bool pg_encode_decimal(pg_cell *cell, const busbar_value *value);
bool pg_encode_date(pg_cell *cell, const busbar_value *value);
bool pg_encode_instant(pg_cell *cell, const busbar_value *value);

#endif
