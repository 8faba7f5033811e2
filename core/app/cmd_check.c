/* `busbar check`: what the configuration comes to. */
#include <stdio.h>

#include "app/check_report.h"
#include "app/command.h"
#include "app/throwaway.h"
#include "kafka/client.h"
#include "kafka/membership.h"
#include "kafka/topics.h"

static gboolean option_json;
static gboolean option_connect;
static gint option_timeout = 10;

static const GOptionEntry options[] = {
    {"json", 'j', 0, G_OPTION_ARG_NONE, &option_json,
     "One JSON object: event types and settings, or problems", NULL},
    {"connect", 0, 0, G_OPTION_ARG_NONE, &option_connect,
     "Also ask the brokers, and for the topics", NULL},
    {"timeout", 0, 0, G_OPTION_ARG_INT, &option_timeout,
     "With --connect: how long to wait for a broker (default 10)", "SECONDS"},
    {NULL, 0, 0, G_OPTION_ARG_NONE, NULL, NULL, NULL},
};

enum { TOPICS_TIMEOUT_MS = 10000 };

static void add_name(GPtrArray *names, char *topic)
{
    if (!g_ptr_array_find_with_equal_func(names, topic, g_str_equal, NULL))
        g_ptr_array_add(names, topic);
}

/* The topics that all event types read, each once. */
static GPtrArray *topic_names(const bb_session *session)
{
    GPtrArray *names = g_ptr_array_new();
    for (guint i = 0; i < bb_registry_count(session->registry); i++) {
        const bb_event_type *type = bb_registry_at(session->registry, i);
        add_name(names, type->topic);
        for (guint j = 0; type->tiers && j < type->tiers->len; j++)
            add_name(names, ((bb_event_type *)g_ptr_array_index(type->tiers, j))->topic);
    }
    return names;
}

static GPtrArray *ask_client(const bb_session *session, rd_kafka_t *client, GError **error)
{
    g_autoptr(GPtrArray) names = topic_names(session);
    if (!bb_kafka_wait(client, option_timeout * (gint64)1000, /* stop= */ NULL, error))
        return NULL;
    return bb_topics_describe(client, names, TOPICS_TIMEOUT_MS, error);
}

/* States of the topics; NULL when Kafka does not answer. */
static GPtrArray *ask_kafka(const bb_session *session, GError **error)
{
    rd_kafka_conf_t *conf = bb_kafka_conf_new(session->settings, /* extra= */ NULL, error);
    rd_kafka_t *client = conf ? bb_kafka_new(RD_KAFKA_PRODUCER, conf, error) : NULL;
    if (!client)
        return NULL;
    GPtrArray *states = ask_client(session, client, error);
    rd_kafka_destroy(client);
    return states;
}

/* Exit code of what Kafka said. */
static int judge_topics(const GPtrArray *states)
{
    for (guint i = 0; i < states->len; i++) {
        const bb_topic_state *topic = g_ptr_array_index(states, i);
        if (topic->partitions == 0)
            return BB_EXIT_KAFKA;
    }
    return BB_EXIT_DONE;
}

static int report(const bb_session *session)
{
    GError *error = NULL;
    if (!option_json)
        bb_check_print(session);
    (void)fflush(stdout); /* before the wait for a broker */
    g_autoptr(GPtrArray) states = option_connect ? ask_kafka(session, &error) : NULL;
    if (option_json)
        bb_check_print_json(session, states, error ? error->message : NULL);
    else if (states)
        bb_check_print_topics(session, states);
    if (error)
        return bb_app_fail(error);
    return states ? judge_topics(states) : BB_EXIT_DONE;
}

/* What the settings of the groups come to with the librdkafka that runs. */
static int check_groups(const bb_session *session, GPtrArray *problems)
{
    for (guint i = 0; i < bb_registry_count(session->registry); i++)
        (void)bb_membership_choose(session->settings, bb_registry_at(session->registry, i),
                                   rd_kafka_version(), problems);
    return problems->len ? BB_EXIT_USAGE : BB_EXIT_DONE;
}

static int check(bb_contain *contain, void *user)
{
    int exit_code = BB_EXIT_USAGE;
    g_autoptr(GPtrArray) problems = g_ptr_array_new_with_free_func(bb_config_problem_free);
    (void)contain;
    (void)user;
    g_autoptr(bb_session) session = bb_session_try(bb_option_config, NULL, problems, &exit_code);
    if (exit_code == BB_EXIT_DONE)
        exit_code = check_groups(session, problems);
    if (exit_code != BB_EXIT_DONE) {
        if (option_json)
            bb_check_print_problems_json(problems);
        else if (problems->len)
            bb_session_print_problems(problems);
        return exit_code;
    }
    return report(session);
}

/* Plugins are loaded in a child: one that dies in that is a finding. */
static int run_check(int argc, char **argv)
{
    int exit_code = BB_EXIT_USAGE;
    if (argc > 1)
        return bb_app_usage("check", "takes no argument, found `%s`", argv[1]);
    if (option_timeout < 0)
        return bb_app_usage("check", "--timeout is %d; it cannot be below 0", option_timeout);
    (void)bb_throwaway_run(check, NULL, NULL, &exit_code); /* the same way out for both */
    return exit_code;
}

extern const bb_command bb_command_check;
const bb_command bb_command_check = {
    .name = "check",
    .arguments = "",
    .summary = "Check configuration and plugins, and show what they come to",
    .description =
        "Reads the configuration and its drop-ins, loads the plugins and compiles the contracts. "
        "Prints every problem as file:line:column: message, or, when all is well, the event types "
        "with topic, consumer group, key, order and handlers, the delivery guarantee that "
        "results, and what to know about it.\n\n"
        "With --connect the brokers are asked too, and whether the topics exist.\n\n"
        "The exit code is 0 when all is well, 2 for the configuration, 3 for Kafka, 4 for a plugin "
        "or a contract.",
    .examples = "busbar check\n"
                "    before a restart\n"
                "busbar check --connect --json --config /etc/busbar/busbar.yaml\n"
                "    from a deployment script",
    .options = options,
    .run = run_check,
};
