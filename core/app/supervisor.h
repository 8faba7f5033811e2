/* The supervisor of `busbar run`: starts the worker processes, restarts one that dies, passes
 * signals on.
 *
 * It loads no plugin, opens no connection to Kafka and has one thread, so it can be forked at any
 * time. */
#ifndef BB_SUPERVISOR_H
#define BB_SUPERVISOR_H

#include "app/contain.h"
#include "config/settings.h"

typedef struct bb_supervisor_plan {
    const bb_worker_settings *settings;
    const char *admin_listen; /* NULL: no admin port */
    const GPtrArray *domains; /* char *: one worker for each; NULL: one for all */
    /* The work, in a worker process. Returns its exit code. */
    int (*work)(bb_contain *contain, void *user);
    /* In the supervisor, when all have ended; not after a third signal. */
    void (*finish)(const bb_contain *const *workers, guint count, guint restarts, void *user);
    void *user;
} bb_supervisor_plan;

/* Runs the work in workers until all have come to their own end, or until there is no point in
 * another start. Returns the exit code of the run; in a worker, that of its work. */
int bb_supervisor_run(const bb_supervisor_plan *plan);

/* For the worker's main loop: waits up to `timeout_ms`; returns how often it was asked to stop. */
gint bb_supervisor_wait(const bb_contain *contain, gint64 timeout_ms);

#endif
