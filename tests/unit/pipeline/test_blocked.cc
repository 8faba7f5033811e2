// The table of keys that have records in deeper retry topics.
#include <gtest/gtest.h>

#include <vector>

extern "C" {
#include "pipeline/blocked.h"
}

namespace
{

typedef std::vector<std::vector<bb_tier_state>> States; // by topic and partition

class Blocked : public ::testing::Test
{
  protected:
    bb_blocked *blocked = nullptr;
    bb_blocked_key key = {};
    int letters[10] = {};

    void make(guint level, guint levels, bb_order order = BB_ORDER_KEY)
    {
        blocked = bb_blocked_new(order, level, levels);
        key = bb_blocked_name(blocked, 1, busbar_text("key"));
    }
    ~Blocked() override
    {
        bb_blocked_free(blocked);
    }
    void pass(guint64 mark, const States &states)
    {
        GPtrArray *tiers = g_ptr_array_new_with_free_func((GDestroyNotify)g_array_unref);
        for (const auto &tier : states) {
            GArray *list = g_array_new(FALSE, FALSE, sizeof(bb_tier_state));
            g_array_append_vals(list, tier.data(), (guint)tier.size());
            g_ptr_array_add(tiers, list);
        }
        bb_blocked_pass(blocked, mark, tiers);
        g_ptr_array_unref(tiers);
    }
    void pass(const States &states)
    {
        pass(bb_blocked_mark(blocked), states);
    }
    // One record goes to the next level and is confirmed there.
    void move(gint32 partition, gint64 offset, gboolean follows = FALSE)
    {
        bb_blocked_send(blocked, key, &letters[0]);
        bb_blocked_confirm(blocked, key, &letters[0], partition, offset, follows);
    }
    bb_turn turn()
    {
        return bb_blocked_turn(blocked, key);
    }
};

} // namespace

TEST_F(Blocked, AKeyIsBlockedFromTheSendingUntilItsLastRecordIsFinal)
{
    make(0, 1);
    EXPECT_EQ(BB_TURN_GO, turn());
    bb_blocked_send(blocked, key, &letters[0]);
    EXPECT_EQ(BB_TURN_FOLLOW, turn());
    pass({{{0, 0}, {0, 0}}});
    EXPECT_EQ(BB_TURN_FOLLOW, turn()) << "it is on its way";
    bb_blocked_confirm(blocked, key, &letters[0], 1, 7, FALSE);
    EXPECT_EQ(1, bb_blocked_partition(blocked, key));
    pass({{{9, 9}, {7, 8}}});
    EXPECT_EQ(BB_TURN_FOLLOW, turn());
    pass({{{9, 9}, {8, 8}}});
    EXPECT_EQ(BB_TURN_GO, turn());
    EXPECT_EQ(0u, bb_blocked_count(blocked));
}

TEST_F(Blocked, OtherKeysAndPartitionsAreNotConcerned)
{
    make(0, 1);
    move(0, 0);
    EXPECT_EQ(BB_TURN_GO, bb_blocked_turn(blocked, bb_blocked_name(blocked, 1, busbar_text("k"))));
    EXPECT_EQ(BB_TURN_GO,
              bb_blocked_turn(blocked, bb_blocked_name(blocked, 2, busbar_text("key"))));
    EXPECT_EQ(BB_TURN_GO, bb_blocked_turn(blocked, bb_blocked_name(blocked, 1, {nullptr, 0})));
}

TEST_F(Blocked, NoKeyIsAKeyOfItsPartitionAndByPartitionEveryKeyIs)
{
    make(0, 1);
    key = bb_blocked_name(blocked, 3, {nullptr, 0});
    move(0, 0);
    EXPECT_EQ(BB_TURN_FOLLOW, bb_blocked_turn(blocked, bb_blocked_name(blocked, 3, {nullptr, 0})));
    EXPECT_EQ(BB_TURN_GO, bb_blocked_turn(blocked, bb_blocked_name(blocked, 3, {"", 0})));
    EXPECT_EQ(BB_TURN_GO, bb_blocked_turn(blocked, bb_blocked_name(blocked, 4, {nullptr, 0})));
    bb_blocked_free(blocked);
    make(0, 1, BB_ORDER_PARTITION);
    move(0, 0);
    EXPECT_EQ(BB_TURN_FOLLOW,
              bb_blocked_turn(blocked, bb_blocked_name(blocked, 1, busbar_text("other"))));
}

TEST_F(Blocked, OneLetterAtATimeIsOnItsWay)
{
    make(0, 1);
    EXPECT_EQ(nullptr, bb_blocked_send(blocked, key, &letters[0]));
    EXPECT_EQ(&letters[0], bb_blocked_send(blocked, key, &letters[1]));
    EXPECT_EQ(&letters[1], bb_blocked_send(blocked, key, &letters[2]));
    bb_blocked_confirm(blocked, key, &letters[0], 0, 4, FALSE);
    EXPECT_EQ(&letters[2], bb_blocked_send(blocked, key, &letters[3]));
    for (int i : {1, 2, 3})
        bb_blocked_confirm(blocked, key, &letters[i], 0, 4 + i, TRUE);
    EXPECT_EQ(nullptr, bb_blocked_send(blocked, key, &letters[4]));
    pass({{{100, 100}}});
    EXPECT_EQ(1u, bb_blocked_count(blocked)) << "one is not confirmed";
}

TEST_F(Blocked, OnlyTheLastOneCounts)
{
    make(0, 1);
    move(0, 3);
    move(0, 9, TRUE);
    pass({{{4, 10}}});
    EXPECT_EQ(1u, bb_blocked_count(blocked));
    pass({{{10, 10}}});
    EXPECT_EQ(0u, bb_blocked_count(blocked));
}

TEST_F(Blocked, WhatMovedDeeperIsWaitedForThroughAllLevels)
{
    make(0, 3);
    move(0, 3);
    pass({{{4, 4}}, {{0, 0}, {5, 8}}, {{0, 0}}}); // partition 1 of two: its end is 8 by now
    EXPECT_EQ(BB_TURN_FOLLOW, turn());
    EXPECT_EQ(-1, bb_blocked_partition(blocked, key));
    pass({{{4, 4}}, {{0, 0}, {7, 20}}, {{0, 0}}});
    EXPECT_EQ(BB_TURN_FOLLOW, turn());
    pass({{{4, 4}}, {{0, 0}, {8, 20}}, {{1, 2}}});
    EXPECT_EQ(BB_TURN_FOLLOW, turn()) << "the last level is not at its end";
    pass({{{4, 4}}, {{0, 0}, {8, 20}}, {{2, 30}}});
    EXPECT_EQ(BB_TURN_GO, turn());
}

TEST_F(Blocked, AnotherRecordBeginsAtTheNextLevelAgain)
{
    make(1, 3);
    move(0, 3);
    pass({{{4, 4}}, {{0, 1}}});
    move(0, 4, TRUE);
    pass({{{4, 5}}, {{1, 1}}});
    EXPECT_NE(BB_TURN_GO, turn());
    pass({{{5, 5}}, {{1, 1}}});
    EXPECT_EQ(BB_TURN_GO, turn());
}

TEST_F(Blocked, WhatWasAskedBeforeDoesNotJudgeWhatCameAfter)
{
    make(0, 1);
    guint64 mark = bb_blocked_mark(blocked);
    move(0, -1);            // its place is not known: up to the end
    pass(mark, {{{5, 5}}}); // the end of before
    EXPECT_EQ(1u, bb_blocked_count(blocked));
    pass({{{5, 6}}});
    EXPECT_EQ(1u, bb_blocked_count(blocked));
    pass({{{6, 9}}});
    EXPECT_EQ(0u, bb_blocked_count(blocked));
}

TEST_F(Blocked, ALetterThatWentToTheDeadLettersBlocksNothing)
{
    make(0, 1);
    bb_blocked_send(blocked, key, &letters[0]);
    bb_blocked_send(blocked, key, &letters[1]);
    bb_blocked_confirm(blocked, key, &letters[0], -1, 7, FALSE);
    EXPECT_EQ(1u, bb_blocked_count(blocked));
    bb_blocked_confirm(blocked, key, &letters[1], -1, 8, TRUE);
    EXPECT_EQ(0u, bb_blocked_count(blocked));
}

TEST_F(Blocked, ALostTopicBlocksNothing)
{
    make(0, 1);
    move(1, 50);
    pass({{{3, 3}, {3, 3}}}); // made anew, and shorter
    EXPECT_EQ(0u, bb_blocked_count(blocked));
    move(1, 50);
    pass({{{3, 3}}});
    EXPECT_EQ(0u, bb_blocked_count(blocked));
}

TEST_F(Blocked, WhatIsFoundAtTheStartIsWaitedForFromTheFirstLevelOn)
{
    make(0, 3);
    bb_blocked_find(blocked, key, 1, 0, 4, FALSE);
    bb_blocked_find(blocked, key, 1, 0, 6, TRUE);
    bb_blocked_find(blocked, key, 2, 0, 9, FALSE);
    EXPECT_EQ(1u, bb_blocked_count(blocked));
    pass({{{6, 7}}, {{10, 10}}, {{0, 0}}});
    EXPECT_NE(BB_TURN_GO, turn());
    pass({{{7, 7}}, {{9, 10}}, {{0, 0}}});
    EXPECT_NE(BB_TURN_GO, turn());
    pass({{{7, 7}}, {{10, 10}}, {{0, 1}}});
    EXPECT_NE(BB_TURN_GO, turn());
    pass({{{7, 7}}, {{10, 10}}, {{1, 1}}});
    EXPECT_EQ(BB_TURN_GO, turn());
    bb_blocked_find(blocked, key, 3, 0, 1, FALSE); // only in the last
    pass({{{7, 7}}, {{10, 10}}, {{1, 2}}});
    EXPECT_NE(BB_TURN_GO, turn());
    pass({{{7, 7}}, {{10, 10}}, {{2, 2}}});
    EXPECT_EQ(BB_TURN_GO, turn());
}

TEST_F(Blocked, WhatIsFoundWhileOneIsOnItsWayIsNotForgotten)
{
    make(0, 2);
    bb_blocked_send(blocked, key, &letters[0]);
    bb_blocked_find(blocked, key, 2, 0, 9, FALSE);
    bb_blocked_confirm(blocked, key, &letters[0], -1, -1, FALSE); // to the dead letters
    pass({{{0, 0}}, {{9, 10}}});
    EXPECT_EQ(BB_TURN_FOLLOW, turn());
    pass({{{0, 0}}, {{10, 10}}});
    EXPECT_EQ(BB_TURN_GO, turn());
}

TEST_F(Blocked, WhereOnlyFollowersAreLeftOneWaitsForAWhile)
{
    make(0, 1);
    move(0, 3);
    move(0, 9, TRUE);
    pass({{{3, 10}}});
    EXPECT_EQ(BB_TURN_FOLLOW, turn()) << "the one that failed is not done";
    int waits = 0, follows = 0;
    for (int i = 0; i < 64; i++) {
        pass({{{4, 10}}});
        waits += turn() == BB_TURN_WAIT;
        follows += turn() == BB_TURN_FOLLOW;
    }
    EXPECT_GT(waits, 10);
    EXPECT_GT(follows, 40) << "it must not wait for good";
    move(0, 10); // another one fails
    EXPECT_EQ(BB_TURN_FOLLOW, turn());
}

TEST_F(Blocked, ABusyKeyIsAskedToWaitThoughRecordsOfItAreOnTheirWay)
{
    make(0, 1);
    move(0, 3);
    guint64 mark = bb_blocked_mark(blocked);
    move(0, 9, TRUE);
    bb_blocked_send(blocked, key, &letters[1]);
    pass(mark, {{{4, 10}}});
    EXPECT_EQ(BB_TURN_WAIT, turn());
}
