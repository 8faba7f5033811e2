/* The admin port of all workers: asks them, and answers as one. */
#include <jansson.h>
#include <string.h>

#include "app/ask.h"
#include "app/metrics_merge.h"
#include "app/supervisor_private.h"
#include "base/clock.h"
#include "kafka/version.h"

enum { ANSWER_MS = 2000 };

struct bb_supervisor_admin {
    const GPtrArray *children; /* bb_child * */
    gint64 started_ms;
    guint32 serial;
    bb_admin *port;
};

static bb_child *child_at(const bb_supervisor_admin *admin, guint index)
{
    return g_ptr_array_index(admin->children, index);
}

/* Asks all workers that run; a GString * per child, NULL where none came. */
static GPtrArray *ask_all(bb_supervisor_admin *admin, bb_ask_kind kind)
{
    GPtrArray *answers = g_ptr_array_new();
    gint64 deadline_ms = bb_clock_monotonic_ms() + ANSWER_MS;
    admin->serial++;
    g_ptr_array_set_size(answers, (gint)admin->children->len);
    for (guint i = 0; i < answers->len; i++) {
        const bb_child *child = child_at(admin, i);
        gboolean sent = child->pid && bb_ask_send(child->socket, admin->serial, kind);
        answers->pdata[i] = sent ? (gpointer)child : NULL;
    }
    for (guint i = 0; i < answers->len; i++) {
        if (answers->pdata[i])
            answers->pdata[i] =
                bb_ask_receive(child_at(admin, i)->socket, admin->serial, deadline_ms);
    }
    return answers;
}

static void free_answers(GPtrArray *answers)
{
    for (guint i = 0; i < answers->len; i++) {
        if (answers->pdata[i])
            g_string_free(answers->pdata[i], TRUE);
    }
    g_ptr_array_unref(answers);
}

/* What is the supervisor's own. */
static char *own_metrics(const bb_supervisor_admin *admin)
{
    GString *out =
        g_string_new("# HELP busbar_worker_restarts_total Worker processes that died and "
                     "were started again\n"
                     "# TYPE busbar_worker_restarts_total counter\n");
    for (guint i = 0; i < admin->children->len; i++) {
        const bb_child *child = child_at(admin, i);
        g_string_append_printf(out, "busbar_worker_restarts_total{domain=\"%s\"} %u\n",
                               child->domain ? child->domain : "", child->restarts);
    }
    g_string_append(out, "# HELP busbar_plugins_quarantined Plugins that are put aside since they "
                         "ended their worker too often\n"
                         "# TYPE busbar_plugins_quarantined gauge\n");
    for (guint i = 0; i < admin->children->len; i++) {
        const bb_child *child = child_at(admin, i);
        g_string_append_printf(out, "busbar_plugins_quarantined{domain=\"%s\"} %u\n",
                               child->domain ? child->domain : "", child->contain->quarantined);
    }
    return g_string_free(out, FALSE);
}

static GString *tell_metrics(void *user)
{
    bb_supervisor_admin *admin = user;
    GPtrArray *answers = ask_all(admin, BB_ASK_METRICS);
    g_autoptr(GPtrArray) texts = g_ptr_array_new();
    g_autofree char *own = own_metrics(admin);
    for (guint i = 0; i < answers->len; i++) {
        GString *answer = answers->pdata[i];
        if (answer)
            g_ptr_array_add(texts, answer->str);
    }
    g_ptr_array_add(texts, own);
    GString *out = bb_metrics_merge(texts);
    free_answers(answers);
    return out;
}

/* "worker 12 (domain audit)" */
static void append_name(GString *out, const bb_child *child)
{
    g_string_append_printf(out, "worker %d", (int)child->contain->pid);
    if (child->domain)
        g_string_append_printf(out, " (domain %s)", child->domain);
}

/* The first worker that says no, or nothing, decides. */
static gboolean all_say_yes(bb_supervisor_admin *admin, bb_ask_kind kind, GString *reason)
{
    GPtrArray *answers = ask_all(admin, kind);
    for (guint i = 0; i < answers->len && !reason->len; i++) {
        const bb_child *child = child_at(admin, i);
        const GString *answer = answers->pdata[i];
        if (child->over)
            continue;
        if (answer) {
            g_string_append_len(reason, answer->str, (gssize)answer->len);
        } else if (child->pid || kind == BB_ASK_READY) {
            append_name(reason, child);
            g_string_append(reason, child->pid ? " does not answer" : " has died and starts again");
        }
    }
    free_answers(answers);
    return reason->len == 0;
}

/* A worker that is started again is the supervisor at work. */
static gboolean is_live(void *user, GString *reason)
{
    return all_say_yes(user, BB_ASK_LIVE, reason);
}

static gboolean is_ready(void *user, GString *reason)
{
    bb_supervisor_admin *admin = user;
    for (guint i = 0; i < admin->children->len; i++) {
        const bb_child *child = child_at(admin, i);
        if (child->contain->quarantined) {
            g_string_append_printf(reason, "plugin %s is in quarantine",
                                   child->contain->quarantine[0]);
            return FALSE;
        }
        if (child->over && child->exit_code) {
            append_name(reason, child);
            g_string_append_printf(reason, " has ended with exit code %d", child->exit_code);
            return FALSE;
        }
    }
    return all_say_yes(admin, BB_ASK_READY, reason);
}

static json_t *describe_quarantine(const bb_contain *contain)
{
    json_t *list = json_array();
    for (guint i = 0; i < contain->quarantined; i++)
        json_array_append_new(list, json_string(contain->quarantine[i]));
    return list;
}

static json_t *describe_workers(const bb_supervisor_admin *admin)
{
    json_t *list = json_array();
    for (guint i = 0; i < admin->children->len; i++) {
        const bb_child *child = child_at(admin, i);
        const char *state = child->pid ? "running" : child->over ? "ended" : "waiting";
        json_array_append_new(
            list, json_pack("{s:s?, s:o, s:s, s:i, s:s?, s:o}", "domain", child->domain, "pid",
                            child->pid ? json_integer(child->pid) : json_null(), "state", state,
                            "restarts", (int)child->restarts, "last_death", child->last_death,
                            "quarantined", describe_quarantine(child->contain)));
    }
    return list;
}

static json_t *collect_events(bb_supervisor_admin *admin)
{
    GPtrArray *answers = ask_all(admin, BB_ASK_STATUS);
    json_t *events = json_array();
    for (guint i = 0; i < answers->len; i++) {
        const GString *answer = answers->pdata[i];
        json_auto_t *list = answer ? json_loadb(answer->str, answer->len, 0, NULL) : NULL;
        if (json_is_array(list))
            json_array_extend(events, list);
    }
    free_answers(answers);
    return events;
}

static GString *tell_status(void *user)
{
    bb_supervisor_admin *admin = user;
    g_autoptr(GString) reason = g_string_new(NULL);
    gboolean ready = is_ready(admin, reason);
    g_autofree char *why = ready ? NULL : g_utf8_make_valid(reason->str, (gssize)reason->len);
    double uptime = (double)(bb_clock_monotonic_ms() - admin->started_ms) / 1000;
    json_auto_t *status =
        json_pack("{s:s, s:s, s:f, s:b, s:s?, s:o, s:o}", "version", BB_VERSION, "librdkafka",
                  bb_kafka_version_text(), "uptime_seconds", uptime, "ready", ready, "reason", why,
                  "workers", describe_workers(admin), "events", collect_events(admin));
    char *text = json_dumps(status, JSON_COMPACT | JSON_REAL_PRECISION(6));
    GString *out = g_string_new(text ? text : "{}");
    g_string_append_c(out, '\n');
    free(text);
    return out;
}

bb_supervisor_admin *bb_supervisor_admin_new(const char *listen, const GPtrArray *children,
                                             GError **error)
{
    bb_supervisor_admin *admin = g_new0(bb_supervisor_admin, 1);
    const bb_admin_source source = {tell_metrics, tell_status, is_live, is_ready, admin};
    admin->children = children;
    admin->started_ms = bb_clock_monotonic_ms();
    admin->port = bb_admin_new_polled(listen, &source, error);
    if (!admin->port)
        g_clear_pointer(&admin, g_free);
    return admin;
}

bb_admin *bb_supervisor_admin_port(const bb_supervisor_admin *admin)
{
    return admin->port;
}

void bb_supervisor_admin_free(bb_supervisor_admin *admin)
{
    if (!admin)
        return;
    bb_admin_free(admin->port);
    g_free(admin);
}
