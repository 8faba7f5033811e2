/* Reading the handler's configuration. */
#include "settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../handler_common/columns.h"
#include "../handler_common/config.h"

static bool flag_of(const json_t *object, const char *name, bool otherwise)
{
    const json_t *flag = json_object_get(object, name);
    return json_is_boolean(flag) ? json_is_true(flag) : otherwise;
}

/* Without slashes at its ends; NULL: out of memory. */
static char *expand_path(const char *form, const char *event)
{
    char *path = handler_expand_name(form + strspn(form, "/"), event);
    size_t size = path ? strlen(path) : 0;
    while (size && path[size - 1] == '/')
        path[--size] = '\0';
    return path;
}

static const char *check_path(const char *path)
{
    if (!*path || strstr(path, "//") || strstr(path, "/../") || strncmp(path, "../", 3) == 0)
        return "`path` is the place below the bucket, such as \"data-lake/{domain}/{event}\"";
    if (strpbrk(path, "{}"))
        return "`path` has a placeholder other than {domain} and {event}; dates are directories "
               "of their own, by `partition`";
    return NULL;
}

static const char *read_format(s3_settings *settings, const char *event)
{
    const char *format = json_string_value(
        handler_config_choose(settings->tree, settings->annotation, event, "format", "format"));
    const char *pack = json_string_value(handler_config_choose(
        settings->tree, settings->annotation, event, "compression", "compression"));
    settings->format = !format || strcmp(format, "lines") == 0 ? S3_LINES
                       : strcmp(format, "parquet") == 0        ? S3_PARQUET
                       : strcmp(format, "delta") == 0          ? S3_DELTA
                                                               : 0;
    settings->compression = !pack                         ? 0
                            : strcmp(pack, "none") == 0   ? S3_PLAIN
                            : strcmp(pack, "gzip") == 0   ? S3_GZIP
                            : strcmp(pack, "zstd") == 0   ? S3_ZSTD
                            : strcmp(pack, "snappy") == 0 ? S3_SNAPPY
                                                          : -1;
    if (!settings->format)
        return "`format` is \"lines\", \"parquet\" or \"delta\"";
    if (settings->compression < 0)
        return "`compression` is \"zstd\", \"gzip\", \"snappy\" or \"none\"";
    if (settings->format == S3_LINES && settings->compression == S3_SNAPPY)
        return "`compression` of JSON lines is \"zstd\", \"gzip\" or \"none\"";
    return NULL;
}

static bool is_name(const char *text)
{
    return *text && strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                 "_-") == strlen(text);
}

/* {"column": "event_date", "from": ["event_date", "created_at"]}, or null for none. */
static const char *read_partition(s3_settings *settings, const char *event)
{
    const json_t *partition = handler_config_choose(settings->tree, settings->annotation, event,
                                                    "partition", "partition");
    const json_t *from = json_object_get(partition, "from");
    if (!partition || json_is_null(partition))
        return NULL;
    settings->column = handler_config_text(partition, "column", NULL);
    if (!settings->column || !is_name(settings->column))
        return "`partition` needs \"column\": a name for the directories of dates";
    if (!from)
        settings->from[settings->from_count++] = settings->column;
    else if (json_is_string(from))
        settings->from[settings->from_count++] = json_string_value(from);
    for (size_t i = 0; i < json_array_size(from) && i < S3_FROM_MAX; i++) {
        settings->from[settings->from_count] = json_string_value(json_array_get(from, i));
        settings->from_count += settings->from[settings->from_count] ? 1 : 0;
    }
    return settings->from_count ? NULL
                                : "\"from\" of `partition` is a member of the event or a "
                                  "list of them, the first with a date counts";
}

static const char *env_or(const char *first, const char *second, const char *otherwise)
{
    const char *value = getenv(first);
    if (!value)
        value = getenv(second);
    return value && *value ? value : otherwise;
}

static const char *read_place(s3_settings *settings)
{
    const json_t *tree = settings->tree;
    const char *region = handler_config_text(tree, "region", NULL),
               *endpoint = handler_config_text(tree, "endpoint", NULL);
    settings->bucket = handler_config_text(tree, "bucket", NULL);
    if (!settings->bucket)
        return "`bucket` is missing";
    settings->region =
        strdup(region ? region : env_or("AWS_REGION", "AWS_DEFAULT_REGION", "us-east-1"));
    settings->path_style = flag_of(tree, "path_style", endpoint != NULL);
    if (!settings->region)
        return "out of memory";
    char standard[300];
    (void)snprintf(standard, sizeof(standard), "https://s3.%.200s.amazonaws.com", settings->region);
    settings->endpoint = strdup(endpoint ? endpoint : standard);
    if (!settings->endpoint)
        return "out of memory";
    size_t size = strlen(settings->endpoint);
    while (size && settings->endpoint[size - 1] == '/')
        settings->endpoint[--size] = '\0';
    const char *authority = strstr(settings->endpoint, "://");
    return authority && !strchr(authority + 3, '/')
               ? NULL
               : "`endpoint` is http://host[:port] or https://host[:port]";
}

static const char *read_access(s3_settings *settings)
{
    const json_t *tree = settings->tree;
    settings->access_key = handler_config_text(tree, "access_key", NULL);
    settings->secret_key = handler_config_text(tree, "secret_key", NULL);
    settings->session_token = handler_config_text(tree, "session_token", NULL);
    settings->credentials_file = handler_config_text(tree, "credentials_file", NULL);
    settings->profile = handler_config_text(tree, "profile", NULL);
    settings->timeout_ms = (long)handler_config_number(tree, "timeout_ms", 60000);
    settings->connect_timeout_ms = (long)handler_config_number(tree, "connect_timeout_ms", 5000);
    return !settings->access_key == !settings->secret_key
               ? NULL
               : "`access_key` and `secret_key` belong together: one is missing";
}

static const char *read_all(s3_settings *settings, const char *event)
{
    const char *path = json_string_value(
        handler_config_choose(settings->tree, settings->annotation, event, "path", "path"));
    const json_t *tree = settings->tree;
    settings->path = expand_path(path ? path : "data-lake/{domain}/{event}", event);
    settings->envelope = flag_of(tree, "envelope", false);
    settings->exactly_once = flag_of(tree, "exactly_once", true);
    settings->max_rows = (uint64_t)handler_config_number(tree, "max_rows", 1000000);
    settings->max_bytes = (uint64_t)handler_config_number(tree, "max_bytes", 128 << 20);
    settings->part_bytes = (uint64_t)handler_config_number(tree, "part_bytes", 16 << 20);
    settings->checkpoint_every = (uint64_t)handler_config_number(tree, "checkpoint_every", 10);
    settings->takeover_ms = handler_config_number(tree, "takeover_ms", 10000);
    if (!settings->path)
        return "out of memory";
    const char *problem = check_path(settings->path);
    if (!problem)
        problem = read_place(settings);
    if (!problem)
        problem = read_access(settings);
    if (!problem)
        problem = read_format(settings, event);
    if (!problem)
        problem = read_partition(settings, event);
    return problem;
}

const char *s3_settings_read(s3_settings *settings, const char *config, size_t config_size,
                             const char *event, const char *contract, size_t contract_size)
{
    *settings = (s3_settings){.tree = json_loadb(config, config_size, 0, NULL)};
    if (!settings->tree)
        return "its configuration is not JSON";
    settings->contract = json_loadb(contract, contract_size, 0, NULL);
    settings->annotation =
        json_object_get(json_object_get(settings->contract, "x-busbar-storage"), "s3");
    if (settings->annotation && !json_is_object(settings->annotation))
        return "\"s3\" of x-busbar-storage is not an object";
    return read_all(settings, event);
}

void s3_settings_clear(s3_settings *settings)
{
    free(settings->endpoint);
    free(settings->region);
    free(settings->path);
    json_decref(settings->tree);
    json_decref(settings->contract);
    *settings = (s3_settings){.tree = NULL};
}
