/* Inside of the supervisor, shared by its files: processes (supervisor.c), calls that do not return
 * (supervisor_watch.c), deaths (supervisor_death.c), plugins put aside (supervisor_quarantine.c).
 */
#ifndef BB_SUPERVISOR_PRIVATE_H
#define BB_SUPERVISOR_PRIVATE_H

#include "admin/admin.h"
#include "app/supervisor.h"
#include "pipeline/quarantine.h"

/* What was seen of a mark the last time. */
typedef struct bb_watched {
    guint32 serial;
    guint32 stage;
    gint64 elapsed_ms;
} bb_watched;

/* A worker, through all its processes. */
typedef struct bb_child {
    const char *domain; /* NULL: all of them */
    bb_contain *contain;
    pid_t pid;  /* 0: none is running */
    int socket; /* to the worker; -1: there is none */
    gint64 started_ms;
    gint64 start_at_ms;
    guint restarts;
    guint deaths;    /* in a row, of processes that did not last */
    guint blameless; /* of those, in a row: no record was in hand */
    gboolean over;
    int exit_code;
    char *last_death; /* NULL: none */
    bb_quarantine *quarantine;
    bb_watched watched[BB_MARKS];
    gint64 watched_at_ms;
    gint32 stuck_mark; /* whose call has passed its deadline; -1: none has */
    gint64 stuck_ms;
    gint64 kill_at_ms;
} bb_child;

/* What a death comes to. */
typedef struct bb_death {
    int status;          /* as waitpid gave it */
    char what[160];      /* "was killed by SIGSEGV" */
    char signal[64];     /* "SIGSEGV", "exit", "deadline" */
    const bb_mark *mark; /* of the call that did it; NULL: not known */
    gboolean condemned;  /* a record is to be dead-lettered by the next process */
    gboolean blamed;     /* some record or plugin is suspected */
} bb_death;

/* Looks for calls that have passed their deadline, and ends the process of one: first by SIGABRT to
 * its thread, which notes where it is. */
void bb_supervisor_watch(bb_child *child, const bb_worker_settings *settings, gint64 now_ms);

/* Reads the marks, says in the log what happened and updates the suspects. `death` has its status;
 * the rest is set. */
void bb_supervisor_judge(bb_child *child, bb_death *death);

/* Puts the plugin aside that has ended this worker once too often. TRUE when it does: the next
 * process does without it. */
gboolean bb_supervisor_quarantine(bb_child *child, const bb_death *death,
                                  const bb_worker_settings *settings, gint64 now_ms);

/* supervisor_admin.c: the admin port for all workers. `children`: bb_child *, borrowed. */
typedef struct bb_supervisor_admin bb_supervisor_admin;
bb_supervisor_admin *bb_supervisor_admin_new(const char *listen, const GPtrArray *children,
                                             GError **error);
bb_admin *bb_supervisor_admin_port(const bb_supervisor_admin *admin);
void bb_supervisor_admin_free(bb_supervisor_admin *admin);

#endif
