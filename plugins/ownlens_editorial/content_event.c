/* editorial.content_event: what happened to an article. */
#include <stdlib.h>

#include "content_event.contract.h"
#include "editorial.h"
#include "tally.h"

typedef struct content_event {
    busbar_field event_timestamp;
    busbar_field event_date;
    ownlens_tally by_type;
} content_event;

static const ownlens_tally_plan by_type = {
    .member = "event_type",
    .prefix = "content_events",
    .help = "Content events handled, by event_type",
    .values = {"article_view", "article_click", "share", "comment", "like", "bookmark"},
};

static int32_t create(busbar_call *call, busbar_bytes config, void **ret_self)
{
    content_event *self = malloc(sizeof(*self));
    (void)config; /* it has no settings */
    if (!self)
        return busbar_fail(call, BUSBAR_FATAL, "out of memory");
    self->event_timestamp = busbar_field_of(call, "event_timestamp");
    self->event_date = busbar_field_of(call, "event_date");
    ownlens_tally_init(&self->by_type, call, &by_type);
    *ret_self = self;
    return BUSBAR_PASS;
}

static void destroy(void *self)
{
    free(self);
}

static int32_t enrich(void *data, busbar_call *call, busbar_event *event)
{
    const content_event *self = data;
    return ownlens_derive_date(call, event, self->event_date, self->event_timestamp, "event_date");
}

static int32_t handle(void *data, busbar_call *call, const busbar_batch *batch, int32_t *verdicts)
{
    const content_event *self = data;
    ownlens_tally_add(&self->by_type, call, batch);
    return ownlens_pass_all(batch, verdicts);
}

static const busbar_event_ops ops = {
    .struct_size = sizeof(ops),
    .enrich = enrich,
    .handle = handle,
};

const busbar_event_type editorial_content_event = {
    .struct_size = sizeof(editorial_content_event),
    .name = "content_event",
    .summary = "Something happened to an article",
    .topic = "editorial-content-events",
    .group = "content-event-consumer-group",
    .contract = content_event_contract,
    .ops = &ops,
    .create = create,
    .destroy = destroy,
};
