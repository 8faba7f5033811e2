/* Dates and instants in the binary form of PostgreSQL's types. */
#include "encode.h"

#include "../handler_common/instant.h"

#define EPOCH_DAYS 10957 /* from 1970 to 2000, where PostgreSQL begins to count */
#define EPOCH_MICROS (EPOCH_DAYS * INT64_C(86400000000))

/* The day of an instant is the one it is written with, in its own offset. */
bool pg_encode_date(pg_cell *cell, const busbar_value *value)
{
    busbar_bytes text;
    int64_t days, ignored;
    if (!pg_text_of(cell, value, "a date", &text))
        return false;
    if (!handler_read_day(text, &days) ||
        (text.size != 10 && !handler_read_instant(text, &ignored)))
        return pg_refuse(cell, "expected a date as 2026-11-24");
    pg_buffer_add_int32(cell->out, 4);
    pg_buffer_add_int32(cell->out, (int32_t)(days - EPOCH_DAYS));
    return true;
}

bool pg_encode_instant(pg_cell *cell, const busbar_value *value)
{
    busbar_bytes text;
    int64_t micros;
    if (!pg_text_of(cell, value, "a date and time", &text))
        return false;
    if (!handler_read_instant(text, &micros))
        return pg_refuse(cell, "expected a date and time as 2026-11-24T10:00:00Z");
    pg_buffer_add_int32(cell->out, 8);
    pg_buffer_add_int64(cell->out, micros - EPOCH_MICROS);
    return true;
}
