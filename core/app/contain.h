/* What a worker process and its supervisor share: memory that outlives the worker. */
#ifndef BB_CONTAIN_H
#define BB_CONTAIN_H

#include <sys/types.h>

#include "kafka/runner.h"
#include "pipeline/suspects.h"

enum { BB_CONTAIN_QUARANTINED = 32, BB_CONTAIN_ROWS = 512, BB_CONTAIN_ERROR = 1024 };

/* What an event type has come to. */
typedef struct bb_contain_row {
    char event[BB_MARK_EVENT];
    char topic[BB_MARK_TOPIC];
    bb_run_counts counts; /* of the process that runs */
    bb_run_counts before; /* of those that died: what they had finished */
} bb_contain_row;

/* Zeroed memory is the start of a worker that never died. */
typedef struct bb_contain {
    bb_marks marks;
    bb_suspects suspects;
    char domain[BB_MARK_NAME + 1]; /* the one that this worker is for; "": all */
    int socket;                    /* in the worker: questions come from there; -1: none do */
    pid_t pid;                     /* of the worker; a child of a plugin's own has another */
    gint stop;                     /* atomic: how often the supervisor was asked to end */
    gint ended; /* atomic: the worker has come to its own end, with `exit_code` */
    gint exit_code;
    gint began;                   /* atomic: the worker has got as far as consuming */
    char error[BB_CONTAIN_ERROR]; /* why it ended, when that was a failure while consuming */
    guint row_count;
    bb_contain_row rows[BB_CONTAIN_ROWS];
    guint quarantined; /* plugins that this worker is to do without */
    char quarantine[BB_CONTAIN_QUARANTINED][BB_MARK_NAME];
} bb_contain;

/* Memory that a forked child shares; NULL when there is none. Pages that are not touched cost
 * nothing. */
bb_contain *bb_contain_new(void);
void bb_contain_free(bb_contain *contain);

/* In the worker: marks go to `contain`, and what kills the process is noted there. Before any
 * plugin is loaded. */
void bb_contain_begin(bb_contain *contain);
/* The worker ends by itself: leaving the process is no crash any more. */
void bb_contain_end(bb_contain *contain, int exit_code);
/* In the worker: what an event type has come to so far; the first call for each makes its row.
 * Event types beyond the last row are not counted in the summary. */
void bb_contain_count(bb_contain *contain, const char *event, const char *topic,
                      const bb_run_counts *counts);
/* In the supervisor: the worker has died, the next one counts from 0. */
void bb_contain_carry(bb_contain *contain);
gboolean bb_contain_is_quarantined(const bb_contain *contain, const char *plugin);

#endif
