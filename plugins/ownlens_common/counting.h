/* The instance of event types that only count what they handle: `create`, `destroy` and `handle`
 * for one plan. */
#ifndef OWNLENS_COUNTING_H
#define OWNLENS_COUNTING_H

#include "tally.h"

static inline int32_t ownlens_counting_create(busbar_call *call, const ownlens_tally_plan *plan,
                                              void **ret_self)
{
    ownlens_tally *self = malloc(sizeof(*self));
    if (!self)
        return busbar_fail(call, BUSBAR_FATAL, "out of memory");
    ownlens_tally_init(self, call, plan);
    *ret_self = self;
    return BUSBAR_PASS;
}

static inline void ownlens_counting_destroy(void *self)
{
    free(self);
}

static inline int32_t ownlens_counting_handle(void *self, busbar_call *call,
                                              const busbar_batch *batch, int32_t *verdicts)
{
    ownlens_tally_add(self, call, batch);
    return ownlens_pass_all(batch, verdicts);
}

#endif
