/* Whom a client of libcurl trusts, and as whom it comes. */
#include "certificates.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* NULL: not given. */
static const char *name_of(const json_t *config, const char *key)
{
    return json_string_value(json_object_get(config, key));
}

static bool verifies(const json_t *config)
{
    return !json_is_false(json_object_get(config, "verify"));
}

static bool check(const json_t *config, char ret_trouble[512])
{
    static const char *const keys[] = {"ca_file", "client_certificate", "client_key"};
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        const char *file = name_of(config, keys[i]);
        if (!file || access(file, R_OK) == 0)
            continue;
        (void)snprintf(ret_trouble, 512, "`%s`: %.300s cannot be read: %s", keys[i], file,
                       strerror(errno));
        return false;
    }
    if (!name_of(config, "client_key") || name_of(config, "client_certificate"))
        return true;
    (void)snprintf(ret_trouble, 512, "`client_key` needs a `client_certificate`");
    return false;
}

/* The file alone: a folder that libcurl was built with would be trusted beside it. And as it is
 * now: libcurl would remember it for a day, and not know an authority that is new in it. */
static CURLcode trust(CURL *curl, const char *ca_file)
{
    CURLcode code = curl_easy_setopt(curl, CURLOPT_CAINFO, ca_file);
    code = code ? code : curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
#if LIBCURL_VERSION_NUM >= 0x075700
    code = code ? code : curl_easy_setopt(curl, CURLOPT_CA_CACHE_TIMEOUT, 0L);
#endif
    return code;
}

bool handler_certificates_set(CURL *curl, const json_t *config, char ret_trouble[512])
{
    const char *ca_file = name_of(config, "ca_file");
    if (!check(config, ret_trouble))
        return false;
    CURLcode code = ca_file ? trust(curl, ca_file) : CURLE_OK;
#define SET(option, value) code = code ? code : curl_easy_setopt(curl, option, value)
    SET(CURLOPT_SSL_VERIFYPEER, verifies(config) ? 1L : 0L);
    SET(CURLOPT_SSL_VERIFYHOST, verifies(config) ? 2L : 0L);
    SET(CURLOPT_SSLCERT, name_of(config, "client_certificate"));
    SET(CURLOPT_SSLKEY, name_of(config, "client_key"));
#undef SET
    if (code)
        (void)snprintf(ret_trouble, 512, "libcurl: %s", curl_easy_strerror(code));
    return code == CURLE_OK;
}

void handler_certificates_warn(busbar_call *call, const json_t *config, const char *place)
{
    if (!verifies(config))
        busbar_log(call, BUSBAR_LOG_WARNING,
                   "`verify: false`: whoever answers at %s is believed to be the server", place);
}
