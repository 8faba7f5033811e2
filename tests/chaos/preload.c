/* To be preloaded into busbar: writes that fail or are short and clocks that jump, by the same
 * BB_FAULT as the fault points.
 *
 *   write:NTH:errno:ENOSPC     a write to a file below CHAOS_FOLDER fails, as on a full disk
 *   write:NTH:short            ... is cut
 *   BB_CLOCK=SECONDS:STEP_MS   the wall clock jumps by STEP_MS that many seconds after the start */
#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#include <errno.h>

#include "base/fault.h"

/* Files of the run alone; a pipe or the log is none of them. */
static int is_ours(int file)
{
    char name[64], path[PATH_MAX];
    const char *folder = getenv("CHAOS_FOLDER");
    (void)snprintf(name, sizeof(name), "/proc/self/fd/%d", file);
    ssize_t size = readlink(name, path, sizeof(path) - 1);
    if (size < 0 || !folder)
        return 0;
    path[size] = '\0';
    return strncmp(path, folder, strlen(folder)) == 0 && strstr(path, "/out/") != NULL;
}

ssize_t write(int file, const void *data, size_t size)
{
    int number = 0;
    if (is_ours(file))
        size = bb_fault_part("write", size, &number);
    if (number) {
        errno = number;
        return -1;
    }
    return syscall(SYS_write, file, data, size);
}

static long long real_ms(clockid_t clock)
{
    struct timespec now;
    (void)syscall(SYS_clock_gettime, clock, &now);
    return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static long long began_ms;
static double jump_after_s;
static long long jump_ms;

__attribute__((constructor)) static void begin(void)
{
    const char *text = getenv("BB_CLOCK");
    began_ms = real_ms(CLOCK_MONOTONIC);
    if (!text || sscanf(text, "%lf:%lld", &jump_after_s, &jump_ms) != 2)
        jump_ms = 0;
}

static int has_jumped(void)
{
    return jump_ms && (double)(real_ms(CLOCK_MONOTONIC) - began_ms) > jump_after_s * 1000;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    int status = (int)syscall(SYS_clock_gettime, clock, now);
    int is_wall = clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE;
    if (status == 0 && is_wall && has_jumped()) {
        long long moved = (long long)now->tv_sec * 1000 + jump_ms;
        now->tv_sec = (time_t)(moved / 1000);
    }
    return status;
}

/* A moment of the wall clock that was computed from the moved one, as the kernel has it. Moments of
 * the monotonic clock are small numbers. */
static struct timespec real_moment(const struct timespec *until)
{
    enum { NO_WALL_CLOCK_BEFORE = 1000000000 };
    struct timespec moment = *until;
    if (until->tv_sec > NO_WALL_CLOCK_BEFORE && has_jumped())
        moment.tv_sec -= (time_t)(jump_ms / 1000);
    return moment;
}

int pthread_cond_timedwait(pthread_cond_t *restrict cond, pthread_mutex_t *restrict mutex,
                           const struct timespec *restrict until)
{
    static int (*wait)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
    struct timespec moment = real_moment(until);
    if (!wait)
        *(void **)&wait = dlsym(RTLD_NEXT, "pthread_cond_timedwait");
    return wait(cond, mutex, &moment);
}

int cnd_timedwait(cnd_t *restrict cond, mtx_t *restrict mutex,
                  const struct timespec *restrict until)
{
    static int (*wait)(cnd_t *, mtx_t *, const struct timespec *);
    struct timespec moment = real_moment(until);
    if (!wait)
        *(void **)&wait = dlsym(RTLD_NEXT, "cnd_timedwait");
    return wait(cond, mutex, &moment);
}

int pthread_timedjoin_np(pthread_t thread, void **ret_value, const struct timespec *until)
{
    static int (*wait)(pthread_t, void **, const struct timespec *);
    struct timespec moment = real_moment(until);
    if (!wait)
        *(void **)&wait = dlsym(RTLD_NEXT, "pthread_timedjoin_np");
    return wait(thread, ret_value, &moment);
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    struct timespec precise;
    (void)zone;
    int status = clock_gettime(CLOCK_REALTIME, &precise);
    now->tv_sec = precise.tv_sec;
    now->tv_usec = precise.tv_nsec / 1000;
    return status;
}

int timespec_get(struct timespec *now, int base)
{
    return clock_gettime(CLOCK_REALTIME, now) == 0 ? base : 0;
}

time_t time(time_t *ret_now)
{
    struct timespec precise;
    (void)clock_gettime(CLOCK_REALTIME, &precise);
    if (ret_now)
        *ret_now = precise.tv_sec;
    return precise.tv_sec;
}
