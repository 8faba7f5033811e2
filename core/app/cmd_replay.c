/* `busbar replay`: a bounded part of an event type's topic through its stages and handlers again.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/command.h"
#include "app/range_option.h"
#include "app/run_report.h"
#include "app/run_view.h"
#include "app/session.h"
#include "app/supervisor.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "kafka/replay.h"

enum { START_TIMEOUT_MS = 30000, TURN_MS = 100, ID_MAX = 64 };

static char *option_from, *option_to, *option_handlers, *option_id, *option_timeout;
static gint64 option_last = -1, option_max;
static gint option_partition = -1;
static gboolean option_dry_run, option_json, option_progress;

static const GOptionEntry options[] = {
    {"from", 0, 0, G_OPTION_ARG_STRING, &option_from,
     "Begin here in each partition: an offset, a time (RFC 3339), a duration before now as 2h, or "
     "`beginning`",
     "PLACE"},
    {"to", 0, 0, G_OPTION_ARG_STRING, &option_to,
     "End before here: an offset, a time, a duration before now, or `latest` (default): where the "
     "topic ended at the start",
     "PLACE"},
    {"last", 0, 0, G_OPTION_ARG_INT64, &option_last,
     "The last so many offsets of each partition, instead of --from", "N"},
    {"partition", 'p', 0, G_OPTION_ARG_INT, &option_partition, "Only this partition", "N"},
    {"max", 'n', 0, G_OPTION_ARG_INT64, &option_max,
     "At most so many offsets, partition by partition (default: no bound)", "N"},
    {"handlers", 0, 0, G_OPTION_ARG_STRING, &option_handlers,
     "Only these of the event type's handlers (default: all)", "NAME,..."},
    {"id", 0, 0, G_OPTION_ARG_STRING, &option_id,
     "Name of this replay; the same name again goes on where it was (default: the time)", "ID"},
    {"dry-run", 0, 0, G_OPTION_ARG_NONE, &option_dry_run,
     "Say what would be handled, and handle nothing", NULL},
    {"json", 'j', 0, G_OPTION_ARG_NONE, &option_json,
     "The summary, or what a dry run found, as one JSON object on standard output", NULL},
    {"progress", 0, 0, G_OPTION_ARG_NONE, &option_progress,
     "A line of progress every 5 seconds when standard error is no terminal", NULL},
    {"timeout", 0, 0, G_OPTION_ARG_STRING, &option_timeout,
     "How long to wait for Kafka at the start (default 30s)", "DURATION"},
    {NULL, 0, 0, G_OPTION_ARG_NONE, NULL, NULL, NULL},
};

typedef struct job {
    bb_session *session; /* without plugins: those are for the worker */
    const char *event;
    const char *id;
    bb_range range;
    gint64 timeout_ms;
    gint64 started_ms;
} job;

/* The event type as this replay runs it. */
typedef struct replaying {
    const job *asked;
    bb_event_type type; /* a copy with a group and handlers of its own */
    char *group;
    GPtrArray *handlers; /* bb_handler_binding *, borrowed */
    GArray *parts;       /* bb_replay_part */
} replaying;

static gboolean is_stopped(void *user)
{
    return bb_supervisor_wait(user, 0) > 0;
}

static gboolean add_handler(replaying *self, const bb_event_type *type, const char *name)
{
    g_autoptr(GString) known = g_string_new(NULL);
    for (guint i = 0; type->handlers && i < type->handlers->len; i++) {
        bb_handler_binding *binding = g_ptr_array_index(type->handlers, i);
        if (strcmp(binding->name, name) == 0) {
            g_ptr_array_add(self->handlers, binding);
            return TRUE;
        }
        g_string_append_printf(known, "%s%s", i ? ", " : "", binding->name);
    }
    (void)bb_app_usage("replay", "%s has no handler `%s`; it has: %s", type->full_name, name,
                       known->len ? known->str : "none");
    return FALSE;
}

static gboolean choose_handlers(replaying *self, const bb_event_type *type)
{
    self->handlers = g_ptr_array_new();
    if (!option_handlers) {
        for (guint i = 0; type->handlers && i < type->handlers->len; i++)
            g_ptr_array_add(self->handlers, g_ptr_array_index(type->handlers, i));
        return TRUE;
    }
    g_auto(GStrv) names = g_strsplit(option_handlers, ",", -1);
    for (char **name = names; *name; name++) {
        if (!add_handler(self, type, g_strstrip(*name)))
            return FALSE;
    }
    return TRUE;
}

static guint64 count_left(const replaying *self)
{
    guint64 total = 0;
    for (guint i = 0; i < self->parts->len; i++) {
        const bb_replay_part *part = &g_array_index(self->parts, bb_replay_part, i);
        total += (guint64)MAX(part->end - MAX(part->start, part->committed), 0);
    }
    return total;
}

static char *name_handlers(const replaying *self)
{
    g_autoptr(GString) names = g_string_new(NULL);
    for (guint i = 0; i < self->handlers->len; i++) {
        const bb_handler_binding *binding = g_ptr_array_index(self->handlers, i);
        g_string_append_printf(names, "%s%s", i ? ", " : "", binding->name);
    }
    return g_strdup(names->len ? names->str : "none");
}

static void tell_plan_json(const replaying *self)
{
    (void)printf(
        "{\"event\":\"%s\",\"topic\":\"%s\",\"group\":\"%s\",\"offsets\":%" G_GUINT64_FORMAT
        ",\"partitions\":[",
        self->type.full_name, self->type.topic, self->group, count_left(self));
    for (guint i = 0; i < self->parts->len; i++) {
        const bb_replay_part *part = &g_array_index(self->parts, bb_replay_part, i);
        (void)printf("%s{\"partition\":%u,\"start\":%" G_GINT64_FORMAT ",\"end\":%" G_GINT64_FORMAT
                     ",\"committed\":%" G_GINT64_FORMAT "}",
                     i ? "," : "", i, part->start, part->end, part->committed);
    }
    (void)printf("],\"handlers\":[");
    for (guint i = 0; i < self->handlers->len; i++)
        (void)printf("%s\"%s\"", i ? "," : "",
                     ((const bb_handler_binding *)g_ptr_array_index(self->handlers, i))->name);
    (void)printf("]}\n");
}

static void tell_plan(const replaying *self)
{
    g_autofree char *handlers = name_handlers(self);
    if (option_json) {
        tell_plan_json(self);
        return;
    }
    (void)printf("%s: %" G_GUINT64_FORMAT " offsets of topic %s, group %s, handlers: %s\n",
                 self->type.full_name, count_left(self), self->type.topic, self->group, handlers);
    for (guint i = 0; i < self->parts->len; i++) {
        const bb_replay_part *part = &g_array_index(self->parts, bb_replay_part, i);
        if (part->start < part->end)
            (void)printf("  partition %u: from %" G_GINT64_FORMAT " to before %" G_GINT64_FORMAT
                         "\n",
                         i, MAX(part->start, part->committed), part->end);
    }
    (void)printf("Nothing was handled: this is a dry run.\n");
}

static gboolean prepare(replaying *self, bb_contain *contain, GError **error)
{
    const bb_replay plan = {.settings = self->asked->session->settings,
                            .topic = self->type.topic,
                            .group = self->group,
                            .range = self->asked->range,
                            .max = (guint64)option_max,
                            .dry_run = option_dry_run,
                            .timeout_ms = self->asked->timeout_ms,
                            .is_stopped = is_stopped,
                            .user = contain};
    self->parts = bb_replay_prepare(&plan, error);
    return self->parts != NULL;
}

static void wait_for_end(bb_runner *runner, const GPtrArray *types, bb_run_view *view,
                         bb_contain *contain)
{
    gint taken = 0;
    while (!bb_runner_done(runner)) {
        gint stops = MIN(bb_supervisor_wait(contain, TURN_MS), 2);
        for (; taken < stops; taken++) {
            bb_log_info("stopping; `--id %s` goes on from here", option_id ? option_id : "ID");
            if (taken == 0)
                bb_runner_stop(runner);
            else
                bb_runner_hurry(runner);
        }
        bb_run_view_update(view);
        bb_run_report_count(runner, types, contain);
    }
}

static int handle_all(replaying *self, bb_contain *contain)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) types = g_ptr_array_new();
    g_autoptr(GArray) ends = g_array_new(FALSE, TRUE, sizeof(gint64));
    const bb_session *session = self->asked->session;
    for (guint i = 0; i < self->parts->len; i++)
        g_array_append_val(ends, g_array_index(self->parts, bb_replay_part, i).end);
    const bb_run_options run = {.once = TRUE,
                                .connect_timeout_ms = self->asked->timeout_ms,
                                .ends = (const gint64 *)(const void *)ends->data,
                                .end_count = ends->len};
    g_ptr_array_add(types, &self->type);
    g_autoptr(bb_runner) runner =
        bb_runner_new(session->settings, types, &run, session->metrics, &error);
    if (!runner)
        return bb_app_fail(g_steal_pointer(&error));
    gboolean live = isatty(STDERR_FILENO) && !bb_option_log_json && !session->settings->log_json;
    g_autoptr(bb_run_view) view = bb_run_view_new(runner, types, live, option_progress);
    if (!bb_runner_start(runner, &error))
        return bb_app_fail(g_steal_pointer(&error));
    g_atomic_int_set(&contain->began, 1);
    wait_for_end(runner, types, view, contain);
    gboolean good = bb_runner_join(runner, &error);
    bb_run_view_end(view);
    bb_run_report_count(runner, types, contain);
    return good ? BB_EXIT_DONE : bb_run_report_fail(contain, g_steal_pointer(&error));
}

static int replay(replaying *self, bb_contain *contain)
{
    GError *error = NULL;
    g_autofree char *handlers = name_handlers(self);
    if (!prepare(self, contain, &error))
        return bb_app_fail(error);
    if (option_dry_run) {
        tell_plan(self);
        return BB_EXIT_DONE;
    }
    bb_log_info("%s: replaying %" G_GUINT64_FORMAT " offsets of topic %s in group %s, handlers: %s",
                self->type.full_name, count_left(self), self->type.topic, self->group, handlers);
    return handle_all(self, contain);
}

static int work(bb_contain *contain, void *user)
{
    replaying self = {.asked = user};
    int exit_code = BB_EXIT_USAGE;
    if (!bb_session_load_plugins(self.asked->session, &exit_code))
        return exit_code;
    const bb_event_type *type =
        bb_session_event(self.asked->session, self.asked->event, &exit_code);
    if (!type)
        return exit_code;
    if (bb_contain_is_quarantined(contain, type->plugin)) {
        bb_log_error("%s is stopped: plugin %s is in quarantine", type->full_name, type->plugin);
        return BB_EXIT_PLUGIN;
    }
    self.type = *type;
    self.group = g_strdup_printf("%s.replay-%s", type->group, self.asked->id);
    self.type.group = self.group;
    self.type.tiers = NULL; /* what fails waits in its lane: the retry topics are those of `run` */
    exit_code = BB_EXIT_USAGE;
    if (choose_handlers(&self, type)) {
        self.type.handlers = self.handlers;
        exit_code = replay(&self, contain);
    }
    g_ptr_array_unref(self.handlers);
    g_clear_pointer(&self.parts, g_array_unref);
    g_free(self.group);
    return exit_code;
}

static void finish(const bb_contain *const *workers, guint count, guint restarts, void *user)
{
    const job *self = user;
    bb_run_report_print(workers, count, restarts, self->started_ms, option_json);
}

static gboolean check_id(const char *id)
{
    gsize size = strlen(id);
    gsize good = strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");
    if (size > 0 && size <= ID_MAX && good == size)
        return TRUE;
    (void)bb_app_usage("replay", "--id is `%s`; it is 1 to %d letters, digits, `.`, `_` and `-`",
                       id, ID_MAX);
    return FALSE;
}

static gboolean read_options(job *self)
{
    const bb_range_option range = {option_from, option_to, option_last, option_partition};
    self->timeout_ms = START_TIMEOUT_MS;
    if (!option_from && option_last < 0)
        (void)bb_app_usage("replay", "needs --from or --last; `--from beginning` is everything");
    else if (option_max < 0)
        (void)bb_app_usage("replay", "--max is a number from 0");
    else if (option_timeout && !bb_text_parse_duration_ms(option_timeout, &self->timeout_ms))
        (void)bb_app_usage("replay", "--timeout is `%s`; expected a duration, as 500ms, 30s, 5m",
                           option_timeout);
    else
        return check_id(self->id) && bb_range_option_read("replay", &range, &self->range);
    return FALSE;
}

static int run(int argc, char **argv)
{
    int exit_code = BB_EXIT_USAGE;
    g_autoptr(GDateTime) now = g_date_time_new_now_utc();
    g_autofree char *time = g_date_time_format(now, "%Y%m%dT%H%M%S");
    job self = {.event = argc > 1 ? argv[1] : NULL, .id = option_id ? option_id : time};
    if (argc != 2)
        return bb_app_usage("replay", "needs one EVENT, as customer.user_event%s%s",
                            argc > 2 ? "; found also " : "", argc > 2 ? argv[2] : "");
    if (!read_options(&self))
        return exit_code;
    g_autoptr(bb_session) session = bb_session_new_settings(&exit_code);
    if (!session)
        return exit_code;
    self.session = session;
    self.started_ms = bb_clock_monotonic_ms();
    const bb_supervisor_plan plan = {
        .settings = &session->settings->workers, .work = work, .finish = finish, .user = &self};
    return bb_supervisor_run(&plan);
}

extern const bb_command bb_command_replay;
const bb_command bb_command_replay = {
    .name = "replay",
    .arguments = "EVENT",
    .summary = "Hand a part of an event type's topic to its handlers again",
    .description =
        "The records between two places go through the same stages and handlers as in `busbar "
        "run`, in a consumer group of their own, GROUP.replay-ID. The offsets of the live group "
        "stay as they are, and a `busbar run` that goes on meanwhile is not disturbed. What is "
        "refused goes to the dead letter topic again.\n\n"
        "A handler gets events that it has had before. One that keys by the event's id, or keeps "
        "a file for each day, is made for that; one that only appends has them twice.\n\n"
        "A replay that was ended goes on where it was with the same --id and the same places; "
        "give offsets or times then, as `latest` and durations move. Exit codes as `busbar run`.",
    .examples = "busbar replay customer.user_event --from 2025-01-31T00:00:00Z --to "
                "2025-02-01T00:00:00Z --dry-run\n"
                "    what a day is\n"
                "busbar replay customer.user_event --last 1000 --handlers archive\n"
                "    the last 1000 of each partition, to one handler\n"
                "busbar replay audit.audit_log --from beginning --id rebuild --json\n"
                "    everything; the same line goes on after an interruption",
    .options = options,
    .run = run,
};
