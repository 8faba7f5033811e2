/* The handler's configuration for one event type: its own keys, its `events` entry, and the
 * annotation of the contract, in this order of precedence. */
#ifndef CH_SETTINGS_H
#define CH_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

typedef struct ch_settings {
    json_t *tree;       /* what the texts below point into */
    json_t *contract;   /* NULL where it is no JSON */
    json_t *annotation; /* "clickhouse" of x-busbar-storage; NULL: there is none. Borrowed */
    json_t *columns;    /* column -> member or pointer, null: left out; NULL: none. Borrowed */
    json_t *extra;      /* settings of ClickHouse for every query; NULL: none. Borrowed */
    const char *url;
    const char *database;
    const char *user; /* NULL: the server's default */
    const char *password;
    const char *compression; /* NULL: the first that was built in */
    const char *batches_table;
    char *table;
    bool exactly_once;
    int64_t timeout_ms;
    int64_t connect_timeout_ms;
    int64_t deduplication_window;
    int64_t takeover_ms;
} ch_settings;

/* Texts with a length, as the contract hands them. `event` is the full name. Returns NULL, or what
 * is wrong. Clear it in both cases. */
const char *ch_settings_read(ch_settings *settings, const char *config, size_t config_size,
                             const char *event, size_t event_size, const char *contract,
                             size_t contract_size);
void ch_settings_clear(ch_settings *settings);

#endif
