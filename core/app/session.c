/* Settings, metrics and registry for a command. */
#include "app/session.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/command.h"
#include "base/log.h"
#include "kafka/transaction_check.h"

static const char *const level_names[] = {"error", "warning", "info", "debug", NULL};
static const int level_values[] = {3, 4, 6, 7};

void bb_session_setup_log(const bb_settings *settings)
{
    int level = settings ? settings->log_level : 6;
    for (guint i = 0; bb_option_log_level && level_names[i]; i++) {
        if (strcmp(bb_option_log_level, level_names[i]) == 0)
            level = level_values[i];
    }
    bb_log_set_level(level);
    bb_log_set_json(bb_option_log_json || (settings && settings->log_json));
}

static gboolean check_log_level(int *ret_exit)
{
    if (!bb_option_log_level || g_strv_contains(level_names, bb_option_log_level))
        return TRUE;
    *ret_exit = bb_app_usage(NULL, "--log-level is `%s`; it is one of error, warning, info, debug",
                             bb_option_log_level);
    return FALSE;
}

void bb_session_print_problems(const GPtrArray *problems)
{
    gboolean color = bb_app_color(STDERR_FILENO);
    for (guint i = 0; i < problems->len; i++) {
        g_autofree char *text = bb_config_problem_text(g_ptr_array_index(problems, i));
        (void)fprintf(stderr, "%s%s%s\n", color ? "\033[31m" : "", text, color ? "\033[0m" : "");
    }
    (void)fprintf(stderr, "%u problem%s\n", problems->len, problems->len == 1 ? "" : "s");
}

/* Overrides in front of those of the command line; NULL when there are none. */
static char **join_overrides(const char *const *overrides)
{
    GPtrArray *all = g_ptr_array_new();
    for (; overrides && *overrides; overrides++)
        g_ptr_array_add(all, g_strdup(*overrides));
    for (char **set = bb_option_set; set && *set; set++)
        g_ptr_array_add(all, g_strdup(*set));
    g_ptr_array_add(all, NULL);
    return (char **)g_ptr_array_free(all, FALSE);
}

/* Says where a configuration was looked for, when there is none. */
static void mention_defaults(const bb_settings *settings)
{
    if (settings->path)
        return;
    g_auto(GStrv) places = bb_settings_search();
    g_autofree char *list = g_strjoinv(", ", places);
    bb_log_warning("no configuration, so no domain is enabled; looked for $BUSBAR_CONFIG, %s; an "
                   "example is config/busbar.yaml of the project",
                   list);
}

static bb_session *load_settings(const char *path, const char *const *overrides,
                                 GPtrArray *problems, int *ret_exit)
{
    g_auto(GStrv) all = join_overrides(overrides);
    *ret_exit = BB_EXIT_USAGE;
    if (!check_log_level(ret_exit))
        return NULL;
    bb_settings *settings = bb_settings_load(path, (const char *const *)all, problems);
    if (!settings)
        return NULL;
    bb_session_setup_log(settings);
    mention_defaults(settings);
    bb_session *session = g_new0(bb_session, 1);
    session->settings = settings;
    session->metrics = bb_metrics_new();
    *ret_exit = BB_EXIT_DONE;
    return session;
}

bb_session *bb_session_new_settings(int *ret_exit)
{
    g_autoptr(GPtrArray) problems = g_ptr_array_new_with_free_func(bb_config_problem_free);
    bb_session *session = load_settings(bb_option_config, NULL, problems, ret_exit);
    if (problems->len)
        bb_session_print_problems(problems);
    return session;
}

/* Whether the parts give what `delivery` claims. */
static void check_delivery(const bb_session *session, GPtrArray *problems)
{
    for (guint i = 0; i < bb_registry_count(session->registry); i++) {
        const bb_event_type *type = bb_registry_at(session->registry, i);
        g_autoptr(GPtrArray) refusals = bb_transaction_refusals(session->settings, type);
        for (guint j = 0; j < refusals->len; j++) {
            bb_config_problem *problem = g_new0(bb_config_problem, 1);
            problem->place = type->settings->place;
            problem->pointer =
                g_strdup_printf("/domains/%s/events/%s/consume/delivery", type->domain, type->name);
            problem->message =
                g_strdup_printf("%s cannot be delivered exactly once: %s", type->full_name,
                                (char *)g_ptr_array_index(refusals, j));
            g_ptr_array_add(problems, problem);
        }
    }
}

/* Loads the plugins; the exit code. */
static int make_registry(bb_session *session, GPtrArray *problems)
{
    session->registry = bb_registry_new(session->settings, session->metrics, problems);
    gboolean loaded = problems->len == 0;
    check_delivery(session, problems);
    if (problems->len)
        return loaded ? BB_EXIT_USAGE : BB_EXIT_PLUGIN;
    return BB_EXIT_DONE;
}

gboolean bb_session_load_plugins(bb_session *session, int *ret_exit)
{
    g_autoptr(GPtrArray) problems = g_ptr_array_new_with_free_func(bb_config_problem_free);
    *ret_exit = make_registry(session, problems);
    if (problems->len)
        bb_session_print_problems(problems);
    return *ret_exit == BB_EXIT_DONE;
}

bb_session *bb_session_try(const char *path, const char *const *overrides, GPtrArray *problems,
                           int *ret_exit)
{
    bb_session *session = load_settings(path, overrides, problems, ret_exit);
    if (!session)
        return NULL;
    *ret_exit = make_registry(session, problems);
    return session;
}

bb_session *bb_session_new_from(const char *path, const char *const *overrides, int *ret_exit)
{
    g_autoptr(GPtrArray) problems = g_ptr_array_new_with_free_func(bb_config_problem_free);
    g_autoptr(bb_session) session = bb_session_try(path, overrides, problems, ret_exit);
    if (problems->len)
        bb_session_print_problems(problems);
    return *ret_exit == BB_EXIT_DONE ? g_steal_pointer(&session) : NULL;
}

bb_session *bb_session_new(int *ret_exit)
{
    return bb_session_new_from(bb_option_config, NULL, ret_exit);
}

const bb_event_type *bb_session_event(const bb_session *session, const char *full_name,
                                      int *ret_exit)
{
    GError *error = NULL;
    const bb_event_type *type = bb_registry_find(session->registry, full_name, &error);
    if (!type)
        *ret_exit = bb_app_fail(error);
    return type;
}

void bb_session_free(bb_session *session)
{
    if (!session)
        return;
    bb_registry_free(session->registry);
    bb_metrics_free(session->metrics);
    bb_settings_free(session->settings);
    g_free(session);
}
