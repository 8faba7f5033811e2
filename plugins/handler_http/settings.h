/* The configuration of an `http` handler, read once. */
#ifndef HTTP_SETTINGS_H
#define HTTP_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include <busbar/plugin.h>
#include <jansson.h>

typedef enum http_format {
    HTTP_FORMAT_EVENT,       /* one event a request */
    HTTP_FORMAT_JSON,        /* an array */
    HTTP_FORMAT_LINES,       /* one event a line */
    HTTP_FORMAT_CLOUDEVENT,  /* CloudEvents 1.0, structured mode */
    HTTP_FORMAT_CLOUDEVENTS, /* CloudEvents 1.0, batch mode */
    HTTP_FORMATS
} http_format;

/* What follows when a request with several events is refused. */
typedef enum http_refusal {
    HTTP_REFUSAL_BISECT, /* halves are sent until the offending events are found */
    HTTP_REFUSAL_SINGLE, /* each is sent alone */
    HTTP_REFUSAL_BATCH   /* all of them are rejected */
} http_refusal;

/* Texts are borrowed from `tree`, NULL where not given. */
typedef struct http_settings {
    json_t *tree;
    const char *url;
    const char *source; /* of CloudEvents */
    const char *secret;
    const char *secret_file;
    const char *signature_header;
    const char *bearer_token_file;
    const json_t *headers;
    const json_t *wait_statuses; /* statuses above 400 that are nobody's fault */
    http_format format;
    http_refusal refusal;
    bool envelope;
    bool list; /* the answer has a verdict for each event */
    bool gzip;
    uint32_t max_events; /* a request */
    size_t max_bytes;
    long timeout_ms;
    long connect_timeout_ms;
    int64_t retry_after_max_ms;
} http_settings;

/* `config` has passed the handler's schema. PASS, or a failure that was stated; `settings` can be
 * cleared in any case. */
int32_t http_settings_init(http_settings *settings, busbar_call *call, busbar_bytes config);
void http_settings_clear(http_settings *settings);

/* Whether `status` is one that the configuration calls nobody's fault. */
bool http_settings_waits(const http_settings *settings, long status);

#endif
