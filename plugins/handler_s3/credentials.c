/* Whom requests are signed for: from the configuration, the environment, a file, or a role. */
#include "credentials.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <curl/curl.h>

#include "../handler_common/buffer.h"

enum { ANSWER_MAX = 65536, EARLY_S = 300, PAUSE_S = 5 };

static bool set(s3_credentials *to, const char *access, const char *secret, const char *token,
                const char *source)
{
    if (!access || !secret || !*access || !*secret || strlen(access) >= sizeof(to->access_key) ||
        strlen(secret) >= sizeof(to->secret_key) || (token && strlen(token) >= sizeof(to->token)))
        return false;
    memcpy(to->access_key, access, strlen(access) + 1);
    memcpy(to->secret_key, secret, strlen(secret) + 1);
    (void)snprintf(to->token, sizeof(to->token), "%s", token ? token : "");
    to->source = source;
    to->expires_s = 0;
    return true;
}

/* Cuts blanks off both ends, in place. */
static char *trim(char *text)
{
    while (*text == ' ' || *text == '\t')
        text++;
    size_t size = strlen(text);
    while (size && strchr(" \t\r\n", text[size - 1]))
        text[--size] = '\0';
    return text;
}

static void keep(char *to, size_t room, const char *value)
{
    (void)snprintf(to, room, "%s", value); /* what is too long does not sign: the server says so */
}

static void read_line(s3_credentials *to, char *line)
{
    char *equals = strchr(line, '=');
    if (!equals)
        return;
    *equals = '\0';
    const char *name = trim(line), *value = trim(equals + 1);
    if (strcmp(name, "aws_access_key_id") == 0)
        keep(to->access_key, sizeof(to->access_key), value);
    else if (strcmp(name, "aws_secret_access_key") == 0)
        keep(to->secret_key, sizeof(to->secret_key), value);
    else if (strcmp(name, "aws_session_token") == 0)
        keep(to->token, sizeof(to->token), value);
}

bool s3_credentials_read_file(s3_credentials *credentials, const char *path, const char *profile,
                              char ret_trouble[512])
{
    FILE *in = fopen(path, "re");
    char line[8192], head[300];
    bool inside = false;
    if (!in) {
        (void)snprintf(ret_trouble, 512, "%s: %s", path, strerror(errno));
        return false;
    }
    (void)snprintf(head, sizeof(head), "[%s]", profile);
    s3_credentials_clear(credentials);
    while (fgets(line, sizeof(line), in)) {
        char *text = trim(line);
        if (*text == '[')
            inside = strcmp(text, head) == 0;
        else if (inside && *text != '#' && *text != ';')
            read_line(credentials, text);
    }
    (void)fclose(in); /* only read */
    explicit_bzero(line, sizeof(line));
    credentials->source = "file";
    if (credentials->access_key[0] && credentials->secret_key[0])
        return true;
    (void)snprintf(ret_trouble, 512,
                   "%s: its profile [%s] has no aws_access_key_id and aws_secret_access_key", path,
                   profile);
    return false;
}

/* Seconds since 1970 of "2026-01-02T03:04:05Z"; 0: it is none. */
static int64_t read_instant(const char *text)
{
    struct tm utc = {0};
    if (!text || !strptime(text, "%Y-%m-%dT%H:%M:%S", &utc))
        return 0;
    return (int64_t)timegm(&utc);
}

bool s3_credentials_read_answer(s3_credentials *credentials, const char *json, size_t size)
{
    json_t *tree = json_loadb(json, size, 0, NULL);
    bool good = set(credentials, json_string_value(json_object_get(tree, "AccessKeyId")),
                    json_string_value(json_object_get(tree, "SecretAccessKey")),
                    json_string_value(json_object_get(tree, "Token")), "role");
    if (good)
        credentials->expires_s =
            read_instant(json_string_value(json_object_get(tree, "Expiration")));
    json_decref(tree);
    return good;
}

static size_t take(char *data, size_t size, size_t count, void *user)
{
    handler_buffer *answer = user;
    size_t got = size * count;
    return answer->size + got <= ANSWER_MAX && handler_buffer_add(answer, data, got) ? got : 0;
}

/* One small request to an endpoint of the machine; its answer ends with NUL. */
static bool fetch(const char *url, const char *method, const char *header, handler_buffer *answer,
                  char trouble[512])
{
    CURL *curl = curl_easy_init();
    struct curl_slist *list = header ? curl_slist_append(NULL, header) : NULL;
    long status = 0;
    CURLcode code = curl ? CURLE_OK : CURLE_FAILED_INIT;
    answer->size = 0;
#define SET(option, value) code = code ? code : curl_easy_setopt(curl, option, value)
    SET(CURLOPT_URL, url);
    SET(CURLOPT_CUSTOMREQUEST, method);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_NOPROXY, "*");
    SET(CURLOPT_TIMEOUT_MS, 3000L);
    SET(CURLOPT_CONNECTTIMEOUT_MS, 1000L);
    SET(CURLOPT_HTTPHEADER, list);
    SET(CURLOPT_WRITEFUNCTION, take);
    SET(CURLOPT_WRITEDATA, answer);
#undef SET
    code = code ? code : curl_easy_perform(curl);
    if (!code)
        (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_cleanup(curl);
    curl_slist_free_all(list);
    if (!code && status == 200 && handler_buffer_add(answer, "", 1))
        return true;
    if (code)
        (void)snprintf(trouble, 512, "%.300s: %s", url, curl_easy_strerror(code));
    else
        (void)snprintf(trouble, 512, "%.400s answered %ld", url, status);
    return false;
}

/* The header that a container's endpoint wants; "" without a token. One in a file is read each
 * time, for whoever wrote it replaces it. False: it cannot be read. */
static bool write_authorization(char header[8192], char trouble[512])
{
    const char *file = getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    const char *token = getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN");
    char read[8000] = "";
    FILE *in = file ? fopen(file, "re") : NULL;
    header[0] = '\0';
    if (in)
        token = fgets(read, sizeof(read), in) ? trim(read) : NULL;
    if (file && !in)
        (void)snprintf(trouble, 512, "%.300s: %s", file, strerror(errno));
    else if (token)
        (void)snprintf(header, 8192, "Authorization: %s", token);
    if (in)
        (void)fclose(in); /* only read */
    explicit_bzero(read, sizeof(read));
    return !file || in;
}

/* The role of a container (ECS, EKS): one request to an address in the environment. */
static bool from_container(s3_credentials *to, char trouble[512])
{
    const char *relative = getenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    const char *full = getenv("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    handler_buffer answer = {.data = NULL};
    char url[1024], header[8192];
    (void)snprintf(url, sizeof(url), "%s%s", relative ? "http://169.254.170.2" : "",
                   relative ? relative : full);
    bool good = write_authorization(header, trouble) &&
                fetch(url, "GET", *header ? header : NULL, &answer, trouble);
    if (good && !(good = s3_credentials_read_answer(to, answer.data, answer.size - 1)))
        (void)snprintf(trouble, 512, "%.400s: its answer has no credentials", url);
    if (answer.data)
        explicit_bzero(answer.data, answer.capacity);
    handler_buffer_clear(&answer);
    explicit_bzero(header, sizeof(header));
    return good;
}

/* The role of a machine: a token, the name of the role, its credentials. */
static bool from_machine(s3_credentials *to, char trouble[512])
{
    static const char path[] = "latest/meta-data/iam/security-credentials";
    const char *base = getenv("AWS_EC2_METADATA_SERVICE_ENDPOINT");
    handler_buffer answer = {.data = NULL};
    char url[1024], header[2048];
    base = base ? base : "http://169.254.169.254";
    size_t size = strlen(base);
    while (size && base[size - 1] == '/')
        size--;
    (void)snprintf(url, sizeof(url), "%.*s/latest/api/token", (int)size, base);
    bool good = fetch(url, "PUT", "X-aws-ec2-metadata-token-ttl-seconds: 21600", &answer, trouble);
    if (good) {
        (void)snprintf(header, sizeof(header), "X-aws-ec2-metadata-token: %s", answer.data);
        (void)snprintf(url, sizeof(url), "%.*s/%s/", (int)size, base, path);
        good = fetch(url, "GET", header, &answer, trouble);
    }
    if (good) {
        answer.data[strcspn(answer.data, "\r\n")] = '\0';
        (void)snprintf(url, sizeof(url), "%.*s/%s/%.300s", (int)size, base, path, answer.data);
        good = fetch(url, "GET", header, &answer, trouble);
    }
    if (good && !(good = s3_credentials_read_answer(to, answer.data, answer.size - 1)))
        (void)snprintf(trouble, 512, "%.400s: its answer has no credentials", url);
    if (answer.data)
        explicit_bzero(answer.data, answer.capacity);
    handler_buffer_clear(&answer);
    return good;
}

/* Where the AWS tools keep them; "" without a home. */
static void default_file(char ret_path[1024])
{
    const char *named = getenv("AWS_SHARED_CREDENTIALS_FILE"), *home = getenv("HOME");
    ret_path[0] = '\0';
    if (named)
        (void)snprintf(ret_path, 1024, "%s", named);
    else if (home)
        (void)snprintf(ret_path, 1024, "%s/.aws/credentials", home);
}

static bool from_role(s3_credentials *to, char trouble[512])
{
    const char *disabled = getenv("AWS_EC2_METADATA_DISABLED");
    if (getenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") ||
        getenv("AWS_CONTAINER_CREDENTIALS_FULL_URI"))
        return from_container(to, trouble);
    if (disabled && strcasecmp(disabled, "true") == 0) {
        (void)snprintf(trouble, 512, "AWS_EC2_METADATA_DISABLED is true");
        return false;
    }
    return from_machine(to, trouble);
}

/* From where they are to be had, in the order of the documentation. */
static bool find(s3_credentials *to, const s3_settings *settings, char ret_trouble[512],
                 bool *ret_lasting)
{
    char path[1024], trouble[512];
    const char *profile = settings->profile ? settings->profile : getenv("AWS_PROFILE");
    *ret_lasting = true;
    if (settings->access_key)
        return set(to, settings->access_key, settings->secret_key, settings->session_token,
                   "configuration");
    if (!settings->credentials_file && !settings->profile &&
        set(to, getenv("AWS_ACCESS_KEY_ID"), getenv("AWS_SECRET_ACCESS_KEY"),
            getenv("AWS_SESSION_TOKEN"), "environment"))
        return true;
    default_file(path);
    if (settings->credentials_file)
        (void)snprintf(path, sizeof(path), "%s", settings->credentials_file);
    if (*path && s3_credentials_read_file(to, path, profile ? profile : "default", ret_trouble))
        return true;
    if (settings->credentials_file || profile)
        return false;
    *ret_lasting = false;
    s3_credentials_clear(to);
    if (from_role(to, trouble))
        return true;
    (void)snprintf(ret_trouble, 512,
                   "no credentials: neither `access_key`, AWS_ACCESS_KEY_ID with "
                   "AWS_SECRET_ACCESS_KEY, %.200s, nor a role (%.200s)",
                   *path ? path : "~/.aws/credentials", trouble);
    return false;
}

/* Early, and soon again where that fails, while those that are there still count. */
static int64_t next_time(int64_t expires_s, int64_t now_s)
{
    int64_t next = expires_s - EARLY_S;
    if (next < now_s + PAUSE_S)
        next = now_s + PAUSE_S;
    return next < expires_s ? next : expires_s;
}

bool s3_credentials_get(s3_credentials *credentials, const s3_settings *settings,
                        int64_t now_seconds, char ret_trouble[512], bool *ret_lasting)
{
    s3_credentials fresh = {.source = NULL};
    if (credentials->source && (!credentials->expires_s || now_seconds < credentials->again_s))
        return true;
    bool good = find(&fresh, settings, ret_trouble, ret_lasting);
    if (good)
        *credentials = fresh;
    else if (credentials->source && now_seconds < credentials->expires_s)
        good = true; /* these still count */
    credentials->again_s = next_time(credentials->expires_s, now_seconds);
    s3_credentials_clear(&fresh);
    return good;
}

void s3_credentials_clear(s3_credentials *credentials)
{
    explicit_bzero(credentials, sizeof(*credentials));
}
