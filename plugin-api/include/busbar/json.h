/* Extension "busbar.json/1": an event as a jansson value, for plugins that prefer comfort to speed
 * (about 2 us an event). The one header of the contract that names a foreign type; include it only
 * where jansson is at hand. */
#ifndef BUSBAR_JSON_H
#define BUSBAR_JSON_H

#include <jansson.h>

#include <busbar/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BUSBAR_JSON_EXTENSION "busbar.json/1"

typedef struct busbar_json_v1 {
    uint32_t struct_size;
    uint32_t reserved;

    /** @brief The event as it stands, made on the first call and kept until the event changes.
     * [any]
     *  @owns the event: borrowed, dead when the call returns; do not change it
     *  @return NULL only when memory is out */
    json_t *(*view)(busbar_call *call, busbar_event *event);
} busbar_json_v1;

#ifdef __cplusplus
}
#endif

#endif
