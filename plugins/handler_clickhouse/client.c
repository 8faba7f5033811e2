/* Queries over the HTTP interface, one at a time over a connection that is kept. */
#include "client.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>

#include "../handler_common/certificates.h"

enum { ANSWER_MAX = 256 * 1024 * 1024 };

struct ch_client {
    const ch_settings *settings;
    CURL *curl;
    struct curl_slist *fixed; /* headers that every request has */
    char *place;
    handler_buffer url; /* with what every query has */
    handler_buffer answer;
    int code; /* of the exception; 0: none */
    char error[CURL_ERROR_SIZE];
};

static size_t take_answer(char *bytes, size_t size, size_t count, void *user)
{
    ch_client *client = user;
    size_t got = size * count;
    if (got > ANSWER_MAX - client->answer.size)
        return 0;
    return handler_buffer_add(&client->answer, bytes, got) ? got : 0;
}

static size_t take_header(char *bytes, size_t size, size_t count, void *user)
{
    static const char name[] = "x-clickhouse-exception-code:";
    ch_client *client = user;
    size_t got = size * count;
    char number[16] = "";
    if (got > 5 && strncasecmp(bytes, "HTTP/", 5) == 0)
        client->code = 0; /* the head of another answer begins, behind a 100 */
    if (got > sizeof(name) && strncasecmp(bytes, name, sizeof(name) - 1) == 0) {
        size_t left = got - (sizeof(name) - 1);
        left = left < sizeof(number) - 1 ? left : sizeof(number) - 1;
        memcpy(number, bytes + sizeof(name) - 1, left);
        client->code = atoi(number);
    }
    return got;
}

static bool add_header(struct curl_slist **list, const char *name, const char *value)
{
    handler_buffer line = {.data = NULL};
    bool good =
        handler_buffer_format(&line, "%s: %s", name, value) && handler_buffer_add(&line, "", 1);
    struct curl_slist *longer = good ? curl_slist_append(*list, line.data) : NULL;
    if (line.data)
        explicit_bzero(line.data, line.size);
    handler_buffer_clear(&line);
    if (longer)
        *list = longer;
    return longer != NULL;
}

/* "&name=value" */
static bool add_parameter(ch_client *client, handler_buffer *url, const char *name,
                          const char *value)
{
    char *escaped_name = curl_easy_escape(client->curl, name, 0);
    char *escaped = curl_easy_escape(client->curl, value, 0);
    bool good = escaped && escaped_name && handler_buffer_add_text(url, "&") &&
                handler_buffer_add_text(url, escaped_name) && handler_buffer_add_text(url, "=") &&
                (!*value || handler_buffer_add_text(url, escaped));
    curl_free(escaped);
    curl_free(escaped_name);
    return good;
}

static bool add_extra(ch_client *client, const json_t *extra)
{
    const char *name;
    json_t *value;
    bool good = true;
    json_object_foreach((json_t *)extra, name, value)
    {
        char number[32];
        (void)snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(value));
        const char *text = json_is_string(value) ? json_string_value(value) : number;
        good = good && add_parameter(client, &client->url, name, text);
    }
    return good;
}

/* `settings` of the configuration come last, so that they win. */
static bool write_url(ch_client *client)
{
    const ch_settings *settings = client->settings;
    char seconds[32];
    (void)snprintf(seconds, sizeof(seconds), "%lld", (long long)settings->timeout_ms / 1000 + 1);
    return handler_buffer_add_text(&client->url, settings->url) &&
           handler_buffer_add_text(&client->url, strchr(settings->url, '?') ? "" : "?") &&
           /* an error comes as one, not behind half an answer */
           add_parameter(client, &client->url, "wait_end_of_query", "1") &&
           add_parameter(client, &client->url, "output_format_json_quote_64bit_integers", "0") &&
           add_parameter(client, &client->url, "max_execution_time", seconds) &&
           /* what was inserted is there when the answer comes */
           add_parameter(client, &client->url, "async_insert", "0") &&
           add_extra(client, settings->extra);
}

/* Where requests go, fit for a message: the rest of a URL may hold secrets. */
static bool read_place(ch_client *client, ch_fault *fault)
{
    CURLU *url = curl_url();
    char *plain = NULL, *user = NULL, *query = NULL;
    CURLUcode code =
        url ? curl_url_set(url, CURLUPART_URL, client->settings->url, 0) : CURLUE_OUT_OF_MEMORY;
    if (!code) {
        (void)curl_url_get(url, CURLUPART_USER, &user, 0); /* NULL where there is none */
        (void)curl_url_get(url, CURLUPART_QUERY, &query, 0);
        (void)curl_url_set(url, CURLUPART_USER, NULL, 0);
        (void)curl_url_set(url, CURLUPART_PASSWORD, NULL, 0);
        (void)curl_url_set(url, CURLUPART_QUERY, NULL, 0);
        code = curl_url_get(url, CURLUPART_URL, &plain, 0);
    }
    client->place = plain ? strdup(plain) : NULL;
    bool more = user || query;
    curl_free(plain);
    curl_free(user);
    curl_free(query);
    curl_url_cleanup(url);
    if (client->place && !more)
        return true;
    ch_fault_set(fault, CH_FAULT_LASTING,
                 more ? "`url` has a user or a query in it; use `user`, `password`, `settings`%s"
                      : "`url` is no URL: %s; it is http://host:8123 or https://host:8443",
                 more ? "" : curl_url_strerror(code));
    return false;
}

static CURLcode set_options(ch_client *client)
{
    const ch_settings *settings = client->settings;
    CURL *curl = client->curl;
    CURLcode code = CURLE_OK;
#define SET(option, value) code = code ? code : curl_easy_setopt(curl, option, value)
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_POST, 1L);
    SET(CURLOPT_ERRORBUFFER, client->error);
    SET(CURLOPT_WRITEFUNCTION, take_answer);
    SET(CURLOPT_WRITEDATA, client);
    SET(CURLOPT_HEADERFUNCTION, take_header);
    SET(CURLOPT_HEADERDATA, client);
    SET(CURLOPT_TIMEOUT_MS, (long)settings->timeout_ms);
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)settings->connect_timeout_ms);
#undef SET
    return code;
}

/* Name and password in headers: URLs are logged on the way. */
static bool add_fixed(ch_client *client)
{
    const ch_settings *settings = client->settings;
    /* a body of some size would wait for a "100 Continue" */
    return add_header(&client->fixed, "Expect", "") &&
           add_header(&client->fixed, "Content-Type", "application/octet-stream") &&
           (!settings->user || add_header(&client->fixed, "X-ClickHouse-User", settings->user)) &&
           (!settings->password ||
            add_header(&client->fixed, "X-ClickHouse-Key", settings->password));
}

ch_client *ch_client_new(const ch_settings *settings, ch_fault *fault)
{
    ch_client *client = calloc(1, sizeof(*client));
    ch_fault_set(fault, CH_FAULT_PASSING, "out of memory");
    if (!client)
        return NULL;
    client->settings = settings;
    client->curl = curl_easy_init();
    CURLcode code = CURLE_OK;
    bool good = client->curl && read_place(client, fault) && write_url(client) &&
                add_fixed(client) && (code = set_options(client)) == CURLE_OK;
    char trouble[512];
    if (good && handler_certificates_set(client->curl, settings->tree, trouble))
        return client;
    if (good)
        ch_fault_set(fault, CH_FAULT_LASTING, "%s", trouble);
    if (code)
        ch_fault_set(fault, CH_FAULT_LASTING, "libcurl: %s", curl_easy_strerror(code));
    ch_client_free(client);
    return NULL;
}

void ch_client_free(ch_client *client)
{
    if (!client)
        return;
    curl_easy_cleanup(client->curl);
    curl_slist_free_all(client->fixed);
    handler_buffer_clear(&client->url);
    handler_buffer_clear(&client->answer);
    free(client->place);
    free(client);
}

const char *ch_client_place(const ch_client *client)
{
    return client->place;
}

static bool read_reply(ch_client *client, CURLcode code, ch_fault *fault)
{
    long status = 0;
    if (code) {
        ch_fault_set(fault, CH_FAULT_PASSING, "%s: %s", client->place,
                     client->error[0] ? client->error : curl_easy_strerror(code));
        return false;
    }
    (void)curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status == 200 && !client->code)
        return true;
    ch_fault_from_answer(fault, status, client->code, client->answer.data, client->answer.size);
    return false;
}

static bool post(ch_client *client, const char *url, struct curl_slist *headers, busbar_bytes body,
                 ch_fault *fault)
{
    CURL *curl = client->curl;
    client->answer.size = 0;
    client->code = 0;
    client->error[0] = '\0';
    CURLcode code = curl_easy_setopt(curl, CURLOPT_URL, url);
    if (!code)
        code = curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    if (!code)
        code = curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.size);
    if (!code)
        code = curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.data);
    if (!code)
        code = curl_easy_perform(curl);
    return read_reply(client, code, fault);
}

static bool out_of_memory(ch_fault *fault)
{
    ch_fault_set(fault, CH_FAULT_PASSING, "out of memory");
    return false;
}

bool ch_client_run(ch_client *client, const char *sql, ch_fault *fault)
{
    size_t size = client->url.size;
    if (!handler_buffer_add(&client->url, "", 1))
        return out_of_memory(fault);
    client->url.size = size; /* the NUL stays behind it */
    return post(client, client->url.data, client->fixed, busbar_text(sql), fault);
}

/* As one block, and each time the same: else the token would not say the same. */
static bool add_insert(ch_client *client, const ch_insert *insert)
{
    handler_buffer *url = &client->url;
    return add_parameter(client, url, "query", insert->sql) &&
           add_parameter(client, url, "max_insert_block_size", "4000000") &&
           add_parameter(client, url, "min_insert_block_size_rows", "4000000") &&
           add_parameter(client, url, "min_insert_block_size_bytes", "0") &&
           add_parameter(client, url, "max_partitions_per_insert_block", "0") &&
           (!insert->token ||
            (add_parameter(client, url, "insert_deduplicate", "1") &&
             add_parameter(client, url, "insert_deduplication_token", insert->token))) &&
           handler_buffer_add(url, "", 1);
}

bool ch_client_insert(ch_client *client, const ch_insert *insert, ch_fault *fault)
{
    struct curl_slist *headers = NULL;
    size_t size = client->url.size;
    bool good = add_insert(client, insert);
    for (const struct curl_slist *at = client->fixed; good && at; at = at->next) {
        struct curl_slist *longer = curl_slist_append(headers, at->data);
        good = longer != NULL;
        headers = longer ? longer : headers;
    }
    if (good && *insert->encoding)
        good = add_header(&headers, "Content-Encoding", insert->encoding);
    if (!good)
        (void)out_of_memory(fault);
    good = good && post(client, client->url.data, headers, insert->body, fault);
    client->url.size = size;
    (void)curl_easy_setopt(client->curl, CURLOPT_HTTPHEADER, client->fixed); /* the list ends */
    curl_slist_free_all(headers);
    return good;
}

static bool run_formatted(ch_client *client, const char *sql, const char *format, ch_fault *fault)
{
    handler_buffer text = {.data = NULL};
    bool good = handler_buffer_format(&text, "%s FORMAT %s", sql, format) &&
                handler_buffer_add(&text, "", 1);
    good = good ? ch_client_run(client, text.data, fault) : out_of_memory(fault);
    handler_buffer_clear(&text);
    return good;
}

json_t *ch_client_query(ch_client *client, const char *sql, ch_fault *fault)
{
    json_error_t error;
    if (!run_formatted(client, sql, "JSONCompact", fault))
        return NULL;
    json_t *tree = json_loadb(client->answer.data, client->answer.size, 0, &error);
    json_t *rows = json_incref(json_object_get(tree, "data"));
    json_decref(tree);
    if (json_is_array(rows))
        return rows;
    json_decref(rows);
    ch_fault_set(fault, CH_FAULT_PASSING, "%s: its answer is not what ClickHouse says",
                 client->place);
    return NULL;
}

bool ch_client_value(ch_client *client, const char *sql, busbar_bytes *ret_value, ch_fault *fault)
{
    if (!run_formatted(client, sql, "RawBLOB", fault))
        return false;
    *ret_value = (busbar_bytes){client->answer.data, client->answer.size};
    return true;
}
