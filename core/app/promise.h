/* What holds for each event from its topic to each of its handlers, and why. */
#ifndef BB_PROMISE_H
#define BB_PROMISE_H

#include "config/settings.h"
#include "pipeline/event_type.h"

/* From weak to strong. */
typedef enum {
    BB_PROMISE_NONE, /* nothing handles it */
    BB_PROMISE_AT_MOST_ONCE,
    BB_PROMISE_AT_LEAST_ONCE,
    BB_PROMISE_EFFECTIVELY_ONCE, /* handled again maybe, with the same result as once */
    BB_PROMISE_EXACTLY_ONCE
} bb_promise_level;

typedef struct bb_promise {
    const char *name;   /* of the handler; of the domain for its own `handle` */
    const char *plugin; /* NULL: the domain */
    bb_promise_level level;
    const char *reason;    /* one sentence without a full stop */
    const char *condition; /* what it rests on that cannot be checked from here; NULL: nothing */
} bb_promise;

/* Of every part that handles `type`, in the order in which they do (bb_promise). */
GArray *bb_promises_of(const bb_settings *settings, const bb_event_type *type);
/* The first of the weakest; NULL when there are none. */
const bb_promise *bb_promises_weakest(const GArray *promises);

/* "at least once". */
const char *bb_promise_name(bb_promise_level level);

#endif
