/* The supervisor of `busbar run`: starts the worker process, restarts it when it dies, passes
 * signals on.
 *
 * It loads no plugin, opens no connection to Kafka and has one thread, so it can be forked at any
 * time. */
#ifndef BB_SUPERVISOR_H
#define BB_SUPERVISOR_H

#include "app/contain.h"
#include "config/settings.h"

/* The work, in the worker process. Returns its exit code. */
typedef int (*bb_supervisor_work_fn)(bb_contain *contain, void *user);

/* Runs `work` in a worker until it comes to its own end, or until there is no point in another
 * start. Returns the exit code of the run. */
int bb_supervisor_run(const bb_settings *settings, bb_supervisor_work_fn work, void *user);

/* For the worker's main loop: waits up to `timeout_ms`; returns how often it was asked to stop. */
gint bb_supervisor_wait(const bb_contain *contain, gint64 timeout_ms);

#endif
