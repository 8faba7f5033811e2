/* `busbar dlq`: looking at dead letters, sending them back, putting them aside. */
#include <signal.h>
#include <stdlib.h>

#include "app/command.h"
#include "app/dlq.h"
#include "app/signals.h"
#include "base/clock.h"
#include "base/text.h"

#define START_TIMEOUT_MS 30000

static char *option_stage, *option_keyword, *option_plugin, *option_reason, *option_key;
static char *option_since, *option_until, *option_offset, *option_timeout;
static char **option_allow;
static gint64 option_max = -1;
static gint option_rate;
static gboolean option_json, option_payload, option_dry_run, option_park_refused;

static const GOptionEntry options[] = {
    {"stage", 0, 0, G_OPTION_ARG_STRING, &option_stage,
     "Only those given up at this stage: parse, validate, enrich, handle, sink", "STAGE"},
    {"keyword", 0, 0, G_OPTION_ARG_STRING, &option_keyword,
     "Only those that broke this rule: malformed, required, type, ...", "KEYWORD"},
    {"plugin", 0, 0, G_OPTION_ARG_STRING, &option_plugin,
     "Only those refused by this plugin: its name, or name and version", "NAME"},
    {"reason", 0, 0, G_OPTION_ARG_STRING, &option_reason,
     "Only those whose reason contains this text", "TEXT"},
    {"key", 0, 0, G_OPTION_ARG_STRING, &option_key, "Only those with this key", "KEY"},
    {"since", 0, 0, G_OPTION_ARG_STRING, &option_since,
     "Only those given up at this time or later: RFC 3339, or a duration before now, as 2h",
     "TIME"},
    {"until", 0, 0, G_OPTION_ARG_STRING, &option_until, "Only those given up before this time",
     "TIME"},
    {"offset", 0, 0, G_OPTION_ARG_STRING, &option_offset,
     "Only the one at this partition and offset of the dead letter topic", "P:O"},
    {"max", 'n', 0, G_OPTION_ARG_INT64, &option_max,
     "At most so many; 0 is no bound (default: show 100, the others no bound)", "N"},
    {"payload", 0, 0, G_OPTION_ARG_NONE, &option_payload, "show: the value whole, as it is", NULL},
    {"dry-run", 0, 0, G_OPTION_ARG_NONE, &option_dry_run,
     "redrive, park: say what would happen, and change nothing", NULL},
    {"rate", 0, 0, G_OPTION_ARG_INT, &option_rate, "redrive, park: at most so many per second",
     "N"},
    {"allow-target", 0, 0, G_OPTION_ARG_STRING_ARRAY, &option_allow,
     "redrive: records may also go back to this topic, which is that of no enabled event type",
     "TOPIC"},
    {"park-refused", 0, 0, G_OPTION_ARG_NONE, &option_park_refused,
     "redrive: put aside what may not go back", NULL},
    {"json", 'j', 0, G_OPTION_ARG_NONE, &option_json,
     "list: an object for every topic; show: for every dead letter; redrive, park: the summary",
     NULL},
    {"timeout", 0, 0, G_OPTION_ARG_STRING, &option_timeout,
     "How long to wait for Kafka at the start (default 30s)", "DURATION"},
    {NULL, 0, 0, G_OPTION_ARG_NONE, NULL, NULL, NULL},
};

/* A sub-command. */
typedef struct dlq_verb {
    const char *name;
    int (*run)(const bb_dlq_job *job);
    guint min, max; /* names that it takes */
    gboolean moves;
} dlq_verb;

static const dlq_verb verbs[] = {
    {"list", bb_dlq_list, 0, G_MAXUINT, FALSE},
    {"show", bb_dlq_show, 0, 1, FALSE},
    {"redrive", bb_dlq_redrive, 1, 1, TRUE},
    {"park", bb_dlq_park, 1, 1, TRUE},
};

static const dlq_verb *find_verb(const char *name)
{
    for (guint i = 0; name && i < G_N_ELEMENTS(verbs); i++) {
        if (strcmp(verbs[i].name, name) == 0)
            return &verbs[i];
    }
    return NULL;
}

static gboolean parse_time(const char *name, const char *text, gint64 *ret_us)
{
    gint64 duration_ms;
    if (!text || bb_dlq_parse_time(text, ret_us))
        return TRUE;
    if (bb_text_parse_duration_ms(text, &duration_ms)) {
        *ret_us = bb_clock_wall_us() - duration_ms * 1000;
        return TRUE;
    }
    (void)bb_app_usage("dlq",
                       "%s is `%s`; expected a time as 2025-01-31T08:00:00Z, or a duration "
                       "before now, as 30m, 2h",
                       name, text);
    return FALSE;
}

static gboolean parse_offset(const char *text, bb_dlq_job *job)
{
    char *after = NULL, *end = NULL;
    if (!text)
        return TRUE;
    guint64 partition = g_ascii_strtoull(text, &after, 10);
    guint64 offset = *after == ':' ? g_ascii_strtoull(after + 1, &end, 10) : 0;
    if (g_ascii_isdigit(*text) && end && g_ascii_isdigit(after[1]) && *end == '\0' &&
        partition <= G_MAXINT32 && offset <= G_MAXINT64) {
        job->only_partition = (gint32)partition;
        job->only_offset = (gint64)offset;
        return TRUE;
    }
    (void)bb_app_usage("dlq", "--offset is `%s`; expected partition and offset, as 3:1024", text);
    return FALSE;
}

static gboolean parse_numbers(bb_dlq_job *job)
{
    if (option_max < -1 || option_rate < 0) {
        (void)bb_app_usage("dlq", "--max and --rate are numbers from 0");
        return FALSE;
    }
    if (option_timeout && !bb_text_parse_duration_ms(option_timeout, &job->timeout_ms)) {
        (void)bb_app_usage("dlq", "--timeout is `%s`; expected a duration, as 500ms, 30s, 5m",
                           option_timeout);
        return FALSE;
    }
    job->max = option_max;
    job->rate = (guint)option_rate;
    return parse_time("--since", option_since, &job->filter.since_us) &&
           parse_time("--until", option_until, &job->filter.until_us) &&
           parse_offset(option_offset, job);
}

/* Options that the sub-command would pass over in silence. */
static gboolean check_options(const dlq_verb *verb)
{
    const char *wrong = NULL;
    if (!verb->moves)
        wrong = option_dry_run ? "--dry-run" : option_rate ? "--rate" : NULL;
    if (verb->run != bb_dlq_redrive && !wrong)
        wrong = option_allow ? "--allow-target" : option_park_refused ? "--park-refused" : NULL;
    if (verb->run != bb_dlq_show && option_payload)
        wrong = "--payload";
    if (verb->run == bb_dlq_list && option_max >= 0)
        wrong = "--max";
    if (wrong)
        (void)bb_app_usage("dlq", "%s takes no %s", verb->name, wrong);
    return !wrong;
}

static int run_dlq(int argc, char **argv)
{
    int code = BB_EXIT_USAGE;
    const dlq_verb *verb = find_verb(argc > 1 ? argv[1] : NULL);
    guint names = (guint)MAX(argc - 2, 0);
    if (!verb)
        return bb_app_usage("dlq", "needs one of list, show, redrive, park%s%s%s",
                            argc > 1 ? "; found `" : "", argc > 1 ? argv[1] : "",
                            argc > 1 ? "`" : "");
    if (names < verb->min)
        return bb_app_usage("dlq", "%s needs an EVENT, as customer.user_event", verb->name);
    if (names > verb->max)
        return bb_app_usage("dlq", "%s takes one EVENT, found also `%s`", verb->name, argv[3]);
    bb_dlq_job job = {
        .names = argv + 2,
        .filter = {option_stage, option_keyword, option_plugin, option_reason, option_key, 0, 0},
        .only_offset = -1,
        .allow = option_allow,
        .json = option_json,
        .payload = option_payload,
        .dry_run = option_dry_run,
        .park_refused = option_park_refused,
        .timeout_ms = START_TIMEOUT_MS,
        .stop = bb_signals_place(),
    };
    if (!check_options(verb) || !parse_numbers(&job))
        return code;
    g_autoptr(bb_session) session = bb_session_new(&code);
    if (!session)
        return code;
    job.session = session;
    bb_signals_catch();
    return verb->run(&job);
}

extern const bb_command bb_command_dlq;
const bb_command bb_command_dlq = {
    .name = "dlq",
    .arguments = "list|show|redrive|park [EVENT|TOPIC...]",
    .summary = "Look at dead letters, send them back, or put them aside",
    .description =
        "list counts the dead letters of the named or of all enabled event types by stage, rule "
        "and reason, with the first and the last time. show prints each with where it is and was, "
        "why it was given up, its headers, and the beginning of its key and value. Both change "
        "nothing.\n\n"
        "redrive EVENT sends dead letters back to the topic they came from, which must be that of "
        "an enabled event type or named by --allow-target: key, value, timestamp and headers as "
        "they were first, and busbar.hops, which counts how often that was done. One that was sent "
        "back twice and failed again goes to TOPIC.parked instead. park EVENT moves dead letters "
        "there by hand.\n\n"
        "Without filters the consumer group busbar.redrive.DLQ-TOPIC keeps how far redrive and "
        "park got: each dead letter is moved once, a run that was cut off goes on where it was, "
        "and at most the last 100 records or those of the last second are sent again. A record "
        "that may not go back ends the reading of its partition, as progress never passes what was "
        "left behind. With filters no progress is read or kept: all that match are moved, from the "
        "beginning of the topic to its end, and would be moved again. Nothing is deleted from "
        "the dead letter topic. Run one at a time.\n\n"
        "Ctrl-C or SIGTERM ends after what is in hand; a second one does not wait. The exit code "
        "is 0 when all went where it was meant to, 1 when redrive put aside or refused some, 3 "
        "when Kafka does not answer or refuses, 2 or 4 when the configuration or a plugin is at "
        "fault.",
    .examples = "busbar dlq list\n"
                "    what failed, and why, for all event types\n"
                "busbar dlq show customer.user_event --keyword required --max 5\n"
                "    five that lack a member\n"
                "busbar dlq redrive customer.user_event --dry-run\n"
                "    what would be sent back\n"
                "busbar dlq redrive customer.user_event --rate 200\n"
                "    sends them back, 200 per second; the same line goes on after a crash",
    .options = options,
    .run = run_dlq,
};
