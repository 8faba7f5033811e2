/* Parts of the services table; private to core/plugin. */
#ifndef BB_HOST_H
#define BB_HOST_H

#include <busbar/json.h>
#include <busbar/plugin.h>
#include <busbar/source.h>
#include <busbar/storage.h>

#include "pipeline/call.h"

/* A plugin's call is the first member of the host's. */
static inline bb_call *bb_call_of(busbar_call *call)
{
    return (bb_call *)call;
}

/* Services that read and change an event (host_event.c). */
busbar_field bb_host_field(busbar_call *call, busbar_bytes name);
uint32_t bb_host_get(const busbar_event *event, busbar_field field, busbar_value *ret_value);
uint32_t bb_host_get_original(const busbar_event *event, busbar_field field,
                              busbar_value *ret_value);
uint32_t bb_host_find(const busbar_event *event, busbar_bytes pointer, busbar_value *ret_value);
int32_t bb_host_text(busbar_call *call, const busbar_event *event, const busbar_value *value,
                     busbar_bytes *ret_text);
int32_t bb_host_integer(const busbar_value *value, int64_t *ret_integer);
int32_t bb_host_number(const busbar_value *value, double *ret_number);
int32_t bb_host_set_json(busbar_call *call, busbar_event *event, busbar_bytes name,
                         busbar_bytes json);
int32_t bb_host_set_text(busbar_call *call, busbar_event *event, busbar_bytes name,
                         busbar_bytes text);
busbar_bytes bb_host_json(busbar_call *call, busbar_event *event);
const busbar_origin *bb_host_origin(const busbar_event *event);

/* Extension "busbar.json/1" (json_view.c). */
extern const busbar_json_v1 bb_json_extension;

/* Extension "busbar.storage/1" (storage_view.c). */
extern const busbar_storage_v1 bb_storage_extension;

#endif
