/* Checks dates, times and durations (RFC 3339 and its appendix A). */
#include "contract/format_checks.h"

#include <string.h>

#include "contract/calendar.h"

typedef struct clock_time {
    int minute; /* of the day, UTC; negative or above 1439 when the offset leaves the day */
    unsigned second;
} clock_time;

static bool is_offset(const char *text, size_t size, int *ret_minutes)
{
    if (size == 1 && (text[0] | 0x20) == 'z') {
        *ret_minutes = 0;
        return true;
    }
    if (size != 6 || (text[0] != '+' && text[0] != '-') || text[3] != ':')
        return false;
    unsigned hours = bb_two_digits(text + 1);
    unsigned minutes = bb_two_digits(text + 4);
    if (hours > 23 || minutes > 59)
        return false;
    *ret_minutes = (int)(hours * 60 + minutes) * (text[0] == '-' ? -1 : 1);
    return true;
}

/* full-time; 60 is allowed as second here and judged by the caller. */
static bool read_time(const char *text, size_t size, clock_time *ret_time)
{
    if (size < 9 || text[2] != ':' || text[5] != ':')
        return false;
    unsigned hour = bb_two_digits(text);
    unsigned minute = bb_two_digits(text + 3);
    unsigned second = bb_two_digits(text + 6);
    if (hour > 23 || minute > 59 || second > 60)
        return false;
    size_t at = 8;
    if (text[8] == '.') {
        bool zero;
        at = size >= 16 && bb_six_digits(text + 8, &zero) ? 15 : 9; /* the common case */
        while (at < size && bb_is_digit(text[at]))
            at++;
        if (at == 9)
            return false;
    }
    int offset = 0;
    if (!is_offset(text + at, size - at, &offset))
        return false;
    ret_time->minute = (int)(hour * 60 + minute) - offset;
    ret_time->second = second;
    return true;
}

static bool is_last_minute(int minute)
{
    return (minute + 2 * 1440) % 1440 == 1439;
}

static bool read_date(const char *text, unsigned *ret_year, unsigned *ret_month, unsigned *ret_day)
{
    if (text[4] != '-' || text[7] != '-')
        return false;
    *ret_year = bb_four_digits(text);
    *ret_month = bb_two_digits(text + 5);
    *ret_day = bb_two_digits(text + 8);
    return bb_is_date(*ret_year, *ret_month, *ret_day);
}

bool bb_format_date(const char *text, size_t size)
{
    unsigned year, month, day;
    return size == 10 && read_date(text, &year, &month, &day);
}

bool bb_format_time(const char *text, size_t size)
{
    clock_time time;
    return read_time(text, size, &time) && (time.second < 60 || is_last_minute(time.minute));
}

/* Leap seconds are the last second of a month in UTC. */
static bool is_leap_second(unsigned year, unsigned month, unsigned day, int minute)
{
    if (!is_last_minute(minute))
        return false;
    if (minute < 0)
        return day == 1;
    if (minute >= 1440)
        return day + 1 == bb_month_days(year, month);
    return day == bb_month_days(year, month);
}

bool bb_format_date_time(const char *text, size_t size)
{
    unsigned year, month, day;
    clock_time time;
    if (size < 20 || (text[10] | 0x20) != 't' || !read_date(text, &year, &month, &day))
        return false;
    if (!read_time(text + 11, size - 11, &time))
        return false;
    return time.second < 60 || is_leap_second(year, month, day, time.minute);
}

/* Reads numbers with the units of `units`, each the direct successor of the one before: RFC 3339
 * has no "1Y1D". Returns how many bytes were read, 0 when there is no such number. */
static size_t read_units(const char *text, size_t size, const char *units)
{
    size_t end = 0;
    const char *expected = NULL;
    for (size_t at = 0; at < size;) {
        size_t start = at;
        while (at < size && bb_is_digit(text[at]))
            at++;
        if (at == start || at == size)
            break;
        const char *unit = text[at] ? strchr(units, text[at]) : NULL;
        if (!unit || (expected && unit != expected))
            break;
        expected = unit + 1;
        end = ++at;
    }
    return end;
}

bool bb_format_duration(const char *text, size_t size)
{
    if (size < 3 || text[0] != 'P')
        return false;
    size_t at = 1 + read_units(text + 1, size - 1, "YMD");
    if (at == 1 && text[1] != 'T')
        return read_units(text + 1, size - 1, "W") == size - 1 && text[size - 1] == 'W' &&
               memchr(text, 'W', size) == text + size - 1;
    if (at == size)
        return true;
    if (text[at] != 'T' || size - at < 3)
        return false;
    return read_units(text + at + 1, size - at - 1, "HMS") == size - at - 1;
}
