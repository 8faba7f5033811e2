/* The retry topics of an event type, checked and made into event types of their own. */
#include <string.h>

#include "config/event_settings.h"
#include "plugin/registry_private.h"

enum { LONGEST_NAME = 249 }; /* of a topic, says Kafka */

typedef struct plan {
    bb_registry *registry;
    const bb_event_type *type;
    char *pointer;
    bb_setting_place place;
} plan;

static void refuse(const plan *at, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void refuse(const plan *at, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    bb_registry_problem(at->registry, at->pointer, at->place, "%s: %s", at->type->full_name, text);
}

/* What cannot be kept together with retry topics. */
static void check_promises(const plan *at)
{
    const bb_event_settings *settings = at->type->settings;
    if (settings->delivery != BB_AT_LEAST_ONCE)
        refuse(at, "`retry.mode: topics` needs `delivery: at_least_once`: a record in a retry "
                   "topic is handled later and outside of what its transaction or its one try "
                   "promised; use `mode: memory`");
    if (settings->retry_keep_order && settings->order == BB_ORDER_NONE)
        refuse(at, "`retry.keep_order` has nothing to keep with `order: none`; use `order: key` or "
                   "`order: partition`, or leave `keep_order` out");
    for (guint i = 0; i < at->type->handlers->len; i++) {
        const bb_handler_binding *handler = g_ptr_array_index(at->type->handlers, i);
        if (handler->capabilities & BUSBAR_STORES_OFFSETS)
            refuse(at,
                   "handler '%s' keeps offsets with its data, and would take a record that comes "
                   "back from a retry topic for one that it has; use `retry.mode: memory`",
                   handler->name);
    }
}

static gboolean check_counts(const plan *at)
{
    const bb_event_settings *settings = at->type->settings;
    guint delays = settings->retry_delays_ms->len, names = settings->retry_names->len;
    if (!delays)
        refuse(at, "`retry.mode: topics` has no `delays`; expected a list such as [10s, 1m, 10m], "
                   "a retry topic for each");
    else if (names && names != delays)
        refuse(at,
               "`retry.topics` has %u name%s and `retry.delays` %u delay%s; expected one name for "
               "each delay, or none",
               names, names == 1 ? "" : "s", delays, delays == 1 ? "" : "s");
    return delays && (!names || names == delays);
}

static char *name_of(const bb_event_type *type, guint index)
{
    const GPtrArray *names = type->settings->retry_names;
    if (names->len)
        return g_strdup(g_ptr_array_index(names, index));
    return g_strdup_printf("%s.%s.retry.%u", type->topic, type->group, index + 1);
}

static void check_name(const plan *at, const char *name, const GPtrArray *before)
{
    gboolean used =
        strcmp(name, at->type->topic) == 0 || strcmp(name, at->type->dead_letter_topic) == 0;
    for (guint i = 0; i < before->len && !used; i++)
        used = strcmp(name, ((const bb_event_type *)g_ptr_array_index(before, i))->topic) == 0;
    if (used)
        refuse(at,
               "the retry topic '%s' is also its topic, its dead letter topic or another of its "
               "retry topics; name it otherwise in `retry.topics`",
               name);
    for (const char *byte = name; *byte; byte++) {
        if (g_ascii_isalnum(*byte) || strchr("._-", *byte))
            continue;
        refuse(at,
               "the retry topic '%s' has a character that topics must not have (from the group); "
               "name it in `retry.topics`",
               name);
        break;
    }
    if (strlen(name) > LONGEST_NAME)
        refuse(at,
               "the retry topic '%s' has %zu characters, and a topic has at most %d; name it in "
               "`retry.topics`",
               name, strlen(name), LONGEST_NAME);
}

/* What was read in it is not to be passed over, so it begins at the beginning. */
static const bb_event_settings *make_settings(const bb_event_settings *from)
{
    bb_event_settings *settings = bb_event_settings_copy(from, from->name);
    settings->place = from->place;
    g_free(settings->offset_reset);
    settings->offset_reset = g_strdup("earliest");
    return settings;
}

static bb_event_type *make_tier(const bb_event_type *type, guint index)
{
    bb_event_type *tier = g_memdup2(type, sizeof(*type));
    tier->topic = name_of(type, index);
    tier->group = g_strdup_printf("%s.retry.%u", type->group, index + 1);
    tier->mark_name = g_strdup_printf("%s retry %u", type->full_name, index + 1);
    tier->settings = make_settings(type->settings);
    tier->tiers = NULL;
    tier->source = type;
    tier->tier = index + 1;
    tier->tier_delay_ms = g_array_index(type->settings->retry_delays_ms, gint64, index);
    return tier;
}

static void free_tier(gpointer data)
{
    bb_event_type *tier = data; /* the rest is that of its source */
    g_free(tier->topic);
    g_free(tier->group);
    g_free((char *)tier->mark_name);
    bb_event_settings_free((bb_event_settings *)tier->settings);
    g_free(tier);
}

void bb_retry_tiers_make(bb_registry *registry, bb_event_type *type, const char *pointer,
                         bb_setting_place place)
{
    g_autofree char *own = g_strdup_printf("%s/consume/retry", pointer);
    const plan at = {registry, type, own, place};
    if (!type->settings->retry_topics)
        return;
    check_promises(&at);
    if (!check_counts(&at))
        return;
    type->tiers = g_ptr_array_new_with_free_func(free_tier);
    for (guint i = 0; i < type->settings->retry_delays_ms->len; i++) {
        bb_event_type *tier = make_tier(type, i);
        check_name(&at, tier->topic, type->tiers);
        g_ptr_array_add(type->tiers, tier);
    }
}

static gboolean uses(const bb_event_type *type, const char *topic)
{
    if (strcmp(type->topic, topic) == 0 || strcmp(type->dead_letter_topic, topic) == 0)
        return TRUE;
    for (guint i = 0; type->tiers && i < type->tiers->len; i++) {
        if (strcmp(((const bb_event_type *)g_ptr_array_index(type->tiers, i))->topic, topic) == 0)
            return TRUE;
    }
    return FALSE;
}

void bb_retry_tiers_check_pair(bb_registry *registry, const bb_event_type *one,
                               const bb_event_type *other)
{
    g_autofree char *pointer =
        g_strdup_printf("/domains/%s/events/%s/consume/retry", one->domain, one->name);
    for (guint i = 0; one->tiers && i < one->tiers->len; i++) {
        const bb_event_type *tier = g_ptr_array_index(one->tiers, i);
        if (uses(other, tier->topic))
            bb_registry_problem(registry, pointer, one->settings->place,
                                "%s: the retry topic '%s' is used by %s too; a retry topic belongs "
                                "to one event type; name another in `retry.topics`",
                                one->full_name, tier->topic, other->full_name);
    }
}
