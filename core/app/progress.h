/* One line of progress on standard error while a command works; nothing unless that is a terminal.
 */
#ifndef BB_PROGRESS_H
#define BB_PROGRESS_H

#include <glib.h>

typedef struct bb_progress bb_progress;

/* `verb`: "publishing", "validating". One at a time in a process; log lines step around it. */
bb_progress *bb_progress_new(const char *verb);
/* Cheap: redraws at most ten times a second. `total` 0: not known. Accepts NULL. */
void bb_progress_update(bb_progress *progress, guint64 done, guint64 refused, guint64 total);
/* Takes the line away. Accepts NULL. */
void bb_progress_free(bb_progress *progress);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(bb_progress, bb_progress_free)

#endif
