/* The idempotent producer and its renewal. */
#include "kafka/producer.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "kafka/client.h"
#include "kafka/delivery_error.h"

#define PURGE_MS 5000
#define CLOSE_MS 1000
/* New clients in a row without a single delivery, after which records fail; the next client comes
 * after a pause. */
#define RENEWALS_IN_VAIN 3
#define RENEWAL_PAUSE_MS 10000

/* A record that the old client gave back and the new one gets. */
typedef struct held {
    void *opaque;
    guint topic;
    gboolean has_key;
    gsize key_size, value_size;
    rd_kafka_headers_t *headers;
    char bytes[]; /* key, value */
} held;

struct bb_producer {
    const bb_settings *settings;
    bb_delivery_fn on_delivery;
    void *user;
    rd_kafka_t *client;  /* NULL when a new one could not be made */
    GPtrArray *names;    /* char * */
    GPtrArray *handles;  /* rd_kafka_topic_t * of `client`, same order */
    GPtrArray *returned; /* held * */
    gboolean broken;     /* the client has met a fatal error */
    gboolean hopeless;   /* one that a new client would meet again */
    gboolean closing;
    guint in_vain;
    gint64 renewed_ms; /* monotonic */
};

static void held_free(gpointer data)
{
    held *record = data;
    if (record->headers)
        rd_kafka_headers_destroy(record->headers);
    g_free(record);
}

static guint topic_number(const bb_producer *producer, const char *name)
{
    for (guint i = 0; i < producer->names->len; i++) {
        if (strcmp(g_ptr_array_index(producer->names, i), name) == 0)
            return i;
    }
    return producer->names->len;
}

static void hold(bb_producer *producer, const rd_kafka_message_t *message)
{
    held *record = g_malloc(sizeof(*record) + message->key_len + message->len);
    *record = (held){.opaque = message->_private,
                     .topic = topic_number(producer, rd_kafka_topic_name(message->rkt)),
                     .has_key = message->key != NULL,
                     .key_size = message->key_len,
                     .value_size = message->len};
    if (message->key)
        memcpy(record->bytes, message->key, message->key_len);
    if (message->payload)
        memcpy(record->bytes + message->key_len, message->payload, message->len);
    if (rd_kafka_message_detach_headers((rd_kafka_message_t *)message, &record->headers))
        record->headers = NULL;
    g_ptr_array_add(producer->returned, record);
}

/* The fatal error of the client, 0 when there is none. */
static rd_kafka_resp_err_t fatal_code(const bb_producer *producer)
{
    char text[256];
    return rd_kafka_fatal_error(producer->client, text, sizeof text);
}

/* Whether a new client may take over now. */
static gboolean may_renew(const bb_producer *producer)
{
    return !producer->hopeless &&
           (producer->in_vain < RENEWALS_IN_VAIN ||
            bb_clock_monotonic_ms() - producer->renewed_ms >= RENEWAL_PAUSE_MS);
}

/* TRUE when the record is kept for the next client. */
static gboolean take_back(bb_producer *producer, const rd_kafka_message_t *message)
{
    rd_kafka_resp_err_t fatal = fatal_code(producer);
    if (!fatal || producer->closing)
        return FALSE;
    producer->broken = TRUE;
    producer->hopeless = bb_delivery_hopeless(fatal);
    if (!may_renew(producer) ||
        rd_kafka_message_status(message) != RD_KAFKA_MSG_STATUS_NOT_PERSISTED)
        return FALSE;
    hold(producer, message);
    return TRUE;
}

static void on_message(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
    bb_producer *producer = opaque;
    (void)client;
    if (G_UNLIKELY(message->err)) {
        if (take_back(producer, message))
            return;
    } else {
        producer->in_vain = 0;
    }
    bb_delivery delivery = {.opaque = message->_private,
                            .topic = rd_kafka_topic_name(message->rkt),
                            .code = message->err,
                            .stored = rd_kafka_message_status(message),
                            .partition = message->partition,
                            .offset = message->offset};
    if (producer->hopeless && message->err)
        delivery.code = fatal_code(producer);
    producer->on_delivery(&delivery, producer->user);
}

/* What publishing wants unless the user says otherwise. */
static gboolean set_defaults(rd_kafka_conf_t *conf, const bb_settings *settings, GError **error)
{
    static const char *const defaults[][2] = {
        {"enable.idempotence", "true"},
        {"acks", "all"},
        {"max.in.flight.requests.per.connection", "1"}, /* see the gate early-acks */
        {"partitioner", "murmur2_random"},              /* as the Java client and kafka-python */
        {"compression.type", "snappy"},
        {"linger.ms", "5"},
        {"queue.buffering.max.kbytes", "65536"},
        {"topic.metadata.propagation.max.ms", "5000"}, /* how long a missing topic may still come */
    };
    for (gsize i = 0; i < G_N_ELEMENTS(defaults); i++) {
        if (!bb_kafka_conf_default(conf, settings, defaults[i][0], defaults[i][1], error))
            return FALSE;
    }
    return TRUE;
}

static rd_kafka_t *open_client(bb_producer *producer, GError **error)
{
    rd_kafka_conf_t *conf = bb_kafka_conf_new(producer->settings, NULL, error);
    if (!conf)
        return NULL;
    if (!set_defaults(conf, producer->settings, error)) {
        rd_kafka_conf_destroy(conf);
        return NULL;
    }
    rd_kafka_conf_set_dr_msg_cb(conf, on_message);
    rd_kafka_conf_set_opaque(conf, producer);
    return bb_kafka_new(RD_KAFKA_PRODUCER, conf, error);
}

static void close_client(bb_producer *producer, int timeout_ms)
{
    if (!producer->client)
        return;
    (void)rd_kafka_purge(producer->client, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    (void)rd_kafka_flush(producer->client, timeout_ms); /* serves the reports of the purge */
    for (guint i = 0; i < producer->handles->len; i++)
        rd_kafka_topic_destroy(g_ptr_array_index(producer->handles, i));
    g_ptr_array_set_size(producer->handles, 0);
    g_clear_pointer(&producer->client, rd_kafka_destroy);
}

static gboolean add_handle(bb_producer *producer, const char *name)
{
    rd_kafka_topic_t *handle =
        producer->client ? rd_kafka_topic_new(producer->client, name, NULL) : NULL;
    if (handle)
        g_ptr_array_add(producer->handles, handle);
    return handle != NULL;
}

bb_producer *bb_producer_new(const bb_settings *settings, bb_delivery_fn on_delivery, void *user,
                             GError **error)
{
    g_autoptr(bb_producer) producer = g_new0(bb_producer, 1);
    producer->settings = settings;
    producer->on_delivery = on_delivery;
    producer->user = user;
    producer->names = g_ptr_array_new_with_free_func(g_free);
    producer->handles = g_ptr_array_new();
    producer->returned = g_ptr_array_new_with_free_func(held_free);
    producer->client = open_client(producer, error);
    return producer->client ? g_steal_pointer(&producer) : NULL;
}

void bb_producer_free(bb_producer *producer)
{
    if (!producer)
        return;
    producer->closing = TRUE;
    close_client(producer, CLOSE_MS);
    g_ptr_array_unref(producer->returned);
    g_ptr_array_unref(producer->handles);
    g_ptr_array_unref(producer->names);
    g_free(producer);
}

guint bb_producer_topic(bb_producer *producer, const char *name)
{
    guint number = topic_number(producer, name);
    if (number == producer->names->len) {
        g_ptr_array_add(producer->names, g_strdup(name));
        (void)add_handle(producer, name); /* send reports what is missing */
    }
    return number;
}

static rd_kafka_headers_t *make_headers(const bb_outgoing *record)
{
    rd_kafka_headers_t *headers = rd_kafka_headers_new(record->header_count);
    for (guint32 i = 0; i < record->header_count; i++) {
        const busbar_header *header = &record->headers[i];
        (void)rd_kafka_header_add(headers, header->name.data, (ssize_t)header->name.size,
                                  header->value.data, (ssize_t)header->value.size);
    }
    return headers;
}

/* Takes `headers` over when it succeeds. */
static rd_kafka_resp_err_t produce_with_headers(bb_producer *producer, rd_kafka_topic_t *handle,
                                                const bb_outgoing *record,
                                                rd_kafka_headers_t *headers)
{
    rd_kafka_vu_t parts[] = {
        {.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = handle},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
        {.vtype = RD_KAFKA_VTYPE_KEY,
         .u.mem = {.ptr = (void *)record->key.data, .size = record->key.size}},
        {.vtype = RD_KAFKA_VTYPE_VALUE,
         .u.mem = {.ptr = (void *)record->value.data, .size = record->value.size}},
        {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = record->opaque},
        {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers},
    };
    rd_kafka_error_t *error = rd_kafka_produceva(producer->client, parts, G_N_ELEMENTS(parts));
    rd_kafka_resp_err_t code = rd_kafka_error_code(error); /* 0 for NULL */
    if (error)
        rd_kafka_error_destroy(error);
    return code;
}

static rd_kafka_resp_err_t produce(bb_producer *producer, guint topic, const bb_outgoing *record)
{
    if (topic >= producer->handles->len)
        return RD_KAFKA_RESP_ERR__STATE;
    rd_kafka_topic_t *handle = g_ptr_array_index(producer->handles, topic);
    if (record->header_count) {
        rd_kafka_headers_t *headers = make_headers(record);
        rd_kafka_resp_err_t code = produce_with_headers(producer, handle, record, headers);
        if (code)
            rd_kafka_headers_destroy(headers);
        return code;
    }
    /* the plain call is the cheapest: no list of arguments to walk through */
    if (rd_kafka_produce(handle, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY,
                         (void *)record->value.data, record->value.size, record->key.data,
                         record->key.size, record->opaque) == 0)
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    return rd_kafka_last_error();
}

static void give_up(bb_producer *producer, const held *record, rd_kafka_resp_err_t code)
{
    bb_delivery delivery = {.opaque = record->opaque,
                            .topic = g_ptr_array_index(producer->names, record->topic),
                            .code = code,
                            .stored = RD_KAFKA_MSG_STATUS_NOT_PERSISTED,
                            .partition = -1,
                            .offset = -1};
    producer->on_delivery(&delivery, producer->user);
}

/* Produces a record of the old client again. The new queue is as large as the old one and empty, so
 * there is room. */
static void send_again(bb_producer *producer, held *record)
{
    bb_outgoing outgoing = {
        .key = {record->has_key ? record->bytes : NULL, record->key_size},
        .value = {record->bytes + record->key_size, record->value_size},
        .opaque = record->opaque,
    };
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__STATE;
    if (record->topic < producer->handles->len && record->headers) {
        code = produce_with_headers(producer, g_ptr_array_index(producer->handles, record->topic),
                                    &outgoing, record->headers);
        if (!code)
            record->headers = NULL;
    } else {
        code = produce(producer, record->topic, &outgoing);
    }
    if (code)
        give_up(producer, record, code);
}

/* Replaces a client that has met a fatal error. */
static void renew(bb_producer *producer)
{
    close_client(producer, PURGE_MS);
    producer->broken = FALSE;
    producer->in_vain++;
    producer->renewed_ms = bb_clock_monotonic_ms();
    GError *error = NULL;
    producer->client = open_client(producer, &error);
    if (!producer->client) {
        bb_log_error("no new Kafka producer could be made: %s", error->message);
        g_clear_error(&error);
    }
    for (guint i = 0; i < producer->names->len; i++) {
        if (!add_handle(producer, g_ptr_array_index(producer->names, i)))
            break;
    }
    bb_log_warning("a new Kafka producer took over after a fatal error; %u records are sent again",
                   producer->returned->len);
    for (guint i = 0; i < producer->returned->len; i++)
        send_again(producer, g_ptr_array_index(producer->returned, i));
    g_ptr_array_set_size(producer->returned, 0);
}

rd_kafka_resp_err_t bb_producer_send(bb_producer *producer, guint topic, const bb_outgoing *record)
{
    rd_kafka_resp_err_t code = produce(producer, topic, record);
    if (G_LIKELY(code != RD_KAFKA_RESP_ERR__FATAL))
        return code;
    rd_kafka_resp_err_t fatal = fatal_code(producer);
    producer->hopeless = bb_delivery_hopeless(fatal);
    if (!may_renew(producer))
        return fatal;
    renew(producer);
    return produce(producer, topic, record);
}

void bb_producer_poll(bb_producer *producer, int timeout_ms)
{
    if (!producer->client)
        return;
    (void)rd_kafka_poll(producer->client, timeout_ms);
    if (G_UNLIKELY(producer->broken) && (may_renew(producer) || producer->returned->len > 0))
        renew(producer);
}

void bb_producer_flush(bb_producer *producer, int timeout_ms)
{
    if (!producer->client)
        return;
    (void)rd_kafka_flush(producer->client, timeout_ms); /* the caller counts what is missing */
    bb_producer_poll(producer, 0);
}

gboolean bb_producer_wait(bb_producer *producer, gint64 timeout_ms, const gint *stop,
                          GError **error)
{
    return bb_kafka_wait(producer->client, timeout_ms, stop, error);
}
