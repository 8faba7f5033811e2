/* libbusbar: the publisher behind a lock, with a thread that serves outcomes while the program does
 * something else. */
#include <busbar/client.h>

#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "kafka/publisher.h"
#include "pipeline/monitor.h"
#include "plugin/registry.h"

#define SERVE_MS 5  /* between two looks at the outcomes while some are missing */
#define SLICE_MS 20 /* of a flush, so that other threads can publish meanwhile */

struct busbar_client {
    /* Over everything below but `calling`. Woken when there are outcomes to wait for, or it is
     * time to close. */
    bb_monitor lock;
    bb_settings *settings;
    bb_metrics *metrics;
    bb_registry *registry;
    bb_publisher *publisher;
    busbar_outcome_fn on_outcome;
    void *user;
    GThread *server;
    gboolean closing;
    gboolean idle;    /* the server waits for work */
    GThread *calling; /* the thread that is inside the callback; atomic */
};

static void pass_on(const bb_outcome *outcome, void *user)
{
    busbar_client *client = user;
    if (!client->on_outcome)
        return;
    busbar_outcome passed = {
        .struct_size = sizeof passed,
        .status = (int32_t)outcome->status,
        .opaque = outcome->opaque,
        .topic = outcome->type->topic,
        .partition = outcome->partition,
        .retriable = outcome->retriable,
        .offset = outcome->offset,
        .pointer = outcome->pointer,
        .keyword = outcome->keyword,
        .message = outcome->message,
    };
    g_atomic_pointer_set(&client->calling, g_thread_self());
    client->on_outcome(&passed, client->user);
    g_atomic_pointer_set(&client->calling, NULL);
}

/* A call from inside the callback would wait for its own lock. */
static gboolean inside_callback(busbar_client *client)
{
    return g_atomic_pointer_get(&client->calling) == g_thread_self();
}

/* Serves outcomes until the client is closed. [the client's own thread] */
static gpointer serve(gpointer data)
{
    busbar_client *client = data;
    bb_monitor_lock(&client->lock);
    while (!client->closing) {
        bb_publisher_poll(client->publisher, 0);
        client->idle = bb_publisher_pending(client->publisher) == 0;
        bb_monitor_wait(&client->lock, client->idle ? -1 : SERVE_MS);
    }
    bb_monitor_unlock(&client->lock);
    return NULL;
}

static void wake_server(busbar_client *client)
{
    if (!client->idle)
        return;
    client->idle = FALSE;
    bb_monitor_wake(&client->lock);
}

static void set_problem(GError **error, const GPtrArray *problems)
{
    g_autofree char *first = bb_config_problem_text(g_ptr_array_index(problems, 0));
    if (problems->len == 1)
        g_set_error_literal(error, BB_ERROR, BB_ERROR_USAGE, first);
    else
        g_set_error(error, BB_ERROR, BB_ERROR_USAGE,
                    "%s (and %u more problems; `busbar check` shows all)", first,
                    problems->len - 1);
}

static gboolean load(busbar_client *client, const char *path, GError **error)
{
    g_autoptr(GPtrArray) problems = g_ptr_array_new_with_free_func(bb_config_problem_free);
    client->settings = bb_settings_load(path, NULL, problems);
    if (client->settings) {
        bb_log_set_level(client->settings->log_level);
        bb_log_set_json(client->settings->log_json);
        client->registry = bb_registry_new(client->settings, client->metrics, problems);
    }
    if (problems->len > 0) {
        set_problem(error, problems);
        return FALSE;
    }
    client->publisher = bb_publisher_new(client->settings, client->metrics, pass_on, client, error);
    return client->publisher != NULL;
}

static void dispose(busbar_client *client)
{
    bb_publisher_free(client->publisher);
    bb_registry_free(client->registry);
    bb_settings_free(client->settings);
    bb_metrics_free(client->metrics);
    bb_monitor_clear(&client->lock);
    g_free(client);
}

busbar_client *busbar_client_open(const char *config_path, busbar_outcome_fn on_outcome, void *user,
                                  char *error_text, size_t error_size)
{
    g_autoptr(GError) error = NULL;
    busbar_client *client = g_new0(busbar_client, 1);
    bb_monitor_init(&client->lock);
    client->on_outcome = on_outcome;
    client->user = user;
    client->metrics = bb_metrics_new();
    if (load(client, config_path, &error))
        client->server = g_thread_try_new("busbar-client", serve, client, &error);
    if (client->server)
        return client;
    if (error_text && error_size > 0)
        g_strlcpy(error_text, error->message, error_size);
    dispose(client);
    return NULL;
}

/* With the lock held. */
static int publish_one(busbar_client *client, const bb_event_type *type, const char *json,
                       size_t size, void *opaque)
{
    g_autoptr(GError) error = NULL;
    if (bb_publisher_publish(client->publisher, type, json, size, opaque, &error))
        return 0;
    bb_log_error("%s", error->message);
    return -1;
}

size_t busbar_client_publish_batch(busbar_client *client, const char *event_name,
                                   const char *const *json, const size_t *sizes, size_t count,
                                   void *const *opaques)
{
    size_t taken = 0;
    if (!client || !event_name || inside_callback(client))
        return 0;
    bb_monitor_lock(&client->lock);
    const bb_event_type *type =
        client->closing ? NULL : bb_registry_find(client->registry, event_name, NULL);
    while (type && taken < count &&
           publish_one(client, type, json[taken], sizes[taken], opaques ? opaques[taken] : NULL) ==
               0)
        taken++;
    if (taken)
        wake_server(client);
    bb_monitor_unlock(&client->lock);
    return taken;
}

int busbar_client_publish(busbar_client *client, const char *event_name, const char *json,
                          size_t size, void *opaque)
{
    return busbar_client_publish_batch(client, event_name, &json, &size, 1, &opaque) == 1 ? 0 : -1;
}

/* One slice; returns how many outcomes are missing. */
static gsize flush_slice(busbar_client *client, gint64 slice_ms)
{
    bb_monitor_lock(&client->lock);
    gsize missing = bb_publisher_flush(client->publisher, slice_ms);
    bb_monitor_unlock(&client->lock);
    return missing;
}

size_t busbar_client_flush(busbar_client *client, int timeout_ms)
{
    if (!client || inside_callback(client))
        return 0;
    gint64 end = bb_clock_monotonic_ms() + timeout_ms;
    for (;;) {
        gint64 left = timeout_ms < 0 ? SLICE_MS : end - bb_clock_monotonic_ms();
        gsize missing = flush_slice(client, CLAMP(left, 0, SLICE_MS));
        if (missing == 0 || left <= 0)
            return missing;
    }
}

void busbar_client_close(busbar_client *client, int timeout_ms)
{
    if (!client || inside_callback(client))
        return;
    (void)busbar_client_flush(client, timeout_ms); /* what is missing fails below */
    bb_monitor_lock(&client->lock);
    client->closing = TRUE;
    bb_monitor_wake(&client->lock);
    bb_monitor_unlock(&client->lock);
    g_thread_join(client->server);
    dispose(client);
}
