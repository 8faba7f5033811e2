/* The `clickhouse` handler: events as rows of a table, each once within the table's window.
 *
 * `handle` gathers the rows of each partition; `flush` records what it is about to insert, inserts
 * it under a token by which the server knows it again, and records that it is there. Whoever takes
 * a partition over repeats what was recorded and not confirmed, byte for byte: the server drops
 * what it has. */
#include "config_schema.h"
#include "handle.h"

static const busbar_handler_ops clickhouse_ops = {
    .struct_size = sizeof(busbar_handler_ops),
    .open = ch_open,
    .handle = ch_handle,
    .flush = ch_flush,
    .close = ch_close,
};

static const busbar_handler clickhouse_handler = {
    .struct_size = sizeof(busbar_handler),
    .capabilities = BUSBAR_STORES_OFFSETS,
    .name = "clickhouse",
    .summary = "Rows of a ClickHouse table, each event once within its deduplication window",
    .config_schema = {config_schema, sizeof(config_schema) - 1},
    .ops = &clickhouse_ops,
    .storage = ch_storage,
};

static const busbar_handler *const handlers[] = {&clickhouse_handler};

const busbar_plugin_descriptor busbar_plugin = {
    BUSBAR_DESCRIPTOR_HEAD, .name = "handler_clickhouse",
    .version = "0.1.0",     .summary = "Stores events in ClickHouse",
    .handler_count = 1,     .handlers = handlers,
};
