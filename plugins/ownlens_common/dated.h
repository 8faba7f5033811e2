/* What event types with an event_timestamp and an event_date do: derive the date, and count by a
 * member. */
#ifndef OWNLENS_DATED_H
#define OWNLENS_DATED_H

#include <stdlib.h>

#include "tally.h"

typedef struct ownlens_dated {
    busbar_field event_timestamp;
    busbar_field event_date;
    ownlens_tally tally;
} ownlens_dated;

static inline int32_t ownlens_dated_create(busbar_call *call, const ownlens_tally_plan *plan,
                                           void **ret_self)
{
    ownlens_dated *self = malloc(sizeof(*self));
    if (!self)
        return busbar_fail(call, BUSBAR_FATAL, "out of memory");
    self->event_timestamp = busbar_field_of(call, "event_timestamp");
    self->event_date = busbar_field_of(call, "event_date");
    ownlens_tally_init(&self->tally, call, plan);
    *ret_self = self;
    return BUSBAR_PASS;
}

static inline void ownlens_dated_destroy(void *self)
{
    free(self);
}

static inline int32_t ownlens_dated_enrich(void *data, busbar_call *call, busbar_event *event)
{
    const ownlens_dated *self = data;
    return ownlens_derive_date(call, event, self->event_date, self->event_timestamp, "event_date");
}

static inline int32_t ownlens_dated_handle(void *data, busbar_call *call, const busbar_batch *batch,
                                           int32_t *verdicts)
{
    const ownlens_dated *self = data;
    ownlens_tally_add(&self->tally, call, batch);
    return ownlens_pass_all(batch, verdicts);
}

#endif
