/* The configuration of an `http` handler, read once. */
#include "settings.h"

#include <errno.h>
#include <strings.h>
#include <unistd.h>

static const char *const formats[HTTP_FORMATS] = {"event", "json", "lines", "cloudevent",
                                                  "cloudevents"};

static const char *text(const http_settings *settings, const char *name)
{
    return json_string_value(json_object_get(settings->tree, name));
}

static json_int_t integer_or(const http_settings *settings, const char *name, json_int_t otherwise)
{
    const json_t *value = json_object_get(settings->tree, name);
    return value ? json_integer_value(value) : otherwise;
}

static http_format format_of(const char *name)
{
    http_format format = HTTP_FORMAT_JSON;
    for (unsigned i = 0; name && i < HTTP_FORMATS; i++)
        format = strcmp(formats[i], name) == 0 ? (http_format)i : format;
    return format;
}

static http_refusal refusal_of(const char *name)
{
    if (name && strcmp(name, "single") == 0)
        return HTTP_REFUSAL_SINGLE;
    return name && strcmp(name, "batch") == 0 ? HTTP_REFUSAL_BATCH : HTTP_REFUSAL_BISECT;
}

static void read_all(http_settings *settings)
{
    const char *answers = text(settings, "answers"), *header = text(settings, "signature_header");
    settings->url = text(settings, "url");
    settings->source = text(settings, "source");
    settings->secret = text(settings, "secret");
    settings->secret_file = text(settings, "secret_file");
    settings->signature_header = header ? header : "X-Busbar-Signature";
    settings->bearer_token_file = text(settings, "bearer_token_file");
    settings->headers = json_object_get(settings->tree, "headers");
    settings->wait_statuses = json_object_get(settings->tree, "wait_statuses");
    settings->format = format_of(text(settings, "format"));
    settings->refusal = refusal_of(text(settings, "on_refusal"));
    settings->envelope = json_is_true(json_object_get(settings->tree, "envelope"));
    settings->list = answers && strcmp(answers, "list") == 0;
    settings->gzip = json_is_true(json_object_get(settings->tree, "gzip"));
    settings->max_events = (uint32_t)integer_or(settings, "max_events", 500);
    settings->max_bytes = (size_t)integer_or(settings, "max_bytes", 1 << 20);
    settings->timeout_ms = (long)integer_or(settings, "timeout_ms", 30000);
    settings->connect_timeout_ms = (long)integer_or(settings, "connect_timeout_ms", 5000);
    settings->retry_after_max_ms = integer_or(settings, "retry_after_max_ms", 600000);
    if (settings->format == HTTP_FORMAT_EVENT || settings->format == HTTP_FORMAT_CLOUDEVENT)
        settings->max_events = 1;
}

static int32_t check_file(busbar_call *call, const char *name, const char *file)
{
    if (!file || access(file, R_OK) == 0)
        return BUSBAR_PASS;
    return busbar_fail(call, BUSBAR_FATAL, "`%s`: %s cannot be read: %s", name, file,
                       strerror(errno));
}

/* What busbar sets itself, or what would change where a request ends. */
static int32_t check_headers(busbar_call *call, const json_t *headers)
{
    static const char *const own[] = {"content-type",      "content-length",  "content-encoding",
                                      "transfer-encoding", "idempotency-key", "host"};
    json_t *map = (json_t *)headers, *value; /* the iterator of jansson wants it so */
    const char *name;
    json_object_foreach(map, name, value)
    {
        for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
            if (strcasecmp(name, own[i]) == 0)
                return busbar_fail(call, BUSBAR_FATAL,
                                   "`headers`: %s is set by the handler itself; leave it out",
                                   name);
        }
        if (strpbrk(json_string_value(value), "\r\n"))
            return busbar_fail(call, BUSBAR_FATAL, "`headers`: the value of %s has a line end",
                               name);
    }
    return BUSBAR_PASS;
}

static int32_t check(const http_settings *settings, busbar_call *call)
{
    bool cloud = settings->format >= HTTP_FORMAT_CLOUDEVENT;
    int32_t verdict = check_headers(call, settings->headers);
    if (cloud && settings->envelope)
        return busbar_fail(
            call, BUSBAR_FATAL,
            "`envelope` and a CloudEvents `format` are two envelopes: leave one out");
    if (settings->secret && settings->secret_file)
        return busbar_fail(call, BUSBAR_FATAL, "`secret` and `secret_file`: leave one out");
    if (verdict == BUSBAR_PASS)
        verdict = check_file(call, "secret_file", settings->secret_file);
    return verdict == BUSBAR_PASS
               ? check_file(call, "bearer_token_file", settings->bearer_token_file)
               : verdict;
}

int32_t http_settings_init(http_settings *settings, busbar_call *call, busbar_bytes config)
{
    json_error_t error;
    settings->tree = json_loadb(config.data, config.size, 0, &error);
    if (!settings->tree)
        return busbar_fail(call, BUSBAR_FATAL, "its configuration is not JSON: %s", error.text);
    read_all(settings);
    return check(settings, call);
}

void http_settings_clear(http_settings *settings)
{
    json_decref(settings->tree);
    settings->tree = NULL;
}

bool http_settings_waits(const http_settings *settings, long status)
{
    static const long usual[] = {401, 403, 404, 407};
    for (size_t i = 0; !settings->wait_statuses && i < sizeof(usual) / sizeof(usual[0]); i++) {
        if (usual[i] == status)
            return true;
    }
    for (size_t i = 0; i < json_array_size(settings->wait_statuses); i++) {
        if (json_integer_value(json_array_get(settings->wait_statuses, i)) == status)
            return true;
    }
    return false;
}
