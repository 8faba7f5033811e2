/* Quarantine: counts the different records that ended the process of each plugin. Pure. */
#ifndef BB_QUARANTINE_H
#define BB_QUARANTINE_H

#include <glib.h>

typedef struct bb_quarantine bb_quarantine;

/* A plugin is to be put aside after `limit` (0: never) different records within `window_ms`. */
bb_quarantine *bb_quarantine_new(guint limit, gint64 window_ms);
void bb_quarantine_free(bb_quarantine *quarantine);

/* `plugin` has ended its process with `record` (any text that names it; NULL: without one, which
 * counts every time). TRUE when that is one too many. */
gboolean bb_quarantine_count(bb_quarantine *quarantine, const char *plugin, const char *record,
                             gint64 now_ms);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(bb_quarantine, bb_quarantine_free)

#endif
