/* `busbar check`: what the configuration comes to. */
#include <stdio.h>

#include "app/check_report.h"
#include "app/command.h"
#include "kafka/client.h"
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

/* Prints one topic; FALSE when it is missing. */
static gboolean print_topic(const bb_topic_state *topic)
{
    if (topic->partitions > 0)
        (void)fprintf(stderr, "topic %s: %d partitions, %d replicas\n", topic->name,
                      topic->partitions, topic->replicas);
    else
        (void)fprintf(stderr, "topic %s: does not exist; `busbar topics apply` makes it\n",
                      topic->name);
    return topic->partitions > 0;
}

static int check_topics(const bb_session *session, rd_kafka_t *client)
{
    GError *error = NULL;
    guint missing = 0;
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    for (guint i = 0; i < bb_registry_count(session->registry); i++)
        g_ptr_array_add(names, bb_registry_at(session->registry, i)->topic);
    if (names->len == 0)
        return BB_EXIT_DONE;
    g_autoptr(GPtrArray) states = bb_topics_describe(client, names, TOPICS_TIMEOUT_MS, &error);
    if (!states)
        return bb_app_fail(error);
    for (guint i = 0; i < states->len; i++)
        missing += !print_topic(g_ptr_array_index(states, i));
    return missing ? BB_EXIT_KAFKA : BB_EXIT_DONE;
}

static int connect_kafka(const bb_session *session)
{
    GError *error = NULL;
    rd_kafka_conf_t *conf = bb_kafka_conf_new(session->settings, /* extra= */ NULL, &error);
    rd_kafka_t *client = conf ? bb_kafka_new(RD_KAFKA_PRODUCER, conf, &error) : NULL;
    if (!client)
        return bb_app_fail(error);
    int exit_code = BB_EXIT_DONE;
    if (bb_kafka_wait(client, option_timeout * (gint64)1000, /* stop= */ NULL, &error)) {
        (void)fprintf(stderr, "kafka %s: reachable\n", session->settings->bootstrap);
        exit_code = check_topics(session, client);
    } else {
        exit_code = bb_app_fail(error);
    }
    rd_kafka_destroy(client);
    return exit_code;
}

static int run_check(int argc, char **argv)
{
    int exit_code = BB_EXIT_USAGE;
    g_autoptr(GPtrArray) problems = g_ptr_array_new_with_free_func(bb_config_problem_free);
    if (argc > 1)
        return bb_app_usage("check", "takes no argument, found `%s`", argv[1]);
    if (option_timeout < 0)
        return bb_app_usage("check", "--timeout is %d; it cannot be below 0", option_timeout);
    g_autoptr(bb_session) session = bb_session_try(bb_option_config, NULL, problems, &exit_code);
    if (exit_code != BB_EXIT_DONE) {
        if (option_json)
            bb_check_print_problems_json(problems);
        else if (problems->len)
            bb_session_print_problems(problems);
        return exit_code;
    }
    if (option_json)
        bb_check_print_json(session);
    else
        bb_check_print(session);
    return option_connect ? connect_kafka(session) : BB_EXIT_DONE;
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
