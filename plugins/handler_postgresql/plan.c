/* `busbar storage plan|apply`: the request of the host, and the reply. */
#include "plan.h"

#include <string.h>

#include "../handler_common/storage.h"
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
        handler_storage_add(objects, object->kind, object->name, object->state, object->statement,
                            object->differences);
    }
    return objects;
}

static int32_t look(busbar_call *call, pg_plan *plan, bool applies, busbar_bytes *ret_reply)
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
        return handler_storage_reply(call, plan->settings->schema, describe(plan), ret_reply);
    return busbar_fail(call, fault.kind == PG_FAULT_PASSING ? BUSBAR_RETRY : BUSBAR_REJECT,
                       "PostgreSQL: %s%s%s", fault.text, fault.state[0] ? ", SQLSTATE " : "",
                       fault.state);
}

static int32_t work(busbar_call *call, const handler_storage_request *request,
                    busbar_bytes *ret_reply)
{
    pg_settings settings;
    const char *problem =
        pg_settings_read(&settings, request->config.data, request->config.size, request->event,
                         strlen(request->event), request->contract, strlen(request->contract));
    pg_plan plan = {.settings = &settings,
                    .foreign_keys = json_is_true(json_object_get(request->members, "foreign_keys")),
                    .now = (time_t)json_integer_value(json_object_get(request->members, "now"))};
    int32_t verdict = problem ? busbar_fail(call, BUSBAR_FATAL, "%s", problem)
                              : look(call, &plan, request->applies, ret_reply);
    pg_plan_clear(&plan);
    pg_settings_clear(&settings);
    return verdict;
}

int32_t pg_storage(busbar_call *call, busbar_bytes config, busbar_bytes request,
                   busbar_bytes *ret_reply)
{
    return handler_storage(call, config, request, work, ret_reply);
}
