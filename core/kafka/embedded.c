/* The embedded broker of this process: librdkafka's mock cluster. */
#include "kafka/embedded.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <pthread.h>

#include "base/error.h"
#include "base/log.h"

/* One per process, because "embedded" in the settings names no more than that. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static rd_kafka_t *handle;
static rd_kafka_mock_cluster_t *cluster;

/* The handle only carries the cluster; what it says is of interest to nobody but a debugger. */
static void on_log(const rd_kafka_t *client, int level, const char *facility, const char *text)
{
    (void)client;
    (void)level;
    bb_log_debug("embedded broker: %s: %s", facility, text);
}

static gboolean start(GError **error)
{
    char reason[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, on_log);
    handle = rd_kafka_new(RD_KAFKA_PRODUCER, conf, reason, sizeof reason);
    if (!handle) {
        rd_kafka_conf_destroy(conf);
        g_set_error(error, BB_ERROR, BB_ERROR_KAFKA, "embedded broker: %s", reason);
        return FALSE;
    }
    cluster = rd_kafka_mock_cluster_new(handle, 1);
    if (!cluster) {
        rd_kafka_destroy(handle);
        handle = NULL;
        g_set_error(error, BB_ERROR, BB_ERROR_KAFKA,
                    "embedded broker: it cannot listen on loopback");
        return FALSE;
    }
    return TRUE;
}

const char *bb_embedded_start(GError **error)
{
    (void)pthread_mutex_lock(&lock);
    const char *bootstrap =
        cluster || start(error) ? rd_kafka_mock_cluster_bootstraps(cluster) : NULL;
    (void)pthread_mutex_unlock(&lock);
    return bootstrap;
}

gboolean bb_embedded_topic(const char *topic, int partitions, GError **error)
{
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    (void)pthread_mutex_lock(&lock);
    gboolean running = cluster != NULL;
    if (running)
        code = rd_kafka_mock_topic_create(cluster, topic, partitions, 1);
    (void)pthread_mutex_unlock(&lock);
    if (running && (!code || code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS))
        return TRUE;
    g_set_error(error, BB_ERROR, BB_ERROR_KAFKA, "embedded broker: topic %s: %s", topic,
                running ? rd_kafka_err2str(code) : "the broker is not running");
    return FALSE;
}

gboolean bb_embedded_running(void)
{
    (void)pthread_mutex_lock(&lock);
    gboolean running = cluster != NULL;
    (void)pthread_mutex_unlock(&lock);
    return running;
}

gboolean bb_embedded_is(const char *bootstrap)
{
    (void)pthread_mutex_lock(&lock);
    gboolean same = cluster && g_strcmp0(rd_kafka_mock_cluster_bootstraps(cluster), bootstrap) == 0;
    (void)pthread_mutex_unlock(&lock);
    return same;
}

void bb_embedded_stop(void)
{
    (void)pthread_mutex_lock(&lock);
    g_clear_pointer(&cluster, rd_kafka_mock_cluster_destroy);
    g_clear_pointer(&handle, rd_kafka_destroy);
    (void)pthread_mutex_unlock(&lock);
}
