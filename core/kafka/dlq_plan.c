/* Decides what becomes of dead letters. */
#include "kafka/dlq_plan.h"

#include <string.h>

gboolean bb_dlq_filter_is_empty(const bb_dlq_filter *filter)
{
    return !filter->stage && !filter->keyword && !filter->plugin && !filter->reason &&
           !filter->key && !filter->since_us && !filter->until_us;
}

static gboolean is_text(const char *wanted, const char *text)
{
    return !wanted || strcmp(wanted, text) == 0;
}

static gboolean is_plugin(const char *wanted, const char *text)
{
    if (!wanted)
        return TRUE;
    gsize size = strlen(wanted);
    return strncmp(wanted, text, size) == 0 && (text[size] == '\0' || text[size] == ' ');
}

static gboolean is_key(const char *wanted, busbar_bytes key)
{
    if (!wanted)
        return TRUE;
    return key.data && key.size == strlen(wanted) && memcmp(wanted, key.data, key.size) == 0;
}

gboolean bb_dlq_filter_matches(const bb_dlq_filter *filter, const bb_dlq_record *record)
{
    return is_text(filter->stage, record->fields[BB_DLQ_STAGE]) &&
           is_text(filter->keyword, record->fields[BB_DLQ_KEYWORD]) &&
           is_plugin(filter->plugin, record->fields[BB_DLQ_PLUGIN]) &&
           (!filter->reason || strstr(record->fields[BB_DLQ_REASON], filter->reason)) &&
           is_key(filter->key, record->key) &&
           (!filter->since_us || record->time_us >= filter->since_us) &&
           (!filter->until_us || record->time_us < filter->until_us);
}

/* Why the record must not go back, or NULL. */
static const char *why_not_back(const bb_dlq_plan *plan, const bb_dlq_record *record)
{
    const char *topic = record->fields[BB_DLQ_TOPIC];
    if (!*topic)
        return "it has no header busbar.topic";
    if (!g_hash_table_contains(plan->targets, topic))
        return "the topic it came from is not that of an enabled event type";
    return NULL;
}

bb_dlq_action bb_dlq_decide(const bb_dlq_plan *plan, const bb_dlq_record *record,
                            const char **ret_why)
{
    if (!bb_dlq_filter_matches(&plan->filter, record))
        return BB_DLQ_LEAVE;
    if (plan->parks) {
        *ret_why = "put aside by busbar dlq park";
        return BB_DLQ_PARK;
    }
    const char *why = why_not_back(plan, record);
    if (why) {
        *ret_why = why;
        return plan->park_refused ? BB_DLQ_PARK : BB_DLQ_REFUSE;
    }
    if (record->hops >= BB_DLQ_MAX_HOPS) {
        *ret_why = "it was sent back twice and failed again";
        return BB_DLQ_PARK;
    }
    return BB_DLQ_SEND_BACK;
}
