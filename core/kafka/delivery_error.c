/* Delivery errors in words. */
#include "kafka/delivery_error.h"

gboolean bb_delivery_retriable(rd_kafka_resp_err_t code)
{
    switch (code) {
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__RESOLVE:
    case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE:
    case RD_KAFKA_RESP_ERR__QUEUE_FULL:
    case RD_KAFKA_RESP_ERR__PURGE_QUEUE:
    case RD_KAFKA_RESP_ERR__PURGE_INFLIGHT:
    case RD_KAFKA_RESP_ERR__FATAL:
    case RD_KAFKA_RESP_ERR__GAPLESS_GUARANTEE:
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
    case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION:
    case RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION:
    case RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS:
    case RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND:
    case RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR:
    case RD_KAFKA_RESP_ERR_THROTTLING_QUOTA_EXCEEDED:
    case RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER:
    case RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID:
    case RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH:
    case RD_KAFKA_RESP_ERR_INVALID_PRODUCER_ID_MAPPING:
        return TRUE;
    default:
        return FALSE;
    }
}

gboolean bb_delivery_hopeless(rd_kafka_resp_err_t code)
{
    switch (code) {
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
    case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE:
        return TRUE;
    default:
        return FALSE;
    }
}

static char *cause(rd_kafka_resp_err_t code, const char *topic)
{
    switch (code) {
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
        return g_strdup_printf("topic %s does not exist; `busbar topics apply` makes it", topic);
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
        return g_strdup_printf("not authorised for topic %s: the user needs the ACL WRITE on it "
                               "(and CREATE for `busbar topics apply`)",
                               topic);
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
        return g_strdup_printf("not authorised to write to topic %s as an idempotent producer: the "
                               "user needs the ACL IDEMPOTENT_WRITE on the cluster",
                               topic);
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
        return g_strdup_printf("too large for topic %s: the record exceeds the topic's "
                               "max.message.bytes or the client's message.max.bytes",
                               topic);
    case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
        return g_strdup_printf("not confirmed for topic %s within message.timeout.ms", topic);
    case RD_KAFKA_RESP_ERR__PURGE_QUEUE:
    case RD_KAFKA_RESP_ERR__PURGE_INFLIGHT:
        return g_strdup_printf("not confirmed for topic %s before the producer was closed", topic);
    default:
        return g_strdup_printf("topic %s: %s (%s)", topic, rd_kafka_err2str(code),
                               rd_kafka_err2name(code));
    }
}

char *bb_delivery_text(rd_kafka_resp_err_t code, const char *topic, rd_kafka_msg_status_t stored)
{
    g_autofree char *text = cause(code, topic);
    if (stored != RD_KAFKA_MSG_STATUS_POSSIBLY_PERSISTED)
        return g_steal_pointer(&text);
    return g_strdup_printf(
        "%s; the broker may have stored it, so sending it again can duplicate it", text);
}
