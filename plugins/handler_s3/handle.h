/* Events into rows of objects, and flushes into objects of the bucket. */
#ifndef S3_HANDLE_H
#define S3_HANDLE_H

#include <busbar/source.h>

#include "delta.h"
#include "journal.h"
#include "pack.h"
#include "rows.h"

typedef struct s3_instance {
    s3_settings settings;
    const busbar_storage_v1 *host; /* its extension */
    s3_client *client;
    s3_journal journal; /* of plain files */
    s3_delta delta;     /* of a Delta table */
    handler_buffer scratch;
    s3_places places;
    s3_objects objects;
    s3_rows rows;
    busbar_field dates[S3_FROM_MAX];
    uint32_t lanes; /* that share the partitions */
    char event[256];
    char topic[256];
    bool spoilt; /* what was accepted is lost: the next flush fails */
    s3_fault fault;
    int32_t metric_rows, metric_objects, metric_bytes, metric_replayed, metric_repeated,
        metric_refused;
} s3_instance;

int32_t s3_open(busbar_call *call, busbar_bytes config, void **ret_self);
int32_t s3_handle(void *self, busbar_call *call, const busbar_batch *batch, int32_t *verdicts);
int32_t s3_flush(void *self, busbar_call *call);
void s3_close(void *self);

#endif
