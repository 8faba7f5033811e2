/* Dates and instants of RFC 3339 as numbers. */
#ifndef HANDLER_INSTANT_H
#define HANDLER_INSTANT_H

#include <stdbool.h>
#include <stdint.h>

#include <busbar/plugin.h>

/* "2026-11-24" at the beginning of the text, as days since 1970; years from 1 to 9999. */
bool handler_read_day(busbar_bytes text, int64_t *ret_days);

/* Microseconds since 1970, UTC, rounded; without an offset the text is UTC. */
bool handler_read_instant(busbar_bytes text, int64_t *ret_micros);

#endif
