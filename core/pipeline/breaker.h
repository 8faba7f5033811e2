/* A circuit breaker, shared by the lanes of all event types that use one handler: while that is
 * down, one of them asks it now and then, and the others wait without asking.
 *
 * Pure but for its lock: no clock, no thread. Who probes has the time to the next probe for it; if
 * nothing is heard by then, it is another lane's turn. So nobody has to give a turn back. */
#ifndef BB_BREAKER_H
#define BB_BREAKER_H

#include "pipeline/policy.h"

typedef struct bb_breaker bb_breaker;

/* What a call was. What one of them has opened, an earlier one does not close: a handler whose
 * flush fails may take every event, and one that takes none may be opened well. */
typedef enum { BB_CALL_OPEN, BB_CALL_HANDLE, BB_CALL_FLUSH } bb_call_kind;

/* What it tells of itself. */
typedef struct bb_breaker_status {
    gboolean open;
    guint64 opened;  /* times */
    guint failures;  /* calls that failed since it opened, that one included */
    gint64 since_ms; /* monotonic; when it opened */
} bb_breaker_status;

bb_breaker *bb_breaker_new(void);
/* [any thread] */
bb_breaker *bb_breaker_ref(bb_breaker *breaker);
void bb_breaker_unref(bb_breaker *breaker);

/* One load without a barrier. [any thread] */
gboolean bb_breaker_is_open(const bb_breaker *breaker);

/* How many records `lane` (a name, never looked into) may hand in its next call; G_MAXUINT: any
 * number. 0: it is to ask again at `*ret_again_ms`. [any thread] */
guint bb_breaker_admit(bb_breaker *breaker, const void *lane, gint64 now_ms, gint64 *ret_again_ms);
/* A call has said that it is down; the next probe is after a wait of `policy`. TRUE when that
 * opened it. [any thread] */
gboolean bb_breaker_failed(bb_breaker *breaker, const void *lane, bb_call_kind kind,
                           const bb_policy *policy, gint64 now_ms, guint32 random);
/* A call went well that was made while it was open. TRUE when that closed it. [any thread] */
gboolean bb_breaker_passed(bb_breaker *breaker, const void *lane, bb_call_kind kind);

bb_breaker_status bb_breaker_read(bb_breaker *breaker);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(bb_breaker, bb_breaker_unref)

#endif
