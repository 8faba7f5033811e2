/* Publishing: events go through the stages into the producer, outcomes come back in order. */
#include "kafka/publisher.h"

#include "base/clock.h"
#include "base/error.h"
#include "kafka/delivery_error.h"
#include "kafka/producer.h"
#include "kafka/publisher_ring.h"

/* Events without an outcome at most; the producer's own queue is bounded by bytes. */
#define RING_PLACES 65536
/* Events between two looks at the delivery reports: a look costs as much as a tenth of an event. */
#define EVENTS_PER_POLL 64
#define SLICE_MS 100

/* What one event type needs. */
typedef struct route {
    const bb_event_type *type;
    bb_processor *processor;
    guint topic;
    bb_metric *counters[4]; /* by bb_outcome_status */
    guint counts[4];        /* not yet added to the counters */
} route;

struct bb_publisher {
    bb_metrics *metrics;
    bb_outcome_fn on_outcome;
    void *user;
    bb_producer *producer;
    bb_ring *ring;
    GPtrArray *routes; /* route * */
    route *last;
    const gint *stop;
    guint unserved; /* events since the last poll */
};

static void route_free(gpointer data)
{
    route *way = data;
    bb_processor_free(way->processor);
    g_free(way);
}

static void make_counters(route *way, bb_metrics *metrics)
{
    static const char *const names[] = {NULL, "delivered", "rejected", "failed"};
    for (guint status = BB_DELIVERED; metrics && status <= BB_FAILED; status++) {
        g_autofree char *labels =
            g_strdup_printf("event=\"%s\",outcome=\"%s\"", way->type->full_name, names[status]);
        way->counters[status] =
            bb_metrics_get(metrics, 1, "busbar_published_events_total", labels,
                           "Events handed over for publishing, by what became of them");
    }
}

static route *add_route(bb_publisher *publisher, const bb_event_type *type, GError **error)
{
    bb_processor *processor =
        bb_processor_new(type, BB_PROCESS_PUBLISH, 1, publisher->metrics, error);
    if (!processor)
        return NULL;
    route *way = g_new0(route, 1);
    way->type = type;
    way->processor = processor;
    way->topic = bb_producer_topic(publisher->producer, type->topic);
    make_counters(way, publisher->metrics);
    g_ptr_array_add(publisher->routes, way);
    return way;
}

static route *find_route(bb_publisher *publisher, const bb_event_type *type)
{
    if (G_LIKELY(publisher->last && publisher->last->type == type))
        return publisher->last;
    for (guint i = 0; i < publisher->routes->len; i++) {
        route *way = g_ptr_array_index(publisher->routes, i);
        if (way->type == type)
            return publisher->last = way;
    }
    return NULL;
}

static void on_delivery(const bb_delivery *delivery, void *user)
{
    bb_publisher *publisher = user;
    gsize place = GPOINTER_TO_SIZE(delivery->opaque);
    if (G_LIKELY(!delivery->code)) {
        bb_ring_deliver(publisher->ring, place, delivery->partition, delivery->offset);
        return;
    }
    g_autofree char *text = bb_delivery_text(delivery->code, delivery->topic, delivery->stored);
    bb_ring_refuse(publisher->ring, place, BB_FAILED, bb_delivery_retriable(delivery->code), "",
                   "kafka", text);
}

bb_publisher *bb_publisher_new(const bb_settings *settings, bb_metrics *metrics,
                               bb_outcome_fn on_outcome, void *user, GError **error)
{
    g_autoptr(bb_publisher) publisher = g_new0(bb_publisher, 1);
    publisher->metrics = metrics;
    publisher->on_outcome = on_outcome;
    publisher->user = user;
    publisher->ring = bb_ring_new(RING_PLACES);
    publisher->routes = g_ptr_array_new_with_free_func(route_free);
    publisher->producer = bb_producer_new(settings, on_delivery, publisher, error);
    return publisher->producer ? g_steal_pointer(&publisher) : NULL;
}

void bb_publisher_set_stop(bb_publisher *publisher, const gint *stop)
{
    publisher->stop = stop;
}

static gboolean stopped(const bb_publisher *publisher)
{
    return publisher->stop && g_atomic_int_get(publisher->stop);
}

static void add_counts(bb_publisher *publisher)
{
    for (guint i = 0; i < publisher->routes->len; i++) {
        route *way = g_ptr_array_index(publisher->routes, i);
        for (guint status = BB_DELIVERED; status <= BB_FAILED; status++) {
            if (way->counts[status])
                bb_metric_record(way->counters[status], way->counts[status]);
            way->counts[status] = 0;
        }
    }
}

/* Hands out the outcomes whose turn has come. */
static void emit(bb_publisher *publisher)
{
    bb_outcome outcome;
    gboolean any = FALSE;
    while (bb_ring_pop(publisher->ring, &outcome)) {
        any = TRUE;
        find_route(publisher, outcome.type)->counts[outcome.status]++;
        if (publisher->on_outcome)
            publisher->on_outcome(&outcome, publisher->user);
    }
    if (any)
        add_counts(publisher);
}

void bb_publisher_poll(bb_publisher *publisher, int timeout_ms)
{
    publisher->unserved = 0;
    bb_producer_poll(publisher->producer, timeout_ms);
    emit(publisher);
}

static void refuse(bb_publisher *publisher, gsize place, const bb_result *result)
{
    bb_outcome_status status = result->verdict == BUSBAR_REJECT || result->verdict == BUSBAR_DROP
                                   ? BB_REJECTED
                                   : BB_FAILED;
    bb_ring_refuse(publisher->ring, place, status, result->verdict == BUSBAR_RETRY, result->pointer,
                   result->keyword, result->message);
}

static void refuse_code(bb_publisher *publisher, const route *way, gsize place,
                        rd_kafka_resp_err_t code, gsize size)
{
    if (code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE) {
        g_autofree char *text =
            g_strdup_printf("the event is too large: %" G_GSIZE_FORMAT
                            " bytes enriched, more than kafka: message.max.bytes allows",
                            size);
        bb_ring_refuse(publisher->ring, place, BB_REJECTED, FALSE, "", "size", text);
        return;
    }
    g_autofree char *text =
        code == RD_KAFKA_RESP_ERR__QUEUE_FULL
            ? g_strdup("stopped before it was sent: the queue was full")
            : bb_delivery_text(code, way->type->topic, RD_KAFKA_MSG_STATUS_NOT_PERSISTED);
    bb_ring_refuse(publisher->ring, place, BB_FAILED, bb_delivery_retriable(code), "", "kafka",
                   text);
}

static void hand_over(bb_publisher *publisher, route *way, gsize place, busbar_event *event)
{
    bb_outgoing record = {.value = bb_event_json(event),
                          .key = bb_processor_key(way->processor, event),
                          .opaque = GSIZE_TO_POINTER(place)};
    record.header_count = bb_processor_headers(way->processor, &record.headers);
    rd_kafka_resp_err_t code;
    while ((code = bb_producer_send(publisher->producer, way->topic, &record)) ==
               RD_KAFKA_RESP_ERR__QUEUE_FULL &&
           !stopped(publisher))
        bb_publisher_poll(publisher, SLICE_MS);
    if (G_UNLIKELY(code))
        refuse_code(publisher, way, place, code, record.value.size);
}

/* Blocks until the ring has a free place; FALSE when asked to stop before that. */
static gboolean make_room(bb_publisher *publisher, GError **error)
{
    while (G_UNLIKELY(bb_ring_full(publisher->ring))) {
        if (stopped(publisher)) {
            g_set_error(error, BB_ERROR, BB_ERROR_KAFKA,
                        "stopped: %" G_GSIZE_FORMAT " events still wait for Kafka",
                        bb_ring_count(publisher->ring));
            return FALSE;
        }
        bb_publisher_poll(publisher, SLICE_MS);
    }
    return TRUE;
}

gboolean bb_publisher_publish(bb_publisher *publisher, const bb_event_type *type, const char *text,
                              gsize size, void *opaque, GError **error)
{
    route *way = find_route(publisher, type);
    if (!way)
        way = add_route(publisher, type, error);
    if (!way || !make_room(publisher, error))
        return FALSE;
    gsize place = bb_ring_add(publisher->ring, type, opaque);
    bb_result result;
    busbar_event *event = bb_processor_run(way->processor, text, size, NULL, &result);
    if (G_LIKELY(event != NULL))
        hand_over(publisher, way, place, event);
    else
        refuse(publisher, place, &result);
    if (++publisher->unserved >= EVENTS_PER_POLL)
        bb_publisher_poll(publisher, 0);
    return TRUE;
}

gboolean bb_publisher_refuse(bb_publisher *publisher, const bb_event_type *type,
                             const char *keyword, const char *message, void *opaque, GError **error)
{
    if (!find_route(publisher, type) && !add_route(publisher, type, error))
        return FALSE;
    if (!make_room(publisher, error))
        return FALSE;
    gsize place = bb_ring_add(publisher->ring, type, opaque);
    bb_ring_refuse(publisher->ring, place, BB_REJECTED, FALSE, "", keyword, message);
    if (++publisher->unserved >= EVENTS_PER_POLL)
        bb_publisher_poll(publisher, 0);
    return TRUE;
}

gsize bb_publisher_flush(bb_publisher *publisher, gint64 timeout_ms)
{
    gint64 end = bb_clock_monotonic_ms() + timeout_ms;
    emit(publisher);
    while (bb_ring_count(publisher->ring) > 0) {
        gint64 left = end - bb_clock_monotonic_ms();
        bb_producer_flush(publisher->producer, (int)CLAMP(left, 0, SLICE_MS));
        emit(publisher);
        if (left <= 0)
            break;
    }
    return bb_ring_count(publisher->ring);
}

gboolean bb_publisher_wait(bb_publisher *publisher, gint64 timeout_ms, const gint *stop,
                           GError **error)
{
    return bb_producer_wait(publisher->producer, timeout_ms, stop, error);
}

gsize bb_publisher_pending(const bb_publisher *publisher)
{
    return bb_ring_count(publisher->ring);
}

void bb_publisher_free(bb_publisher *publisher)
{
    if (!publisher)
        return;
    bb_producer_free(publisher->producer); /* reports what it still had */
    if (publisher->ring) {
        bb_ring_fail_open(publisher->ring, "not confirmed before the publisher was closed; the "
                                           "broker may have stored it");
        emit(publisher);
    }
    g_ptr_array_unref(publisher->routes);
    bb_ring_free(publisher->ring);
    g_free(publisher);
}
