/* The `postgresql` handler: events as rows of a table, each once.
 *
 * `handle` puts the rows of a batch into the transaction that is open. It does not wait for the
 * last word about them, so that the lane prepares the next batch while the server works. Rows go
 * straight into the table by COPY. Where that is refused, because a key is there already, they go
 * round by a staging table, whose INSERT knows what to do with it. Where the server refuses a row
 * there, too, the flush fails, and the host hands everything again; then, and some flushes more,
 * each batch waits, and rows that are refused are answered one by one. `flush` adds the offsets of
 * the rows to the same transaction and commits. What was stored before is recognised by its
 * offset. */
#include "config_schema.h"
#include "handle.h"

static const busbar_handler_ops postgresql_ops = {
    .struct_size = sizeof(busbar_handler_ops),
    .open = pg_open,
    .handle = pg_handle,
    .flush = pg_flush,
    .close = pg_close,
};

static const busbar_handler postgresql_handler = {
    .struct_size = sizeof(busbar_handler),
    .capabilities = BUSBAR_IDEMPOTENT | BUSBAR_STORES_OFFSETS | BUSBAR_TRANSACTIONAL,
    .name = "postgresql",
    .summary = "Rows of a PostgreSQL table, each event once",
    .config_schema = {config_schema, sizeof(config_schema) - 1},
    .ops = &postgresql_ops,
    .storage = pg_storage,
};

static const busbar_handler *const handlers[] = {&postgresql_handler};

static const busbar_places_v1 places = {.struct_size = sizeof(busbar_places_v1), .find = pg_find};

static const void *get_extension(const char *id)
{
    return strcmp(id, BUSBAR_PLACES_EXTENSION) == 0 ? &places : NULL;
}

const busbar_plugin_descriptor busbar_plugin = {
    BUSBAR_DESCRIPTOR_HEAD,
    .name = "handler_postgresql",
    .version = "0.1.0",
    .summary = "Stores events in PostgreSQL",
    .handler_count = 1,
    .handlers = handlers,
    .get_extension = get_extension,
};
