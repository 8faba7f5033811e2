/* The two clocks, in one place so that tests can hand in others. */
#ifndef BB_CLOCK_H
#define BB_CLOCK_H

#include <stdint.h>

int64_t bb_clock_monotonic_ms(void);
int64_t bb_clock_monotonic_us(void); /* for durations */
int64_t bb_clock_wall_us(void);      /* since 1970 UTC */

#endif
