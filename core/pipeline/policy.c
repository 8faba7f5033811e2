/* The table of verdicts and what follows from each. */
#include "pipeline/policy.h"

typedef enum {
    ON_PASS,
    ON_DROP,
    ON_REJECT,
    ON_RETRY_RECORD,
    ON_RETRY_ALL,
    ON_FATAL,
    ON_FAULT,
    ON_FAULT_ALL
} row;

/* Which setting may name another action. */
typedef enum { BY_NOTHING, BY_REJECT, BY_EXHAUSTED, BY_FAULT } setting;

typedef struct choice {
    bb_action action;
    setting by;
} choice;

/* A row of the table: what happens, and what happens once the attempts are used up. */
static const struct {
    const char *answer;
    const char *from;
    bb_counts counts;
    choice first;
    choice exhausted;
} table[] = {
    [ON_PASS] = {"PASS",
                 "any",
                 BB_COUNTS_NOT,
                 {BB_ACTION_CONTINUE, BY_NOTHING},
                 {BB_ACTION_CONTINUE, BY_NOTHING}},
    [ON_DROP] = {"DROP",
                 "validate, enrich, handle, sink",
                 BB_COUNTS_NOT,
                 {BB_ACTION_DROP, BY_NOTHING},
                 {BB_ACTION_DROP, BY_NOTHING}},
    [ON_REJECT] = {"REJECT",
                   "parse, validate, enrich, handle, sink",
                   BB_COUNTS_NOT,
                   {BB_ACTION_DEAD_LETTER, BY_REJECT},
                   {BB_ACTION_DEAD_LETTER, BY_REJECT}},
    [ON_RETRY_RECORD] = {"RETRY, scope record",
                         "validate, enrich, handle, sink",
                         BB_COUNTS_RECORD,
                         {BB_ACTION_RETRY, BY_NOTHING},
                         {BB_ACTION_DEAD_LETTER, BY_EXHAUSTED}},
    [ON_RETRY_ALL] = {"RETRY, scope infrastructure; RETRY of a flush or an open",
                      "any",
                      BB_COUNTS_NOT,
                      {BB_ACTION_RETRY, BY_NOTHING},
                      {BB_ACTION_RETRY, BY_NOTHING}},
    [ON_FATAL] =
        {"FATAL", "any", BB_COUNTS_NOT, {BB_ACTION_STOP, BY_NOTHING}, {BB_ACTION_STOP, BY_NOTHING}},
    [ON_FAULT] = {"none (0, or no verdict's number)",
                  "validate, enrich, handle, sink",
                  BB_COUNTS_PLUGIN,
                  {BB_ACTION_RETRY, BY_NOTHING},
                  {BB_ACTION_STOP, BY_FAULT}},
    [ON_FAULT_ALL] = {"none, or DROP or REJECT",
                      "flush, setup",
                      BB_COUNTS_PLUGIN,
                      {BB_ACTION_RETRY, BY_NOTHING},
                      {BB_ACTION_STOP, BY_NOTHING}},
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
        return all ? ON_FAULT_ALL : ON_DROP;
    case BUSBAR_REJECT:
        return all ? ON_FAULT_ALL : ON_REJECT;
    case BUSBAR_RETRY:
        return all || scope == BUSBAR_SCOPE_INFRASTRUCTURE ? ON_RETRY_ALL : ON_RETRY_RECORD;
    case BUSBAR_FATAL:
        return ON_FATAL;
    default:
        return all ? ON_FAULT_ALL : ON_FAULT;
    }
}

bb_counts bb_policy_counts(uint32_t stage, int32_t verdict, uint32_t scope)
{
    return table[classify(stage, verdict, scope)].counts;
}

/* The action of the setting, or the table's own. */
static bb_action resolve(const bb_policy *policy, choice chosen)
{
    const bb_action set[] = {0, policy->on_reject, policy->on_exhausted, policy->on_fault};
    return set[chosen.by] ? set[chosen.by] : chosen.action;
}

bb_decision bb_policy_decide(const bb_policy *policy, const bb_judged *judged, guint32 random)
{
    row found = classify(judged->stage, judged->verdict, judged->scope);
    /* a plugin that never answers must not spin for ever, whatever the settings say */
    guint limit =
        table[found].counts == BB_COUNTS_PLUGIN ? BB_POLICY_FAULT_ATTEMPTS : policy->retry_attempts;
    gboolean exhausted = limit && judged->faults >= limit;
    gboolean by_topics = found == ON_RETRY_RECORD && policy->tiers;
    if (by_topics) /* one try in each */
        exhausted = policy->tier >= policy->tiers;
    bb_action action = resolve(policy, exhausted ? table[found].exhausted : table[found].first);
    if (by_topics && !exhausted)
        action = BB_ACTION_DEFER;
    bb_decision decision = {action, 0};
    if (action == BB_ACTION_RETRY || action == BB_ACTION_PAUSE)
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

const char *bb_action_name(bb_action action)
{
    static const char *const names[] = {"unknown", "continue", "drop",  "dead_letter",
                                        "retry",   "stop",     "pause", "defer"};
    return (guint)action < G_N_ELEMENTS(names) ? names[action] : names[0];
}

static void write_choice(GString *text, choice chosen)
{
    static const char *const settings[] = {NULL, "on_reject", "on_exhausted", "on_fault"};
    g_string_append(text, bb_action_name(chosen.action));
    if (settings[chosen.by])
        g_string_append_printf(text, " (`%s`)", settings[chosen.by]);
}

/* After how many answers the attempts are used up. */
static void write_limit(GString *text, row found)
{
    if (table[found].counts == BB_COUNTS_RECORD)
        g_string_append(text, "`retry.attempts`: ");
    if (table[found].counts == BB_COUNTS_PLUGIN)
        g_string_append_printf(text, "%d: ", BB_POLICY_FAULT_ATTEMPTS);
}

char *bb_policy_text(void)
{
    GString *text =
        g_string_new("| answer | from | at first | after so many |\n|---|---|---|---|\n");
    for (row found = 0; found < G_N_ELEMENTS(table); found++) {
        g_string_append_printf(text, "| %s | %s | ", table[found].answer, table[found].from);
        write_choice(text, table[found].first);
        g_string_append(text, " | ");
        if (table[found].counts != BB_COUNTS_NOT) {
            write_limit(text, found);
            write_choice(text, table[found].exhausted);
        }
        g_string_append(text, " |\n");
    }
    return g_string_free(text, FALSE);
}

const char *bb_stage_name(uint32_t stage)
{
    static const char *const names[] = {"unknown", "parse", "validate", "enrich",
                                        "handle",  "sink",  "flush",    "setup"};
    return stage < G_N_ELEMENTS(names) ? names[stage] : names[0];
}
