// The policy, row by row.
#include <cstring>

#include <gtest/gtest.h>

extern "C" {
#include "pipeline/policy.h"
}

namespace
{

struct Row {
    const char *name;
    uint32_t stage;
    int32_t verdict;
    uint32_t scope;
    guint attempts, faults;
    guint limit; // settings: retry attempts
    bb_action action;
};

const uint32_t RECORD = BUSBAR_SCOPE_RECORD, ALL = BUSBAR_SCOPE_INFRASTRUCTURE;

const Row rows[] = {
    {"validate passes", BUSBAR_STAGE_VALIDATE, BUSBAR_PASS, RECORD, 1, 0, 5, BB_ACTION_CONTINUE},
    {"sink passes after faults", BUSBAR_STAGE_SINK, BUSBAR_PASS, RECORD, 9, 9, 5,
     BB_ACTION_CONTINUE},
    {"drop is final", BUSBAR_STAGE_VALIDATE, BUSBAR_DROP, RECORD, 1, 0, 5, BB_ACTION_DROP},
    {"drop by a sink", BUSBAR_STAGE_SINK, BUSBAR_DROP, ALL, 3, 2, 5, BB_ACTION_DROP},
    {"malformed", BUSBAR_STAGE_PARSE, BUSBAR_REJECT, RECORD, 1, 0, 5, BB_ACTION_DEAD_LETTER},
    {"reject by a sink", BUSBAR_STAGE_SINK, BUSBAR_REJECT, 0, 1, 0, 0, BB_ACTION_DEAD_LETTER},
    {"reject whatever its scope says", BUSBAR_STAGE_HANDLE, BUSBAR_REJECT, ALL, 1, 0, 5,
     BB_ACTION_DEAD_LETTER},
    {"first retry", BUSBAR_STAGE_HANDLE, BUSBAR_RETRY, RECORD, 1, 1, 3, BB_ACTION_RETRY},
    {"retry without a scope is the record's", BUSBAR_STAGE_HANDLE, BUSBAR_RETRY, 0, 3, 3, 3,
     BB_ACTION_DEAD_LETTER},
    {"last retry", BUSBAR_STAGE_SINK, BUSBAR_RETRY, RECORD, 2, 2, 3, BB_ACTION_RETRY},
    {"retries used up", BUSBAR_STAGE_SINK, BUSBAR_RETRY, RECORD, 3, 3, 3, BB_ACTION_DEAD_LETTER},
    {"outages do not use up retries", BUSBAR_STAGE_SINK, BUSBAR_RETRY, RECORD, 100, 2, 3,
     BB_ACTION_RETRY},
    {"retry without end", BUSBAR_STAGE_SINK, BUSBAR_RETRY, RECORD, 1000, 1000, 0, BB_ACTION_RETRY},
    {"an outage never dead-letters", BUSBAR_STAGE_SINK, BUSBAR_RETRY, ALL, 100000, 0, 3,
     BB_ACTION_RETRY},
    {"an outage, even after faults", BUSBAR_STAGE_SINK, BUSBAR_RETRY, ALL, 50, 50, 3,
     BB_ACTION_RETRY},
    {"fatal stops at once", BUSBAR_STAGE_SINK, BUSBAR_FATAL, RECORD, 1, 0, 5, BB_ACTION_STOP},
    {"fatal in validate", BUSBAR_STAGE_VALIDATE, BUSBAR_FATAL, RECORD, 1, 0, 5, BB_ACTION_STOP},
    {"no answer is tried again", BUSBAR_STAGE_HANDLE, 0, RECORD, 1, 1, 3, BB_ACTION_RETRY},
    {"no answer has attempts of its own", BUSBAR_STAGE_HANDLE, 0, RECORD, 4, 4, 1, BB_ACTION_RETRY},
    {"no answer again and again stops", BUSBAR_STAGE_HANDLE, 0, RECORD, 5, 5, 3, BB_ACTION_STOP},
    {"no answer from validate", BUSBAR_STAGE_VALIDATE, 0, RECORD, 1, 1, 3, BB_ACTION_RETRY},
    {"no answer from validate again and again", BUSBAR_STAGE_VALIDATE, 0, RECORD, 5, 5, 3,
     BB_ACTION_STOP},
    {"no answer from enrich again and again", BUSBAR_STAGE_ENRICH, 0, RECORD, 5, 5, 3,
     BB_ACTION_STOP},
    {"no answer never goes on without end", BUSBAR_STAGE_HANDLE, 0, RECORD,
     BB_POLICY_FAULT_ATTEMPTS, BB_POLICY_FAULT_ATTEMPTS, 0, BB_ACTION_STOP},
    {"an unknown number is no answer", BUSBAR_STAGE_SINK, 77, RECORD, 1, 1, 3, BB_ACTION_RETRY},
    {"an unknown number stops", BUSBAR_STAGE_SINK, -1, RECORD, 5, 5, 3, BB_ACTION_STOP},
    {"an outage in validate", BUSBAR_STAGE_VALIDATE, BUSBAR_RETRY, ALL, 99, 99, 3, BB_ACTION_RETRY},
    {"an outage in enrich", BUSBAR_STAGE_ENRICH, BUSBAR_RETRY, ALL, 99, 99, 3, BB_ACTION_RETRY},
    {"an outage in handle", BUSBAR_STAGE_HANDLE, BUSBAR_RETRY, ALL, 99, 99, 3, BB_ACTION_RETRY},
    {"flush passes", BUSBAR_STAGE_FLUSH, BUSBAR_PASS, RECORD, 1, 0, 3, BB_ACTION_CONTINUE},
    {"flush fails for ever", BUSBAR_STAGE_FLUSH, BUSBAR_RETRY, RECORD, 999, 0, 3, BB_ACTION_RETRY},
    {"flush cannot reject", BUSBAR_STAGE_FLUSH, BUSBAR_REJECT, RECORD, 1, 1, 3, BB_ACTION_RETRY},
    {"flush cannot drop", BUSBAR_STAGE_FLUSH, BUSBAR_DROP, RECORD, 5, 5, 3, BB_ACTION_STOP},
    {"flush is fatal", BUSBAR_STAGE_FLUSH, BUSBAR_FATAL, RECORD, 1, 0, 3, BB_ACTION_STOP},
    {"open fails for ever", BUSBAR_STAGE_SETUP, BUSBAR_RETRY, RECORD, 999, 0, 3, BB_ACTION_RETRY},
    {"open cannot reject", BUSBAR_STAGE_SETUP, BUSBAR_REJECT, RECORD, 5, 5, 3, BB_ACTION_STOP},
};

bb_policy with(guint attempts, gint64 initial_ms, gint64 max_ms)
{
    bb_policy policy = {};
    policy.retry_attempts = attempts;
    policy.retry_initial_ms = initial_ms;
    policy.retry_max_ms = max_ms;
    return policy;
}

TEST(Policy, WithRetryTopicsARecordHasOneTryInEach)
{
    bb_policy policy = {};
    policy.retry_attempts = 1;
    policy.retry_initial_ms = policy.retry_max_ms = 100;
    policy.tiers = 2;
    const bb_judged record = {BUSBAR_STAGE_SINK, BUSBAR_RETRY, RECORD, 9, 9};
    for (guint tier = 0; tier < 2; tier++) {
        policy.tier = tier;
        EXPECT_EQ(BB_ACTION_DEFER, bb_policy_decide(&policy, &record, 1).action);
        EXPECT_EQ(0, bb_policy_decide(&policy, &record, 1).delay_ms);
    }
    policy.tier = 2;
    EXPECT_EQ(BB_ACTION_DEAD_LETTER, bb_policy_decide(&policy, &record, 1).action);
    const bb_judged outage = {BUSBAR_STAGE_SINK, BUSBAR_RETRY, ALL, 9, 0};
    EXPECT_EQ(BB_ACTION_RETRY, bb_policy_decide(&policy, &outage, 1).action);
    const bb_judged flush = {BUSBAR_STAGE_FLUSH, BUSBAR_RETRY, RECORD, 1, 0};
    EXPECT_EQ(BB_ACTION_RETRY, bb_policy_decide(&policy, &flush, 1).action);
    policy.tier = 0;
    const bb_judged refused = {BUSBAR_STAGE_SINK, BUSBAR_REJECT, RECORD, 1, 0};
    EXPECT_EQ(BB_ACTION_DEAD_LETTER, bb_policy_decide(&policy, &refused, 1).action);
    EXPECT_STREQ("defer", bb_action_name(BB_ACTION_DEFER));
    policy.tier = 2;
    policy.on_exhausted = BB_ACTION_DROP;
    EXPECT_EQ(BB_ACTION_DROP, bb_policy_decide(&policy, &record, 1).action);
}

TEST(Policy, EveryRow)
{
    for (const Row &row : rows) {
        const bb_policy policy = with(row.limit, 100, 1000);
        const bb_judged judged = {row.stage, row.verdict, row.scope, row.attempts, row.faults};
        bb_decision decision = bb_policy_decide(&policy, &judged, 12345);
        EXPECT_EQ(row.action, decision.action) << row.name;
        if (row.action == BB_ACTION_RETRY)
            EXPECT_GT(decision.delay_ms, 0) << row.name;
        else
            EXPECT_EQ(0, decision.delay_ms) << row.name;
    }
}

TEST(Policy, TheSettingsChooseTheAction)
{
    struct Choice {
        const char *name;
        uint32_t stage;
        int32_t verdict;
        uint32_t scope;
        guint faults;
        bb_action on_reject, on_exhausted, on_fault, expected;
    };
    const bb_action none = (bb_action)0, letter = BB_ACTION_DEAD_LETTER, drop = BB_ACTION_DROP,
                    stop = BB_ACTION_STOP, pause = BB_ACTION_PAUSE;
    const uint32_t sink = BUSBAR_STAGE_SINK, parse = BUSBAR_STAGE_PARSE;
    const Choice choices[] = {
        {"reject: default", sink, BUSBAR_REJECT, RECORD, 0, none, none, none, letter},
        {"reject: dead letter", sink, BUSBAR_REJECT, RECORD, 0, letter, stop, stop, letter},
        {"reject: drop", sink, BUSBAR_REJECT, RECORD, 0, drop, stop, stop, drop},
        {"reject: stop", parse, BUSBAR_REJECT, RECORD, 0, stop, drop, letter, stop},
        {"exhausted: default", sink, BUSBAR_RETRY, RECORD, 3, none, none, none, letter},
        {"exhausted: dead letter", sink, BUSBAR_RETRY, RECORD, 3, drop, letter, stop, letter},
        {"exhausted: drop", sink, BUSBAR_RETRY, RECORD, 3, stop, drop, stop, drop},
        {"exhausted: stop", sink, BUSBAR_RETRY, RECORD, 3, drop, stop, letter, stop},
        {"exhausted: pause", sink, BUSBAR_RETRY, RECORD, 3, drop, pause, letter, pause},
        {"not before the attempts are used up", sink, BUSBAR_RETRY, RECORD, 2, drop, drop, letter,
         BB_ACTION_RETRY},
        {"fault: default", sink, 0, RECORD, 5, drop, drop, none, stop},
        {"fault: dead letter", sink, 0, RECORD, 5, drop, drop, letter, letter},
        {"fault: stop", sink, 0, RECORD, 5, drop, drop, stop, stop},
        {"a flush has no record to dead-letter", BUSBAR_STAGE_FLUSH, 0, RECORD, 5, drop, drop,
         letter, stop},
        {"nor has an open", BUSBAR_STAGE_SETUP, BUSBAR_REJECT, RECORD, 5, drop, drop, letter, stop},
        {"no choice about an outage", sink, BUSBAR_RETRY, ALL, 99, drop, drop, letter,
         BB_ACTION_RETRY},
        {"nor about the outage of a flush", BUSBAR_STAGE_FLUSH, BUSBAR_RETRY, RECORD, 99, drop,
         drop, letter, BB_ACTION_RETRY},
        {"no choice about FATAL", sink, BUSBAR_FATAL, RECORD, 0, drop, drop, letter, stop},
        {"no choice about DROP", sink, BUSBAR_DROP, RECORD, 0, stop, stop, stop, drop},
        {"no choice about PASS", sink, BUSBAR_PASS, RECORD, 9, stop, stop, stop,
         BB_ACTION_CONTINUE},
    };
    for (const Choice &row : choices) {
        bb_policy policy = with(3, 100, 1000);
        policy.on_reject = row.on_reject;
        policy.on_exhausted = row.on_exhausted;
        policy.on_fault = row.on_fault;
        const bb_judged judged = {row.stage, row.verdict, row.scope, 3, row.faults};
        bb_decision decision = bb_policy_decide(&policy, &judged, 7);
        EXPECT_EQ(row.expected, decision.action) << row.name;
        bool waits = row.expected == BB_ACTION_RETRY || row.expected == BB_ACTION_PAUSE;
        EXPECT_EQ(waits, decision.delay_ms > 0) << row.name;
    }
}

TEST(Policy, WhomAnAnswerCountsAgainst)
{
    EXPECT_EQ(BB_COUNTS_PLUGIN, bb_policy_counts(BUSBAR_STAGE_SINK, 0, RECORD));
    EXPECT_EQ(BB_COUNTS_PLUGIN, bb_policy_counts(BUSBAR_STAGE_FLUSH, BUSBAR_REJECT, RECORD));
    EXPECT_EQ(BB_COUNTS_RECORD, bb_policy_counts(BUSBAR_STAGE_SINK, BUSBAR_RETRY, RECORD));
    EXPECT_EQ(BB_COUNTS_NOT, bb_policy_counts(BUSBAR_STAGE_SINK, BUSBAR_RETRY, ALL));
    EXPECT_EQ(BB_COUNTS_NOT, bb_policy_counts(BUSBAR_STAGE_FLUSH, BUSBAR_RETRY, RECORD));
    EXPECT_EQ(BB_COUNTS_NOT, bb_policy_counts(BUSBAR_STAGE_SINK, BUSBAR_PASS, RECORD));
}

TEST(Policy, TheDocumentShowsTheTable)
{
    g_autofree char *document = nullptr;
    g_autofree char *table = bb_policy_text();
    ASSERT_TRUE(
        g_file_get_contents(BB_SOURCE_DIR "/docs/delivery.md", &document, nullptr, nullptr));
    EXPECT_TRUE(strstr(document, table)) << "docs/delivery.md is to have this table:\n" << table;
}

TEST(Policy, BackoffDoublesUpToItsCapAndStaysInItsUpperHalf)
{
    const bb_policy policy = with(0, 100, 3000);
    const gint64 full[] = {100, 200, 400, 800, 1600, 3000, 3000, 3000};
    for (guint attempt = 1; attempt <= G_N_ELEMENTS(full); attempt++) {
        gint64 least = G_MAXINT64, most = 0;
        for (guint32 random = 0; random < 5000; random++) {
            gint64 delay = bb_policy_backoff_ms(&policy, attempt, random);
            least = MIN(least, delay);
            most = MAX(most, delay);
        }
        EXPECT_EQ(full[attempt - 1] / 2, least) << attempt;
        EXPECT_EQ(full[attempt - 1], most) << attempt;
    }
}

TEST(Policy, BackoffWithOddSettings)
{
    const bb_policy zero = with(0, 0, 0);
    EXPECT_EQ(1, bb_policy_backoff_ms(&zero, 1, 7));
    EXPECT_EQ(1, bb_policy_backoff_ms(&zero, 500, 7));
    const bb_policy below = with(0, 500, 100);
    EXPECT_LE(bb_policy_backoff_ms(&below, 9, G_MAXUINT32), 500);
    const bb_policy huge = with(0, 1, G_MAXINT64 / 2);
    EXPECT_GT(bb_policy_backoff_ms(&huge, 1000, 3), 0);
}

} // namespace
