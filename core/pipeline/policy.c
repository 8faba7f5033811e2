/* The table of verdicts and what follows from each. */
#include "pipeline/policy.h"

typedef enum { ON_PASS, ON_DROP, ON_REJECT, ON_RETRY_RECORD, ON_RETRY_ALL, ON_FATAL, ON_FAULT } row;

/* A row of the table: what happens, and what happens once the attempts are used up. */
static const struct {
    bb_action first;
    bb_action exhausted;
} table[] = {
    [ON_PASS] = {BB_ACTION_CONTINUE, BB_ACTION_CONTINUE},
    [ON_DROP] = {BB_ACTION_DROP, BB_ACTION_DROP},
    [ON_REJECT] = {BB_ACTION_DEAD_LETTER, BB_ACTION_DEAD_LETTER},
    [ON_RETRY_RECORD] = {BB_ACTION_RETRY, BB_ACTION_DEAD_LETTER},
    [ON_RETRY_ALL] = {BB_ACTION_RETRY, BB_ACTION_RETRY},
    [ON_FATAL] = {BB_ACTION_STOP, BB_ACTION_STOP},
    [ON_FAULT] = {BB_ACTION_RETRY, BB_ACTION_STOP},
};

/* A flush is about all events at once: it cannot drop or reject, and its RETRY blames none of them.
 */
static row classify(uint32_t stage, int32_t verdict, uint32_t scope)
{
    gboolean all = stage == BUSBAR_STAGE_FLUSH || stage == BUSBAR_STAGE_SETUP;
    switch (verdict) {
    case BUSBAR_PASS:
        return ON_PASS;
    case BUSBAR_DROP:
        return all ? ON_FAULT : ON_DROP;
    case BUSBAR_REJECT:
        return all ? ON_FAULT : ON_REJECT;
    case BUSBAR_RETRY:
        return all || scope == BUSBAR_SCOPE_INFRASTRUCTURE ? ON_RETRY_ALL : ON_RETRY_RECORD;
    case BUSBAR_FATAL:
        return ON_FATAL;
    default:
        return ON_FAULT;
    }
}

gboolean bb_policy_is_fault(uint32_t stage, int32_t verdict, uint32_t scope)
{
    row found = classify(stage, verdict, scope);
    return found == ON_FAULT || found == ON_RETRY_RECORD;
}

bb_decision bb_policy_decide(const bb_policy *policy, const bb_judged *judged, guint32 random)
{
    row found = classify(judged->stage, judged->verdict, judged->scope);
    guint limit = policy->retry_attempts;
    if (found == ON_FAULT && !limit)
        limit = BB_POLICY_FAULT_ATTEMPTS; /* a plugin that never answers must not spin for ever */
    gboolean exhausted = limit && judged->faults >= limit;
    bb_decision decision = {exhausted ? table[found].exhausted : table[found].first, 0};
    if (decision.action == BB_ACTION_RETRY)
        decision.delay_ms = bb_policy_backoff_ms(policy, judged->attempts, random);
    return decision;
}

gint64 bb_policy_backoff_ms(const bb_policy *policy, guint attempts, guint32 random)
{
    gint64 delay = MAX(policy->retry_initial_ms, 1);
    gint64 limit = MAX(policy->retry_max_ms, delay);
    for (guint i = 1; i < attempts && delay < limit; i++)
        delay = delay > limit / 2 ? limit : delay * 2;
    gint64 half = delay / 2;
    return delay - half + (half ? (gint64)(random % (guint64)(half + 1)) : 0);
}

const char *bb_stage_name(uint32_t stage)
{
    static const char *const names[] = {"unknown", "parse", "validate", "enrich",
                                        "handle",  "sink",  "flush",    "setup"};
    return stage < G_N_ELEMENTS(names) ? names[stage] : names[0];
}
