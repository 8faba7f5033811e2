/* The operation `storage`: what is needed, what is there, and making what is missing. */
#include "plan.h"

#include <stdlib.h>
#include <string.h>

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
        (void)json_array_append_new(/* a failure shows when the reply is written */
                                    objects, json_pack("{s:s, s:s, s:s, s:s, s:O}", "kind", "table",
                                                       "name", object->name, "state", object->state,
                                                       "statement", object->statement.data,
                                                       "differences", object->differences));
    }
    return json_pack("{s:s, s:o}", "schema", plan->settings->database, "objects", objects);
}

static int32_t reply(busbar_call *call, const ch_plan *plan, busbar_bytes *ret_reply)
{
    json_t *tree = plan->failed ? NULL : describe(plan);
    char *text = tree ? json_dumps(tree, JSON_COMPACT) : NULL;
    size_t size = text ? strlen(text) : 0;
    char *copy = text ? call->host->alloc(call, size + 1) : NULL;
    if (copy)
        memcpy(copy, text, size + 1);
    json_decref(tree);
    free(text);
    if (!copy)
        return busbar_fail(call, BUSBAR_FATAL, "out of memory");
    *ret_reply = (busbar_bytes){copy, size};
    return BUSBAR_PASS;
}

static int32_t work(busbar_call *call, ch_plan *plan, bool applies, busbar_bytes *ret_reply)
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
        return reply(call, plan, ret_reply);
    return busbar_fail(call, fault.kind == CH_FAULT_PASSING ? BUSBAR_RETRY : BUSBAR_REJECT,
                       "ClickHouse: %s", fault.text);
}

static int32_t read_request(busbar_call *call, busbar_bytes config, const json_t *request,
                            busbar_bytes *ret_reply)
{
    const char *event = json_string_value(json_object_get(request, "event"));
    const char *action = json_string_value(json_object_get(request, "action"));
    char *contract = json_dumps(json_object_get(request, "contract"), JSON_COMPACT);
    ch_settings settings;
    if (!event || !action || !contract) {
        free(contract);
        return busbar_fail(call, BUSBAR_FATAL, "the request lacks event, action or contract");
    }
    const char *problem = ch_settings_read(&settings, config.data, config.size, event,
                                           strlen(event), contract, strlen(contract));
    ch_plan plan = {.settings = &settings};
    int32_t verdict = problem ? busbar_fail(call, BUSBAR_FATAL, "%s", problem)
                              : work(call, &plan, strcmp(action, "apply") == 0, ret_reply);
    ch_plan_clear(&plan);
    ch_settings_clear(&settings);
    free(contract);
    return verdict;
}

int32_t ch_storage(busbar_call *call, busbar_bytes config, busbar_bytes request,
                   busbar_bytes *ret_reply)
{
    json_error_t error;
    json_t *tree = json_loadb(request.data, request.size, 0, &error);
    int32_t verdict = tree ? read_request(call, config, tree, ret_reply)
                           : busbar_fail(call, BUSBAR_FATAL, "the request is not JSON");
    json_decref(tree);
    return verdict;
}
