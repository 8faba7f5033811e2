/* The operation `storage`: what is needed, what is there, and making what is missing. */
#include "plan.h"

#include <string.h>

#include "../handler_common/storage.h"
#include "handle.h"

/* What is missing is made, one by one: what fails says why and the others go on. */
static bool apply(ch_plan *plan, ch_client *client, ch_fault *fault)
{
    for (size_t i = 0; i < plan->count; i++) {
        ch_object *object = &plan->list[i];
        if (strcmp(object->state, "missing") != 0)
            continue;
        bool good = ch_client_run(client, object->statement.data, fault);
        object->state = good ? "made" : "failed";
        if (good)
            continue;
        if (fault->kind == CH_FAULT_PASSING)
            return false;
        if (json_array_append_new(object->differences, json_string(fault->text)) != 0)
            plan->failed = true;
    }
    return true;
}

static json_t *describe(const ch_plan *plan)
{
    json_t *objects = json_array();
    for (size_t i = 0; i < plan->count; i++) {
        const ch_object *object = &plan->list[i];
        handler_storage_add(objects, "table", object->name, object->state, object->statement.data,
                            object->differences);
    }
    return objects;
}

static int32_t look(busbar_call *call, ch_plan *plan, bool applies, busbar_bytes *ret_reply)
{
    ch_fault fault = {.kind = CH_FAULT_NONE};
    ch_plan_write(plan);
    if (plan->failed)
        return busbar_fail(call, BUSBAR_FATAL, "out of memory");
    ch_client *client = ch_client_new(plan->settings, &fault);
    bool good = client && ch_plan_compare(plan, client, &fault) &&
                (!applies || apply(plan, client, &fault));
    ch_client_free(client);
    if (good)
        return handler_storage_reply(call, plan->settings->database,
                                     plan->failed ? NULL : describe(plan), ret_reply);
    return busbar_fail(call, fault.kind == CH_FAULT_PASSING ? BUSBAR_RETRY : BUSBAR_REJECT,
                       "ClickHouse: %s", fault.text);
}

static int32_t work(busbar_call *call, const handler_storage_request *request,
                    busbar_bytes *ret_reply)
{
    ch_settings settings;
    const char *problem =
        ch_settings_read(&settings, request->config.data, request->config.size, request->event,
                         strlen(request->event), request->contract, strlen(request->contract));
    ch_plan plan = {.settings = &settings};
    int32_t verdict = problem ? busbar_fail(call, BUSBAR_FATAL, "%s", problem)
                              : look(call, &plan, request->applies, ret_reply);
    ch_plan_clear(&plan);
    ch_settings_clear(&settings);
    return verdict;
}

int32_t ch_storage(busbar_call *call, busbar_bytes config, busbar_bytes request,
                   busbar_bytes *ret_reply)
{
    return handler_storage(call, config, request, work, ret_reply);
}
