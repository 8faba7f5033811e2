/* `busbar topics`: what the enabled event types need in Kafka, and making it. */
#include <stdio.h>
#include <string.h>

#include "app/command.h"
#include "app/session.h"
#include "app/signals.h"
#include "base/clock.h"
#include "base/text.h"
#include "kafka/client.h"
#include "kafka/topics.h"

#define START_TIMEOUT_MS 30000
#define REQUEST_TIMEOUT_MS 30000
/* How long a new topic may take to show, and the pause between two looks. */
#define SHOW_MS 5000
#define SHOW_PAUSE_MS 50

static gint option_partitions = -1;
static gint option_replication = -1;
static gboolean option_json;
static char *option_timeout;

static const GOptionEntry options[] = {
    {"partitions", 'p', 0, G_OPTION_ARG_INT, &option_partitions,
     "Partitions of new topics, and what plan compares with (default: the broker's own default)",
     "N"},
    {"replication", 'r', 0, G_OPTION_ARG_INT, &option_replication,
     "Replicas of each partition (default: the broker's own default)", "N"},
    {"json", 'j', 0, G_OPTION_ARG_NONE, &option_json,
     "One JSON object for every topic: topic, use, event, state, partitions, replication", NULL},
    {"timeout", 0, 0, G_OPTION_ARG_STRING, &option_timeout,
     "How long to wait for Kafka at the start (default 30s)", "DURATION"},
    {NULL, 0, 0, G_OPTION_ARG_NONE, NULL, NULL, NULL},
};

/* A topic that is needed. */
typedef struct need {
    const char *topic;
    const char *event;
    const char *use;   /* in JSON */
    const char *shown; /* behind the event type's name */
} need;

static void add_need(GArray *needs, const char *topic, const char *event, const char *use,
                     const char *shown)
{
    for (guint i = 0; i < needs->len; i++) {
        if (strcmp(g_array_index(needs, need, i).topic, topic) == 0)
            return;
    }
    need wanted = {topic, event, use, shown};
    g_array_append_val(needs, wanted);
}

static GArray *collect_needs(const bb_registry *registry)
{
    GArray *needs = g_array_new(FALSE, FALSE, sizeof(need));
    for (guint i = 0; i < bb_registry_count(registry); i++) {
        const bb_event_type *type = bb_registry_at(registry, i);
        add_need(needs, type->topic, type->full_name, "events", "");
    }
    for (guint i = 0; i < bb_registry_count(registry); i++) {
        const bb_event_type *type = bb_registry_at(registry, i);
        for (guint j = 0; type->tiers && j < type->tiers->len; j++)
            add_need(needs, ((const bb_event_type *)g_ptr_array_index(type->tiers, j))->topic,
                     type->full_name, "retry", " (retries)");
    }
    for (guint i = 0; i < bb_registry_count(registry); i++) {
        const bb_event_type *type = bb_registry_at(registry, i);
        if (type->dead_letter_topic)
            add_need(needs, type->dead_letter_topic, type->full_name, "dead_letter",
                     " (dead letters)");
    }
    return needs;
}

static GPtrArray *describe(rd_kafka_t *client, const GArray *needs, GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    for (guint i = 0; i < needs->len; i++)
        g_ptr_array_add(names, (char *)g_array_index(needs, need, i).topic);
    return bb_topics_describe(client, names, REQUEST_TIMEOUT_MS, error);
}

static gboolean differs(const bb_topic_state *state)
{
    return (option_partitions > 0 && state->partitions != option_partitions) ||
           (option_replication > 0 && state->replicas != option_replication);
}

static void print_json(const need *wanted, const char *verdict, const bb_topic_state *state)
{
    g_autoptr(GString) line = g_string_new("{\"topic\":");
    bb_text_append_json(line, wanted->topic, strlen(wanted->topic));
    g_string_append(line, ",\"event\":");
    bb_text_append_json(line, wanted->event, strlen(wanted->event));
    g_string_append_printf(line,
                           ",\"use\":\"%s\",\"state\":\"%s\",\"partitions\":%d,\"replication\":%d}",
                           wanted->use, verdict, state->partitions, state->replicas);
    puts(line->str);
}

static void print_line(const need *wanted, const char *verdict, const bb_topic_state *state)
{
    if (option_json) {
        print_json(wanted, verdict, state);
        return;
    }
    g_autofree char *numbers =
        state->partitions > 0
            ? g_strdup_printf("%d partitions, %d replicas", state->partitions, state->replicas)
            : g_strdup("");
    printf("%-8s %-40s %-28s %s%s\n", verdict, wanted->topic, numbers, wanted->event,
           wanted->shown);
}

static int plan(const GArray *needs, const GPtrArray *states)
{
    guint missing = 0, different = 0;
    for (guint i = 0; i < needs->len; i++) {
        const bb_topic_state *state = g_ptr_array_index(states, i);
        gboolean other = state->partitions > 0 && differs(state);
        print_line(&g_array_index(needs, need, i),
                   state->partitions == 0 ? "missing"
                   : other                ? "differs"
                                          : "present",
                   state);
        missing += state->partitions == 0 ? 1 : 0;
        different += other ? 1 : 0;
    }
    (void)fprintf(stderr, "%u topics: %u missing, %u differ%s\n", needs->len, missing, different,
                  missing ? "; `busbar topics apply` makes the missing ones" : "");
    return missing || different ? BB_EXIT_REFUSED : BB_EXIT_DONE;
}

/* Makes what is missing. Returns how many could not be made. */
static guint make_missing(rd_kafka_t *client, const GArray *needs, const GPtrArray *states,
                          GPtrArray *made)
{
    guint failed = 0;
    for (guint i = 0; i < needs->len && !bb_signals_count(); i++) {
        g_autoptr(GError) error = NULL;
        const bb_topic_state *state = g_ptr_array_index(states, i);
        const char *topic = g_array_index(needs, need, i).topic;
        if (state->partitions > 0)
            continue;
        if (bb_topics_create(client, topic, option_partitions, option_replication,
                             REQUEST_TIMEOUT_MS, &error)) {
            g_ptr_array_add(made, (char *)topic);
        } else {
            bb_app_error("%s", error->message);
            failed++;
        }
    }
    return failed;
}

/* How many of `made` do not show yet. */
static guint hidden(const GPtrArray *states, const GPtrArray *made)
{
    guint count = 0;
    for (guint i = 0; i < states->len; i++) {
        const bb_topic_state *state = g_ptr_array_index(states, i);
        count += state->partitions == 0 && g_ptr_array_find_with_equal_func(
                                               (GPtrArray *)made, state->name, g_str_equal, NULL)
                     ? 1
                     : 0;
    }
    return count;
}

/* The states once all of `made` show: a broker tells of a new topic a moment after it was made. */
static GPtrArray *describe_made(rd_kafka_t *client, const GArray *needs, const GPtrArray *made,
                                GError **error)
{
    gint64 end = bb_clock_monotonic_ms() + SHOW_MS;
    for (;;) {
        GPtrArray *states = describe(client, needs, error);
        if (!states || hidden(states, made) == 0 || bb_clock_monotonic_ms() >= end ||
            bb_signals_count())
            return states;
        g_ptr_array_unref(states);
        g_usleep(SHOW_PAUSE_MS * 1000);
    }
}

static int apply(rd_kafka_t *client, const GArray *needs, const GPtrArray *states)
{
    GError *error = NULL;
    guint missing = 0, different = 0;
    g_autoptr(GPtrArray) made = g_ptr_array_new();
    guint failed = make_missing(client, needs, states, made);
    g_autoptr(GPtrArray) after = describe_made(client, needs, made, &error);
    if (!after)
        return bb_app_fail(error);
    for (guint i = 0; i < needs->len; i++) {
        const need *wanted = &g_array_index(needs, need, i);
        const bb_topic_state *state = g_ptr_array_index(after, i);
        gboolean is_new = g_ptr_array_find(made, wanted->topic, NULL);
        const char *verdict = is_new                   ? "made"
                              : state->partitions == 0 ? "missing"
                              : differs(state)         ? "differs"
                                                       : "present";
        print_line(wanted, verdict, state);
        missing +=
            state->partitions == 0 && !is_new ? 1 : 0; /* a new one may need a moment to show */
        different += !is_new && state->partitions > 0 && differs(state) ? 1 : 0;
    }
    (void)fprintf(stderr, "%u topics: %u made, %u missing, %u differ and were left as they are\n",
                  needs->len, made->len, missing, different);
    return failed || missing ? BB_EXIT_KAFKA : BB_EXIT_DONE;
}

static int work(const bb_session *session, gboolean applies, gint64 timeout_ms)
{
    GError *error = NULL;
    rd_kafka_conf_t *conf = bb_kafka_conf_new(session->settings, NULL, &error);
    rd_kafka_t *client = conf ? bb_kafka_new(RD_KAFKA_PRODUCER, conf, &error) : NULL;
    if (!client)
        return bb_app_fail(error);
    g_autoptr(GArray) needs = collect_needs(session->registry);
    g_autoptr(GPtrArray) states = NULL;
    if (bb_kafka_wait(client, timeout_ms, bb_signals_place(), &error))
        states = describe(client, needs, &error);
    int code = !states   ? bb_app_fail(error)
               : applies ? apply(client, needs, states)
                         : plan(needs, states);
    rd_kafka_destroy(client);
    return code;
}

static int run_topics(int argc, char **argv)
{
    int code = BB_EXIT_USAGE;
    gint64 timeout_ms = START_TIMEOUT_MS;
    gboolean applies = argc == 2 && strcmp(argv[1], "apply") == 0;
    if (argc != 2 || (!applies && strcmp(argv[1], "plan") != 0))
        return bb_app_usage("topics", "needs one of plan, apply%s%s%s", argc > 1 ? "; found `" : "",
                            argc > 1 ? argv[argc > 2 ? 2 : 1] : "", argc > 1 ? "`" : "");
    if (option_partitions == 0 || option_partitions < -1 || option_replication == 0 ||
        option_replication < -1 || option_replication > 1000)
        return bb_app_usage("topics", "--partitions and --replication are numbers from 1");
    if (option_timeout && !bb_text_parse_duration_ms(option_timeout, &timeout_ms))
        return bb_app_usage("topics", "--timeout is `%s`; expected a duration, as 500ms, 30s, 5m",
                            option_timeout);
    g_autoptr(bb_session) session = bb_session_new(&code);
    if (!session)
        return code;
    bb_signals_catch();
    return work(session, applies, timeout_ms);
}

extern const bb_command bb_command_topics;
const bb_command bb_command_topics = {
    .name = "topics",
    .arguments = "plan|apply",
    .summary = "Show or make the topics that the enabled event types need",
    .description =
        "plan lists the topic, the retry topics and the dead letter topic of every enabled event "
        "type, and whether each is present, missing, or differs from --partitions and "
        "--replication. It changes "
        "nothing.\n\n"
        "apply makes what is missing. It never deletes a topic and never changes one.\n\n"
        "The exit code of plan is 0 when there is nothing to do and 1 when a topic is missing or "
        "differs; that of apply is 0 when all topics are there at the end. Both give 3 when Kafka "
        "does not answer or refuses, 2 or 4 when the configuration or a plugin is at fault.",
    .examples = "busbar topics plan\n"
                "    what is there and what is missing\n"
                "busbar topics apply --partitions 6 --replication 3\n"
                "    makes what is missing",
    .options = options,
    .run = run_topics,
};
