/* The handler's configuration for one event type: its own keys, its `events` entry, and the
 * annotation of the contract, in this order of precedence. */
#ifndef PG_SETTINGS_H
#define PG_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

enum { PG_INSERT = 1, PG_UPSERT = 2, PG_APPEND = 3 };

typedef struct pg_settings {
    json_t *tree;       /* what the texts below point into */
    json_t *contract;   /* NULL where it is no JSON */
    json_t *annotation; /* "postgresql" of x-busbar-storage; NULL: there is none. Borrowed */
    json_t *connection; /* keywords of libpq; NULL: its environment decides. Borrowed */
    json_t *columns;    /* column -> member or pointer, null: left out; NULL: none. Borrowed */
    const char *schema;
    const char *offsets_table;
    char *table;
    json_t *key; /* names of columns; NULL: none. Borrowed */
    int mode;    /* PG_INSERT, PG_UPSERT, PG_APPEND */
    bool exactly_once;
    int64_t statement_timeout_ms;
    int64_t lock_timeout_ms;
    int64_t idle_transaction_timeout_ms;
    int64_t takeover_ms;
    int64_t months_ahead, months_back;
} pg_settings;

/* Texts with a length, as the contract hands them. `event` is the full name. Returns NULL, or what
 * is wrong. Clear it in both cases. */
const char *pg_settings_read(pg_settings *settings, const char *config, size_t config_size,
                             const char *event, size_t event_size, const char *contract,
                             size_t contract_size);
void pg_settings_clear(pg_settings *settings);

#endif
