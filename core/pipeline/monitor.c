/* A lock with a condition. */
#include "pipeline/monitor.h"

#include <time.h>

void bb_monitor_init(bb_monitor *monitor)
{
    pthread_condattr_t attributes;
    (void)pthread_mutex_init(&monitor->mutex, NULL); /* cannot fail with default attributes */
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&monitor->cond, &attributes);
    (void)pthread_condattr_destroy(&attributes);
}

void bb_monitor_clear(bb_monitor *monitor)
{
    (void)pthread_cond_destroy(&monitor->cond);
    (void)pthread_mutex_destroy(&monitor->mutex);
}

void bb_monitor_lock(bb_monitor *monitor)
{
    (void)pthread_mutex_lock(&monitor->mutex);
}

void bb_monitor_unlock(bb_monitor *monitor)
{
    (void)pthread_mutex_unlock(&monitor->mutex);
}

void bb_monitor_wake(bb_monitor *monitor)
{
    (void)pthread_cond_broadcast(&monitor->cond);
}

void bb_monitor_wait(bb_monitor *monitor, gint64 timeout_ms)
{
    if (timeout_ms < 0) {
        (void)pthread_cond_wait(&monitor->cond, &monitor->mutex);
        return;
    }
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += timeout_ms / 1000;
    until.tv_nsec += (timeout_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    (void)pthread_cond_timedwait(&monitor->cond, &monitor->mutex,
                                 &until); /* late or early: alike */
}
