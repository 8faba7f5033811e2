/* `busbar offsets`: where the groups of event types are, and setting that. */
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "app/command.h"
#include "app/session.h"
#include "base/text.h"
#include "kafka/client.h"
#include "kafka/dlq_record.h"
#include "kafka/group_offsets.h"

#define REQUEST_TIMEOUT_MS 30000

static char *option_to;
static char *option_timeout;
static gint option_partition = -1;
static gboolean option_dry_run;
static gboolean option_json;

static const GOptionEntry options[] = {
    {"to", 't', 0, G_OPTION_ARG_STRING, &option_to,
     "set: earliest, latest, an offset, or a time such as 2026-01-31T08:00:00Z", "PLACE"},
    {"partition", 'p', 0, G_OPTION_ARG_INT, &option_partition,
     "set: this partition only (default: all)", "N"},
    {"dry-run", 'n', 0, G_OPTION_ARG_NONE, &option_dry_run, "set: only say what would be set",
     NULL},
    {"json", 'j', 0, G_OPTION_ARG_NONE, &option_json,
     "One JSON object for every partition: partition, committed, low, end, lag, set", NULL},
    {"timeout", 0, 0, G_OPTION_ARG_STRING, &option_timeout,
     "How long to wait for Kafka (default 30s)", "DURATION"},
    {NULL, 0, 0, G_OPTION_ARG_NONE, NULL, NULL, NULL},
};

/* How the committed offset lies to the partition. */
static const char *state_of(const bb_group_offset *offset)
{
    if (offset->committed < 0)
        return "none";
    return offset->committed < offset->low    ? "behind"
           : offset->committed > offset->high ? "beyond"
                                              : "ok";
}

static void print_json(guint partition, const bb_group_offset *offset, gint64 set)
{
    json_auto_t *row = json_pack("{s:i, s:I, s:I, s:s}", "partition", (int)partition, "low",
                                 (json_int_t)offset->low, "end", (json_int_t)offset->high, "state",
                                 state_of(offset));
    json_object_set_new(row, "committed",
                        offset->committed < 0 ? json_null() : json_integer(offset->committed));
    json_object_set_new(row, "lag",
                        offset->committed < 0
                            ? json_null()
                            : json_integer(MAX(offset->high - offset->committed, 0)));
    json_object_set_new(row, "set", set < 0 ? json_null() : json_integer(set));
    g_autofree char *text = json_dumps(row, JSON_COMPACT);
    (void)puts(text);
}

static void print_row(guint partition, const bb_group_offset *offset, gint64 set)
{
    char committed[24] = "-", wanted[24] = "";
    if (option_json) {
        print_json(partition, offset, set);
        return;
    }
    if (offset->committed >= 0)
        g_snprintf(committed, sizeof committed, "%" G_GINT64_FORMAT, offset->committed);
    if (set >= 0)
        g_snprintf(wanted, sizeof wanted, "%" G_GINT64_FORMAT, set);
    (void)printf("%9u %12s %12" G_GINT64_FORMAT " %12" G_GINT64_FORMAT " %-7s %12s\n", partition,
                 committed, offset->low, offset->high, state_of(offset), wanted);
}

static void print_all(const GArray *offsets, const GArray *set)
{
    if (!option_json)
        (void)printf("%9s %12s %12s %12s %-7s %12s\n", "partition", "committed", "first", "end",
                     "state", set ? "set to" : "");
    for (guint i = 0; i < offsets->len; i++)
        print_row(i, &g_array_index(offsets, bb_group_offset, i),
                  set ? g_array_index(set, gint64, i) : -1);
}

static rd_kafka_t *make_client(const bb_session *session, const bb_event_type *type, GError **error)
{
    const char *const extra[] = {"group.id", type->group, "enable.auto.commit", "false", NULL};
    rd_kafka_conf_t *conf = bb_kafka_conf_new(session->settings, extra, error);
    return conf ? bb_kafka_new(RD_KAFKA_CONSUMER, conf, error) : NULL;
}

/* The offset that --to means in a partition; -1 and an error when it is not in it. */
static gint64 choose(const bb_group_offset *offset, guint partition, GError **error)
{
    gint64 wanted = 0;
    if (strcmp(option_to, "earliest") == 0)
        return offset->low;
    if (strcmp(option_to, "latest") == 0)
        return offset->high;
    (void)g_ascii_string_to_signed(option_to, 10, 0, G_MAXINT64, &wanted, NULL); /* was checked */
    if (wanted >= offset->low && wanted <= offset->high)
        return wanted;
    g_set_error(error, BB_ERROR, BB_ERROR_USAGE,
                "partition %u has no offset %" G_GINT64_FORMAT ": it has %" G_GINT64_FORMAT
                " to %" G_GINT64_FORMAT,
                partition, wanted, offset->low, offset->high);
    return -1;
}

/* What every partition is to be set to (gint64, -1: left). */
static GArray *choose_all(rd_kafka_t *client, const bb_event_type *type, const GArray *offsets,
                          GError **error)
{
    gint64 time_us = 0;
    g_autoptr(GArray) at = NULL;
    g_autoptr(GArray) chosen = g_array_new(FALSE, FALSE, sizeof(gint64));
    if (bb_dlq_parse_time(option_to, &time_us)) {
        at = bb_group_offsets_at(client, type->topic, offsets->len, time_us / 1000,
                                 REQUEST_TIMEOUT_MS, error);
        if (!at)
            return NULL;
    }
    for (guint i = 0; i < offsets->len; i++) {
        gint64 offset = -1;
        if (option_partition < 0 || (guint)option_partition == i) {
            offset = at ? g_array_index(at, gint64, i)
                        : choose(&g_array_index(offsets, bb_group_offset, i), i, error);
            if (offset < 0)
                return NULL;
        }
        g_array_append_val(chosen, offset);
    }
    return g_steal_pointer(&chosen);
}

static gboolean set(rd_kafka_t *client, const bb_event_type *type, const GArray *offsets,
                    GError **error)
{
    if (option_partition >= 0 && (guint)option_partition >= offsets->len) {
        g_set_error(error, BB_ERROR, BB_ERROR_USAGE, "topic %s has %u partitions; found %d",
                    type->topic, offsets->len, option_partition);
        return FALSE;
    }
    g_autoptr(GArray) chosen = choose_all(client, type, offsets, error);
    if (!chosen || (!option_dry_run && !bb_group_offsets_write(client, type->topic, chosen, error)))
        return FALSE;
    print_all(offsets, chosen);
    (void)fprintf(stderr, "group %s, topic %s: %s\n", type->group, type->topic,
                  option_dry_run ? "nothing was set (--dry-run)" : "set");
    return TRUE;
}

static int work(const bb_session *session, const bb_event_type *type, gboolean sets,
                gint64 timeout_ms)
{
    GError *error = NULL;
    rd_kafka_t *client = make_client(session, type, &error);
    if (!client)
        return bb_app_fail(error);
    g_autoptr(GArray) offsets =
        bb_kafka_wait(client, timeout_ms, NULL, &error)
            ? bb_group_offsets_read(client, type->topic, REQUEST_TIMEOUT_MS, &error)
            : NULL;
    if (offsets && sets)
        (void)set(client, type, offsets, &error); /* `error` tells */
    else if (offsets)
        print_all(offsets, NULL);
    rd_kafka_destroy(client);
    return error ? bb_app_fail(error) : BB_EXIT_DONE;
}

static gboolean is_place(const char *text)
{
    gint64 time_us;
    return strcmp(text, "earliest") == 0 || strcmp(text, "latest") == 0 ||
           g_ascii_string_to_signed(text, 10, 0, G_MAXINT64, NULL, NULL) ||
           bb_dlq_parse_time(text, &time_us);
}

/* 0, or the exit code of a usage error. */
static int check_options(int argc, char **argv, gboolean *ret_sets, gint64 *ret_timeout_ms)
{
    *ret_sets = argc > 1 && strcmp(argv[1], "set") == 0;
    if (argc != 3 || (!*ret_sets && strcmp(argv[1], "show") != 0))
        return bb_app_usage("offsets", "needs `show EVENT` or `set EVENT`");
    if (*ret_sets && !option_to)
        return bb_app_usage("offsets", "set needs --to earliest, latest, OFFSET or TIME");
    if (option_to && !is_place(option_to))
        return bb_app_usage("offsets",
                            "--to is `%s`; expected earliest, latest, an offset from 0, or a time "
                            "such as 2026-01-31T08:00:00Z",
                            option_to);
    if (!*ret_sets && (option_to || option_dry_run || option_partition != -1))
        return bb_app_usage("offsets", "--to, --partition and --dry-run belong to set");
    if (option_partition < -1)
        return bb_app_usage("offsets", "--partition is %d; partitions begin at 0",
                            option_partition);
    if (option_timeout && !bb_text_parse_duration_ms(option_timeout, ret_timeout_ms))
        return bb_app_usage("offsets", "--timeout is `%s`; expected a duration, as 500ms, 30s, 5m",
                            option_timeout);
    return 0;
}

static int run_offsets(int argc, char **argv)
{
    int code = BB_EXIT_USAGE;
    gboolean sets = FALSE;
    gint64 timeout_ms = REQUEST_TIMEOUT_MS;
    int refused = check_options(argc, argv, &sets, &timeout_ms);
    if (refused)
        return refused;
    g_autoptr(bb_session) session = bb_session_new(&code);
    if (!session)
        return code;
    const bb_event_type *type = bb_session_event(session, argv[2], &code);
    return type ? work(session, type, sets, timeout_ms) : code;
}

extern const bb_command bb_command_offsets;
const bb_command bb_command_offsets = {
    .name = "offsets",
    .arguments = "show|set EVENT",
    .summary = "Show or set the committed offsets of an event type's group",
    .description =
        "show lists every partition of the topic with the committed offset of the group, the first "
        "offset that is there and the end. The state is ok, none (nothing was committed), behind "
        "(what was committed has been deleted) or beyond (the topic was made anew, or its log was "
        "cut).\n\n"
        "set commits another place: earliest, latest, an offset, or the first record of a time or "
        "later. What lies between is skipped, or handled again. Kafka refuses while the group has "
        "members, so stop busbar first. With --dry-run nothing is set.\n\n"
        "The exit code is 0 when all is well, 2 for usage and configuration, 3 when Kafka does not "
        "answer or refuses.",
    .examples = "busbar offsets show customer.user_event\n"
                "    where the group is\n"
                "busbar offsets set customer.user_event --to earliest --partition 3 --dry-run\n"
                "    what that would change",
    .options = options,
    .run = run_offsets,
};
