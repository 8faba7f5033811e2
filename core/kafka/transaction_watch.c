/* Keeps account of requests about transactions and their answers. */
#include "kafka/transaction_watch.h"

#include <pthread.h>

#include "base/error.h"

static const char name[] = "busbar";

/* Requests that act on whatever transaction is open when they arrive. Records have sequence
 * numbers: one that comes late is refused. */
enum { ADD_PARTITIONS = 24, ADD_OFFSETS = 25, END = 26, OFFSET_COMMIT = 28, KEYS = 29 };

struct bb_transaction_watch {
    pthread_mutex_t mutex; /* guards what follows */
    gboolean open[KEYS];   /* sent and not answered; of each kind there is one at a time */
    gboolean failed;       /* one was not answered */
};

bb_transaction_watch *bb_transaction_watch_new(void)
{
    bb_transaction_watch *watch = g_new0(bb_transaction_watch, 1);
    (void)pthread_mutex_init(&watch->mutex, NULL); /* cannot fail without attributes */
    return watch;
}

void bb_transaction_watch_free(bb_transaction_watch *watch)
{
    if (!watch)
        return;
    (void)pthread_mutex_destroy(&watch->mutex);
    g_free(watch);
}

static gboolean is_watched(gint16 api_key)
{
    return api_key == ADD_PARTITIONS || api_key == ADD_OFFSETS || api_key == END ||
           api_key == OFFSET_COMMIT;
}

void bb_transaction_watch_sent(bb_transaction_watch *watch, gint16 api_key)
{
    if (!is_watched(api_key))
        return;
    (void)pthread_mutex_lock(&watch->mutex);
    watch->failed |= watch->open[api_key];
    watch->open[api_key] = TRUE;
    (void)pthread_mutex_unlock(&watch->mutex);
}

void bb_transaction_watch_answered(bb_transaction_watch *watch, gint16 api_key,
                                   rd_kafka_resp_err_t code)
{
    if (!is_watched(api_key))
        return;
    (void)pthread_mutex_lock(&watch->mutex);
    watch->failed |= code != RD_KAFKA_RESP_ERR_NO_ERROR;
    watch->open[api_key] = FALSE;
    (void)pthread_mutex_unlock(&watch->mutex);
}

gboolean bb_transaction_watch_is_clean(bb_transaction_watch *watch)
{
    (void)pthread_mutex_lock(&watch->mutex);
    gboolean clean = !watch->failed;
    for (gint16 key = 0; key < KEYS; key++)
        clean = clean && !watch->open[key];
    (void)pthread_mutex_unlock(&watch->mutex);
    return clean;
}

/* [a broker thread of the client] */
static rd_kafka_resp_err_t on_sent(rd_kafka_t *client, int socket, const char *broker,
                                   int32_t broker_id, int16_t api_key, int16_t version,
                                   int32_t correlation, size_t size, void *opaque)
{
    (void)client;
    (void)socket;
    (void)broker;
    (void)broker_id;
    (void)version;
    (void)correlation;
    (void)size;
    bb_transaction_watch_sent(opaque, api_key);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* [a broker thread of the client] */
static rd_kafka_resp_err_t on_answered(rd_kafka_t *client, int socket, const char *broker,
                                       int32_t broker_id, int16_t api_key, int16_t version,
                                       int32_t correlation, size_t size, int64_t trip_us,
                                       rd_kafka_resp_err_t code, void *opaque)
{
    (void)client;
    (void)socket;
    (void)broker;
    (void)broker_id;
    (void)version;
    (void)correlation;
    (void)size;
    (void)trip_us;
    bb_transaction_watch_answered(opaque, api_key, code);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t on_new(rd_kafka_t *client, const rd_kafka_conf_t *conf, void *opaque,
                                  char *reason, size_t reason_size)
{
    (void)conf;
    (void)reason;
    (void)reason_size;
    rd_kafka_resp_err_t code =
        rd_kafka_interceptor_add_on_request_sent(client, name, on_sent, opaque);
    if (code)
        return code;
    return rd_kafka_interceptor_add_on_response_received(client, name, on_answered, opaque);
}

gboolean bb_transaction_watch_install(bb_transaction_watch *watch, rd_kafka_conf_t *conf,
                                      GError **error)
{
    rd_kafka_resp_err_t code = rd_kafka_conf_interceptor_add_on_new(conf, name, on_new, watch);
    if (code)
        g_set_error(error, BB_ERROR, BB_ERROR_INTERNAL,
                    "requests about transactions cannot be watched: %s", rd_kafka_err2str(code));
    return !code;
}
