/* `busbar broker`: the embedded broker as a process of its own. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/command.h"
#include "app/session.h"
#include "kafka/embedded.h"

#define DEFAULT_PARTITIONS 4
#define MAX_PARTITIONS 1000

static gint option_partitions = DEFAULT_PARTITIONS;
static gboolean option_events;
static char **option_topics;

static const GOptionEntry options[] = {
    {"partitions", 'p', 0, G_OPTION_ARG_INT, &option_partitions,
     "Partitions of the topics made by --topic and --events (default 4)", "N"},
    {"topic", 't', 0, G_OPTION_ARG_STRING_ARRAY, &option_topics,
     "Make this topic at the start; may be repeated", "NAME[:PARTITIONS]"},
    {"events", 'e', 0, G_OPTION_ARG_NONE, &option_events,
     "Make the topics of all enabled event types at the start", NULL},
    {NULL, 0, 0, G_OPTION_ARG_NONE, NULL, NULL, NULL},
};

/* "NAME" or "NAME:PARTITIONS". */
static gboolean parse_topic(const char *text, char **ret_name, int *ret_partitions)
{
    const char *colon = strrchr(text, ':');
    long partitions = option_partitions;
    if (colon) {
        char *end = NULL;
        partitions = strtol(colon + 1, &end, 10);
        if (end == colon + 1 || *end)
            return FALSE;
    }
    gsize size = colon ? (gsize)(colon - text) : strlen(text);
    if (size == 0 || partitions < 1 || partitions > MAX_PARTITIONS)
        return FALSE;
    *ret_name = g_strndup(text, size);
    *ret_partitions = (int)partitions;
    return TRUE;
}

static gboolean make_named(GError **error)
{
    for (char **text = option_topics; text && *text; text++) {
        g_autofree char *name = NULL;
        int partitions = 0;
        if (!parse_topic(*text, &name, &partitions)) {
            g_set_error(error, BB_ERROR, BB_ERROR_USAGE,
                        "--topic is `%s`; expected NAME or NAME:PARTITIONS", *text);
            return FALSE;
        }
        if (!bb_embedded_topic(name, partitions, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean make_of_events(const bb_registry *registry, GError **error)
{
    for (guint i = 0; registry && i < bb_registry_count(registry); i++) {
        const bb_event_type *type = bb_registry_at(registry, i);
        if (!bb_embedded_topic(type->topic, option_partitions, error) ||
            (type->dead_letter_topic &&
             !bb_embedded_topic(type->dead_letter_topic, option_partitions, error)))
            return FALSE;
        for (guint j = 0; type->tiers && j < type->tiers->len; j++) {
            const bb_event_type *tier = g_ptr_array_index(type->tiers, j);
            if (!bb_embedded_topic(tier->topic, option_partitions, error))
                return FALSE;
        }
    }
    return TRUE;
}

/* Runs the broker until one of `signals` comes. */
static gboolean serve(const bb_registry *registry, const sigset_t *signals, GError **error)
{
    int number = 0;
    const char *bootstrap = bb_embedded_start(error);
    if (!bootstrap || !make_named(error) || !make_of_events(registry, error))
        return FALSE;
    printf("bootstrap.servers=%s\n", bootstrap);
    if (fflush(stdout) != 0) {
        g_set_error(error, BB_ERROR, BB_ERROR_IO, "standard output cannot be written");
        return FALSE;
    }
    (void)fprintf(stderr, "embedded broker for trying things out: the log is in memory, bounded, "
                          "and gone when it stops; no real transactions. Ctrl-C stops it.\n");
    (void)sigwait(signals, &number); /* fails for a bad set only */
    return TRUE;
}

static int run_broker(int argc, char **argv)
{
    int code = BB_EXIT_USAGE;
    GError *error = NULL;
    sigset_t signals;
    if (argc > 1)
        return bb_app_usage("broker", "takes no arguments, found `%s`", argv[1]);
    if (option_partitions < 1 || option_partitions > MAX_PARTITIONS)
        return bb_app_usage("broker", "--partitions is %d; expected 1 to %d", option_partitions,
                            MAX_PARTITIONS);
    g_autoptr(bb_session) session = option_events ? bb_session_new(&code) : NULL;
    if (option_events && !session)
        return code;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &signals, NULL); /* before any thread, so that all inherit it */
    gboolean served = serve(session ? session->registry : NULL, &signals, &error);
    bb_embedded_stop();
    return served ? BB_EXIT_DONE : bb_app_fail(error);
}

extern const bb_command bb_command_broker;
const bb_command bb_command_broker = {
    .name = "broker",
    .arguments = "",
    .summary = "Run an embedded broker as a process of its own, for trying things out",
    .description =
        "Starts a small Kafka broker on a free port of the loopback interface and prints its "
        "address as bootstrap.servers=HOST:PORT on standard output. It runs until Ctrl-C or "
        "SIGTERM. Topics are made on demand, with 4 partitions.\n\n"
        "It serves demos, tests and plugin authors. It is not a Kafka: its log is in memory and "
        "bounded (about 5 MiB a partition, the oldest records go), there are no replicas, no "
        "security and no real transactions, and everything is gone when it stops.",
    .examples = "busbar broker --topic orders:6\n"
                "    a broker with one topic of six partitions\n"
                "busbar broker --events --partitions 6\n"
                "    with the topics of all enabled event types\n"
                "busbar publish customer.session FILE --set "
                "kafka.bootstrap.servers=127.0.0.1:PORT\n"
                "    publishes to it, from another terminal",
    .options = options,
    .run = run_broker,
};
