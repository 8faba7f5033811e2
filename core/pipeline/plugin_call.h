/* One call into a plugin's event type and what its answer means. */
#ifndef BB_PLUGIN_CALL_H
#define BB_PLUGIN_CALL_H

#include "pipeline/call.h"

/* Prepares a call for one event (or for the making of an instance: no event) in `stage`. */
void bb_call_init(bb_call *call, const bb_event_type *type, bb_arena *scratch,
                  bb_statement *statement, bb_metrics *metrics);
void bb_call_begin(bb_call *call, uint32_t stage);

/* What `answer` to `operation` ("validate") comes to. An answer that is no verdict is a fault of
 * the plugin: RETRY, with a message that names it. `ret_statement` is complete afterwards: texts
 * are never NULL and live in `arena`. */
int32_t bb_call_judge(const bb_call *call, const char *operation, int32_t answer, bb_arena *arena,
                      bb_statement *ret_statement);

#endif
