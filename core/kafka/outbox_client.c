/* The client of an outbox: how it is made, replaced and emptied. */
#include "kafka/outbox_private.h"

#include "base/error.h"
#include "kafka/client.h"

#define END_MS 5000

/* One request at a time: see the gate early-acks. */
static const char *const defaults[] = {"max.in.flight.requests.per.connection",
                                       "1",
                                       "compression.type",
                                       "snappy",
                                       "linger.ms",
                                       "5",
                                       "partitioner",
                                       "murmur2_random",
                                       "message.timeout.ms",
                                       "0",
                                       "topic.metadata.propagation.max.ms",
                                       "5000",
                                       "queue.buffering.max.kbytes",
                                       "65536",
                                       "message.max.bytes",
                                       "16777216"};

static rd_kafka_conf_t *make_conf(const bb_outbox *outbox, GError **error)
{
    const bb_outbox_transactions *transactions = outbox->transactions;
    char timeout[24] = "";
    /* a transaction that is over takes its records with it, so that is how long they may take */
    const char *const transactional[] = {"enable.idempotence",
                                         "true",
                                         "transactional.id",
                                         transactions ? transactions->id : "",
                                         "transaction.timeout.ms",
                                         timeout,
                                         "message.timeout.ms",
                                         timeout,
                                         NULL};
    static const char *const plain[] = {"enable.idempotence", "true", NULL};
    if (!transactions)
        return bb_kafka_conf_new(outbox->settings, plain, error);
    g_snprintf(timeout, sizeof timeout, "%" G_GINT64_FORMAT, transactions->timeout_ms);
    return bb_kafka_conf_new(outbox->settings, transactional, error);
}

static gboolean set_defaults(const bb_outbox *outbox, rd_kafka_conf_t *conf, GError **error)
{
    for (gsize i = 0; i < G_N_ELEMENTS(defaults); i += 2) {
        if (outbox->transactions && g_str_equal(defaults[i], "message.timeout.ms"))
            continue;
        if (!bb_kafka_conf_default(conf, outbox->settings, defaults[i], defaults[i + 1], error))
            return FALSE;
    }
    return TRUE;
}

rd_kafka_t *bb_outbox_client_new(bb_outbox *outbox, bb_transaction_watch *watch, GError **error)
{
    rd_kafka_conf_t *conf = make_conf(outbox, error);
    if (!conf)
        return NULL;
    if (!set_defaults(outbox, conf, error) ||
        (watch && !bb_transaction_watch_install(watch, conf, error))) {
        rd_kafka_conf_destroy(conf);
        return NULL;
    }
    rd_kafka_conf_set_opaque(conf, outbox);
    rd_kafka_conf_set_dr_msg_cb(conf, bb_outbox_on_delivery);
    return bb_kafka_new(RD_KAFKA_PRODUCER, conf, error);
}

void bb_outbox_client_purge(rd_kafka_t *client)
{
    (void)rd_kafka_purge(client, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    while (rd_kafka_outq_len(client) > 0)
        (void)rd_kafka_poll(client, BB_OUTBOX_POLL_MS);
}

gboolean bb_outbox_client_swap(bb_outbox *outbox, rd_kafka_t *fresh)
{
    rd_kafka_t *old = outbox->client;
    (void)pthread_rwlock_wrlock(&outbox->client_lock);
    outbox->client = fresh;
    (void)pthread_rwlock_unlock(&outbox->client_lock);
    bb_outbox_client_purge(old);
    return bb_kafka_end(old, END_MS);
}
