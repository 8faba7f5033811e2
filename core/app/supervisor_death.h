/* What the death of a worker tells. */
#ifndef BB_SUPERVISOR_DEATH_H
#define BB_SUPERVISOR_DEATH_H

#include "app/contain.h"

typedef struct bb_death {
    int status;          /* as waitpid gave it */
    gint64 stuck_ms;     /* of the call that had passed its deadline; 0: none had */
    gint32 stuck_mark;   /* whose call that was */
    char what[160];      /* "was killed by SIGSEGV" */
    char signal[64];     /* "SIGSEGV", "exit", "deadline" */
    const bb_mark *mark; /* of the call that did it; NULL: not known */
    gboolean condemned;  /* a record is to be dead-lettered by the next worker */
    gboolean blamed;     /* some record or plugin is suspected */
} bb_death;

/* Reads the marks, says what happened in the log and updates the suspects. `death` has status and
 * what is stuck; the rest is set. */
void bb_death_judge(bb_contain *contain, bb_death *death);

#endif
