/* Brings timestamps and dates to their canonical form. */
#include "contract/canonical_forms.h"

#include "contract/calendar.h"
#include "event/tape.h"

/* Reads any accepted form of a point in time. */
static bool read_civil(int type, const char *text, size_t size, bb_civil *civil)
{
    int64_t unix_us;
    if (type == BB_STRING && bb_civil_parse(text, size, civil))
        return true;
    if (type != BB_STRING && type != BB_NUMBER)
        return false;
    if (!bb_unix_us_parse(text, size, /* json= */ type == BB_NUMBER, &unix_us))
        return false;
    bb_civil_from_unix_us(unix_us, civil);
    return true;
}

static size_t write_offset(int offset_min, char *out)
{
    if (offset_min == 0) {
        out[0] = 'Z';
        return 1;
    }
    unsigned minutes = (unsigned)(offset_min < 0 ? -offset_min : offset_min);
    out[0] = offset_min < 0 ? '-' : '+';
    out[1] = (char)('0' + minutes / 600);
    out[2] = (char)('0' + minutes / 60 % 10);
    out[3] = ':';
    out[4] = (char)('0' + minutes % 60 / 10);
    out[5] = (char)('0' + minutes % 10);
    return 6;
}

bb_canonical bb_canonical_timestamp(int type, const char *text, size_t size, char *out,
                                    size_t *ret_size)
{
    bb_civil civil;
    if (!read_civil(type, text, size, &civil))
        return BB_CANONICAL_REFUSED;
    if (civil.canonical)
        return BB_CANONICAL_SAME;
    size_t at = 0;
    out[at++] = '"';
    at += bb_civil_write(&civil, out + at);
    at += write_offset(civil.offset_min, out + at);
    out[at++] = '"';
    *ret_size = at;
    return BB_CANONICAL_CHANGED;
}

bb_canonical bb_canonical_date(int type, const char *text, size_t size, char *out, size_t *ret_size)
{
    bb_civil civil;
    if (!read_civil(type, text, size, &civil))
        return BB_CANONICAL_REFUSED;
    if (type == BB_STRING && size == 10 && text[4] == '-')
        return BB_CANONICAL_SAME;
    if (civil.hour != 0 || civil.minute != 0 || civil.second != 0 || civil.micro != 0)
        return BB_CANONICAL_REFUSED;
    out[0] = '"';
    size_t at = 1 + bb_civil_write_date(&civil, out + 1);
    out[at++] = '"';
    *ret_size = at;
    return BB_CANONICAL_CHANGED;
}
