/* What a worker process and its supervisor share: memory that outlives the worker. */
#ifndef BB_CONTAIN_H
#define BB_CONTAIN_H

#include <sys/types.h>

#include "pipeline/suspects.h"

enum { BB_CONTAIN_QUARANTINED = 32 };

/* Zeroed memory is the start of a worker that never died. */
typedef struct bb_contain {
    bb_marks marks;
    bb_suspects suspects;
    pid_t pid;  /* of the worker; a child of a plugin's own has another */
    gint stop;  /* atomic: how often the supervisor was asked to end */
    gint ended; /* atomic: the worker has come to its own end, with `exit_code` */
    gint exit_code;
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
gboolean bb_contain_is_quarantined(const bb_contain *contain, const char *plugin);

#endif
