/* Uses every public type, so that all of them are in the debug information of one library. */
#include <busbar/client.h>
#include <busbar/json.h>
#include <busbar/plugin.h>
#include <busbar/source.h>
#include <busbar/storage.h>

const busbar_plugin_descriptor busbar_plugin;

void abi_types(const busbar_host *host, busbar_call *call, const busbar_batch *batch,
               const busbar_event_type *event_type, const busbar_event_ops *event_ops,
               const busbar_handler *handler, const busbar_handler_ops *handler_ops,
               const busbar_json_v1 *json, const busbar_source_v1 *source,
               const busbar_storage_v1 *storage, busbar_outcome *outcome,
               busbar_outcome_fn on_outcome);

void abi_types(const busbar_host *host, busbar_call *call, const busbar_batch *batch,
               const busbar_event_type *event_type, const busbar_event_ops *event_ops,
               const busbar_handler *handler, const busbar_handler_ops *handler_ops,
               const busbar_json_v1 *json, const busbar_source_v1 *source,
               const busbar_storage_v1 *storage, busbar_outcome *outcome,
               busbar_outcome_fn on_outcome)
{
    (void)host;
    (void)call;
    (void)batch;
    (void)event_type;
    (void)event_ops;
    (void)handler;
    (void)handler_ops;
    (void)json;
    (void)source;
    (void)storage;
    on_outcome(outcome, NULL);
}
