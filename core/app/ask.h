/* Questions of the supervisor to a worker, over a socket pair. */
#ifndef BB_ASK_H
#define BB_ASK_H

#include <glib.h>

typedef enum { BB_ASK_METRICS = 1, BB_ASK_STATUS, BB_ASK_LIVE, BB_ASK_READY } bb_ask_kind;

/* TRUE when the question is sent; the answer to it has the number `serial`. */
gboolean bb_ask_send(int socket, guint32 serial, bb_ask_kind kind);
/* The answer to `serial`, dropping late ones to others; NULL when it does not come before
 * `deadline_ms` (monotonic). */
GString *bb_ask_receive(int socket, guint32 serial, gint64 deadline_ms);

/* In the worker: waits for a question. FALSE when there will be none any more. */
gboolean bb_ask_wait(int socket, guint32 *ret_serial, bb_ask_kind *ret_kind);
gboolean bb_ask_answer(int socket, guint32 serial, const GString *text);

#endif
