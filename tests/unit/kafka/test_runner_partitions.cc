// The table of partitions: what may be committed, and when.
#include <gtest/gtest.h>

#include <map>

extern "C" {
#include "kafka/partitions.h"
}

namespace
{

class Partitions : public ::testing::Test
{
  protected:
    bb_partitions *partitions = bb_partitions_new("topic");
    void TearDown() override
    {
        bb_partitions_free(partitions);
    }
    std::map<int, gint64> to_commit()
    {
        std::map<int, gint64> result;
        rd_kafka_topic_partition_list_t *list = bb_partitions_to_commit(partitions);
        for (int i = 0; list && i < list->cnt; i++) {
            EXPECT_STREQ("topic", list->elems[i].topic);
            result[list->elems[i].partition] = list->elems[i].offset;
        }
        if (list)
            rd_kafka_topic_partition_list_destroy(list);
        return result;
    }
    using Offsets = std::map<int, gint64>;
};

TEST_F(Partitions, OnlyFrontiersThatMovedAreCommitted)
{
    bb_partitions_assign(partitions, 0);
    bb_partitions_assign(partitions, 3);
    EXPECT_EQ(2u, bb_partitions_assigned(partitions));
    EXPECT_EQ(Offsets{}, to_commit());
    gint64 first = bb_partitions_read(partitions, 0, 10, nullptr),
           third = bb_partitions_read(partitions, 3, 7, nullptr);
    EXPECT_TRUE(bb_partitions_finish(partitions, 3, third, 7));
    EXPECT_EQ((Offsets{{3, 8}}), to_commit());
    EXPECT_EQ(Offsets{}, to_commit());
    EXPECT_TRUE(bb_partitions_finish(partitions, 0, first, 10));
    EXPECT_EQ((Offsets{{0, 11}}), to_commit());
    bb_partitions_uncommit(partitions, 3);
    EXPECT_EQ((Offsets{{3, 8}}), to_commit());
}

TEST_F(Partitions, WhatIsNotAssignedIsNotRead)
{
    EXPECT_EQ(-1, bb_partitions_read(partitions, 0, 1, nullptr));
    EXPECT_FALSE(bb_partitions_finish(partitions, 0, 1, 1));
    EXPECT_EQ(nullptr, bb_partitions_get(partitions, -1));
    bb_partitions_assign(partitions, 1);
    EXPECT_EQ(-1, bb_partitions_read(partitions, 0, 1, nullptr));
    EXPECT_EQ(-1, bb_partitions_read(partitions, 2, 1, nullptr));
}

TEST_F(Partitions, TheFirstRecordOfEachEpochIsNoted)
{
    const bb_partition *state = nullptr;
    bb_partitions_assign(partitions, 0);
    bb_partitions_read(partitions, 0, 10, &state);
    bb_partitions_read(partitions, 0, 14, &state);
    ASSERT_NE(state, nullptr);
    EXPECT_EQ(10, state->first);
    EXPECT_EQ(-1, bb_offsets_frontier(state->offsets));
    bb_partitions_read(partitions, 0, 3, &state); /* it goes back: another epoch */
    EXPECT_EQ(3, state->first);
    bb_partitions_assign(partitions, 0);
    EXPECT_EQ(-1, bb_partitions_get(partitions, 0)->first);
}

TEST_F(Partitions, CompletionsOfAnEarlierAssignmentAreDiscarded)
{
    bb_partitions_assign(partitions, 0);
    gint64 old = bb_partitions_read(partitions, 0, 5, nullptr);
    bb_partitions_revoke(partitions, 0);
    EXPECT_FALSE(bb_partitions_finish(partitions, 0, old, 5));
    bb_partitions_assign(partitions, 0);
    gint64 epoch = bb_partitions_read(partitions, 0, 5, nullptr);
    EXPECT_GT(epoch, old);
    EXPECT_FALSE(bb_partitions_finish(partitions, 0, old, 5));
    EXPECT_EQ(Offsets{}, to_commit());
    EXPECT_TRUE(bb_partitions_finish(partitions, 0, epoch, 5));
    EXPECT_EQ((Offsets{{0, 6}}), to_commit());
}

TEST_F(Partitions, AfterAJumpBackNothingIsCommittedBeforeTheOlderRecordsAreFinished)
{
    bb_partitions_assign(partitions, 0);
    gint64 old = bb_partitions_read(partitions, 0, 5, nullptr);
    EXPECT_EQ(old, bb_partitions_read(partitions, 0, 6, nullptr));
    EXPECT_EQ(old, bb_partitions_read(partitions, 0, 7, nullptr));
    EXPECT_TRUE(bb_partitions_finish(partitions, 0, old, 7));
    gint64 fresh = bb_partitions_read(partitions, 0, 7, nullptr);
    EXPECT_GT(fresh, old);
    EXPECT_TRUE(bb_partitions_finish(partitions, 0, fresh, 7));
    EXPECT_EQ(Offsets{}, to_commit()) << "5 and 6 are not finished";
    EXPECT_TRUE(bb_partitions_finish(partitions, 0, old, 5));
    EXPECT_EQ(Offsets{}, to_commit());
    EXPECT_TRUE(bb_partitions_finish(partitions, 0, old, 6));
    EXPECT_EQ((Offsets{{0, 8}}), to_commit());
    EXPECT_FALSE(bb_partitions_finish(partitions, 0, old, 6));
}

TEST_F(Partitions, WhatIsNotInHandIsLeftAlone)
{
    bb_partitions_assign(partitions, 2);
    bb_partitions_resume(partitions, 0, 5, "", 0);
    bb_partitions_uncommit(partitions, 7);
    bb_partitions_revoke(partitions, 1);
    bb_partitions_revoke(partitions, 1);
    bb_partitions_restart(partitions); /* 2 alone */
    bb_partitions_renew(partitions);
    bb_partitions_committed(partitions);
    EXPECT_TRUE(bb_partitions_complete(partitions));
    EXPECT_EQ(nullptr, bb_partitions_resumed_map(partitions, 0, 5));
    EXPECT_EQ(1u, bb_partitions_assigned(partitions));
    EXPECT_EQ(nullptr, bb_partitions_get(partitions, 0));
    EXPECT_EQ(Offsets{}, to_commit());
    bb_partitions_free(nullptr);
}

TEST_F(Partitions, RecordsFromBeforeAJumpBackCountAsUnfinished)
{
    bb_partitions_assign(partitions, 0);
    gint64 old = bb_partitions_read(partitions, 0, 5, nullptr);
    gint64 fresh = bb_partitions_read(partitions, 0, 3, nullptr);
    EXPECT_TRUE(bb_partitions_finish(partitions, 0, fresh, 3));
    EXPECT_FALSE(bb_partitions_complete(partitions)); /* of the new epoch all is final */
    EXPECT_TRUE(bb_partitions_finish(partitions, 0, old, 5));
    EXPECT_TRUE(bb_partitions_complete(partitions));
}

} // namespace
