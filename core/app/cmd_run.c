/* `busbar run`: consumes every enabled event type until it is asked to stop. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/command.h"
#include "app/run_admin.h"
#include "app/run_report.h"
#include "app/run_view.h"
#include "app/session.h"
#include "app/supervisor.h"
#include "app/throwaway.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"

static gboolean option_once;
static gboolean option_json;
static gboolean option_progress;
static char **option_only;
static char *option_timeout;
static char *option_admin;

static const GOptionEntry options[] = {
    {"once", 0, 0, G_OPTION_ARG_NONE, &option_once,
     "Handle everything up to the end offsets found at the start, then end", NULL},
    {"only", 0, 0, G_OPTION_ARG_STRING_ARRAY, &option_only,
     "Run these event types alone; may be repeated", "EVENT,..."},
    {"timeout", 0, 0, G_OPTION_ARG_STRING, &option_timeout,
     "Give up when Kafka has not answered for this long at the start (default: never; with --once "
     "30s)",
     "DURATION"},
    {"admin", 0, 0, G_OPTION_ARG_STRING, &option_admin,
     "Serve /metrics, /live, /ready and /status at this address (port 0: a free one)", "HOST:PORT"},
    {"json", 'j', 0, G_OPTION_ARG_NONE, &option_json,
     "The summary as one JSON object on standard output (default: a table on standard error)",
     NULL},
    {"progress", 0, 0, G_OPTION_ARG_NONE, &option_progress,
     "A line of progress every 5 seconds when standard error is no terminal", NULL},
    {NULL, 0, 0, G_OPTION_ARG_NONE, NULL, NULL, NULL},
};

enum { TURN_MS = 100, ONCE_TIMEOUT_MS = 30000 };

static gboolean add_type(GPtrArray *types, const bb_event_type *type)
{
    if (!g_ptr_array_find(types, type, NULL))
        g_ptr_array_add(types, (gpointer)type);
    return TRUE;
}

/* TRUE for an event type of another domain than the worker's. */
static gboolean is_elsewhere(const char *name, const char *domain)
{
    gsize length = strlen(domain);
    return length && (strncmp(name, domain, length) != 0 || name[length] != '.');
}

/* Event types named with --only, or all; of `domain` alone unless it is "". */
static GPtrArray *choose_types(const bb_session *session, const char *domain, int *ret_exit)
{
    g_autoptr(GPtrArray) types = g_ptr_array_new();
    for (guint i = 0; !option_only && i < bb_registry_count(session->registry); i++)
        add_type(types, bb_registry_at(session->registry, i));
    for (char **list = option_only; list && *list; list++) {
        g_auto(GStrv) names = g_strsplit(*list, ",", -1);
        for (char **name = names; *name; name++) {
            if (is_elsewhere(g_strstrip(*name), domain))
                continue;
            const bb_event_type *type = bb_session_event(session, *name, ret_exit);
            if (!type)
                return NULL;
            add_type(types, type);
        }
    }
    if (!types->len) {
        bb_app_error("there is nothing to run: %s (`busbar check` shows what is configured)",
                     option_only ? "--only names no event type" : "no event type is enabled");
        *ret_exit = BB_EXIT_USAGE;
        return NULL;
    }
    return g_steal_pointer(&types);
}

static gboolean read_options(bb_run_options *ret_options, int *ret_exit)
{
    ret_options->once = option_once;
    ret_options->connect_timeout_ms = option_once ? ONCE_TIMEOUT_MS : -1;
    if (!option_timeout ||
        bb_text_parse_duration_ms(option_timeout, &ret_options->connect_timeout_ms))
        return TRUE;
    *ret_exit = bb_app_usage("run", "--timeout is `%s`; it is a duration such as 30s or 2m",
                             option_timeout);
    return FALSE;
}

static void take_stop(bb_runner *runner, gint count)
{
    if (count == 1) {
        bb_log_info("stopping: what was read is finished and committed first; a second signal ends "
                    "faster");
        bb_runner_stop(runner);
    } else {
        bb_log_warning("ending now: what is in hand will be read again");
        bb_runner_hurry(runner);
    }
}

static void announce(const GPtrArray *types, const bb_settings *settings)
{
    for (guint i = 0; i < types->len; i++) {
        const bb_event_type *type = g_ptr_array_index(types, i);
        g_autoptr(GString) handlers = g_string_new(NULL);
        for (guint h = 0; type->handlers && h < type->handlers->len; h++) {
            const bb_handler_binding *binding = g_ptr_array_index(type->handlers, h);
            g_string_append_printf(handlers, "%s%s", h ? ", " : "", binding->name);
        }
        bb_log_info("%s: topic %s, group %s, handlers: %s", type->full_name, type->topic,
                    type->group, handlers->len ? handlers->str : "none");
    }
    bb_log_info("consuming %u event type%s from Kafka at %s", types->len,
                types->len == 1 ? "" : "s", settings->bootstrap);
}

static void wait_for_end(bb_runner *runner, const GPtrArray *types, bb_run_view *view,
                         bb_run_admin *admin, bb_contain *contain)
{
    gint taken = 0;
    while (!bb_runner_done(runner)) {
        gint stops = MIN(bb_supervisor_wait(contain, TURN_MS), 2);
        while (taken < stops)
            take_stop(runner, ++taken);
        bb_run_view_update(view);
        bb_run_report_count(runner, types, contain);
        bb_run_admin_beat(admin);
    }
}

static int consume(const bb_session *session, GPtrArray *types, const bb_run_options *run_options,
                   bb_contain *contain)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(bb_runner) runner =
        bb_runner_new(session->settings, types, run_options, session->metrics, &error);
    if (!runner)
        return bb_app_fail(g_steal_pointer(&error));
    g_autoptr(bb_run_admin) admin =
        bb_run_admin_new(contain->socket, runner, types, session->metrics);
    announce(types, session->settings);
    gboolean terminal =
        isatty(STDERR_FILENO) && !bb_option_log_json && !session->settings->log_json;
    gboolean alone = !*contain->domain; /* several tables cannot share a terminal */
    g_autoptr(bb_run_view) view =
        bb_run_view_new(runner, types, terminal && alone, option_progress || (terminal && !alone));
    if (!bb_runner_start(runner, &error))
        return bb_app_fail(g_steal_pointer(&error));
    g_atomic_int_set(&contain->began, 1);
    wait_for_end(runner, types, view, admin, contain);
    gboolean good = bb_runner_join(runner, &error);
    bb_run_view_end(view);
    bb_run_report_count(runner, types, contain);
    return good ? BB_EXIT_DONE : bb_run_report_fail(contain, g_steal_pointer(&error));
}

typedef struct job {
    bb_session *session; /* without plugins: those are for the worker */
    bb_run_options options;
    gint64 started_ms;
} job;

/* The plugin in quarantine that an event type needs; NULL: none. */
static const char *quarantined_of(const bb_event_type *type, const bb_contain *contain)
{
    if (bb_contain_is_quarantined(contain, type->plugin))
        return type->plugin;
    for (guint i = 0; type->handlers && i < type->handlers->len; i++) {
        const bb_handler_binding *binding = g_ptr_array_index(type->handlers, i);
        if (bb_contain_is_quarantined(contain, binding->plugin))
            return binding->plugin;
    }
    return NULL;
}

static void leave_out(GPtrArray *types, const bb_contain *contain)
{
    for (guint i = types->len; i > 0; i--) {
        const bb_event_type *type = g_ptr_array_index(types, i - 1);
        const char *plugin = quarantined_of(type, contain);
        if (!plugin)
            continue;
        bb_log_error("%s is stopped: plugin %s is in quarantine", type->full_name, plugin);
        g_ptr_array_remove_index(types, i - 1);
    }
}

/* Plugins of other domains are not even loaded. */
static GPtrArray *load_types(const job *self, const char *domain, int *ret_exit)
{
    const GPtrArray *domains = self->session->settings->domains;
    for (guint i = 0; *domain && i < domains->len; i++) {
        bb_domain_settings *other = g_ptr_array_index(domains, i);
        other->enabled = other->enabled && strcmp(other->name, domain) == 0;
    }
    if (!bb_session_load_plugins(self->session, ret_exit))
        return NULL;
    return choose_types(self->session, domain, ret_exit);
}

static int work(bb_contain *contain, void *user)
{
    const job *self = user;
    int exit_code = BB_EXIT_DONE;
    g_autoptr(GPtrArray) types = load_types(self, contain->domain, &exit_code);
    if (!types)
        return exit_code;
    leave_out(types, contain);
    return types->len ? consume(self->session, types, &self->options, contain) : BB_EXIT_PLUGIN;
}

/* What there is to run, found out in a process of its own: the supervisor loads no plugin. */
static int discover(bb_contain *contain, void *user)
{
    const bb_run_counts none = {0};
    int exit_code = BB_EXIT_DONE;
    g_autoptr(GPtrArray) types = load_types(user, "", &exit_code);
    if (types && types->len > BB_CONTAIN_ROWS) {
        bb_app_error("%u event types are enabled; `workers.isolation: domain` takes at most %d",
                     types->len, BB_CONTAIN_ROWS);
        return BB_EXIT_USAGE;
    }
    for (guint i = 0; types && i < types->len; i++) {
        const bb_event_type *type = g_ptr_array_index(types, i);
        bb_contain_count(contain, type->full_name, type->topic, &none);
    }
    return exit_code;
}

/* Domains that have an event type to run. */
static GPtrArray *domains_of(const bb_contain *contain)
{
    GPtrArray *domains = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < contain->row_count; i++) {
        const char *event = contain->rows[i].event;
        g_autofree char *domain = g_strndup(event, (gsize)(strchr(event, '.') - event));
        if (!g_ptr_array_find_with_equal_func(domains, domain, g_str_equal, NULL))
            g_ptr_array_add(domains, g_steal_pointer(&domain));
    }
    return domains;
}

static void finish(const bb_contain *const *workers, guint count, guint restarts, void *user)
{
    const job *self = user;
    bb_run_report_print(workers, count, restarts, self->started_ms, option_json);
}

static int supervise(job *self)
{
    const bb_settings *settings = self->session->settings;
    const char *listen = option_admin ? option_admin : settings->admin_listen;
    bb_supervisor_plan plan = {&settings->workers, listen, NULL, work, finish, self};
    int exit_code = BB_EXIT_DONE;
    g_autoptr(GPtrArray) domains = NULL;
    if (settings->workers.by_domain) {
        bb_contain *found = bb_contain_new();
        gboolean child = bb_throwaway_run(discover, self, found, &exit_code);
        if (child || exit_code != BB_EXIT_DONE)
            return exit_code;
        plan.domains = domains = domains_of(found);
        bb_contain_free(found);
    }
    return bb_supervisor_run(&plan);
}

static int run(int argc, char **argv)
{
    int exit_code = BB_EXIT_USAGE;
    job self = {0};
    if (argc > 1)
        return bb_app_usage("run", "unexpected argument `%s`", argv[1]);
    if (!read_options(&self.options, &exit_code))
        return exit_code;
    g_autoptr(bb_session) session = bb_session_new_settings(&exit_code);
    if (!session)
        return exit_code;
    self.session = session;
    self.started_ms = bb_clock_monotonic_ms();
    return supervise(&self);
}

const bb_command bb_command_run = {
    .name = "run",
    .arguments = "",
    .summary = "Consume events and hand them to their domains and handlers",
    .description =
        "Every enabled event type gets a consumer in its group. Each record is parsed, validated, "
        "handed to its domain's `handle` and to the bound handlers; its offset is committed only "
        "when all of them have made it durable. A record that is refused goes to the dead letter "
        "topic, with the reason in its headers, before its offset moves. A fault that passes is "
        "tried again with growing waits.\n\n"
        "SIGINT and SIGTERM drain: no more is read, what was read is finished, flushed and "
        "committed. A second signal ends without waiting; nothing is lost, what was in hand is "
        "read again.\n\n"
        "Plugins run in a worker process, which is started again when it dies. A record that ends "
        "it twice goes to the dead letter topic; a plugin that ends it with several records is put "
        "in quarantine and its event types stop, while the others go on.\n\n"
        "Exit codes: 0 done, 2 usage or configuration, 3 Kafka is not reachable or refuses, 4 a "
        "plugin could not go on.",
    .examples = "busbar run\n    Until it is told to stop\n"
                "busbar run --once --json\n    Everything up to now, then a summary as JSON\n"
                "busbar run --only customer.user_event,audit.audit_log\n    A part\n"
                "busbar run --timeout 1m\n    Fail when Kafka cannot be reached for a minute",
    .options = options,
    .run = run,
};
