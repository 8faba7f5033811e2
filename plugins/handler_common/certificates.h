/* Whom a client of libcurl trusts, and as whom it comes. */
#ifndef HANDLER_CERTIFICATES_H
#define HANDLER_CERTIFICATES_H

#include <stdbool.h>

#include <busbar/plugin.h>
#include <curl/curl.h>
#include <jansson.h>

/* As the keys `ca_file`, `client_certificate`, `client_key` and `verify` of the configuration say.
 * False: `ret_trouble` says in a sentence what cannot work. The files are read with each
 * connection. */
bool handler_certificates_set(CURL *curl, const json_t *config, char ret_trouble[512]);
/* Says in the log that nobody is verified, where it is so. */
void handler_certificates_warn(busbar_call *call, const json_t *config, const char *place);

#endif
