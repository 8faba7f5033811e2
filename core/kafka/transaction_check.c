/* Judges whether a configuration can hold exactly-once. */
#include "kafka/transaction_check.h"

#include <string.h>

#define LEAST_TIMEOUT_MS 15000
#define SPARE_MS 10000
#define MOST_MS 900000 /* transaction.max.timeout.ms of a broker, unless it was changed */

static const char *property(const bb_settings *settings, const char *name)
{
    for (guint i = 0; settings->kafka && i < settings->kafka->len; i++) {
        const bb_kafka_property *found = g_ptr_array_index(settings->kafka, i);
        if (strcmp(found->name, name) == 0)
            return found->value;
    }
    return NULL;
}

static gint64 needed_ms(const bb_settings *settings, const bb_event_settings *event)
{
    return event->transaction_ms + settings->drain_ms;
}

gint64 bb_transaction_timeout_ms(const bb_settings *settings, const bb_event_settings *event)
{
    const char *configured = property(settings, "transaction.timeout.ms");
    if (configured)
        return g_ascii_strtoll(configured, NULL, 10);
    return CLAMP(needed_ms(settings, event) + SPARE_MS, LEAST_TIMEOUT_MS, MOST_MS);
}

static void check_times(const bb_settings *settings, const bb_event_type *type, GPtrArray *refusals)
{
    gint64 needed = needed_ms(settings, type->settings);
    gint64 timeout = bb_transaction_timeout_ms(settings, type->settings);
    if (timeout > needed)
        return;
    g_ptr_array_add(
        refusals,
        g_strdup_printf("`transaction.timeout.ms` is %" G_GINT64_FORMAT
                        " ms and must be longer than `transaction.interval` and `drain` together "
                        "(%" G_GINT64_FORMAT " ms), or brokers end transactions that are still "
                        "being finished: make it longer, or the drain shorter",
                        timeout, needed));
}

static void check_isolation(const bb_settings *settings, GPtrArray *refusals)
{
    const char *isolation = property(settings, "isolation.level");
    if (isolation && strcmp(isolation, "read_committed") != 0)
        g_ptr_array_add(refusals, g_strdup_printf("`isolation.level` is %s, so records of aborted "
                                                  "transactions are read too: leave it out",
                                                  isolation));
}

static void check_handlers(const bb_event_type *type, GPtrArray *refusals)
{
    const uint32_t holds = BUSBAR_EMITS_ONLY | BUSBAR_IDEMPOTENT | BUSBAR_STORES_OFFSETS;
    for (guint i = 0; type->handlers && i < type->handlers->len; i++) {
        const bb_handler_binding *handler = g_ptr_array_index(type->handlers, i);
        if (!(handler->capabilities & holds))
            g_ptr_array_add(refusals,
                            g_strdup_printf("handler `%s` (plugin %s) writes outside of Kafka and "
                                            "does not say that it takes the same event twice: "
                                            "with it the guarantee is at least once; use "
                                            "`delivery: at_least_once`, or another handler",
                                            handler->name, handler->plugin));
    }
}

GPtrArray *bb_transaction_refusals(const bb_settings *settings, const bb_event_type *type)
{
    GPtrArray *refusals = g_ptr_array_new_with_free_func(g_free);
    if (type->settings->delivery != BB_EXACTLY_ONCE)
        return refusals;
    check_times(settings, type, refusals);
    check_isolation(settings, refusals);
    check_handlers(type, refusals);
    return refusals;
}
