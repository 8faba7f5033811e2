/* Arithmetic of the proleptic Gregorian calendar and reading of fixed digit groups; inline because
 * it is in the path of every timestamp. */
#ifndef BB_CALENDAR_H
#define BB_CALENDAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A date and time of day as written, with the offset that was written beside it. */
typedef struct bb_civil {
    unsigned year;
    unsigned month;
    unsigned day;
    unsigned hour;
    unsigned minute;
    unsigned second;
    unsigned micro;
    int offset_min; /* 0 when absent */
    bool has_offset;
    bool canonical; /* the text read is the canonical timestamp already */
} bb_civil;

/* Years that have four digits and exist: 0001-01-01T00:00:00 up to before 10000-01-01. */
#define BB_UNIX_US_MIN (INT64_C(-62135596800) * 1000000)
#define BB_UNIX_US_END (INT64_C(253402300800) * 1000000)

/* Reads a date, or a date and time, of the lax timestamp forms; not Unix times. */
bool bb_civil_parse(const char *text, size_t size, bb_civil *ret_civil);
/* Reads a Unix time in seconds or, above 20000000000, milliseconds. */
bool bb_unix_us_parse(const char *text, size_t size, bool json, int64_t *ret_unix_us);
/* `unix_us` lies within the limits above. */
void bb_civil_from_unix_us(int64_t unix_us, bb_civil *ret_civil);
int64_t bb_civil_to_unix_us(const bb_civil *civil);
/* Date, "T", time and, unless zero, six digits of fraction; no offset. `out` needs 26 bytes. */
size_t bb_civil_write(const bb_civil *civil, char *out);
size_t bb_civil_write_date(const bb_civil *civil, char *out);

static inline bool bb_is_digit(char c)
{
    return (unsigned char)(c - '0') <= 9;
}

/* The number of two or four digits at `text`; anything else gives a value above 9999. */
static inline unsigned bb_two_digits(const char *text)
{
    unsigned high = (unsigned char)(text[0] - '0');
    unsigned low = (unsigned char)(text[1] - '0');
    return high <= 9 && low <= 9 ? high * 10 + low : 10000;
}

static inline unsigned bb_four_digits(const char *text)
{
    unsigned high = bb_two_digits(text);
    unsigned low = bb_two_digits(text + 2);
    return high <= 99 && low <= 99 ? high * 100 + low : 10000;
}

/* Whether the six bytes behind `text` are digits, and whether all are 0; eight bytes can be read.
 * The constants read the same in either order of bytes. */
static inline bool bb_six_digits(const char *text, bool *ret_zero)
{
    const uint64_t zeros = 0x0030303030303000u;
    const uint64_t high = 0x00F0F0F0F0F0F000u;
    uint64_t bytes;
    memcpy(&bytes, text, sizeof bytes);
    bytes &= 0x00FFFFFFFFFFFF00u;
    *ret_zero = bytes == zeros;
    return (bytes & high) == zeros && ((bytes + 0x0006060606060600u) & high) == zeros;
}

static inline bool bb_is_leap_year(unsigned year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static inline unsigned bb_month_days(unsigned year, unsigned month)
{
    static const uint8_t days[13] = {0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return month == 2 && bb_is_leap_year(year) ? 29 : days[month];
}

static inline bool bb_is_date(unsigned year, unsigned month, unsigned day)
{
    return year <= 9999 && month >= 1 && month <= 12 && day >= 1 &&
           (day <= 28 || day <= bb_month_days(year, month));
}

/* Days since 1970-01-01; year from 1. Years are counted from March, so that the leap day is the
 * last one. */
static inline int64_t bb_days_from_date(unsigned year, unsigned month, unsigned day)
{
    unsigned march_year = year - (month <= 2);
    unsigned march_month = (month + 9) % 12;
    unsigned day_of_year = (153 * march_month + 2) / 5 + day - 1;
    unsigned leaps = march_year / 4 - march_year / 100 + march_year / 400;
    return (int64_t)march_year * 365 + leaps + day_of_year - 719468;
}

#endif
