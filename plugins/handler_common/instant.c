/* Dates and instants of RFC 3339 as numbers. */
#include "instant.h"

/* Days since 1970 of a day of the proleptic Gregorian calendar: years begin in March, so that the
 * leap day is their last. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    int64_t from_march = (month + 9) % 12;
    year -= month <= 2 ? 1 : 0;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * from_march + 2) / 5 + day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
           719468;
}

/* `count` digits as a number; below 0 when they are none. */
static int64_t digits(busbar_bytes text, size_t at, size_t count)
{
    int64_t number = 0;
    if (at + count > text.size)
        return -1;
    for (size_t i = at; i < at + count; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return -1;
        number = number * 10 + (text.data[i] - '0');
    }
    return number;
}

static bool is_at(busbar_bytes text, size_t at, char sign)
{
    return at < text.size && text.data[at] == sign;
}

static int64_t days_in_month(int64_t year, int64_t month)
{
    static const int8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap ? 1 : 0);
}

bool handler_read_day(busbar_bytes text, int64_t *ret_days)
{
    int64_t year = digits(text, 0, 4), month = digits(text, 5, 2), day = digits(text, 8, 2);
    if (year < 1 || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month) ||
        !is_at(text, 4, '-') || !is_at(text, 7, '-'))
        return false;
    *ret_days = days_of(year, month, day);
    return true;
}

/* The fraction behind the seconds in microseconds, rounded; moves `at` behind it. */
static int64_t read_fraction(busbar_bytes text, size_t *at)
{
    int64_t micros = 0, unit = 100000;
    bool round = false;
    if (!is_at(text, *at, '.'))
        return 0;
    for (++*at; digits(text, *at, 1) >= 0; ++*at) {
        micros += unit * digits(text, *at, 1);
        round = round || (unit == 0 && !round && digits(text, *at, 1) >= 5);
        if (unit == 0)
            break;
        unit /= 10;
    }
    while (digits(text, *at, 1) >= 0)
        ++*at;
    return micros + (round ? 1 : 0);
}

/* "Z", "+02:00" or nothing at the end of the text, in seconds east of UTC. */
static bool read_zone(busbar_bytes text, size_t at, int64_t *ret_seconds)
{
    *ret_seconds = 0;
    if (at == text.size || (at + 1 == text.size && (text.data[at] | 0x20) == 'z'))
        return true;
    bool colon = is_at(text, at + 3, ':');
    int64_t hours = digits(text, at + 1, 2), minutes = digits(text, at + (colon ? 4 : 3), 2);
    if ((!is_at(text, at, '+') && !is_at(text, at, '-')) || hours < 0 || hours > 23 ||
        minutes < 0 || minutes > 59 || at + (colon ? 6 : 5) != text.size)
        return false;
    *ret_seconds = (hours * 3600 + minutes * 60) * (text.data[at] == '-' ? -1 : 1);
    return true;
}

bool handler_read_instant(busbar_bytes text, int64_t *ret_micros)
{
    int64_t days, zone;
    size_t at = 19;
    int64_t hour = digits(text, 11, 2), minute = digits(text, 14, 2), second = digits(text, 17, 2);
    if (!handler_read_day(text, &days) || hour < 0 || hour > 23 || minute < 0 || minute > 59 ||
        second < 0 || second > 60 || !is_at(text, 13, ':') || !is_at(text, 16, ':') ||
        ((text.data[10] | 0x20) != 't' && text.data[10] != ' '))
        return false;
    int64_t micros = read_fraction(text, &at);
    if (!read_zone(text, at, &zone))
        return false;
    int64_t seconds = days * 86400 + hour * 3600 + minute * 60 + second - zone;
    *ret_micros = seconds * 1000000 + micros;
    return true;
}
