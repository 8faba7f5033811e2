/* Signals that end a command in its own time. */
#ifndef BB_SIGNALS_H
#define BB_SIGNALS_H

#include <glib.h>

/* Counts SIGINT and SIGTERM from now on; SIGPIPE is ignored, so that a reader that went away is an
 * error of the write. For the whole process, before its threads. */
void bb_signals_catch(void);

/* How many have come: by custom the first ends what is not in hand, the second everything. */
gint bb_signals_count(void);

/* The count itself, for loops of other layers; read it with g_atomic_int_get. */
const gint *bb_signals_place(void);

#endif
