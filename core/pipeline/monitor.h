/* A lock with a condition, on the monotonic clock.
 *
 * Plain pthread calls and not GMutex: the thread sanitizer understands these. */
#ifndef BB_MONITOR_H
#define BB_MONITOR_H

#include <glib.h>
#include <pthread.h>

typedef struct bb_monitor {
    pthread_mutex_t mutex;
    pthread_cond_t cond;
} bb_monitor;

void bb_monitor_init(bb_monitor *monitor);
void bb_monitor_clear(bb_monitor *monitor);
void bb_monitor_lock(bb_monitor *monitor);
void bb_monitor_unlock(bb_monitor *monitor);
/* Wakes all who wait. */
void bb_monitor_wake(bb_monitor *monitor);
/* Waits, locked, until woken or `timeout_ms` is over; below 0: for ever. May return early. */
void bb_monitor_wait(bb_monitor *monitor, gint64 timeout_ms);

#endif
