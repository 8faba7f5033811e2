/* Life and loop of a consumer. */
#include "kafka/consumer_private.h"

#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fault.h"
#include "base/log.h"
#include "kafka/client.h"
#include "kafka/dead_letter.h"
#include "kafka/gates.h"
#include "kafka/membership.h"
#include "kafka/retry_letter.h"
#include "kafka/stores.h"
#include "kafka/topics.h"
#include "pipeline/dedup.h"
#include "pipeline/policy.h"
#include "pipeline/suspects.h"

#define NUDGE_AFTER_MS 5
#define READ_TIMEOUT_MS 50
#define FULL_WAIT_MS 20
#define SAY_AGAIN_MS 5000
#define LAG_MS 500
#define TOPIC_AGAIN_MS 1000
#define TOPIC_TIMEOUT_MS 5000
#define READ_SLOTS 1000
#define CLOSE_MS 10000
#define CLOSE_FAST_MS 1000
#define CLOSE_WAIT_MS 20
#define END_MS 10000

void bb_consumer_fail(bb_consumer *consumer, bb_error_code code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    GError *error = g_error_new_valist(BB_ERROR, (gint)code, format, arguments);
    va_end(arguments);
    bb_log_error("%s", error->message);
    bb_monitor_lock(&consumer->monitor);
    if (!consumer->error)
        consumer->error = g_steal_pointer(&error);
    bb_monitor_wake(&consumer->monitor);
    bb_monitor_unlock(&consumer->monitor);
    g_clear_error(&error);
    g_atomic_int_set(&consumer->failed, 1);
}

gboolean bb_consumer_may_say(bb_consumer *consumer)
{
    gint64 now = bb_clock_monotonic_ms();
    if (now - consumer->said_ms < SAY_AGAIN_MS)
        return FALSE;
    consumer->said_ms = now;
    return TRUE;
}

/* What the lanes ask for: on their threads. */

static void forget_key(const bb_event_type *type, const bb_item *item)
{
    if (item->event)
        bb_dedup_forget_event(type->dedup, item->event, &item->origin);
}

static void on_dead_letter(void *user, bb_item *item, const bb_fault *fault)
{
    bb_consumer *consumer = user;
    const bb_consumer_context *context = consumer->context;
    BB_FAULT("letter.make");
    if (consumer->type->dedup) /* it may come back, mended or redriven */
        forget_key(consumer->type, item);
    bb_letter *letter = bb_dead_letter_new(consumer->type, item, fault, bb_clock_wall_us());
    if (context->rejected) {
        g_autofree char *line = bb_dead_letter_line(consumer->type, item, fault);
        context->rejected(context->user, line);
    }
    (void)bb_outbox_send(consumer->outbox, letter); /* refused only at the end: given up then */
}

static void on_retried(void *user, guint count, const bb_fault *fault, gint64 delay_ms);

static void on_defer(void *user, bb_item *item, const bb_fault *fault)
{
    bb_consumer *consumer = user;
    const bb_event_type *type = consumer->type;
    gint64 now_us = bb_clock_wall_us();
    BB_FAULT("retry.make");
    bb_letter *letter = fault ? bb_retry_letter_new(type, item, fault, now_us)
                              : bb_retry_letter_new_follower(type, item, now_us);
    if (fault)
        on_retried(user, 1, fault, bb_event_type_next_tier(type)->tier_delay_ms);
    if (consumer->order)
        bb_order_keeper_send(consumer->order, letter);
    else
        (void)bb_outbox_send(consumer->outbox, letter); /* refused only at the end: given up then */
}

static bb_turn on_turn(void *user, const bb_item *item)
{
    const bb_consumer *consumer = user;
    return bb_order_keeper_turn(consumer->order, item);
}

static int32_t on_emit(void *user, const busbar_record *record, bb_batch *const *batches,
                       guint count, char **ret_reason)
{
    bb_consumer *consumer = user;
    g_autofree char *topic = g_strndup(record->topic.data, record->topic.size);
    bb_letter *letter = bb_letter_new(topic);
    letter->partition = record->partition < 0 ? RD_KAFKA_PARTITION_UA : record->partition;
    letter->memory = g_malloc(record->key.size + record->value.size + 1);
    char *at = letter->memory;
    if (record->key.data)
        letter->key =
            (busbar_bytes){memcpy(at, record->key.data, record->key.size), record->key.size};
    at += record->key.size;
    if (record->value.data)
        letter->value =
            (busbar_bytes){memcpy(at, record->value.data, record->value.size), record->value.size};
    if (record->header_count)
        letter->headers = rd_kafka_headers_new(record->header_count);
    for (uint32_t i = 0; i < record->header_count; i++) {
        const busbar_header *header = &record->headers[i];
        (void)rd_kafka_header_add(letter->headers, header->name.data, (ssize_t)header->name.size,
                                  header->value.data, (ssize_t)header->value.size);
    }
    bb_letter_hold(letter, batches, count);
    rd_kafka_resp_err_t code = bb_outbox_send(consumer->outbox, letter);
    if (!code)
        return BUSBAR_PASS;
    *ret_reason = g_strdup_printf("cannot be sent to topic %s: %s", topic, rd_kafka_err2str(code));
    return code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE ? BUSBAR_REJECT : BUSBAR_RETRY;
}

static void on_retried(void *user, guint count, const bb_fault *fault, gint64 delay_ms)
{
    bb_consumer *consumer = user;
    gint64 now = bb_clock_monotonic_ms();
    bb_monitor_lock(&consumer->monitor);
    gboolean say = now - consumer->retry_said_ms >= SAY_AGAIN_MS;
    if (say)
        consumer->retry_said_ms = now;
    consumer->counts.retries += MAX(count, 1);
    bb_monitor_unlock(&consumer->monitor);
    if (fault->stage <= BUSBAR_STAGE_SETUP)
        bb_metric_record(consumer->metrics.retries[fault->stage], MAX(count, 1));
    if (say)
        bb_log_warning("%s: %s %s: %s; trying again in %.1f s (attempt %u)",
                       consumer->type->full_name, bb_stage_name(fault->stage), fault->plugin,
                       fault->message, (double)delay_ms / 1000, fault->attempts + 1);
}

static void on_switched(void *user, const char *name, const bb_fault *fault)
{
    bb_consumer *consumer = user;
    if (fault) {
        bb_consumer_count_breaker(consumer, name, 1);
        bb_log_warning("%s: handler %s is down: %s; it is asked again by one lane at a time, and "
                       "all that use it wait",
                       consumer->type->full_name, name, fault->message);
    } else {
        bb_log_info("%s: handler %s is back", consumer->type->full_name, name);
    }
    bb_consumer_show_breakers(consumer);
}

static void on_stopped(void *user, const bb_fault *fault)
{
    bb_consumer *consumer = user;
    bb_consumer_fail(consumer, BB_ERROR_PLUGIN,
                     "%s has been stopped: %s %s at stage %s: %s (after %u attempts); what was in "
                     "hand %s",
                     consumer->type->full_name, fault->plugin, fault->plugin_version,
                     bb_stage_name(fault->stage), fault->message, fault->attempts,
                     consumer->ahead ? "is lost" : "will be read again");
}

static const bb_lane_ops lane_ops = {on_dead_letter, on_emit,    on_retried,
                                     on_switched,    on_stopped, bb_consumer_complete,
                                     on_defer,       on_turn};

static gboolean make_lanes(bb_consumer *consumer, GError **error)
{
    const bb_event_type *type = consumer->type;
    guint lanes = MAX(type->settings->concurrency, 1);
    consumer->workers = g_ptr_array_new_with_free_func((GDestroyNotify)bb_worker_free);
    consumer->open = g_new0(bb_batch *, lanes);
    consumer->spread = lanes > 1 ? bb_spread_new(lanes) : NULL;
    for (guint i = 0; i < lanes; i++) {
        bb_lane *lane = bb_lane_new(type, &lane_ops, consumer, consumer->context->metrics, error);
        if (!lane)
            return FALSE;
        g_autofree char *name = g_strdup_printf("%.10s/%u", type->name, i);
        g_ptr_array_add(consumer->workers,
                        bb_worker_new(lane, name, type->settings->concurrency > 0));
    }
    return TRUE;
}

static gboolean set_defaults(rd_kafka_conf_t *conf, const bb_consumer *consumer, GError **error)
{
    const bb_settings *settings = consumer->context->settings;
    guint64 kilobytes = CLAMP(consumer->type->settings->in_flight_bytes / 1024, 1024, 65536);
    char bound[24];
    if (consumer->type->source) { /* what is fetched ahead waits, and counts by partition there */
        kilobytes = CLAMP(kilobytes / 32, 256, 1024);
        if (!bb_kafka_conf_default(conf, settings, "queued.min.messages", "1000", error))
            return FALSE;
    }
    g_snprintf(bound, sizeof bound, "%" G_GUINT64_FORMAT, kilobytes);
    if (!bb_kafka_conf_default(conf, settings, "queued.max.messages.kbytes", bound, error))
        return FALSE;
    /* A member that heard of its topic before its broker did has no partitions until it asks again:
     * not for five minutes. Partitions that are added are seen sooner, too. */
    if (!bb_kafka_conf_default(conf, settings, "topic.metadata.refresh.interval.ms", "10000",
                               error))
        return FALSE;
    /* a full local queue is looked at again sooner */
    return bb_gate_active(BB_GATE_NO_FETCH_BACKOFF) ||
           bb_kafka_conf_default(conf, settings, "fetch.queue.backoff.ms", "10", error);
}

static gboolean set_membership(rd_kafka_conf_t *conf, const bb_consumer *consumer, GError **error)
{
    const bb_settings *settings = consumer->context->settings;
    g_auto(GStrv) properties = bb_membership_properties(settings, consumer->type, error);
    if (!properties)
        return FALSE;
    for (char **at = properties; *at; at += 2) {
        if (!bb_kafka_conf_default(conf, settings, at[0], at[1], error))
            return FALSE;
    }
    return TRUE;
}

static gboolean make_client(bb_consumer *consumer, GError **error)
{
    const bb_event_type *type = consumer->type;
    const char *const extra[] = {"group.id",
                                 type->group,
                                 "enable.auto.commit",
                                 "false",
                                 "enable.auto.offset.store",
                                 "false",
                                 "enable.partition.eof",
                                 "true",
                                 "auto.offset.reset",
                                 "error", /* bb_consumer_place decides */
                                 NULL};
    rd_kafka_conf_t *conf = bb_kafka_conf_new(consumer->context->settings, extra, error);
    if (!conf)
        return FALSE;
    if (!set_defaults(conf, consumer, error) || !set_membership(conf, consumer, error)) {
        rd_kafka_conf_destroy(conf);
        return FALSE;
    }
    rd_kafka_conf_set_opaque(conf, consumer);
    rd_kafka_conf_set_rebalance_cb(conf, bb_consumer_on_rebalance);
    consumer->client = bb_kafka_new(RD_KAFKA_CONSUMER, conf, error);
    if (!consumer->client)
        return FALSE;
    (void)rd_kafka_poll_set_consumer(consumer->client); /* it is a consumer */
    consumer->queue = rd_kafka_queue_new(consumer->client);
    consumer->commits = rd_kafka_queue_new(consumer->client);
    consumer->tier = consumer->type->source ? bb_tier_new(consumer) : NULL;
    return TRUE;
}

static void note_stores(bb_consumer *consumer)
{
    consumer->stores = TRUE;
    bb_partitions_note_handled(consumer->partitions);
}

bb_consumer *bb_consumer_new(const bb_event_type *type, const bb_consumer_context *context,
                             GError **error)
{
    bb_consumer *consumer = g_new0(bb_consumer, 1);
    consumer->type = type;
    consumer->context = context;
    consumer->counts.lag = -1;
    consumer->said_ms = consumer->retry_said_ms = -SAY_AGAIN_MS;
    consumer->next_due_ms = -1;
    bb_monitor_init(&consumer->monitor);
    consumer->partitions = bb_partitions_new(type->topic);
    consumer->gauges = g_ptr_array_new();
    consumer->cut = g_array_new(FALSE, FALSE, sizeof(gint32));
    consumer->outbox = context->outbox;
    consumer->ahead = type->settings->delivery == BB_AT_MOST_ONCE ? bb_consumer_ahead_new() : NULL;
    consumer->read = g_new0(rd_kafka_message_t *, READ_SLOTS);
    bb_suspects *suspects = bb_suspects_used();
    if (suspects && bb_suspects_any(suspects, bb_event_type_mark_name(type)))
        consumer->suspects = suspects;
    consumer->order = bb_order_keeper_new(consumer);
    bb_consumer_make_metrics(consumer);
    if (!make_lanes(consumer, error) || !bb_consumer_transaction_make(consumer, error) ||
        !make_client(consumer, error))
        g_clear_pointer(&consumer, bb_consumer_free);
    else if (!type->source && !consumer->transaction && !consumer->ahead && bb_stores_any(type))
        note_stores(consumer);
    return consumer;
}

gboolean bb_consumer_is_ending(bb_consumer *consumer)
{
    return g_atomic_int_get(&consumer->stopping) || g_atomic_int_get(&consumer->failed);
}

void bb_consumer_pause(bb_consumer *consumer, gint64 timeout_ms)
{
    bb_monitor_lock(&consumer->monitor);
    if (!bb_consumer_is_ending(consumer) && timeout_ms > 0)
        bb_monitor_wait(&consumer->monitor, timeout_ms);
    bb_monitor_unlock(&consumer->monitor);
}

/* Partitions of the topic; 0: there is no such topic, -1: not known. */
static int count_partitions(bb_consumer *consumer)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    g_ptr_array_add(names, consumer->type->topic);
    g_autoptr(GPtrArray) states =
        bb_topics_describe(consumer->client, names, TOPIC_TIMEOUT_MS, &error);
    if (states)
        return ((bb_topic_state *)g_ptr_array_index(states, 0))->partitions;
    if (bb_consumer_may_say(consumer))
        bb_log_warning("%s: %s", consumer->type->full_name, error->message);
    return -1;
}

/* What to do about a topic that Kafka does not list. */
static char *explain_missing(bb_consumer *consumer)
{
    const bb_event_type *type = consumer->type;
    if (bb_topics_ask(consumer->client, type->topic, TOPIC_TIMEOUT_MS) ==
        RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED)
        return g_strdup_printf("%s: not authorised for topic %s: the user needs the ACL READ on it "
                               "and on the group %s",
                               type->full_name, type->topic, type->group);
    return g_strdup_printf("%s: topic %s does not exist; `busbar topics apply` makes it",
                           type->full_name, type->topic);
}

/* FALSE when that ends the consumer. */
static gboolean tell_missing(bb_consumer *consumer)
{
    gboolean once = consumer->context->options.once;
    if (!once && !bb_consumer_may_say(consumer))
        return TRUE;
    g_autofree char *text = explain_missing(consumer);
    if (once)
        bb_consumer_fail(consumer, BB_ERROR_KAFKA, "%s", text);
    else
        bb_log_warning("%s; waiting for it", text);
    return !once;
}

/* A retry topic is made when it is missing, unless the settings say no. */
static gboolean make_topic(bb_consumer *consumer)
{
    const bb_event_type *type = consumer->type;
    g_autoptr(GError) error = NULL;
    if (!type->source || !type->settings->retry_create)
        return FALSE;
    gboolean made =
        bb_topics_create(consumer->client, type->topic, -1, -1, TOPIC_TIMEOUT_MS, &error);
    if (made)
        bb_log_info("%s: the retry topic %s was missing and has been made", type->full_name,
                    type->topic);
    else if (bb_consumer_may_say(consumer))
        bb_log_warning("%s: the retry topic %s could not be made: %s", type->full_name, type->topic,
                       error->message);
    return made;
}

/* TRUE when the topic is there, FALSE when the consumer is to end. */
static gboolean wait_for_topic(bb_consumer *consumer)
{
    while (!bb_consumer_is_ending(consumer)) {
        int partitions = count_partitions(consumer);
        if (partitions > 0)
            return TRUE;
        if (partitions == 0 && !make_topic(consumer) && !tell_missing(consumer))
            return FALSE;
        bb_consumer_pause(consumer, TOPIC_AGAIN_MS);
    }
    return FALSE;
}

gboolean bb_consumer_subscribe(bb_consumer *consumer)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, consumer->type->topic, RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t code = rd_kafka_subscribe(consumer->client, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (code)
        bb_consumer_fail(consumer, BB_ERROR_KAFKA, "%s: topic %s cannot be subscribed to: %s",
                         consumer->type->full_name, consumer->type->topic, rd_kafka_err2str(code));
    return !code;
}

/* Rebalances, commits' answers and errors. */
static void serve_client(bb_consumer *consumer)
{
    int wait = consumer->has_assignment ? 0 : FULL_WAIT_MS;
    rd_kafka_message_t *message = rd_kafka_consumer_poll(consumer->client, wait);
    if (message)
        bb_consumer_take(consumer, message); /* errors; records come from the queue of our own */
}

static void keep_house(bb_consumer *consumer)
{
    gint64 now = bb_clock_monotonic_ms();
    if (G_UNLIKELY(consumer->stores_at_ms))
        bb_consumer_ask_stores(consumer);
    if (!consumer->transaction && now >= consumer->commit_at_ms) {
        consumer->commit_at_ms = now + consumer->type->settings->commit_interval_ms;
        (void)bb_consumer_commit(consumer, 0);
    }
    bb_consumer_look_idle(consumer, now);
    if (now >= consumer->lag_at_ms) {
        consumer->lag_at_ms = now + LAG_MS;
        bb_consumer_update_lag(consumer);
        bb_consumer_take_picture(consumer);
    }
}

/* Waits in two steps, so that a fetcher that sleeps over a topic that is not empty is soon woken.
 */
static void read_records(bb_consumer *consumer, gint64 wait_ms)
{
    gboolean nudges = bb_gate_active(BB_GATE_NO_FETCH_BACKOFF);
    gint64 first_ms = nudges ? MIN(wait_ms, NUDGE_AFTER_MS) : wait_ms;
    if (bb_consumer_read(consumer, (int)first_ms) || wait_ms == first_ms)
        return;
    bb_consumer_nudge(consumer);
    (void)bb_consumer_read(consumer, (int)(wait_ms - first_ms));
}

/* With `once` no batch waits for records that are not read any more. With transactions their own
 * state says when to flush; with keep_order, draining lets records go behind others. */
static void flush_at_ends(bb_consumer *consumer)
{
    if (!consumer->transaction && !consumer->order)
        bb_consumer_set_draining(consumer, bb_consumer_has_read_all(consumer));
}

/* One turn of the loop; FALSE when `once` has seen it all. */
static gboolean turn(bb_consumer *consumer)
{
    gboolean once = consumer->context->options.once;
    serve_client(consumer);
    if (!bb_consumer_rejoin(consumer))
        return FALSE;
    gint64 wait = bb_consumer_tick(consumer, READ_TIMEOUT_MS);
    bb_consumer_collect(consumer, 0);
    gboolean full = bb_consumer_is_full(consumer) ||
                    (consumer->order && bb_order_keeper_holds(consumer->order));
    if (once && consumer->has_assignment) {
        if (!bb_consumer_know_ends(consumer))
            return TRUE;
        flush_at_ends(consumer);
        if (bb_consumer_reached_ends(consumer) && !bb_consumer_ahead_holds(consumer) &&
            bb_consumer_transaction_is_settled(consumer) && bb_consumer_group_is_done(consumer) &&
            (consumer->transaction || bb_consumer_commit_in_group(consumer)))
            return FALSE;
    }
    if (!bb_consumer_transaction_turn(consumer) || full)
        bb_consumer_collect(consumer, MAX(MIN(wait, FULL_WAIT_MS), 1));
    else if (consumer->has_assignment && consumer->tier)
        bb_tier_read(consumer, wait);
    else if (consumer->has_assignment)
        read_records(consumer, wait);
    keep_house(consumer);
    return TRUE;
}

/* Leaves the group, as far as that can be done in time: everything is committed already. */
static void close_client(bb_consumer *consumer, gint64 timeout_ms)
{
    gint64 deadline = bb_clock_monotonic_ms() + timeout_ms;
    consumer->closing = TRUE;
    rd_kafka_queue_t *queue = rd_kafka_queue_new(consumer->client);
    rd_kafka_error_t *error = rd_kafka_consumer_close_queue(consumer->client, queue);
    while (!error && !rd_kafka_consumer_closed(consumer->client) &&
           bb_clock_monotonic_ms() < deadline)
        (void)rd_kafka_queue_poll_callback(queue, CLOSE_WAIT_MS); /* the last revocation */
    if (error)
        rd_kafka_error_destroy(error); /* it had no group */
    else if (!rd_kafka_consumer_closed(consumer->client))
        bb_log_warning("%s: group %s could not be left within %.1f s", consumer->type->full_name,
                       consumer->type->group, (double)timeout_ms / 1000);
    rd_kafka_queue_destroy(queue);
}

static void finish(bb_consumer *consumer)
{
    gboolean fast = g_atomic_int_get(&consumer->stopping) == BB_STOP_FAST;
    gint64 drain_ms = fast ? 0 : consumer->context->settings->drain_ms;
    BB_FAULT("drain.begin");
    if (consumer->order)
        bb_order_keeper_stop(consumer->order);
    if (consumer->transaction)
        bb_consumer_transaction_end(consumer, drain_ms);
    bb_consumer_let_go(consumer, /* list= */ NULL, drain_ms);
    bb_consumer_settle(consumer, drain_ms);
    BB_FAULT("drain.settled");
    if (!consumer->transaction)
        bb_consumer_commit_last(consumer, drain_ms);
    BB_FAULT("drain.committed");
    bb_consumer_update_lag(consumer);
    bb_consumer_take_picture(consumer);
    for (guint i = 0; i < consumer->workers->len; i++)
        bb_worker_stop(g_ptr_array_index(consumer->workers, i));
    /* a member that was expelled has nothing to leave, and a client that notices it while it closes
     * may hang (librdkafka 2.0.2: the gate about closing) */
    if (!bb_consumer_is_expelled(consumer))
        close_client(consumer, fast ? CLOSE_FAST_MS : CLOSE_MS);
    BB_FAULT("drain.closed");
}

static void *run(void *data)
{
    bb_consumer *consumer = data;
    if (wait_for_topic(consumer) && bb_consumer_transaction_open(consumer) &&
        bb_consumer_subscribe(consumer)) {
        while (!bb_consumer_is_ending(consumer) && turn(consumer))
            ;
    }
    finish(consumer);
    g_atomic_int_set(&consumer->ended, 1);
    consumer->context->ended(consumer->context->user);
    return NULL;
}

void bb_consumer_start(bb_consumer *consumer)
{
    for (guint i = 0; i < consumer->workers->len; i++)
        bb_worker_start(g_ptr_array_index(consumer->workers, i));
    if (consumer->order)
        bb_order_keeper_start(consumer->order);
    consumer->started = pthread_create(&consumer->thread, NULL, run, consumer) == 0;
    if (!consumer->started)
        g_error("a thread could not be started");
}

void bb_consumer_stop(bb_consumer *consumer, gboolean fast)
{
    if (fast)
        g_atomic_int_set(&consumer->stopping, BB_STOP_FAST);
    else
        (void)g_atomic_int_compare_and_exchange(&consumer->stopping, 0, BB_STOP_DRAIN);
    bb_monitor_lock(&consumer->monitor);
    bb_monitor_wake(&consumer->monitor);
    bb_monitor_unlock(&consumer->monitor);
}

gboolean bb_consumer_ended(const bb_consumer *consumer)
{
    return g_atomic_int_get(&consumer->ended) != 0;
}

gboolean bb_consumer_failed(const bb_consumer *consumer)
{
    return g_atomic_int_get(&consumer->failed) != 0;
}

void bb_consumer_join(bb_consumer *consumer)
{
    if (consumer->started)
        (void)pthread_join(consumer->thread, NULL);
    if (consumer->order)
        bb_order_keeper_join(consumer->order);
    consumer->started = FALSE;
    g_ptr_array_set_size(consumer->workers, 0);
}

void bb_consumer_reap(bb_consumer *consumer)
{
    bb_consumer_transaction_stop(consumer);
    bb_consumer_collect(consumer, 0);
}

const GError *bb_consumer_error(const bb_consumer *consumer)
{
    return consumer->error;
}

bb_run_counts bb_consumer_counts(bb_consumer *consumer)
{
    bb_monitor_lock(&consumer->monitor);
    bb_run_counts counts = consumer->counts;
    bb_monitor_unlock(&consumer->monitor);
    return counts;
}

const bb_event_type *bb_consumer_type(const bb_consumer *consumer)
{
    return consumer->type;
}

void bb_consumer_free(bb_consumer *consumer)
{
    bb_batch *batch;
    if (!consumer)
        return;
    bb_consumer_join(consumer);
    bb_consumer_reap(consumer);
    bb_consumer_ahead_free(consumer->ahead); /* its messages are the client's */
    while ((batch = bb_batch_queue_pop(&consumer->pool)))
        bb_batch_free(batch);
    g_ptr_array_unref(consumer->workers);
    bb_partitions_free(consumer->partitions);
    bb_tier_free(consumer->tier);
    bb_order_keeper_free(consumer->order);
    /* everything of the client must be given back before it ends: it waits for that */
    bb_consumer_idle_end(consumer);
    if (consumer->queue)
        rd_kafka_queue_destroy(consumer->queue);
    if (consumer->commits)
        rd_kafka_queue_destroy(consumer->commits);
    if (consumer->client)
        (void)bb_kafka_end(consumer->client, END_MS); /* said there */
    bb_consumer_transaction_free(consumer->transaction);
    bb_monitor_clear(&consumer->monitor);
    g_clear_error(&consumer->error);
    g_clear_pointer(&consumer->pictured, g_array_unref);
    g_array_unref(consumer->cut);
    g_ptr_array_unref(consumer->gauges);
    g_free(consumer->read);
    g_free(consumer->open);
    bb_spread_free(consumer->spread);
    g_free(consumer);
}
