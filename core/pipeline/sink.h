/* One receiver of a lane's events: the domain's own `handle`, or an instance of a bound handler.
 *
 * Makes the calls into the plugin and turns what came back into answers; decides nothing. */
#ifndef BB_SINK_H
#define BB_SINK_H

#include "pipeline/batch.h"
#include "pipeline/lane.h"

typedef struct bb_sink bb_sink;

/* What was answered about one event, or about all. `fault.attempts` is not set. */
typedef struct bb_answer {
    int32_t verdict; /* as given, so it may be none at all */
    uint32_t scope;
    bb_fault fault;
} bb_answer;

/* `self` stays the processor's. `limit`: most events of one call. */
bb_sink *bb_sink_new_domain(const bb_event_type *type, void *self, guint limit, bb_emitter *emitter,
                            bb_metrics *metrics);
bb_sink *bb_sink_new_handler(const bb_event_type *type, const bb_handler_binding *binding,
                             guint limit, bb_emitter *emitter, bb_metrics *metrics);
/* Not before bb_sink_close. */
void bb_sink_free(bb_sink *sink);

/* Assignments before `epoch` are lost: handlers that ask are told. */
void bb_sink_set_lost(bb_sink *sink, gint64 epoch);

guint bb_sink_limit(const bb_sink *sink);
/* NULL: it has none. */
bb_breaker *bb_sink_breaker(const bb_sink *sink);
/* TRUE when bb_sink_flush makes a call. */
gboolean bb_sink_flushes(const bb_sink *sink);
const char *bb_sink_name(const bb_sink *sink);
/* Faults of open and flush in a row; the lane counts. */
guint *bb_sink_faults(bb_sink *sink);

/* A sink that needs no opening or no flush passes. */
void bb_sink_open(bb_sink *sink, bb_answer *ret_answer);
void bb_sink_flush(bb_sink *sink, bb_answer *ret_answer);
void bb_sink_close(bb_sink *sink);

/* Hands `count` items (at most the limit). The answers are valid until bb_sink_forget. */
void bb_sink_handle(bb_sink *sink, bb_item *const *items, guint count);
gboolean bb_sink_passed(const bb_sink *sink, guint index);
void bb_sink_answer(const bb_sink *sink, guint index, bb_answer *ret_answer);
/* Gives up the texts of the last call. */
void bb_sink_forget(bb_sink *sink);

#endif
