/* Reading the handler's configuration. */
#include "settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../handler_common/config.h"
#include "annotation.h"

static void read_general(pg_settings *settings)
{
    const json_t *tree = settings->tree;
    settings->connection = json_object_get(tree, "connection");
    settings->schema = handler_config_text(tree, "schema", "public");
    settings->offsets_table = handler_config_text(tree, "offsets_table", "busbar_offsets");
    settings->exactly_once = !json_is_false(json_object_get(tree, "exactly_once"));
    settings->statement_timeout_ms = handler_config_number(tree, "statement_timeout_ms", 60000);
    settings->lock_timeout_ms = handler_config_number(tree, "lock_timeout_ms", 30000);
    settings->idle_transaction_timeout_ms =
        handler_config_number(tree, "idle_transaction_timeout_ms", 60000);
    settings->takeover_ms = handler_config_number(tree, "takeover_ms", 10000);
    settings->months_ahead = handler_config_number(tree, "months_ahead", 3);
    settings->months_back = handler_config_number(tree, "months_back", 1);
}

static int mode_of(const char *text)
{
    return strcmp(text, "upsert") == 0   ? PG_UPSERT
           : strcmp(text, "append") == 0 ? PG_APPEND
                                         : PG_INSERT;
}

static const char *read_table(pg_settings *settings, const char *event)
{
    const char *table = json_string_value(
        handler_config_choose(settings->tree, settings->annotation, event, "table", "table"));
    settings->table = handler_expand_name(table ? table : "{domain}_{event}", event);
    settings->key =
        handler_config_choose(settings->tree, settings->annotation, event, "key", "primary_key");
    settings->columns =
        handler_config_choose(settings->tree, settings->annotation, event, "columns", "");
    if (!settings->key)
        settings->key = handler_default_key(settings->contract, settings->tree);
    if (settings->key && json_array_size(settings->key) == 0)
        settings->key = NULL;
    const char *mode = json_string_value(
        handler_config_choose(settings->tree, settings->annotation, event, "mode", "mode"));
    settings->mode = mode ? mode_of(mode) : settings->key ? PG_INSERT : PG_APPEND;
    if (settings->mode == PG_UPSERT && !settings->key)
        return "mode upsert needs `key`: the columns by which a row is known";
    return settings->table ? NULL : "out of memory";
}

const char *pg_settings_read(pg_settings *settings, const char *config, size_t config_size,
                             const char *event, size_t event_size, const char *contract,
                             size_t contract_size)
{
    json_error_t error;
    *settings = (pg_settings){.tree = json_loadb(config, config_size, 0, &error)};
    if (!settings->tree)
        return "its configuration is not JSON";
    settings->contract = json_loadb(contract, contract_size, 0, &error);
    settings->annotation =
        json_object_get(json_object_get(settings->contract, "x-busbar-storage"), "postgresql");
    const char *problem = pg_annotation_check(settings->annotation);
    if (problem)
        return problem;
    read_general(settings);
    char *name = strndup(event, event_size);
    problem = name ? read_table(settings, name) : "out of memory";
    free(name);
    return problem;
}

void pg_settings_clear(pg_settings *settings)
{
    free(settings->table);
    json_decref(settings->tree);
    json_decref(settings->contract);
    *settings = (pg_settings){0};
}
