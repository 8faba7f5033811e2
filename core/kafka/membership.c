/* Chooses how a consumer is a member of its group. */
#include "kafka/membership.h"

#include <string.h>

#include <librdkafka/rdkafka.h>

#include "base/error.h"
#include "base/text.h"
#include "kafka/gates.h"

#define STRATEGY "partition.assignment.strategy"

static const struct {
    const char *name;
    const char *instead;
} not_with_consumer[] = {
    {"session.timeout.ms", "the broker's group.consumer.session.timeout.ms"},
    {"heartbeat.interval.ms", "the broker's group.consumer.heartbeat.interval.ms"},
    {STRATEGY, "group.remote.assignor (`uniform` or `range`), or the broker's "
               "group.consumer.assignors"},
    {"group.protocol.type", "nothing: it is always `consumer`"},
};

const char *bb_membership_name(bb_assignment kind)
{
    static const char *const names[] = {"auto", "eager", "cooperative", "consumer"};
    return names[kind];
}

static const char *property_of(const bb_settings *settings, const char *name)
{
    for (guint i = 0; settings->kafka && i < settings->kafka->len; i++) {
        const bb_kafka_property *property = g_ptr_array_index(settings->kafka, i);
        if (strcmp(property->name, name) == 0)
            return property->value;
    }
    return NULL;
}

static void add(GPtrArray *problems, bb_setting_place place, const char *pointer,
                const char *format, ...) G_GNUC_PRINTF(4, 5);

static void add(GPtrArray *problems, bb_setting_place place, const char *pointer,
                const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    bb_config_problem *problem = g_new0(bb_config_problem, 1);
    problem->place = place;
    problem->pointer = g_strdup(pointer);
    problem->message = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_ptr_array_add(problems, problem);
}

/* A problem of a property below `kafka:`; it stands there. */
static void add_property(GPtrArray *problems, const bb_settings *settings, const char *name,
                         const bb_event_type *type, const char *why)
{
    g_autofree char *pointer = g_strdup_printf("/kafka/%s", name);
    bb_setting_place place =
        settings->places ? bb_settings_place(settings, pointer) : (bb_setting_place){NULL, 0, 0};
    add(problems, place, pointer, "`%s` cannot be used by %s: %s", name, type->full_name, why);
}

static gboolean is_cooperative(const char *strategy)
{
    return strstr(strategy, "cooperative") != NULL;
}

/* What `assignment: auto` comes to. */
static bb_assignment choose_auto(const bb_settings *settings, int version)
{
    const char *strategy = property_of(settings, STRATEGY);
    if (strategy)
        return is_cooperative(strategy) ? BB_ASSIGN_COOPERATIVE : BB_ASSIGN_EAGER;
    return bb_gate_active_at(BB_GATE_UNSAFE_COOPERATIVE, version) ? BB_ASSIGN_EAGER
                                                                  : BB_ASSIGN_COOPERATIVE;
}

static void check_version(const bb_event_type *type, bb_assignment kind, int version,
                          GPtrArray *problems)
{
    bb_gate_id id =
        kind == BB_ASSIGN_CONSUMER ? BB_GATE_NO_CONSUMER_PROTOCOL : BB_GATE_UNSAFE_COOPERATIVE;
    const bb_gate *gate = bb_gate_get(id);
    if (kind == BB_ASSIGN_EAGER || !bb_gate_active_at(id, version))
        return;
    add(problems, type->settings->place, NULL,
        "%s: `assignment: %s` needs librdkafka %d.%d.%d or later, found %d.%d.%d: %s; use "
        "`assignment: auto`",
        type->full_name, bb_membership_name(kind), gate->until >> 24 & 0xff,
        gate->until >> 16 & 0xff, gate->until >> 8 & 0xff, version >> 24 & 0xff,
        version >> 16 & 0xff, version >> 8 & 0xff, gate->reason);
}

static void check_strategy(const bb_settings *settings, const bb_event_type *type,
                           bb_assignment kind, GPtrArray *problems)
{
    const char *strategy = property_of(settings, STRATEGY);
    if (!strategy || is_cooperative(strategy) == (kind == BB_ASSIGN_COOPERATIVE))
        return;
    g_autofree char *why =
        g_strdup_printf("it is `%s`, and consume.assignment is `%s`; leave one of them out",
                        strategy, bb_membership_name(kind));
    add_property(problems, settings, STRATEGY, type, why);
}

static void check_consumer(const bb_settings *settings, const bb_event_type *type,
                           GPtrArray *problems)
{
    for (gsize i = 0; i < G_N_ELEMENTS(not_with_consumer); i++) {
        if (!property_of(settings, not_with_consumer[i].name))
            continue;
        g_autofree char *why = g_strdup_printf("`assignment: consumer` does not have it; use %s",
                                               not_with_consumer[i].instead);
        add_property(problems, settings, not_with_consumer[i].name, type, why);
    }
}

static void check_instance(const bb_event_type *type, GPtrArray *problems)
{
    enum { LONGEST = 249 };
    g_autofree char *id = bb_membership_instance(type);
    for (const char *at = id; at && *at; at++) {
        if (g_ascii_isalnum(*at) || strchr("._-", *at))
            continue;
        add(problems, type->settings->place, NULL,
            "%s: `instance_id` comes to `%s`; an id has only a-z, A-Z, 0-9, ., _ and -",
            type->full_name, id);
        return;
    }
    if (id && strlen(id) > LONGEST)
        add(problems, type->settings->place, NULL,
            "%s: `instance_id` comes to %zu characters; an id has at most %d", type->full_name,
            strlen(id), LONGEST);
}

bb_assignment bb_membership_choose(const bb_settings *settings, const bb_event_type *type,
                                   int version, GPtrArray *problems)
{
    bb_assignment kind = type->settings->assignment;
    if (kind == BB_ASSIGN_AUTO)
        kind = choose_auto(settings, version);
    check_version(type, kind, version, problems);
    if (kind == BB_ASSIGN_CONSUMER) {
        check_consumer(settings, type, problems);
    } else {
        check_strategy(settings, type, kind, problems);
        if (property_of(settings, "group.remote.assignor"))
            add_property(problems, settings, "group.remote.assignor", type,
                         "it belongs to `assignment: consumer`; use " STRATEGY);
    }
    check_instance(type, problems);
    return kind;
}

char *bb_membership_instance(const bb_event_type *type)
{
    if (!type->settings->instance_id)
        return NULL;
    GString *id = g_string_new(type->settings->instance_id);
    (void)g_string_replace(id, "{host}", g_get_host_name(), 0);
    (void)g_string_replace(id, "{event}", type->full_name, 0);
    return g_string_free(id, FALSE);
}

static void put(GPtrArray *list, const char *name, char *value_new)
{
    g_ptr_array_add(list, g_strdup(name));
    g_ptr_array_add(list, value_new);
}

char **bb_membership_properties(const bb_settings *settings, const bb_event_type *type,
                                GError **error)
{
    g_autoptr(GPtrArray) problems = g_ptr_array_new_with_free_func(bb_config_problem_free);
    bb_assignment kind = bb_membership_choose(settings, type, rd_kafka_version(), problems);
    if (problems->len) {
        g_autofree char *text = bb_config_problem_text(g_ptr_array_index(problems, 0));
        g_set_error(error, BB_ERROR, BB_ERROR_USAGE, "%s", text);
        return NULL;
    }
    GPtrArray *list = g_ptr_array_new();
    char *id = bb_membership_instance(type);
    if (id)
        put(list, "group.instance.id", id);
    if (kind == BB_ASSIGN_CONSUMER)
        put(list, "group.protocol", g_strdup("consumer"));
    else if (!property_of(settings, STRATEGY))
        put(list, STRATEGY,
            g_strdup(kind == BB_ASSIGN_EAGER ? "range,roundrobin" : "cooperative-sticky"));
    g_ptr_array_add(list, NULL);
    return (char **)g_ptr_array_free(list, FALSE);
}
