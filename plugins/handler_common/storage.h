/* The operation `storage` of handlers: the host's request, and the reply. */
#ifndef HANDLER_STORAGE_H
#define HANDLER_STORAGE_H

#include <stdbool.h>

#include <busbar/plugin.h>
#include <jansson.h>

/* What the host asks for; the texts last as long as the work. */
typedef struct handler_storage_request {
    busbar_bytes config;
    const char *event;
    const char *contract;  /* JSON text */
    const json_t *members; /* of the request, with what only one store knows */
    bool applies;          /* what is missing is to be made */
} handler_storage_request;

/* Reads the request and has it worked on. */
int32_t handler_storage(busbar_call *call, busbar_bytes config, busbar_bytes request,
                        int32_t (*work)(busbar_call *call, const handler_storage_request *request,
                                        busbar_bytes *ret_reply),
                        busbar_bytes *ret_reply);

/* An object of the reply, added to `objects`; a failure shows when the reply is written. */
void handler_storage_add(json_t *objects, const char *kind, const char *name, const char *state,
                         const char *statement, json_t *differences);

/* The reply of a schema (or database) and its objects, of which the reference is taken; NULL: out
 * of memory. */
int32_t handler_storage_reply(busbar_call *call, const char *schema, json_t *objects,
                              busbar_bytes *ret_reply);

#endif
