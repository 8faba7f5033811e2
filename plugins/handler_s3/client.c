/* Signed requests to one bucket, one at a time over a connection that is kept. */
#include "client.h"

#include <stdlib.h>
#include <strings.h>
#include <time.h>

#include <curl/curl.h>

#include "../handler_common/certificates.h"
#include "../handler_common/sha256.h"
#include "credentials.h"
#include "sign.h"

enum { ATTEMPTS = 4, FIRST_PAUSE_MS = 100, ANSWER_MAX = 256 << 20 };

struct s3_client {
    const s3_settings *settings;
    const busbar_host *host;
    CURL *curl;
    s3_credentials credentials;
    char authority[320];
    handler_buffer path; /* encoded; ends with NUL */
    handler_buffer url;
    handler_buffer answer;
    char etag[128];
    int64_t length;
    unsigned repeated;
    char error[CURL_ERROR_SIZE];
};

static size_t take_answer(char *data, size_t size, size_t count, void *user)
{
    s3_client *client = user;
    size_t got = size * count;
    return client->answer.size + got < ANSWER_MAX && handler_buffer_add(&client->answer, data, got)
               ? got
               : 0;
}

/* The value of the header of that name in a line, without blanks at its ends. */
static bool header_value(const char *line, size_t size, const char *name, char *to, size_t room)
{
    size_t skip = strlen(name);
    if (size < skip || strncasecmp(line, name, skip) != 0)
        return false;
    while (size && strchr("\r\n \t", line[size - 1]))
        size--;
    while (skip < size && line[skip] == ' ')
        skip++;
    (void)snprintf(to, room, "%.*s", size > skip ? (int)(size - skip) : 0, line + skip);
    return true;
}

static size_t take_header(char *data, size_t size, size_t count, void *user)
{
    s3_client *client = user;
    size_t got = size * count;
    char number[32];
    (void)header_value(data, got, "etag:", client->etag, sizeof(client->etag));
    if (header_value(data, got, "content-length:", number, sizeof(number)))
        client->length = strtoll(number, NULL, 10);
    return got;
}

static CURLcode set_options(s3_client *client)
{
    const s3_settings *settings = client->settings;
    CURL *curl = client->curl;
    CURLcode code = CURLE_OK;
    char agent[64];
    (void)snprintf(agent, sizeof(agent), "busbar/%s", client->host->version);
#define SET(option, value) code = code ? code : curl_easy_setopt(curl, option, value)
    SET(CURLOPT_USERAGENT, agent);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_PATH_AS_IS, 1L);
    SET(CURLOPT_ERRORBUFFER, client->error);
    SET(CURLOPT_WRITEFUNCTION, take_answer);
    SET(CURLOPT_WRITEDATA, client);
    SET(CURLOPT_HEADERFUNCTION, take_header);
    SET(CURLOPT_HEADERDATA, client);
    SET(CURLOPT_TIMEOUT_MS, settings->timeout_ms);
    SET(CURLOPT_CONNECTTIMEOUT_MS, settings->connect_timeout_ms);
    SET(CURLOPT_UPLOAD_BUFFERSIZE, 524288L);
#undef SET
    return code;
}

s3_client *s3_client_new(const s3_settings *settings, const busbar_host *host,
                         char ret_trouble[512])
{
    s3_client *client = calloc(1, sizeof(*client));
    (void)snprintf(ret_trouble, 512, "out of memory");
    if (!client)
        return NULL;
    client->settings = settings;
    client->host = host;
    client->curl = curl_easy_init();
    const char *authority = strstr(settings->endpoint, "://") + 3;
    int size = settings->path_style
                   ? snprintf(client->authority, sizeof(client->authority), "%s", authority)
                   : snprintf(client->authority, sizeof(client->authority), "%s.%s",
                              settings->bucket, authority);
    CURLcode code = client->curl ? set_options(client) : CURLE_FAILED_INIT;
    bool fits = size > 0 && (size_t)size < sizeof(client->authority);
    if (!code && fits && handler_certificates_set(client->curl, settings->tree, ret_trouble))
        return client;
    if (code || !fits)
        (void)snprintf(ret_trouble, 512, "libcurl: %s",
                       code ? curl_easy_strerror(code) : "`endpoint` is too long");
    s3_client_free(client);
    return NULL;
}

void s3_client_free(s3_client *client)
{
    if (!client)
        return;
    if (client->curl)
        curl_easy_cleanup(client->curl);
    s3_credentials_clear(&client->credentials);
    handler_buffer_clear(&client->path);
    handler_buffer_clear(&client->url);
    handler_buffer_clear(&client->answer);
    free(client);
}

/* The path as it is signed, and the URL with it. */
static bool write_url(s3_client *client, const s3_request *request)
{
    const s3_settings *settings = client->settings;
    int scheme = (int)(strstr(settings->endpoint, "://") - settings->endpoint);
    client->path.size = client->url.size = 0;
    return handler_buffer_add(&client->path, "/", 1) &&
           (!settings->path_style ||
            (s3_sign_encode(&client->path, settings->bucket, false) &&
             (!request->key || handler_buffer_add(&client->path, "/", 1)))) &&
           (!request->key || s3_sign_encode(&client->path, request->key, false)) &&
           handler_buffer_add(&client->path, "", 1) &&
           handler_buffer_format(&client->url, "%.*s://%s%s", scheme, settings->endpoint,
                                 client->authority, client->path.data) &&
           (!request->query || handler_buffer_format(&client->url, "?%s", request->query)) &&
           handler_buffer_add(&client->url, "", 1);
}

static bool add_header(struct curl_slist **list, const char *name, const char *value)
{
    char line[4200];
    int size = snprintf(line, sizeof(line), "%s: %s", name, value);
    struct curl_slist *longer =
        size > 0 && (size_t)size < sizeof(line) ? curl_slist_append(*list, line) : NULL;
    explicit_bzero(line, sizeof(line));
    if (longer)
        *list = longer;
    return longer != NULL;
}

static struct curl_slist *make_headers(s3_client *client, const s3_request *request)
{
    char hash[HANDLER_SHA256_TEXT], stamp[S3_STAMP_SIZE], authorization[S3_AUTHORIZATION_SIZE];
    struct curl_slist *list = NULL;
    const char *token = client->credentials.token[0] ? client->credentials.token : NULL;
    s3_signing signing = {client->credentials.access_key,
                          client->credentials.secret_key,
                          token,
                          client->settings->region,
                          request->method,
                          client->authority,
                          client->path.data,
                          request->query ? request->query : "",
                          hash,
                          client->host->wall_us() / 1000000};
    bool good =
        handler_sha256(request->body, request->size, hash) &&
        s3_sign(&signing, stamp, authorization) && add_header(&list, "Host", client->authority) &&
        add_header(&list, "x-amz-content-sha256", hash) && add_header(&list, "x-amz-date", stamp) &&
        (!token || add_header(&list, "x-amz-security-token", token)) &&
        add_header(&list, "Authorization", authorization) && add_header(&list, "Expect", "") &&
        add_header(&list, "Content-Type", "application/octet-stream") &&
        (!request->if_absent || add_header(&list, "If-None-Match", "*"));
    if (good)
        return list;
    curl_slist_free_all(list);
    return NULL;
}

/* Method and body; a body is sent by POSTFIELDS whatever the method, for it is in memory. */
static CURLcode set_body(s3_client *client, const s3_request *request)
{
    CURL *curl = client->curl;
    CURLcode code = CURLE_OK;
    bool sends = request->size || strcmp(request->method, "PUT") == 0 ||
                 strcmp(request->method, "POST") == 0;
    bool head = strcmp(request->method, "HEAD") == 0;
#define SET(option, value) code = code ? code : curl_easy_setopt(curl, option, value)
    SET(CURLOPT_HTTPGET, 1L); /* takes back what an earlier request has set */
    SET(CURLOPT_NOBODY, head ? 1L : 0L);
    if (sends) {
        SET(CURLOPT_POST, 1L);
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->size);
        SET(CURLOPT_POSTFIELDS, request->size ? request->body : "");
    }
    SET(CURLOPT_CUSTOMREQUEST, head ? NULL : request->method);
#undef SET
    return code;
}

/* Why a request was refused: the server's own code and text. */
static void describe(s3_client *client, const s3_request *request, s3_reply *reply)
{
    handler_buffer code = {.data = NULL}, text = {.data = NULL};
    const char *behind = NULL;
    const char *xml = client->answer.data;
    bool has_code = s3_xml_text(xml, "Code", &code, &behind);
    bool has_text = s3_xml_text(xml, "Message", &text, &behind);
    (void)snprintf(reply->trouble, sizeof(reply->trouble),
                   "%s %s/%.200s answered %ld%s%.60s%s%.160s", request->method,
                   client->settings->bucket, request->key ? request->key : "", reply->status,
                   has_code ? " " : "", has_code ? code.data : "", has_text ? ": " : "",
                   has_text ? text.data : "");
    handler_buffer_clear(&code);
    handler_buffer_clear(&text);
}

static void send_once(s3_client *client, const s3_request *request, s3_reply *reply)
{
    struct curl_slist *headers = make_headers(client, request);
    client->answer.size = 0;
    client->error[0] = client->etag[0] = '\0';
    client->length = -1;
    CURLcode code = headers ? set_body(client, request) : CURLE_OUT_OF_MEMORY;
    code = code ? code : curl_easy_setopt(client->curl, CURLOPT_URL, client->url.data);
    code = code ? code : curl_easy_setopt(client->curl, CURLOPT_HTTPHEADER, headers);
    code = code ? code : curl_easy_perform(client->curl);
    reply->status = 0;
    if (!code)
        (void)curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &reply->status);
    (void)curl_easy_setopt(client->curl, CURLOPT_HTTPHEADER, NULL); /* the list ends here */
    curl_slist_free_all(headers);
    reply->length = client->length;
    (void)snprintf(reply->etag, sizeof(reply->etag), "%s", client->etag);
    if (!handler_buffer_add(&client->answer, "", 1))
        code = CURLE_OUT_OF_MEMORY;
    else
        client->answer.size--;
    if (code) {
        reply->status = 0;
        (void)snprintf(reply->trouble, sizeof(reply->trouble), "%s %s: %s", request->method,
                       client->settings->endpoint,
                       client->error[0] ? client->error : curl_easy_strerror(code));
    } else if (reply->status / 100 != 2) {
        describe(client, request, reply);
    }
}

bool s3_reply_passing(const s3_reply *reply)
{
    return reply->status == 0 || reply->status >= 500 || reply->status == 408 ||
           reply->status == 409 || reply->status == 425 || reply->status == 429;
}

static void pause_before(unsigned attempt)
{
    long ms = (long)FIRST_PAUSE_MS << (2 * (attempt - 1)); /* 100, 400, 1600 */
    struct timespec time = {ms / 1000, ms % 1000 * 1000000};
    (void)nanosleep(&time, NULL); /* a signal may cut it short: the request comes earlier */
}

bool s3_client_send(s3_client *client, const s3_request *request, s3_reply *ret_reply)
{
    bool lasting = false;
    *ret_reply = (s3_reply){.length = -1};
    if (!s3_credentials_get(&client->credentials, client->settings,
                            client->host->wall_us() / 1000000, ret_reply->trouble, &lasting)) {
        ret_reply->status = lasting ? 401 : 0;
        return false;
    }
    if (!write_url(client, request)) {
        (void)snprintf(ret_reply->trouble, sizeof(ret_reply->trouble), "out of memory");
        return false;
    }
    for (unsigned attempt = 1;; attempt++) {
        send_once(client, request, ret_reply);
        if (attempt == ATTEMPTS || !s3_reply_passing(ret_reply))
            break;
        ret_reply->unsure = ret_reply->unsure || ret_reply->status != 429;
        client->repeated++;
        pause_before(attempt);
    }
    if (ret_reply->status == 400 || ret_reply->status == 401 || ret_reply->status == 403)
        s3_credentials_clear(&client->credentials); /* they may have been replaced: found anew */
    return ret_reply->status / 100 == 2;
}

const handler_buffer *s3_client_answer(const s3_client *client)
{
    return &client->answer;
}

unsigned s3_client_repeated(s3_client *client)
{
    unsigned repeated = client->repeated;
    client->repeated = 0;
    return repeated;
}

/* One character of the text of an element. */
static bool decode(const char **at, handler_buffer *out)
{
    static const char *const entities[][2] = {
        {"&amp;", "&"}, {"&lt;", "<"}, {"&gt;", ">"}, {"&quot;", "\""}, {"&apos;", "'"}};
    for (size_t i = 0; i < sizeof(entities) / sizeof(entities[0]); i++) {
        size_t size = strlen(entities[i][0]);
        if (strncmp(*at, entities[i][0], size) == 0) {
            *at += size;
            return handler_buffer_add(out, entities[i][1], 1);
        }
    }
    return handler_buffer_add(out, (*at)++, 1);
}

bool s3_xml_text(const char *xml, const char *name, handler_buffer *ret_text,
                 const char **ret_behind)
{
    char tag[64];
    int size = snprintf(tag, sizeof(tag), "<%s>", name);
    const char *at = xml ? strstr(xml, tag) : NULL;
    ret_text->size = 0;
    if (!at)
        return false;
    at += size;
    while (*at && *at != '<') {
        if (!decode(&at, ret_text))
            return false;
    }
    *ret_behind = at;
    return handler_buffer_add(ret_text, "", 1);
}
