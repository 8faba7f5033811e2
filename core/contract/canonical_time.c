/* Brings timestamps and dates to their canonical form. */
#include "contract/canonical_forms.h"

#include <string.h>

#include "contract/calendar.h"
#include "contract/format_checks.h"
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

/* The common canonical forms, "2025-03-14T09:26:53Z" and "2025-03-14T09:26:53.120000Z", without
 * taking them apart. False is no verdict. */
static bool is_common(const char *text, size_t size)
{
    if ((size != 20 && size != 27) || text[size - 1] != 'Z' || text[10] != 'T' || text[4] != '-' ||
        text[7] != '-' || text[13] != ':' || text[16] != ':')
        return false;
    unsigned year = bb_four_digits(text);
    if (year == 0 || !bb_is_date(year, bb_two_digits(text + 5), bb_two_digits(text + 8)))
        return false;
    if (bb_two_digits(text + 11) > 23 || bb_two_digits(text + 14) > 59 ||
        bb_two_digits(text + 17) > 59)
        return false;
    if (size == 20)
        return true;
    bool zero;
    return text[19] == '.' && bb_six_digits(text + 19, &zero) && !zero;
}

bb_canonical bb_canonical_timestamp(int type, const char *text, size_t size, char *out,
                                    size_t *ret_size)
{
    bb_civil civil;
    if (type == BB_STRING && is_common(text, size))
        return BB_CANONICAL_SAME;
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
    if (type == BB_STRING && bb_format_date(text, size) && memcmp(text, "0000", 4) != 0)
        return BB_CANONICAL_SAME;
    if (!read_civil(type, text, size, &civil))
        return BB_CANONICAL_REFUSED;
    if (civil.hour != 0 || civil.minute != 0 || civil.second != 0 || civil.micro != 0)
        return BB_CANONICAL_REFUSED;
    out[0] = '"';
    size_t at = 1 + bb_civil_write_date(&civil, out + 1);
    out[at++] = '"';
    *ret_size = at;
    return BB_CANONICAL_CHANGED;
}
