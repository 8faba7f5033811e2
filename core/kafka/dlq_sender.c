/* The producer of `busbar dlq`. */
#include "kafka/dlq_sender.h"

#include "base/error.h"
#include "kafka/client.h"
#include "kafka/delivery_error.h"

#define SLICE_MS 100
#define PURGE_MS 1000

struct bb_dlq_sender {
    rd_kafka_t *client;
    guint failed;
    char *why; /* of the first failure */
};

static void on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
    bb_dlq_sender *sender = opaque;
    (void)client;
    if (!message->err)
        return;
    sender->failed++;
    if (!sender->why)
        sender->why = bb_delivery_text(message->err, rd_kafka_topic_name(message->rkt),
                                       rd_kafka_message_status(message));
}

static gboolean set_defaults(rd_kafka_conf_t *conf, const bb_settings *settings, GError **error)
{
    static const char *const defaults[][2] = {
        {"max.in.flight.requests.per.connection", "1"}, /* see the gate early-acks */
        {"partitioner", "murmur2_random"},
        {"compression.type", "snappy"},
        {"linger.ms", "5"},
        {"topic.metadata.propagation.max.ms", "5000"},
        {"message.max.bytes", "16777216"}, /* what the broker took once, it takes again */
    };
    for (gsize i = 0; i < G_N_ELEMENTS(defaults); i++) {
        if (!bb_kafka_conf_default(conf, settings, defaults[i][0], defaults[i][1], error))
            return FALSE;
    }
    return TRUE;
}

bb_dlq_sender *bb_dlq_sender_new(const bb_settings *settings, GError **error)
{
    static const char *const extra[] = {"enable.idempotence", "true", "acks", "all", NULL};
    g_autoptr(bb_dlq_sender) sender = g_new0(bb_dlq_sender, 1);
    rd_kafka_conf_t *conf = bb_kafka_conf_new(settings, extra, error);
    if (!conf)
        return NULL;
    if (!set_defaults(conf, settings, error)) {
        rd_kafka_conf_destroy(conf);
        return NULL;
    }
    rd_kafka_conf_set_opaque(conf, sender);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    sender->client = bb_kafka_new(RD_KAFKA_PRODUCER, conf, error);
    return sender->client ? g_steal_pointer(&sender) : NULL;
}

void bb_dlq_sender_free(bb_dlq_sender *sender)
{
    if (!sender)
        return;
    if (sender->client) {
        (void)rd_kafka_purge(sender->client, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        (void)rd_kafka_flush(sender->client, PURGE_MS); /* serves the reports of the purge */
        rd_kafka_destroy(sender->client);
    }
    g_free(sender->why);
    g_free(sender);
}

/* Takes `headers` over when it succeeds. */
static rd_kafka_resp_err_t produce(bb_dlq_sender *sender, const char *topic,
                                   const bb_dlq_record *record, rd_kafka_headers_t *headers)
{
    const rd_kafka_vu_t parts[] = {
        {.vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = topic},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
        {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {(void *)record->key.data, record->key.size}},
        {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {(void *)record->value.data, record->value.size}},
        {.vtype = RD_KAFKA_VTYPE_TIMESTAMP, .u.i64 = record->timestamp_ms},
        {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers},
    };
    rd_kafka_error_t *error = rd_kafka_produceva(sender->client, parts, G_N_ELEMENTS(parts));
    rd_kafka_resp_err_t code = rd_kafka_error_code(error); /* 0 for NULL */
    if (error)
        rd_kafka_error_destroy(error);
    return code;
}

gboolean bb_dlq_sender_send(bb_dlq_sender *sender, const char *topic, const bb_dlq_record *record,
                            rd_kafka_headers_t *headers, GError **error)
{
    rd_kafka_resp_err_t code = produce(sender, topic, record, headers);
    while (code == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
        (void)rd_kafka_poll(sender->client, SLICE_MS);
        code = produce(sender, topic, record, headers);
    }
    if (!code)
        return TRUE;
    rd_kafka_headers_destroy(headers);
    g_autofree char *text = bb_delivery_text(code, topic, RD_KAFKA_MSG_STATUS_NOT_PERSISTED);
    g_set_error(error, BB_ERROR, BB_ERROR_KAFKA, "%s", text);
    return FALSE;
}

void bb_dlq_sender_poll(bb_dlq_sender *sender, int timeout_ms)
{
    (void)rd_kafka_poll(sender->client, timeout_ms);
}

gboolean bb_dlq_sender_settle(bb_dlq_sender *sender, const gint *stop, GError **error)
{
    while (rd_kafka_flush(sender->client, SLICE_MS) == RD_KAFKA_RESP_ERR__TIMED_OUT &&
           g_atomic_int_get(stop) < 2)
        ;
    int waiting = rd_kafka_outq_len(sender->client);
    if (sender->failed) {
        g_set_error(error, BB_ERROR, BB_ERROR_KAFKA, "%u records were not confirmed: %s",
                    sender->failed, sender->why);
        return FALSE;
    }
    if (waiting > 0) {
        g_set_error(error, BB_ERROR, BB_ERROR_KAFKA,
                    "stopped with %d records that were not confirmed", waiting);
        return FALSE;
    }
    return TRUE;
}
