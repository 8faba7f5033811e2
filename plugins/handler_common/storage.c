/* The operation `storage` of handlers: the host's request, and the reply. */
#include "storage.h"

#include <stdlib.h>
#include <string.h>

int32_t handler_storage(busbar_call *call, busbar_bytes config, busbar_bytes request,
                        int32_t (*work)(busbar_call *call, const handler_storage_request *request,
                                        busbar_bytes *ret_reply),
                        busbar_bytes *ret_reply)
{
    json_error_t error;
    json_t *tree = json_loadb(request.data, request.size, 0, &error);
    const char *action = json_string_value(json_object_get(tree, "action"));
    char *contract = json_dumps(json_object_get(tree, "contract"), JSON_COMPACT);
    handler_storage_request read = {.config = config,
                                    .event = json_string_value(json_object_get(tree, "event")),
                                    .contract = contract,
                                    .members = tree,
                                    .applies = action && strcmp(action, "apply") == 0};
    int32_t verdict;
    if (!tree)
        verdict = busbar_fail(call, BUSBAR_FATAL, "the request is not JSON");
    else if (!read.event || !action || !contract)
        verdict = busbar_fail(call, BUSBAR_FATAL, "the request lacks event, action or contract");
    else
        verdict = work(call, &read, ret_reply);
    free(contract);
    json_decref(tree);
    return verdict;
}

void handler_storage_add(json_t *objects, const char *kind, const char *name, const char *state,
                         const char *statement, json_t *differences)
{
    (void)json_array_append_new(objects, json_pack("{s:s, s:s, s:s, s:s, s:O}", "kind", kind,
                                                   "name", name, "state", state, "statement",
                                                   statement, "differences", differences));
}

int32_t handler_storage_reply(busbar_call *call, const char *schema, json_t *objects,
                              busbar_bytes *ret_reply)
{
    json_t *tree = objects ? json_pack("{s:s, s:o}", "schema", schema, "objects", objects) : NULL;
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
