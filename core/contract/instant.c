/* Reads and writes instants: calendar date and time of day, Unix time, offset. */
#include "contract/calendar.h"

#include <string.h>

#include "contract/canonical.h"
#include "contract/fixed.h"

enum { SECOND_US = 1000000, DAY_S = 86400 };

static const int64_t milliseconds_from_s = INT64_C(20000000000);

static bool is_separator(char c)
{
    return c == 'T' || c == 't' || c == ' ' || c == '_';
}

/* ".123" or ",123" at the start; digits after the sixth are dropped. Returns the bytes read, 0 when
 * there is no digit behind the mark. */
static size_t read_fraction(const char *text, size_t size, bb_civil *civil)
{
    unsigned micro = 0;
    size_t at = 1;
    for (; at < size && bb_is_digit(text[at]); at++) {
        if (at <= 6)
            micro = micro * 10 + (unsigned)(text[at] - '0');
    }
    if (at == 1)
        return 0;
    for (size_t digits = at - 1; digits < 6; digits++)
        micro *= 10;
    civil->micro = micro;
    civil->canonical &= text[0] == '.' && at == 7 && micro != 0;
    return at;
}

/* Z, z, +HH:MM, -HH:MM, +HHMM, and the same with U+2212 as minus sign. */
static bool read_offset(const char *text, size_t size, bb_civil *civil)
{
    civil->has_offset = true;
    if (size == 1) {
        civil->canonical &= text[0] == 'Z';
        return (text[0] | 0x20) == 'z';
    }
    bool negative = text[0] == '-';
    if (size > 3 && memcmp(text, "\xE2\x88\x92", 3) == 0) {
        civil->canonical = false;
        negative = true;
        text += 2;
        size -= 2;
    } else if (!negative && text[0] != '+') {
        return false;
    }
    bool colon = size == 6 && text[3] == ':';
    if (!colon && size != 5)
        return false;
    unsigned hours = bb_two_digits(text + 1);
    unsigned minutes = bb_two_digits(text + 3 + colon);
    if (hours > 23 || minutes > 59)
        return false;
    int offset = (int)(hours * 60 + minutes);
    civil->offset_min = negative ? -offset : offset;
    civil->canonical &= colon && offset != 0;
    return true;
}

/* HH:MM[:SS[.fraction]][offset] */
static bool read_time_of_day(const char *text, size_t size, bb_civil *civil)
{
    if (size < 5 || text[2] != ':')
        return false;
    civil->hour = bb_two_digits(text);
    civil->minute = bb_two_digits(text + 3);
    size_t at = 5;
    if (size >= 8 && text[5] == ':') {
        civil->second = bb_two_digits(text + 6);
        at = 8;
    } else {
        civil->canonical = false;
    }
    if (civil->hour > 23 || civil->minute > 59 || civil->second > 59)
        return false;
    if (at == 8 && at < size && (text[8] == '.' || text[8] == ',')) {
        size_t fraction = read_fraction(text + at, size - at, civil);
        if (fraction == 0)
            return false;
        at += fraction;
    }
    if (at < size)
        return read_offset(text + at, size - at, civil);
    civil->canonical = false;
    return true;
}

bool bb_civil_parse(const char *text, size_t size, bb_civil *ret_civil)
{
    if (size < 10 || text[4] != '-' || text[7] != '-')
        return false;
    bb_civil civil = {
        .year = bb_four_digits(text),
        .month = bb_two_digits(text + 5),
        .day = bb_two_digits(text + 8),
    };
    if (civil.year == 0 || !bb_is_date(civil.year, civil.month, civil.day))
        return false;
    if (size > 10) {
        if (!is_separator(text[10]))
            return false;
        civil.canonical = text[10] == 'T';
        if (!read_time_of_day(text + 11, size - 11, &civil))
            return false;
    }
    *ret_civil = civil;
    return true;
}

bool bb_unix_us_parse(const char *text, size_t size, bool json, int64_t *ret_unix_us)
{
    bb_fixed decimal;
    uint64_t us = 0;
    if (!bb_fixed_parse(text, size, json, &decimal))
        return false;
    if (!bb_fixed_scale(&decimal, 6, &us) || us > (uint64_t)milliseconds_from_s * SECOND_US) {
        if (!bb_fixed_scale(&decimal, 3, &us))
            return false;
    }
    if (us >= (uint64_t)BB_UNIX_US_END)
        return false;
    int64_t unix_us = decimal.negative ? -(int64_t)us : (int64_t)us;
    if (unix_us < BB_UNIX_US_MIN)
        return false;
    *ret_unix_us = unix_us;
    return true;
}

/* The reverse of bb_days_from_date, in eras of 400 years that begin on March 1. */
static void set_date(bb_civil *civil, int64_t unix_days)
{
    unsigned days = (unsigned)(unix_days + 719468);
    unsigned era = days / 146097;
    unsigned day_of_era = days % 146097;
    unsigned year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    unsigned day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    unsigned march_month = (5 * day_of_year + 2) / 153;
    civil->day = day_of_year - (153 * march_month + 2) / 5 + 1;
    civil->month = march_month < 10 ? march_month + 3 : march_month - 9;
    civil->year = era * 400 + year_of_era + (civil->month <= 2);
}

void bb_civil_from_unix_us(int64_t unix_us, bb_civil *ret_civil)
{
    uint64_t us = (uint64_t)(unix_us - BB_UNIX_US_MIN);
    uint64_t seconds = us / SECOND_US;
    unsigned second_of_day = (unsigned)(seconds % DAY_S);
    memset(ret_civil, 0, sizeof *ret_civil);
    set_date(ret_civil, (int64_t)(seconds / DAY_S) + BB_UNIX_US_MIN / SECOND_US / DAY_S);
    ret_civil->hour = second_of_day / 3600;
    ret_civil->minute = second_of_day / 60 % 60;
    ret_civil->second = second_of_day % 60;
    ret_civil->micro = (unsigned)(us % SECOND_US);
    ret_civil->has_offset = true;
}

int64_t bb_civil_to_unix_us(const bb_civil *civil)
{
    int64_t days = bb_days_from_date(civil->year, civil->month, civil->day);
    int64_t minutes = (int64_t)civil->hour * 60 + civil->minute - civil->offset_min;
    int64_t seconds = days * DAY_S + minutes * 60 + civil->second;
    return seconds * SECOND_US + civil->micro;
}

static void write_two(unsigned value, char *out)
{
    out[0] = (char)('0' + value / 10);
    out[1] = (char)('0' + value % 10);
}

size_t bb_civil_write_date(const bb_civil *civil, char *out)
{
    write_two(civil->year / 100, out);
    write_two(civil->year % 100, out + 2);
    out[4] = '-';
    write_two(civil->month, out + 5);
    out[7] = '-';
    write_two(civil->day, out + 8);
    return 10;
}

size_t bb_civil_write(const bb_civil *civil, char *out)
{
    (void)bb_civil_write_date(civil, out); /* always ten bytes */
    out[10] = 'T';
    write_two(civil->hour, out + 11);
    out[13] = ':';
    write_two(civil->minute, out + 14);
    out[16] = ':';
    write_two(civil->second, out + 17);
    if (civil->micro == 0)
        return 19;
    out[19] = '.';
    write_two(civil->micro / 10000, out + 20);
    write_two(civil->micro / 100 % 100, out + 22);
    write_two(civil->micro % 100, out + 24);
    return 26;
}

bool bb_instant_parse(const char *text, size_t size, bb_instant *ret_instant)
{
    bb_civil civil;
    if (bb_civil_parse(text, size, &civil)) {
        ret_instant->unix_us = bb_civil_to_unix_us(&civil);
        ret_instant->offset_min = civil.offset_min;
        ret_instant->has_offset = civil.has_offset;
        return true;
    }
    if (!bb_unix_us_parse(text, size, /* json= */ false, &ret_instant->unix_us))
        return false;
    ret_instant->offset_min = 0;
    ret_instant->has_offset = true;
    return true;
}

size_t bb_instant_format_naive(int64_t unix_us, char *out)
{
    bb_civil civil;
    if (unix_us < BB_UNIX_US_MIN)
        unix_us = BB_UNIX_US_MIN;
    if (unix_us >= BB_UNIX_US_END)
        unix_us = BB_UNIX_US_END - 1;
    bb_civil_from_unix_us(unix_us, &civil);
    size_t size = bb_civil_write(&civil, out);
    out[size] = '\0';
    return size;
}

size_t bb_instant_format(int64_t unix_us, char *out)
{
    size_t size = bb_instant_format_naive(unix_us, out);
    out[size] = 'Z';
    out[size + 1] = '\0';
    return size + 1;
}
