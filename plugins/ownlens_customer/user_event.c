/* customer.user_event: one thing a reader did. */
#include "customer.h"
#include "dated.h"
#include "user_event.contract.h"

static const ownlens_tally_plan by_type = {
    .member = "event_type",
    .prefix = "user_events",
    .help = "User events handled, by event_type",
    .values = {"article_view", "article_click", "video_play", "newsletter_signup",
               "subscription_prompt", "ad_click", "search", "navigation", "session_end", "comment",
               "share", "page_view", "scroll"},
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

const busbar_event_type customer_user_event = {
    .struct_size = sizeof(customer_user_event),
    .name = "user_event",
    .summary = "Something a reader did on a site",
    .topic = "customer-user-events",
    .group = "user-event-consumer-group",
    .contract = user_event_contract,
    .ops = &ops,
    .create = create,
    .destroy = ownlens_dated_destroy,
};
