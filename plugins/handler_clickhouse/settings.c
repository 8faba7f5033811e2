/* Reading the handler's configuration. */
#include "settings.h"

#include <stdlib.h>
#include <string.h>

#include "../handler_common/columns.h"
#include "../handler_common/config.h"
#include "compress.h"

static void read_general(ch_settings *settings)
{
    const json_t *tree = settings->tree;
    settings->extra = json_object_get(tree, "settings");
    settings->url = handler_config_text(tree, "url", "");
    settings->database = handler_config_text(tree, "database", "ownlens_analytics");
    settings->user = handler_config_text(tree, "user", NULL);
    settings->password = handler_config_text(tree, "password", NULL);
    settings->compression = handler_config_text(tree, "compression", NULL);
    settings->batches_table = handler_config_text(tree, "batches_table", "busbar_batches");
    settings->exactly_once = !json_is_false(json_object_get(tree, "exactly_once"));
    settings->timeout_ms = handler_config_number(tree, "timeout_ms", 60000);
    settings->connect_timeout_ms = handler_config_number(tree, "connect_timeout_ms", 5000);
    settings->deduplication_window = handler_config_number(tree, "deduplication_window", 10000);
    settings->takeover_ms = handler_config_number(tree, "takeover_ms", 10000);
}

/* The annotation is checked where a mistake would otherwise become SQL. */
static const char *check_annotation(const json_t *annotation)
{
    static const char *const lists[] = {"order_by", NULL};
    const json_t *settings = json_object_get(annotation, "settings");
    if (settings && !json_is_object(settings))
        return "\"settings\" of x-busbar-storage is not an object";
    return handler_columns_check(annotation, lists);
}

static const char *read_table(ch_settings *settings, const char *event)
{
    const char *table = json_string_value(
        handler_config_choose(settings->tree, settings->annotation, event, "table", "table"));
    settings->table = handler_expand_name(table ? table : "{domain}_{event}", event);
    settings->columns =
        handler_config_choose(settings->tree, settings->annotation, event, "columns", "");
    return settings->table ? NULL : "out of memory";
}

const char *ch_settings_read(ch_settings *settings, const char *config, size_t config_size,
                             const char *event, size_t event_size, const char *contract,
                             size_t contract_size)
{
    json_error_t error;
    *settings = (ch_settings){.tree = json_loadb(config, config_size, 0, &error)};
    if (!settings->tree)
        return "its configuration is not JSON";
    settings->contract = json_loadb(contract, contract_size, 0, &error);
    settings->annotation =
        json_object_get(json_object_get(settings->contract, "x-busbar-storage"), "clickhouse");
    read_general(settings);
    const char *problem = check_annotation(settings->annotation);
    if (!problem && settings->compression && !ch_compress_knows(settings->compression))
        problem = "`compression`: busbar was built without it; leave it out or say none";
    if (problem)
        return problem;
    char *name = strndup(event, event_size);
    problem = name ? read_table(settings, name) : "out of memory";
    free(name);
    return problem;
}

void ch_settings_clear(ch_settings *settings)
{
    free(settings->table);
    json_decref(settings->tree);
    json_decref(settings->contract);
    *settings = (ch_settings){.tree = NULL};
}
