/* `busbar storage plan|apply`: the request of the host, and the reply. */
#include "plan.h"

#include <stdlib.h>
#include <string.h>

#include "handle.h"

/* Makes what is missing, in order; without the table there is nothing to put the rest on. */
static bool apply(pg_plan *plan, pg_connection *connection, pg_fault *fault)
{
    for (size_t i = 0; i < plan->count; i++) {
        pg_object *object = &plan->list[i];
        if (strcmp(object->state, "missing") != 0)
            continue;
        if (strcmp(plan->list[0].state, "failed") == 0) {
            pg_plan_note(plan, object, "its table could not be made");
            object->state = "failed";
        } else if (pg_run(connection, object->statement, fault)) {
            object->state = "made";
        } else if (fault->kind == PG_FAULT_PASSING) {
            return false;
        } else {
            pg_plan_note(plan, object, "%s (SQLSTATE %s)", fault->text, fault->state);
            object->state = "failed";
        }
    }
    return true;
}

static json_t *describe(const pg_plan *plan)
{
    json_t *objects = json_array();
    for (size_t i = 0; i < plan->count; i++) {
        const pg_object *object = &plan->list[i];
        json_array_append_new(objects,
                              json_pack("{s:s, s:s, s:s, s:s, s:O}", "kind", object->kind, "name",
                                        object->name, "state", object->state, "statement",
                                        object->statement, "differences", object->differences));
    }
    return json_pack("{s:s, s:o}", "schema", plan->settings->schema, "objects", objects);
}

static int32_t reply(busbar_call *call, const pg_plan *plan, busbar_bytes *ret_reply)
{
    json_t *tree = describe(plan);
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

static int32_t work(busbar_call *call, pg_plan *plan, bool applies, busbar_bytes *ret_reply)
{
    pg_connection connection = {.pq = NULL};
    pg_fault fault = {.kind = PG_FAULT_NONE};
    pg_plan_write(plan);
    if (plan->failed)
        return busbar_fail(call, BUSBAR_FATAL, "out of memory");
    bool good = pg_connection_open(&connection, plan->settings, "busbar storage", &fault) &&
                pg_plan_compare(plan, &connection, &fault) &&
                (!applies || apply(plan, &connection, &fault));
    pg_connection_close(&connection);
    if (good)
        return reply(call, plan, ret_reply);
    return busbar_fail(call, fault.kind == PG_FAULT_PASSING ? BUSBAR_RETRY : BUSBAR_REJECT,
                       "PostgreSQL: %s%s%s", fault.text, fault.state[0] ? ", SQLSTATE " : "",
                       fault.state);
}

static int32_t read_request(busbar_call *call, busbar_bytes config, const json_t *request,
                            busbar_bytes *ret_reply)
{
    const char *event = json_string_value(json_object_get(request, "event"));
    const char *action = json_string_value(json_object_get(request, "action"));
    char *contract = json_dumps(json_object_get(request, "contract"), JSON_COMPACT);
    pg_settings settings;
    if (!event || !action || !contract) {
        free(contract);
        return busbar_fail(call, BUSBAR_FATAL, "the request lacks event, action or contract");
    }
    const char *problem = pg_settings_read(&settings, config.data, config.size, event,
                                           strlen(event), contract, strlen(contract));
    pg_plan plan = {.settings = &settings,
                    .foreign_keys = json_is_true(json_object_get(request, "foreign_keys")),
                    .now = (time_t)json_integer_value(json_object_get(request, "now"))};
    int32_t verdict = problem ? busbar_fail(call, BUSBAR_FATAL, "%s", problem)
                              : work(call, &plan, strcmp(action, "apply") == 0, ret_reply);
    pg_plan_clear(&plan);
    pg_settings_clear(&settings);
    free(contract);
    return verdict;
}

int32_t pg_storage(busbar_call *call, busbar_bytes config, busbar_bytes request,
                   busbar_bytes *ret_reply)
{
    json_error_t error;
    json_t *tree = json_loadb(request.data, request.size, 0, &error);
    int32_t verdict = tree ? read_request(call, config, tree, ret_reply)
                           : busbar_fail(call, BUSBAR_FATAL, "the request is not JSON");
    json_decref(tree);
    return verdict;
}
