/* Producing bytes as they are. */
#include "kafka/raw.h"

#include "base/error.h"
#include "kafka/client.h"

struct bb_raw {
    rd_kafka_t *client;
    guint64 failed;
    rd_kafka_resp_err_t last_error;
};

static void on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
    bb_raw *raw = opaque;
    (void)client;
    if (!message->err)
        return;
    raw->failed++;
    raw->last_error = message->err;
}

bb_raw *bb_raw_new(const bb_settings *settings, GError **error)
{
    static const char *const extra[] = {
        "acks", "all", "enable.idempotence", "true", "partitioner", "murmur2_random", NULL};
    g_autoptr(bb_raw) raw = g_new0(bb_raw, 1);
    rd_kafka_conf_t *conf = bb_kafka_conf_new(settings, extra, error);
    if (!conf)
        return NULL;
    rd_kafka_conf_set_opaque(conf, raw);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    raw->client = bb_kafka_new(RD_KAFKA_PRODUCER, conf, error);
    return raw->client ? g_steal_pointer(&raw) : NULL;
}

gboolean bb_raw_send(bb_raw *raw, const char *topic, busbar_bytes key, busbar_bytes value,
                     GError **error)
{
    const rd_kafka_vu_t parts[] = {
        {.vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = topic},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
        {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {(void *)key.data, key.size}},
        {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {(void *)value.data, value.size}},
    };
    for (;;) {
        rd_kafka_error_t *problem = rd_kafka_produceva(raw->client, parts, G_N_ELEMENTS(parts));
        if (!problem)
            return TRUE;
        gboolean full = rd_kafka_error_code(problem) == RD_KAFKA_RESP_ERR__QUEUE_FULL;
        if (!full)
            g_set_error(error, BB_ERROR, BB_ERROR_KAFKA, "topic %s: %s", topic,
                        rd_kafka_error_string(problem));
        rd_kafka_error_destroy(problem);
        if (!full)
            return FALSE;
        (void)rd_kafka_poll(raw->client, 100);
    }
}

gboolean bb_raw_flush(bb_raw *raw, int timeout_ms, GError **error)
{
    rd_kafka_resp_err_t code = rd_kafka_flush(raw->client, timeout_ms);
    if (!code && !raw->failed)
        return TRUE;
    g_set_error(error, BB_ERROR, BB_ERROR_KAFKA,
                "%" G_GUINT64_FORMAT " records were not confirmed: %s", raw->failed,
                rd_kafka_err2str(code ? code : raw->last_error));
    return FALSE;
}

void bb_raw_free(bb_raw *raw)
{
    if (!raw)
        return;
    if (raw->client)
        rd_kafka_destroy(raw->client);
    g_free(raw);
}
