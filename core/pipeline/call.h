/* The host's side of a call into a plugin: what `busbar_call` points into. The services
 * (core/plugin/host.c) read it. */
#ifndef BB_CALL_H
#define BB_CALL_H

#include "base/metrics.h"
#include "pipeline/batch.h"
#include "pipeline/event_type.h"

/* What a plugin stated about one event of the batch with `fail`. */
typedef struct bb_statement {
    int32_t verdict;     /* 0: nothing was stated */
    uint32_t scope;      /* BUSBAR_SCOPE_* */
    const char *pointer; /* in the call's scratch arena; "" when not named */
    const char *text;
} bb_statement;

/* Takes what a plugin emits. `send` copies; confirmation is the implementer's business
 * (core/kafka). */
typedef struct bb_emitter {
    int32_t (*send)(struct bb_emitter *emitter, const busbar_record *record, char **ret_reason);
} bb_emitter;

typedef struct bb_call {
    busbar_call base;          /* first: a busbar_call pointer is a bb_call pointer */
    const bb_event_type *type; /* NULL while a handler is set up outside an event type */
    const char *who;           /* plugin or handler name, for log lines */
    bb_arena *scratch;         /* for `alloc` and statements; reset by the owner after the call */
    bb_statement *statements;  /* one per event of the batch */
    uint32_t statement_count;
    busbar_event *const *events; /* the batch, for log lines; may be NULL */
    bb_item *const *items;       /* the records behind `events`; NULL where there are none */
    gint64 lost_before;          /* records of assignments before this one were given up */
    bb_emitter *emitter;         /* NULL: emit is refused */
    bb_metrics *metrics;         /* NULL: metrics are not kept */
    bb_parser *checker;          /* for `set_json`; NULL outside of enrich */
} bb_call;

#endif
