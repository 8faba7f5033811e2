/* Latencies of the bench: the key of a record is the moment it was produced, CLOCK_MONOTONIC in
 * nanoseconds, as digits; what was noted becomes a file of microseconds, one a line. */
#ifndef BENCH_LATENCY_H
#define BENCH_LATENCY_H

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

typedef struct latencies {
    long *us;
    size_t count, room;
} latencies;

static inline long long latency_now(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (long long)now.tv_sec * 1000000000 + now.tv_nsec;
}

static inline void latency_note(latencies *into, const char *key, size_t size)
{
    long long produced = 0;
    if (into->count == into->room) {
        into->room = into->room ? into->room * 2 : 65536;
        into->us = realloc(into->us, into->room * sizeof(*into->us));
        if (!into->us)
            abort();
    }
    for (size_t i = 0; i < size; i++)
        produced = produced * 10 + (key[i] - '0');
    into->us[into->count++] = (long)((latency_now() - produced) / 1000);
}

/* Adds to the file. 0: written. */
static inline int latency_write(const latencies *from, const char *path)
{
    FILE *out = path ? fopen(path, "ae") : NULL;
    if (!out)
        return -1;
    for (size_t i = 0; i < from->count; i++)
        (void)fprintf(out, "%ld\n", from->us[i]); /* fclose tells of it */
    return fclose(out);
}

#endif
