/* Verdicts of handlers with a store, with the reasons that go with them. */
#ifndef HANDLER_ANSWER_H
#define HANDLER_ANSWER_H

#include <stdbool.h>

#include <busbar/plugin.h>

/* Why an event waits whose partition is another's now. */
#define HANDLER_TAKEN_OVER "its partition was taken over by another worker"

/* The event is rejected: it does not fit `table`, or, unless that is NULL or empty, its `column`,
 * which the dead letter gets as the pointer. */
int32_t handler_refuse(busbar_call *call, uint32_t index, const char *table, const char *column,
                       const char *reason);

/* The event waits for the store: tried again, and counted for nothing. */
int32_t handler_wait(busbar_call *call, uint32_t index, const char *reason);

/* A record that had been stored before is passed. After a crash this is as it should be; after a
 * topic was made anew it would be a loss, so it is said once (`*told`), with what is to be done
 * then. */
int32_t handler_pass_stored(busbar_call *call, const busbar_origin *origin, int32_t metric,
                            bool *told, const char *remedy);

#endif
