/* editorial.content_event: what happened to an article. */
#include "content_event.contract.h"
#include "editorial.h"
#include "dated.h"

static const ownlens_tally_plan by_type = {
    .member = "event_type",
    .prefix = "content_events",
    .help = "Content events handled, by event_type",
    .values = {"article_view", "article_click", "share", "comment", "like", "bookmark"},
};

static int32_t create(busbar_call *call, busbar_bytes config, void **ret_self)
{
    (void)config; /* it has no settings */
    return ownlens_dated_create(call, &by_type, ret_self);
}

static const busbar_event_ops ops = {
    .struct_size = sizeof(ops),
    .enrich = ownlens_dated_enrich,
    .handle = ownlens_dated_handle,
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
    .destroy = ownlens_dated_destroy,
};
