/* Reads timestamps: the canonical form to microseconds, and any accepted form for its offset. */
#ifndef OWNLENS_INSTANT_H
#define OWNLENS_INSTANT_H

#include "ownlens.h"

/* Digits at `at`, or -1. */
static inline int64_t ownlens_digits(busbar_bytes text, size_t at, size_t count)
{
    int64_t value = 0;
    if (at + count > text.size)
        return -1;
    for (size_t i = at; i < at + count; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return -1;
        value = value * 10 + (text.data[i] - '0');
    }
    return value;
}

/* Days since 1970-01-01 of the Gregorian calendar; the year begins in March, so that the leap day
 * is its last. */
static inline int64_t ownlens_days(int64_t year, int64_t month, int64_t day)
{
    int64_t shifted = month > 2 ? year : year - 1;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return shifted * 365 + shifted / 4 - shifted / 100 + shifted / 400 + day_of_year - 719468;
}

/* Offset at `at` ("Z" or +HH:MM, to the end of the text) in minutes. */
static inline int ownlens_offset(busbar_bytes text, size_t at, int64_t *ret_minutes)
{
    int64_t hours;
    int64_t minutes;
    if (at + 1 == text.size && text.data[at] == 'Z') {
        *ret_minutes = 0;
        return 1;
    }
    if (at + 6 != text.size || (text.data[at] != '+' && text.data[at] != '-'))
        return 0;
    hours = ownlens_digits(text, at + 1, 2);
    minutes = ownlens_digits(text, at + 4, 2);
    if (hours < 0 || minutes < 0)
        return 0;
    *ret_minutes = (text.data[at] == '-' ? -1 : 1) * (hours * 60 + minutes);
    return 1;
}

/* Microseconds since 1970 UTC of the canonical form YYYY-MM-DDTHH:MM:SS[.ffffff](Z|+HH:MM). Returns
 * 0 when the text has another form. */
static inline int ownlens_instant(busbar_bytes text, int64_t *ret_us)
{
    static const uint8_t places[6][2] = {{0, 4}, {5, 2}, {8, 2}, {11, 2}, {14, 2}, {17, 2}};
    int64_t part[6];
    int64_t fraction = 0;
    int64_t offset = 0;
    size_t at = 19;
    for (size_t i = 0; i < 6; i++) {
        part[i] = ownlens_digits(text, places[i][0], places[i][1]);
        if (part[i] < 0)
            return 0;
    }
    if (at < text.size && text.data[at] == '.') {
        fraction = ownlens_digits(text, at + 1, 6);
        at += 7;
    }
    if (fraction < 0 || !ownlens_offset(text, at, &offset))
        return 0;
    *ret_us = ((ownlens_days(part[0], part[1], part[2]) * 24 + part[3]) * 60 + part[4] - offset) *
              60 * 1000000;
    *ret_us += part[5] * 1000000 + fraction;
    return 1;
}

/* True when an accepted timestamp says where it stands to UTC: Unix times do, texts do with an
 * offset at their end. A sign before the eleventh byte belongs to the date, or to a Unix time; the
 * minus sign may be U+2212. */
static inline int ownlens_has_offset(uint32_t type, busbar_bytes text)
{
    size_t i = 0;
    if (type != BUSBAR_STRING)
        return 1;
    while (i < text.size && text.data[i] != ':' && !(i == 4 && text.data[i] == '-'))
        i++;
    if (i == text.size)
        return 1; /* neither a time nor a date: digits only */
    for (i = OWNLENS_DATE_SIZE; i < text.size; i++)
        if (memchr("Zz+-\xE2", text.data[i], 5))
            return 1;
    return 0;
}

#endif
