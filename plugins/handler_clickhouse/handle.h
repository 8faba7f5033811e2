/* A lane's instance of the handler. */
#ifndef CH_HANDLE_H
#define CH_HANDLE_H

#include "store.h"

typedef struct ch_instance {
    const busbar_storage_v1 *host; /* the extension */
    ch_settings settings;
    handler_members members;
    ch_client *client;
    ch_table table;
    ch_mapping mapping;
    ch_journal journal;
    ch_places places;
    ch_store store;
    handler_buffer names; /* group, topic and handler of the store */
    bool mapped;          /* the mapping is that of the table as it was seen last */
    bool warned;          /* about members without a column */
    int32_t metric_rows, metric_replayed, metric_refused, metric_failed, metric_uncertain;
} ch_instance;

int32_t ch_open(busbar_call *call, busbar_bytes config, void **ret_self);
int32_t ch_handle(void *self, busbar_call *call, const busbar_batch *batch, int32_t *verdicts);
int32_t ch_flush(void *self, busbar_call *call);
void ch_close(void *self);

/* plan.c */
int32_t ch_storage(busbar_call *call, busbar_bytes config, busbar_bytes request,
                   busbar_bytes *ret_reply);

#endif
