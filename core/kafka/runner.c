/* The consuming side of a process: the consumers, the outbox they share, and the thread that starts
 * and watches them. */
#include "kafka/runner.h"

#include "base/error.h"
#include "base/log.h"
#include "kafka/client.h"
#include "kafka/consumer.h"
#include "kafka/gates.h"
#include "pipeline/monitor.h"

#define KEPT_LINES 100

struct bb_runner {
    bb_consumer_context context;
    bb_outbox *outbox;
    GPtrArray *consumers; /* bb_consumer * */
    pthread_t thread;
    gboolean started;
    gint stopping; /* 0, 1: drain, 2: fast */
    gint done;
    bb_monitor monitor; /* guards what follows */
    GQueue lines;       /* char *: the last dead letters */
    GError *error;
};

static void on_rejected(void *user, const char *line)
{
    bb_runner *runner = user;
    bb_log_debug("dead letter: %s", line);
    bb_monitor_lock(&runner->monitor);
    g_queue_push_tail(&runner->lines, g_strdup(line));
    if (runner->lines.length > KEPT_LINES)
        g_free(g_queue_pop_head(&runner->lines));
    bb_monitor_unlock(&runner->monitor);
}

static void on_ended(void *user)
{
    bb_runner *runner = user;
    bb_monitor_lock(&runner->monitor);
    bb_monitor_wake(&runner->monitor);
    bb_monitor_unlock(&runner->monitor);
}

static gboolean add_consumer(bb_runner *runner, const bb_event_type *type, GError **error)
{
    bb_consumer *consumer = bb_consumer_new(type, &runner->context, error);
    if (consumer)
        g_ptr_array_add(runner->consumers, consumer);
    return consumer != NULL;
}

/* A consumer for each event type and for each of its retry topics. */
static gboolean add_consumers(bb_runner *runner, GPtrArray *types, GError **error)
{
    for (guint i = 0; i < types->len; i++) {
        const bb_event_type *type = g_ptr_array_index(types, i);
        if (!add_consumer(runner, type, error))
            return FALSE;
        for (guint j = 0; type->tiers && j < type->tiers->len; j++) {
            if (!add_consumer(runner, g_ptr_array_index(type->tiers, j), error))
                return FALSE;
        }
    }
    return TRUE;
}

bb_runner *bb_runner_new(const bb_settings *settings, GPtrArray *types,
                         const bb_run_options *options, bb_metrics *metrics, GError **error)
{
    g_autoptr(bb_runner) runner = g_new0(bb_runner, 1);
    bb_monitor_init(&runner->monitor);
    g_queue_init(&runner->lines);
    runner->consumers = g_ptr_array_new_with_free_func((GDestroyNotify)bb_consumer_free);
    runner->outbox = bb_outbox_new(settings, error);
    if (!runner->outbox)
        return NULL;
    runner->context = (bb_consumer_context){settings,    *options, metrics, runner->outbox,
                                            on_rejected, on_ended, runner};
    if (!add_consumers(runner, types, error))
        return NULL;
    return g_steal_pointer(&runner);
}

static bb_consumer *consumer_at(const bb_runner *runner, guint index)
{
    return g_ptr_array_index(runner->consumers, index);
}

static gboolean all_ended(const bb_runner *runner)
{
    for (guint i = 0; i < runner->consumers->len; i++) {
        if (!bb_consumer_ended(consumer_at(runner, i)))
            return FALSE;
    }
    return TRUE;
}

/* Kafka must answer before the consumers start, so that ten of them do not complain at once. */
static gboolean wait_for_kafka(bb_runner *runner)
{
    g_autoptr(GError) error = NULL;
    if (bb_kafka_wait(bb_outbox_client(runner->outbox), runner->context.options.connect_timeout_ms,
                      &runner->stopping, &error))
        return TRUE;
    bb_monitor_lock(&runner->monitor);
    /* asked to stop while waiting is no failure */
    if (!g_atomic_int_get(&runner->stopping))
        runner->error = g_steal_pointer(&error);
    bb_monitor_unlock(&runner->monitor);
    return FALSE;
}

/* The event type itself, also of a retry topic. */
static const bb_event_type *family(const bb_consumer *consumer)
{
    const bb_event_type *type = bb_consumer_type(consumer);
    return type->source ? type->source : type;
}

/* An event type stops as a whole: when one of its topics cannot be read on, none of them is. With
 * the runner's monitor, which comes before the consumers'. */
static void stop_with_family(bb_runner *runner)
{
    for (guint i = 0; i < runner->consumers->len; i++) {
        const bb_consumer *failed = consumer_at(runner, i);
        if (!bb_consumer_failed(failed))
            continue;
        for (guint j = 0; j < runner->consumers->len; j++) {
            if (family(consumer_at(runner, j)) == family(failed))
                bb_consumer_stop(consumer_at(runner, j), FALSE);
        }
    }
}

static void watch(bb_runner *runner)
{
    gint told = 0;
    bb_monitor_lock(&runner->monitor);
    while (!all_ended(runner)) {
        gint stopping = g_atomic_int_get(&runner->stopping);
        stop_with_family(runner);
        if (stopping == told) {
            bb_monitor_wait(&runner->monitor, -1);
            continue;
        }
        told = stopping;
        bb_monitor_unlock(&runner->monitor);
        for (guint i = 0; i < runner->consumers->len; i++)
            bb_consumer_stop(consumer_at(runner, i), stopping > 1);
        bb_monitor_lock(&runner->monitor);
    }
    bb_monitor_unlock(&runner->monitor);
}

/* Everything ends in the order in which it depends: consumers and lanes, the outbox, the clients.
 */
static void end_all(bb_runner *runner)
{
    for (guint i = 0; i < runner->consumers->len; i++)
        bb_consumer_join(consumer_at(runner, i));
    bb_outbox_stop(runner->outbox);
    for (guint i = 0; i < runner->consumers->len; i++)
        bb_consumer_reap(consumer_at(runner, i));
}

/* Done only when the lanes have ended too: whoever waits can still act when a plugin never returns.
 */
static void *run(void *data)
{
    bb_runner *runner = data;
    bb_gates_warn();
    if (wait_for_kafka(runner)) {
        bb_outbox_start(runner->outbox);
        for (guint i = 0; i < runner->consumers->len; i++)
            bb_consumer_start(consumer_at(runner, i));
        watch(runner);
        end_all(runner);
    }
    g_atomic_int_set(&runner->done, 1);
    return NULL;
}

gboolean bb_runner_start(bb_runner *runner, GError **error)
{
    runner->started = pthread_create(&runner->thread, NULL, run, runner) == 0;
    if (!runner->started)
        g_set_error(error, BB_ERROR, BB_ERROR_INTERNAL, "a thread could not be started");
    return runner->started;
}

static void ask_to_stop(bb_runner *runner, gint how)
{
    bb_monitor_lock(&runner->monitor);
    if (g_atomic_int_get(&runner->stopping) < how)
        g_atomic_int_set(&runner->stopping, how);
    bb_monitor_wake(&runner->monitor);
    bb_monitor_unlock(&runner->monitor);
}

void bb_runner_stop(bb_runner *runner)
{
    ask_to_stop(runner, 1);
}

void bb_runner_hurry(bb_runner *runner)
{
    ask_to_stop(runner, 2);
}

gboolean bb_runner_done(bb_runner *runner)
{
    return g_atomic_int_get(&runner->done) != 0;
}

static void join(bb_runner *runner)
{
    if (runner->started)
        (void)pthread_join(runner->thread, NULL);
    runner->started = FALSE;
}

gboolean bb_runner_join(bb_runner *runner, GError **error)
{
    join(runner);
    const GError *first = runner->error;
    for (guint i = 0; !first && i < runner->consumers->len; i++)
        first = bb_consumer_error(consumer_at(runner, i));
    if (first && error)
        *error = g_error_copy(first);
    return !first;
}

void bb_runner_free(bb_runner *runner)
{
    if (!runner)
        return;
    if (runner->started)
        bb_runner_hurry(runner);
    join(runner);
    g_ptr_array_unref(runner->consumers);
    bb_outbox_free(runner->outbox);
    g_queue_clear_full(&runner->lines, g_free);
    bb_monitor_clear(&runner->monitor);
    g_clear_error(&runner->error);
    g_free(runner);
}

gboolean bb_runner_status(bb_runner *runner, const bb_event_type *type, bb_run_status *ret_status)
{
    for (guint i = 0; i < runner->consumers->len; i++) {
        if (bb_consumer_type(consumer_at(runner, i)) != type)
            continue;
        bb_consumer_read_status(consumer_at(runner, i), ret_status);
        return TRUE;
    }
    return FALSE;
}

void bb_run_counts_add(bb_run_counts *sum, const bb_run_counts *one)
{
    sum->consumed += one->consumed;
    sum->handled += one->handled;
    sum->dropped += one->dropped;
    sum->dead_lettered += one->dead_lettered;
    sum->deferred += one->deferred;
    sum->retries += one->retries;
    sum->lost += one->lost;
    sum->in_flight += one->in_flight;
}

/* What waits in a retry topic is no lag. */
bb_run_counts bb_runner_counts(bb_runner *runner, const bb_event_type *type)
{
    bb_run_counts sum = {.lag = -1};
    for (guint i = 0; i < runner->consumers->len; i++) {
        const bb_event_type *own = bb_consumer_type(consumer_at(runner, i));
        if (own != type && own->source != type)
            continue;
        bb_run_counts one = bb_consumer_counts(consumer_at(runner, i));
        bb_run_counts_add(&sum, &one);
        if (own == type)
            sum.lag = one.lag;
    }
    return sum;
}

GPtrArray *bb_runner_last_dead_letters(bb_runner *runner, guint n)
{
    GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);
    bb_monitor_lock(&runner->monitor);
    guint skip = runner->lines.length > n ? runner->lines.length - n : 0;
    for (GList *at = g_queue_peek_nth_link(&runner->lines, skip); at; at = at->next)
        g_ptr_array_add(lines, g_strdup(at->data));
    bb_monitor_unlock(&runner->monitor);
    return lines;
}
