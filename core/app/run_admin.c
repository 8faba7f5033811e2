/* What a worker answers to the questions of the admin port. */
#include "app/run_admin.h"

#include <jansson.h>
#include <sys/socket.h>

#include <busbar/plugin.h>

#include "app/ask.h"
#include "base/clock.h"
#include "kafka/run_status.h"
#include "kafka/version.h"

enum { STILL_MS = 30000 };

struct bb_run_admin {
    bb_runner *runner;
    const GPtrArray *types;
    bb_metrics *metrics;
    gint64 beat_ms; /* atomic */
    int socket;
    GThread *thread;
};

static GString *tell_metrics(const bb_run_admin *admin)
{
    return bb_metrics_text(admin->metrics);
}

static gboolean is_live(bb_run_admin *admin, GString *reason)
{
    gint64 still_ms = bb_clock_monotonic_ms() - __atomic_load_n(&admin->beat_ms, __ATOMIC_RELAXED);
    if (still_ms < STILL_MS)
        return TRUE;
    g_string_append_printf(reason, "the main loop has stood still for %" G_GINT64_FORMAT " s",
                           still_ms / 1000);
    return FALSE;
}

static gboolean works(const bb_run_admin *admin, const bb_event_type *type, GString *reason)
{
    g_auto(bb_run_status) status = {0};
    if (!bb_runner_status(admin->runner, type, &status) || status.state == BB_RUN_WORKING)
        return TRUE;
    if (status.state == BB_RUN_STARTING)
        g_string_append_printf(reason, "%s has no assignment yet", bb_event_type_mark_name(type));
    else
        g_string_append_printf(reason, "%s is %s", bb_event_type_mark_name(type),
                               bb_run_state_name(status.state));
    if (status.error)
        g_string_append_printf(reason, ": %s", status.error);
    return FALSE;
}

static gboolean is_ready(const bb_run_admin *admin, GString *reason)
{
    for (guint i = 0; i < admin->types->len; i++) {
        const bb_event_type *type = g_ptr_array_index(admin->types, i);
        if (!works(admin, type, reason))
            return FALSE;
        for (guint j = 0; type->tiers && j < type->tiers->len; j++) {
            if (!works(admin, g_ptr_array_index(type->tiers, j), reason))
                return FALSE;
        }
    }
    return TRUE;
}

static json_t *number(gint64 value)
{
    return value < 0 ? json_null() : json_integer(value);
}

static json_t *describe_partition(const bb_partition_status *status)
{
    return json_pack("{s:i, s:o, s:o, s:o, s:o, s:o, s:I}", "partition", status->partition,
                     "frontier", number(status->frontier), "committed", number(status->committed),
                     "position", number(status->position), "end", number(status->end), "lag",
                     number(status->lag), "in_flight", (json_int_t)status->in_flight);
}

static json_t *describe_partitions(const GArray *states)
{
    json_t *list = json_array();
    for (guint i = 0; i < states->len; i++)
        json_array_append_new(list,
                              describe_partition(&g_array_index(states, bb_partition_status, i)));
    return list;
}

/* The handlers that have a breaker: it is open while the handler is down. */
static json_t *describe_handlers(const bb_event_type *type)
{
    json_t *list = json_array();
    for (guint i = 0; i < type->handlers->len; i++) {
        const bb_handler_binding *handler = g_ptr_array_index(type->handlers, i);
        if (!handler->breaker)
            continue;
        bb_breaker_status breaker = bb_breaker_read(handler->breaker);
        double since = (double)(bb_clock_monotonic_ms() - breaker.since_ms) / 1000;
        json_array_append_new(list, json_pack("{s:s, s:b, s:o, s:I, s:I}", "handler", handler->name,
                                              "down", breaker.open, "down_seconds",
                                              breaker.open ? json_real(since) : json_null(),
                                              "failures", (json_int_t)breaker.failures, "times",
                                              (json_int_t)breaker.opened));
    }
    return list;
}

static json_t *describe_type(const bb_event_type *type, const bb_run_status *status)
{
    const bb_run_counts *counts = &status->counts;
    /* what a plugin said may hold any byte, and jansson takes UTF-8 only */
    g_autofree char *error = status->error ? g_utf8_make_valid(status->error, -1) : NULL;
    return json_pack(
        "{s:s, s:s, s:s, s:s, s:s?, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:f, s:o, "
        "s:o}",
        "event", type->full_name, "topic", type->topic, "group", type->group, "state",
        bb_run_state_name(status->state), "error", error, "consumed", (json_int_t)counts->consumed,
        "handled", (json_int_t)counts->handled, "dropped", (json_int_t)counts->dropped,
        "dead_lettered", (json_int_t)counts->dead_lettered, "deferred",
        (json_int_t)counts->deferred, "retries", (json_int_t)counts->retries, "lost",
        (json_int_t)counts->lost, "in_flight", (json_int_t)counts->in_flight, "lag",
        number(counts->lag), "lag_seconds",
        status->lag_seconds < 0 ? json_null() : json_real(status->lag_seconds),
        "oldest_in_flight_seconds", status->oldest_seconds, "handlers", describe_handlers(type),
        "partitions", describe_partitions(status->partitions));
}

/* The retry topics, as event types of their own, with what waits there. */
static json_t *describe_tiers(const bb_run_admin *admin, const bb_event_type *type)
{
    json_t *list = json_array();
    for (guint i = 0; i < type->tiers->len; i++) {
        const bb_event_type *tier = g_ptr_array_index(type->tiers, i);
        g_auto(bb_run_status) status = {0};
        if (!bb_runner_status(admin->runner, tier, &status))
            continue;
        json_t *one = describe_type(tier, &status);
        json_object_del(one, "lag");
        json_object_del(one, "lag_seconds");
        json_object_set_new(one, "tier", json_integer(tier->tier));
        json_object_set_new(one, "delay_ms", json_integer(tier->tier_delay_ms));
        json_object_set_new(one, "waiting", number(status.counts.lag));
        json_object_set_new(one, "next_due_ms", number(status.next_due_ms));
        json_array_append_new(list, one);
    }
    return list;
}

static json_t *describe_types(const bb_run_admin *admin)
{
    json_t *list = json_array();
    for (guint i = 0; i < admin->types->len; i++) {
        const bb_event_type *type = g_ptr_array_index(admin->types, i);
        g_auto(bb_run_status) status = {0};
        if (!bb_runner_status(admin->runner, type, &status))
            continue;
        json_t *one = describe_type(type, &status);
        if (type->tiers)
            json_object_set_new(one, "retry_topics", describe_tiers(admin, type));
        json_array_append_new(list, one);
    }
    return list;
}

static GString *tell_status(const bb_run_admin *admin)
{
    json_auto_t *events = describe_types(admin);
    char *text = json_dumps(events, JSON_COMPACT | JSON_REAL_PRECISION(6));
    GString *out = g_string_new(text ? text : "[]");
    free(text);
    return out;
}

static void record_build(bb_metrics *metrics)
{
    g_autofree char *labels =
        g_strdup_printf("version=\"%s\",librdkafka=\"%s\"", BB_VERSION, bb_kafka_version_text());
    bb_metric_record(bb_metrics_get(metrics, BUSBAR_GAUGE, "busbar_build_info", labels, "Always 1"),
                     1);
}

/* A verdict is an empty text, or the reason why not. */
static GString *answer(bb_run_admin *admin, bb_ask_kind kind)
{
    GString *reason;
    switch (kind) {
    case BB_ASK_METRICS:
        return tell_metrics(admin);
    case BB_ASK_STATUS:
        return tell_status(admin);
    case BB_ASK_LIVE:
        reason = g_string_new(NULL);
        (void)is_live(admin, reason); /* the reason says it */
        return reason;
    case BB_ASK_READY:
    default:
        reason = g_string_new(NULL);
        (void)is_ready(admin, reason);
        return reason;
    }
}

static gpointer serve(gpointer data)
{
    bb_run_admin *admin = data;
    guint32 serial;
    bb_ask_kind kind;
    gboolean going_on = TRUE;
    while (going_on && bb_ask_wait(admin->socket, &serial, &kind)) {
        GString *text = answer(admin, kind);
        going_on = bb_ask_answer(admin->socket, serial, text);
        g_string_free(text, TRUE);
    }
    return NULL;
}

bb_run_admin *bb_run_admin_new(int socket, bb_runner *runner, const GPtrArray *types,
                               bb_metrics *metrics)
{
    bb_run_admin *admin = g_new0(bb_run_admin, 1);
    admin->runner = runner;
    admin->types = types;
    admin->metrics = metrics;
    admin->socket = socket;
    admin->beat_ms = bb_clock_monotonic_ms();
    record_build(metrics);
    admin->thread = g_thread_new("admin", serve, admin);
    return admin;
}

void bb_run_admin_beat(bb_run_admin *admin)
{
    __atomic_store_n(&admin->beat_ms, bb_clock_monotonic_ms(), __ATOMIC_RELAXED);
}

void bb_run_admin_free(bb_run_admin *admin)
{
    if (!admin)
        return;
    (void)shutdown(admin->socket, SHUT_RD); /* the thread waits for a question */
    g_thread_join(admin->thread);
    g_free(admin);
}
