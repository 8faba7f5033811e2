/* One POST at a time over a connection that is kept. */
#include "request.h"

#include <errno.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

#include <curl/curl.h>

#include "../handler_common/certificates.h"
#include "../handler_common/sha256.h"
#include "body.h"

enum { SECRET_MAX = 8192 };

struct http_client {
    const http_settings *settings;
    CURL *curl;
    struct curl_slist *fixed; /* headers that every request has */
    char *place;
    handler_buffer answer;
    char retry_after[128];
    char error[CURL_ERROR_SIZE];
};

int64_t http_retry_after(const char *value, int64_t now_seconds)
{
    char *end = NULL;
    if (*value >= '0' && *value <= '9') {
        long long seconds = strtoll(value, &end, 10);
        return *end || seconds > 100000000 ? -1 : seconds * 1000;
    }
    time_t date = curl_getdate(value, NULL);
    if (date == -1)
        return -1;
    return (int64_t)date > now_seconds ? ((int64_t)date - now_seconds) * 1000 : 0;
}

static size_t take_answer(char *data, size_t size, size_t count, void *user)
{
    http_client *client = user;
    size_t got = size * count, room = HTTP_ANSWER_MAX - client->answer.size;
    return handler_buffer_add(&client->answer, data, got < room ? got : room) ? got : 0;
}

static size_t take_header(char *data, size_t size, size_t count, void *user)
{
    static const char name[] = "retry-after:";
    http_client *client = user;
    size_t got = size * count, skip = sizeof(name) - 1;
    if (got > 5 && strncasecmp(data, "HTTP/", 5) == 0)
        client->retry_after[0] = '\0'; /* the head of another answer begins, behind a 100 */
    if (got < skip || strncasecmp(data, name, skip) != 0)
        return got;
    size_t end = got;
    while (skip < end && (data[skip] == ' ' || data[skip] == '\t'))
        skip++;
    while (end > skip && (data[end - 1] == '\r' || data[end - 1] == '\n' || data[end - 1] == ' '))
        end--;
    (void)snprintf(client->retry_after, sizeof(client->retry_after), "%.*s", (int)(end - skip),
                   data + skip);
    return got;
}

static bool add_header(struct curl_slist **list, const char *line)
{
    struct curl_slist *longer = curl_slist_append(*list, line);
    if (!longer)
        return false;
    *list = longer;
    return true;
}

static bool add_pair(struct curl_slist **list, const char *name, const char *value)
{
    handler_buffer line = {.data = NULL};
    /* libcurl takes "Name;" for a header without a value */
    bool good = (*value ? handler_buffer_format(&line, "%s: %s", name, value)
                        : handler_buffer_format(&line, "%s;", name)) &&
                handler_buffer_add(&line, "", 1) && add_header(list, line.data);
    if (line.data)
        explicit_bzero(line.data, line.size);
    handler_buffer_clear(&line);
    return good;
}

static bool add_fixed(http_client *client)
{
    json_t *map = (json_t *)client->settings->headers, *value; /* the iterator wants it so */
    const char *name;
    /* a body of some size would wait for a "100 Continue" that many servers never send */
    bool good =
        add_header(&client->fixed, "Expect:") &&
        add_pair(&client->fixed, "Content-Type", http_body_type(client->settings->format)) &&
        (!client->settings->gzip || add_pair(&client->fixed, "Content-Encoding", "gzip"));
    json_object_foreach(map, name, value) good =
        good && add_pair(&client->fixed, name, json_string_value(value));
    return good;
}

/* Where requests go, fit for a message: the rest of a URL may hold secrets. */
static int32_t read_place(http_client *client, busbar_call *call)
{
    CURLU *url = curl_url();
    char *plain = NULL;
    CURLUcode code =
        url ? curl_url_set(url, CURLUPART_URL, client->settings->url, 0) : CURLUE_OUT_OF_MEMORY;
    if (!code) {
        (void)curl_url_set(url, CURLUPART_USER, NULL, 0);
        (void)curl_url_set(url, CURLUPART_PASSWORD, NULL, 0);
        (void)curl_url_set(url, CURLUPART_QUERY, NULL, 0);
        code = curl_url_get(url, CURLUPART_URL, &plain, 0);
    }
    client->place = plain ? strdup(plain) : NULL;
    curl_free(plain);
    curl_url_cleanup(url);
    if (client->place)
        return BUSBAR_PASS;
    return busbar_fail(call, BUSBAR_FATAL, "`url` is no URL: %s; it is http://... or https://...",
                       curl_url_strerror(code));
}

static CURLcode set_options(http_client *client)
{
    const http_settings *settings = client->settings;
    CURL *curl = client->curl;
    CURLcode code = CURLE_OK;
#define SET(option, value) code = code ? code : curl_easy_setopt(curl, option, value)
    SET(CURLOPT_URL, settings->url);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_POST, 1L);
    SET(CURLOPT_ERRORBUFFER, client->error);
    SET(CURLOPT_WRITEFUNCTION, take_answer);
    SET(CURLOPT_WRITEDATA, client);
    SET(CURLOPT_HEADERFUNCTION, take_header);
    SET(CURLOPT_HEADERDATA, client);
    SET(CURLOPT_TIMEOUT_MS, settings->timeout_ms);
    SET(CURLOPT_CONNECTTIMEOUT_MS, settings->connect_timeout_ms);
#undef SET
    return code;
}

int32_t http_client_new(const http_settings *settings, busbar_call *call, http_client **ret_client)
{
    http_client *client = calloc(1, sizeof(*client));
    if (!client)
        return busbar_fail(call, BUSBAR_FATAL, "out of memory");
    client->settings = settings;
    client->curl = curl_easy_init();
    *ret_client = client;
    int32_t verdict = read_place(client, call);
    if (verdict != BUSBAR_PASS)
        return verdict;
    char agent[64];
    (void)snprintf(agent, sizeof(agent), "busbar/%s", call->host->version);
    CURLcode code = client->curl ? set_options(client) : CURLE_FAILED_INIT;
    if (!code)
        code = curl_easy_setopt(client->curl, CURLOPT_USERAGENT, agent);
    if (code || !add_fixed(client))
        return busbar_fail(call, BUSBAR_FATAL, "libcurl: %s",
                           curl_easy_strerror(code ? code : CURLE_OUT_OF_MEMORY));
    char trouble[512];
    if (!handler_certificates_set(client->curl, settings->tree, trouble))
        return busbar_fail(call, BUSBAR_FATAL, "%s", trouble);
    return BUSBAR_PASS;
}

void http_client_free(http_client *client)
{
    if (!client)
        return;
    if (client->curl)
        curl_easy_cleanup(client->curl);
    curl_slist_free_all(client->fixed);
    handler_buffer_clear(&client->answer);
    free(client->place);
    free(client);
}

/* A file is read for each request: a token that was renewed is taken without a restart. */
static bool read_secret(http_client *client, const char *name, const char *file,
                        char ret_text[SECRET_MAX])
{
    FILE *in = fopen(file, "re");
    size_t size = in ? fread(ret_text, 1, SECRET_MAX - 1, in) : 0;
    bool good = in && !ferror(in);
    int error = errno;
    if (in)
        (void)fclose(in); /* only read */
    while (size && strchr("\r\n \t", ret_text[size - 1]))
        size--;
    ret_text[size] = '\0';
    if (good && size)
        return true;
    (void)snprintf(client->error, sizeof(client->error), "`%s`: %s: %s", name, file,
                   good ? "it is empty" : strerror(error));
    return false;
}

static bool add_token(http_client *client, struct curl_slist **list)
{
    char token[SECRET_MAX], value[SECRET_MAX + 8];
    if (!client->settings->bearer_token_file)
        return true;
    bool good =
        read_secret(client, "bearer_token_file", client->settings->bearer_token_file, token);
    (void)snprintf(value, sizeof(value), "Bearer %s", token);
    good = good && add_pair(list, "Authorization", value);
    explicit_bzero(token, sizeof(token));
    explicit_bzero(value, sizeof(value));
    return good;
}

/* "t=<seconds>,v1=<hex>": the HMAC of "<seconds>.<body>", so that neither can be exchanged. */
static bool add_signature(http_client *client, busbar_call *call, struct curl_slist **list,
                          const handler_buffer *body)
{
    const http_settings *settings = client->settings;
    char secret[SECRET_MAX], stamp[32], value[160], hex[HANDLER_SHA256_TEXT];
    uint8_t digest[HANDLER_SHA256_SIZE];
    if (!settings->secret && !settings->secret_file)
        return true;
    if (!settings->secret && !read_secret(client, "secret_file", settings->secret_file, secret))
        return false;
    const char *key = settings->secret ? settings->secret : secret;
    int size = snprintf(stamp, sizeof(stamp), "%lld", (long long)(call->host->wall_us() / 1000000));
    const busbar_bytes parts[] = {{stamp, (size_t)size}, {".", 1}, {body->data, body->size}};
    bool good = handler_hmac(key, strlen(key), parts, 3, digest);
    explicit_bzero(secret, sizeof(secret));
    if (!good)
        return false;
    handler_digest_text(digest, hex);
    (void)snprintf(value, sizeof(value), "t=%s,v1=%s", stamp, hex);
    return add_pair(list, settings->signature_header, value);
}

static struct curl_slist *make_headers(http_client *client, busbar_call *call,
                                       const handler_buffer *body, const char *key)
{
    struct curl_slist *list = NULL;
    bool good = add_pair(&list, "Idempotency-Key", key);
    for (const struct curl_slist *at = client->fixed; good && at; at = at->next)
        good = add_header(&list, at->data);
    if (good && add_token(client, &list) && add_signature(client, call, &list, body))
        return list;
    curl_slist_free_all(list);
    return NULL;
}

static void read_reply(http_client *client, busbar_call *call, CURLcode code, http_reply *reply)
{
    *reply = (http_reply){0, -1, ""};
    if (code) {
        (void)snprintf(reply->trouble, sizeof(reply->trouble), "%s",
                       client->error[0] ? client->error : curl_easy_strerror(code));
        return;
    }
    (void)curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &reply->status);
    if (client->retry_after[0])
        reply->retry_after_ms =
            http_retry_after(client->retry_after, call->host->wall_us() / 1000000);
}

void http_client_post(http_client *client, busbar_call *call, const handler_buffer *body,
                      const char *key, http_reply *ret_reply)
{
    client->answer.size = 0;
    client->retry_after[0] = client->error[0] = '\0';
    struct curl_slist *headers = make_headers(client, call, body, key);
    if (!headers) {
        read_reply(client, call, CURLE_OUT_OF_MEMORY, ret_reply);
        return;
    }
    CURLcode code = curl_easy_setopt(client->curl, CURLOPT_HTTPHEADER, headers);
    if (!code)
        code = curl_easy_setopt(client->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body->size);
    if (!code)
        code = curl_easy_setopt(client->curl, CURLOPT_POSTFIELDS, body->data);
    if (!code)
        code = curl_easy_perform(client->curl);
    read_reply(client, call, code, ret_reply);
    (void)curl_easy_setopt(client->curl, CURLOPT_HTTPHEADER, NULL); /* the list ends here */
    curl_slist_free_all(headers);
}

busbar_bytes http_client_answer(const http_client *client)
{
    return (busbar_bytes){client->answer.data, client->answer.size};
}

const char *http_client_place(const http_client *client)
{
    return client->place;
}
