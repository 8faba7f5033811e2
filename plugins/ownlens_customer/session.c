/* customer.session: one visit of a reader, with the duration that follows from its two ends. */
#include <stdlib.h>

#include "customer.h"
#include "instant.h"
#include "session.contract.h"

enum { MICROSECONDS = 1000000 };

typedef struct session {
    busbar_field start;
    busbar_field end;
    busbar_field duration;
    int32_t seconds_total;
    int32_t timed_total;
} session;

static int32_t counter(busbar_call *call, const char *name, const char *help)
{
    return call->host->metric(call, BUSBAR_COUNTER, busbar_text(name), busbar_text(help));
}

static int32_t create(busbar_call *call, busbar_bytes config, void **ret_self)
{
    session *self = malloc(sizeof(*self));
    (void)config; /* it has no settings */
    if (!self)
        return busbar_fail(call, BUSBAR_FATAL, "out of memory");
    self->start = busbar_field_of(call, "session_start");
    self->end = busbar_field_of(call, "session_end");
    self->duration = busbar_field_of(call, "session_duration_sec");
    self->seconds_total = counter(call, "session_seconds_total", "Seconds of all sessions handled");
    self->timed_total =
        counter(call, "sessions_timed_total", "Sessions handled that have a duration");
    *ret_self = self;
    return BUSBAR_PASS;
}

static void destroy(void *self)
{
    free(self);
}

/* Whether a given timestamp names its offset; looks at it as it was received, because the canonical
 * form always does. */
static int names_offset(busbar_call *call, const busbar_event *event, busbar_field field)
{
    busbar_value value;
    busbar_bytes text = {NULL, 0};
    uint32_t type = call->host->get_original(event, field, &value);
    if (type == BUSBAR_STRING)
        (void)call->host->text(call, event, &value, &text); /* a string always has a text */
    return ownlens_has_offset(type, text);
}

/* The instant of a timestamp; 0 where there is none. */
static int instant_of(busbar_call *call, const busbar_event *event, busbar_field field,
                      int64_t *ret_us)
{
    busbar_value value;
    busbar_bytes text;
    if (ownlens_get(call, event, field, &value) != BUSBAR_STRING)
        return 0;
    /* A canonical form that came with escapes still has them. */
    return call->host->text(call, event, &value, &text) && ownlens_instant(text, ret_us);
}

/* True when a duration is to be derived and both ends are there. */
static int ends_of(const session *self, busbar_call *call, const busbar_event *event,
                   int64_t *ret_start_us, int64_t *ret_end_us)
{
    busbar_value duration;
    return !ownlens_is_given(ownlens_get(call, event, self->duration, &duration)) &&
           instant_of(call, event, self->start, ret_start_us) &&
           instant_of(call, event, self->end, ret_end_us);
}

static int32_t refuse_negative(busbar_call *call, int64_t seconds)
{
    return busbar_fail_at(call, BUSBAR_REJECT, "/session_end",
                          "session_end must not be before session_start, found %lld seconds before",
                          (long long)-seconds);
}

static int32_t validate(void *data, busbar_call *call, const busbar_event *event)
{
    const session *self = data;
    int64_t start_us;
    int64_t end_us;
    if (!ends_of(self, call, event, &start_us, &end_us))
        return BUSBAR_PASS;
    if (names_offset(call, event, self->start) != names_offset(call, event, self->end))
        return busbar_fail_at(call, BUSBAR_REJECT, "/session_end",
                              "session_start and session_end must both have a UTC offset or both "
                              "have none, found one of each");
    if (end_us - start_us <= -MICROSECONDS)
        return refuse_negative(call, (end_us - start_us) / MICROSECONDS);
    return BUSBAR_PASS;
}

/* Sets the duration; checks its sign again, because an absent session_start has only now been
 * generated. */
static int32_t enrich(void *data, busbar_call *call, busbar_event *event)
{
    const session *self = data;
    int64_t start_us;
    int64_t end_us;
    int64_t seconds;
    char text[24];
    if (!ends_of(self, call, event, &start_us, &end_us))
        return BUSBAR_PASS;
    seconds = (end_us - start_us) / MICROSECONDS;
    if (seconds < 0)
        return refuse_negative(call, seconds);
    snprintf(text, sizeof(text), "%lld", (long long)seconds);
    if (!call->host->set_json(call, event, busbar_text("session_duration_sec"), busbar_text(text)))
        return busbar_fail(call, BUSBAR_FATAL, "the host refused to set session_duration_sec");
    return BUSBAR_PASS;
}

static int32_t handle(void *data, busbar_call *call, const busbar_batch *batch, int32_t *verdicts)
{
    const session *self = data;
    double seconds = 0;
    uint32_t timed = 0;
    for (uint32_t i = 0; i < batch->count; i++) {
        busbar_value value;
        double duration;
        verdicts[i] = BUSBAR_PASS;
        if (ownlens_get(call, batch->events[i], self->duration, &value) != BUSBAR_NUMBER ||
            !call->host->number(&value, &duration))
            continue;
        seconds += duration;
        timed++;
    }
    if (timed > 0 && self->seconds_total >= 0 && self->timed_total >= 0) {
        call->host->record_metric(call, self->seconds_total, seconds);
        call->host->record_metric(call, self->timed_total, timed);
    }
    return BUSBAR_PASS;
}

static const busbar_event_ops ops = {
    .struct_size = sizeof(ops),
    .validate = validate,
    .enrich = enrich,
    .handle = handle,
};

const busbar_event_type customer_session = {
    .struct_size = sizeof(customer_session),
    .name = "session",
    .summary = "One visit of a reader",
    .topic = "customer-sessions",
    .group = "session-consumer-group",
    .contract = session_contract,
    .ops = &ops,
    .create = create,
    .destroy = destroy,
};
