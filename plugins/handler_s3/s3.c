/* The `s3` handler: events as objects of a bucket, each event once.
 *
 * `handle` fills memory; `flush` says in a journal what follows, and puts the objects. What was
 * stored before is recognised by its offset. */
#include "config_schema.h"
#include "handle.h"

static const busbar_handler_ops s3_ops = {
    .struct_size = sizeof(busbar_handler_ops),
    .open = s3_open,
    .handle = s3_handle,
    .flush = s3_flush,
    .close = s3_close,
};

static const busbar_handler s3_handler = {
    .struct_size = sizeof(busbar_handler),
    .capabilities = BUSBAR_IDEMPOTENT | BUSBAR_STORES_OFFSETS,
    .name = "s3",
    .summary = "Objects of S3: JSON lines, Parquet or Delta tables",
    .config_schema = {config_schema, sizeof(config_schema) - 1},
    .ops = &s3_ops,
};

static const busbar_handler *const handlers[] = {&s3_handler};

const busbar_plugin_descriptor busbar_plugin = {
    BUSBAR_DESCRIPTOR_HEAD,           .name = "handler_s3", .version = "0.1.0",
    .summary = "Stores events in S3", .handler_count = 1,   .handlers = handlers,
};
