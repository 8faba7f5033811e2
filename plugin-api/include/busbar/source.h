/* Extension "busbar.source/1": which event type a call is about, for handlers that pass the name
 * on. A host older than 1.1 does not have it. */
#ifndef BUSBAR_SOURCE_H
#define BUSBAR_SOURCE_H

#include <busbar/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BUSBAR_SOURCE_EXTENSION "busbar.source/1"

typedef struct busbar_source_v1 {
    uint32_t struct_size;
    uint32_t reserved;

    /** @brief Full name of the event type of this call, such as "customer.user_event". [any]
     *  @owns the host: valid until the instance ends
     *  @return empty where the call belongs to no event type */
    busbar_bytes (*event_name)(busbar_call *call);
} busbar_source_v1;

#ifdef __cplusplus
}
#endif

#endif
