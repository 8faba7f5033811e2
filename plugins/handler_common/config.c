/* Reading settings, and registering metrics. */
#include "config.h"

const char *handler_config_text(const json_t *object, const char *name, const char *otherwise)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : otherwise;
}

int64_t handler_config_number(const json_t *object, const char *name, int64_t otherwise)
{
    const json_t *number = json_object_get(object, name);
    return json_is_integer(number) ? json_integer_value(number) : otherwise;
}

json_t *handler_config_choose(const json_t *settings, const json_t *annotation, const char *event,
                              const char *name, const char *annotated)
{
    const json_t *events = json_object_get(settings, "events");
    json_t *value = json_object_get(json_object_get(events, event), name);
    if (!value)
        value = json_object_get(settings, name);
    return value ? value : json_object_get(annotation, annotated);
}

int32_t handler_counter(busbar_call *call, const char *name, const char *help)
{
    return call->host->metric(call, BUSBAR_COUNTER, busbar_text(name), busbar_text(help));
}
