// A third party's domain in C++: RAII inside, the C contract outside. No exception leaves the
// plugin.
#include <memory>
#include <new>

#include <busbar/plugin.h>

#include "reading.contract.h"

namespace
{
class Reading
{
  public:
    explicit Reading(busbar_call *call)
        : celsius(busbar_field_of(call, "celsius")), frost(busbar_field_of(call, "frost"))
    {
    }

    int32_t enrich(busbar_call *call, busbar_event *event) const
    {
        busbar_value value;
        double degrees = 0;
        if (call->host->get(event, frost, &value) != BUSBAR_ABSENT)
            return BUSBAR_PASS;
        call->host->get(event, celsius, &value);
        if (!call->host->number(&value, &degrees))
            return busbar_fail_at(call, BUSBAR_REJECT, "/celsius", "celsius is not a number");
        call->host->set_json(call, event, busbar_text("frost"),
                             busbar_text(degrees <= 0 ? "true" : "false"));
        return BUSBAR_PASS;
    }

  private:
    busbar_field celsius;
    busbar_field frost;
};

int32_t create(busbar_call *call, busbar_bytes, void **ret_self)
{
    std::unique_ptr<Reading> reading(new (std::nothrow) Reading(call));
    if (!reading)
        return busbar_fail(call, BUSBAR_FATAL, "out of memory");
    *ret_self = reading.release();
    return BUSBAR_PASS;
}

void destroy(void *self)
{
    delete static_cast<Reading *>(self);
}

int32_t enrich(void *self, busbar_call *call, busbar_event *event)
{
    return static_cast<const Reading *>(self)->enrich(call, event);
}

const busbar_event_ops ops = {sizeof(busbar_event_ops), 0, nullptr, enrich, nullptr};

const busbar_event_type reading_type = {
    sizeof(busbar_event_type),
    0,
    "reading",
    "What a weather station has measured",
    "weather-readings",
    nullptr,
    reading_contract,
    &ops,
    create,
    destroy,
};

const busbar_event_type *const event_types[] = {&reading_type};
} // namespace

const busbar_plugin_descriptor busbar_plugin = {
    BUSBAR_DESCRIPTOR_HEAD,
    "weather",
    "1.0.0",
    "Weather stations",
    1,
    0,
    event_types,
    nullptr,
    nullptr,
};
