/* Describes topics and makes them, on a real cluster or on the embedded broker. */
#include "kafka/topics.h"

#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "kafka/client.h"
#include "kafka/embedded.h"

#define REASON_BYTES 512
#define ADDRESS_BYTES 1024

/* Partitions that the mock cluster of librdkafka gives a topic that is made on demand. */
#define EMBEDDED_PARTITIONS 4

static void state_free(gpointer data)
{
    bb_topic_state *state = data;
    g_free(state->name);
    g_free(state);
}

static bb_topic_state *state_of(const struct rd_kafka_metadata *metadata, const char *name)
{
    bb_topic_state *state = g_new0(bb_topic_state, 1);
    state->name = g_strdup(name);
    for (int i = 0; i < metadata->topic_cnt; i++) {
        const struct rd_kafka_metadata_topic *topic = &metadata->topics[i];
        if (strcmp(topic->topic, name) != 0)
            continue;
        state->partitions = topic->partition_cnt;
        state->replicas = topic->partition_cnt > 0 ? topic->partitions[0].replica_cnt : 0;
    }
    return state;
}

GPtrArray *bb_topics_describe(rd_kafka_t *client, GPtrArray *names, int timeout_ms, GError **error)
{
    const struct rd_kafka_metadata *metadata = NULL;
    /* all topics: a request that names a topic may make it */
    rd_kafka_resp_err_t code = rd_kafka_metadata(client, 1, NULL, &metadata, timeout_ms);
    if (code) {
        g_set_error(error, BB_ERROR, BB_ERROR_KAFKA, "the list of topics cannot be read: %s",
                    rd_kafka_err2str(code));
        return NULL;
    }
    GPtrArray *states = g_ptr_array_new_with_free_func(state_free);
    for (guint i = 0; i < names->len; i++)
        g_ptr_array_add(states, state_of(metadata, g_ptr_array_index(names, i)));
    rd_kafka_metadata_destroy(metadata);
    return states;
}

/* Waits for the one answer of a CreateTopics request. */
static rd_kafka_resp_err_t take_answer(rd_kafka_queue_t *queue, int timeout_ms, char **ret_reason)
{
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, timeout_ms + 1000);
    if (!event) {
        *ret_reason = g_strdup("no answer");
        return RD_KAFKA_RESP_ERR__TIMED_OUT;
    }
    rd_kafka_resp_err_t code = rd_kafka_event_error(event);
    const char *reason = rd_kafka_event_error_string(event);
    const rd_kafka_CreateTopics_result_t *result = rd_kafka_event_CreateTopics_result(event);
    size_t count = 0;
    const rd_kafka_topic_result_t *const *topics =
        !code && result ? rd_kafka_CreateTopics_result_topics(result, &count) : NULL;
    if (count > 0) {
        code = rd_kafka_topic_result_error(topics[0]);
        reason = rd_kafka_topic_result_error_string(topics[0]);
    }
    *ret_reason = g_strdup(reason ? reason : rd_kafka_err2str(code));
    rd_kafka_event_destroy(event);
    return code;
}

static rd_kafka_resp_err_t ask(rd_kafka_t *client, rd_kafka_NewTopic_t *topic, int timeout_ms,
                               char **ret_reason)
{
    char text[REASON_BYTES];
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(client, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    (void)rd_kafka_AdminOptions_set_request_timeout(options, timeout_ms, text, sizeof text);
    (void)rd_kafka_AdminOptions_set_operation_timeout(options, timeout_ms, text, sizeof text);
    rd_kafka_CreateTopics(client, &topic, 1, options, queue);
    rd_kafka_resp_err_t code = take_answer(queue, timeout_ms, ret_reason);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_queue_destroy(queue);
    return code;
}

rd_kafka_resp_err_t bb_topics_ask(rd_kafka_t *client, const char *name, int timeout_ms)
{
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(client, name, NULL);
    if (!topic)
        return rd_kafka_last_error();
    rd_kafka_resp_err_t code = rd_kafka_metadata(client, 0, topic, &metadata, timeout_ms);
    if (!code && (metadata->topic_cnt < 1 || metadata->topics[0].partition_cnt < 1))
        code = metadata->topic_cnt > 0 && metadata->topics[0].err
                   ? metadata->topics[0].err
                   : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    if (metadata)
        rd_kafka_metadata_destroy(metadata);
    rd_kafka_topic_destroy(topic);
    return code;
}

/* Whether the broker is a mock cluster, ours or another process's: it has no controller, and an
 * admin request would wait for one until its time is out. */
static gboolean is_mock(rd_kafka_t *client, int timeout_ms)
{
    char *id = rd_kafka_clusterid(client, timeout_ms);
    gboolean mock = id && g_str_has_prefix(id, "mockCluster");
    if (id)
        rd_kafka_mem_free(client, id);
    return mock;
}

/* An embedded broker of another process knows no CreateTopics: a metadata request by a client that
 * allows it makes the topic. Such a broker has neither TLS nor SASL, so the address is enough. */
static gboolean create_on_demand(const char *address, const char *name, int partitions,
                                 int timeout_ms, GError **error)
{
    const bb_settings settings = {.bootstrap = (char *)address};
    static const char *const extra[] = {"allow.auto.create.topics", "true", NULL};
    rd_kafka_conf_t *conf = bb_kafka_conf_new(&settings, extra, error);
    rd_kafka_t *client = conf ? bb_kafka_new(RD_KAFKA_PRODUCER, conf, error) : NULL;
    if (!client)
        return FALSE;
    rd_kafka_resp_err_t code = bb_topics_ask(client, name, timeout_ms);
    rd_kafka_destroy(client);
    if (code) {
        g_set_error(error, BB_ERROR, BB_ERROR_KAFKA, "topic %s cannot be made: %s", name,
                    rd_kafka_err2str(code));
        return FALSE;
    }
    if (partitions > 0 && partitions != EMBEDDED_PARTITIONS)
        bb_log_info("topic %s: this broker chooses the number of partitions itself", name);
    return TRUE;
}

static gboolean create_by_admin(rd_kafka_t *client, const char *name, int partitions, int replicas,
                                int timeout_ms, GError **error)
{
    char text[REASON_BYTES];
    rd_kafka_NewTopic_t *topic =
        rd_kafka_NewTopic_new(name, partitions, replicas, text, sizeof text);
    if (!topic) {
        g_set_error(error, BB_ERROR, BB_ERROR_USAGE, "topic %s: %s", name, text);
        return FALSE;
    }
    g_autofree char *reason = NULL;
    rd_kafka_resp_err_t code = ask(client, topic, timeout_ms, &reason);
    rd_kafka_NewTopic_destroy(topic);
    if (!code || code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
        return TRUE;
    g_set_error(error, BB_ERROR, BB_ERROR_KAFKA, "topic %s cannot be made: %s", name, reason);
    return FALSE;
}

gboolean bb_topics_create(rd_kafka_t *client, const char *name, int partitions, int replicas,
                          int timeout_ms, GError **error)
{
    char address[ADDRESS_BYTES] = "";
    size_t address_size = sizeof address;
    (void)rd_kafka_conf_get(rd_kafka_conf(client), "bootstrap.servers", address, &address_size);
    if (bb_embedded_is(address))
        return bb_embedded_topic(name, partitions > 0 ? partitions : EMBEDDED_PARTITIONS, error);
    if (is_mock(client, timeout_ms))
        return create_on_demand(address, name, partitions, timeout_ms, error);
    return create_by_admin(client, name, partitions, replicas, timeout_ms, error);
}
