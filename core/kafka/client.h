/* librdkafka clients: configuration from the settings, waiting for Kafka, their end. */
#ifndef BB_KAFKA_CLIENT_H
#define BB_KAFKA_CLIENT_H

#include <librdkafka/rdkafka.h>

#include "config/settings.h"

/* A configuration with the user's properties, then `extra` (name, value pairs ending with NULL),
 * logs and errors routed to the log. "embedded" starts the process's mock cluster. The caller hands
 * it to rd_kafka_new or destroys it. */
rd_kafka_conf_t *bb_kafka_conf_new(const bb_settings *settings, const char *const *extra,
                                   GError **error);

/* Sets a property unless the user's settings give it, under this name or an alias. */
gboolean bb_kafka_conf_default(rd_kafka_conf_t *conf, const bb_settings *settings, const char *name,
                               const char *value, GError **error);

/* Makes the client; takes `conf` over in any case. */
rd_kafka_t *bb_kafka_new(rd_kafka_type_t type, rd_kafka_conf_t *conf, GError **error);

/* TRUE when `statistics`, the library's JSON of a client, has no broker that it is connected to. */
gboolean bb_kafka_is_cut_off(const char *statistics);

/* Waits until a broker answers a metadata request. `timeout_ms` -1: for ever, saying so every few
 * seconds; `stop` may become non-zero to give up. BB_ERROR_KAFKA names the bootstrap list and what
 * was tried. */
gboolean bb_kafka_wait(rd_kafka_t *client, gint64 timeout_ms, const gint *stop, GError **error);

/* Ends a client within `timeout_ms`. FALSE when it does not end (see the gates close-hangs,
 * removed-partition and held-objects): it is left behind then, and a warning says so. */
gboolean bb_kafka_end(rd_kafka_t *client, gint64 timeout_ms);

#endif
