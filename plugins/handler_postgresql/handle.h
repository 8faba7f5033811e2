/* A lane's instance of the handler. */
#ifndef PG_HANDLE_H
#define PG_HANDLE_H

#include "transaction.h"

typedef struct pg_instance {
    const busbar_storage_v1 *host; /* the extension */
    pg_settings settings;
    handler_members members;
    pg_places places;
    pg_transaction transaction;
    pg_rows rows[2]; /* what the server works on, and what is prepared meanwhile */
    pg_rows *now;    /* the latter */
    char name[160];  /* for pg_stat_activity */
    char event[128];
    bool warned;    /* about members without a column */
    bool spoilt;    /* nothing accepted since the last flush counts: that flush says RETRY */
    pg_fault fault; /* why */
    int32_t metric_rows, metric_replayed, metric_refused, metric_rollbacks, metric_conflicts;
} pg_instance;

int32_t pg_open(busbar_call *call, busbar_bytes config, void **ret_self);
int32_t pg_handle(void *self, busbar_call *call, const busbar_batch *batch, int32_t *verdicts);
int32_t pg_flush(void *self, busbar_call *call);
void pg_close(void *self);

/* find.c */
int32_t pg_find(busbar_call *call, busbar_bytes handler, busbar_bytes config, busbar_place *places,
                uint32_t count);

/* plan.c */
int32_t pg_storage(busbar_call *call, busbar_bytes config, busbar_bytes request,
                   busbar_bytes *ret_reply);

#endif
