/* The table of partitions: what a transaction is made of, and where an aborted one begins again. */
#include <gtest/gtest.h>

extern "C" {
#include "kafka/partitions.h"
}

namespace
{

class PartitionTable : public ::testing::Test
{
  protected:
    PartitionTable()
    {
        bb_partitions_assign(partitions, 0);
        bb_partitions_assign(partitions, 1);
    }

    ~PartitionTable() override
    {
        bb_partitions_free(partitions);
    }

    gint64 base(gint32 partition)
    {
        return bb_partitions_get(partitions, partition)->base;
    }

    void commit()
    {
        rd_kafka_topic_partition_list_t *list = bb_partitions_to_commit(partitions);
        if (list)
            rd_kafka_topic_partition_list_destroy(list);
        bb_partitions_committed(partitions);
    }

    bb_partitions *partitions = bb_partitions_new("t");
};

} // namespace

TEST_F(PartitionTable, AreCompleteWhenEveryRecordIsFinal)
{
    EXPECT_TRUE(bb_partitions_complete(partitions));
    gint64 epoch = bb_partitions_read(partitions, 1, 5, nullptr);
    gint64 next = bb_partitions_read(partitions, 1, 6, nullptr);
    EXPECT_TRUE(bb_partitions_finish(partitions, 1, next, 6));
    EXPECT_FALSE(bb_partitions_complete(partitions)); /* though the last one is final */
    EXPECT_TRUE(bb_partitions_finish(partitions, 1, epoch, 5));
    EXPECT_TRUE(bb_partitions_complete(partitions));
}

TEST_F(PartitionTable, AnAbortBeforeTheFirstCommitGoesBackToTheFirstRecord)
{
    EXPECT_EQ(-1, base(0));
    (void)bb_partitions_read(partitions, 0, 40, nullptr);
    (void)bb_partitions_read(partitions, 0, 41, nullptr);
    bb_partitions_restart(partitions);
    EXPECT_EQ(40, base(0));
    EXPECT_EQ(-1, base(1)); /* nothing was read of it */
}

TEST_F(PartitionTable, AnAbortGoesBackToWhatIsCommitted)
{
    gint64 epoch = bb_partitions_read(partitions, 0, 40, nullptr);
    EXPECT_TRUE(bb_partitions_finish(partitions, 0, epoch, 40));
    commit();
    epoch = bb_partitions_read(partitions, 0, 41, nullptr);
    EXPECT_TRUE(bb_partitions_finish(partitions, 0, epoch, 41));
    bb_partitions_restart(partitions);
    EXPECT_EQ(41, base(0));
}

TEST_F(PartitionTable, WhatComesLateAfterAnAbortCountsNothing)
{
    gint64 before = bb_partitions_read(partitions, 0, 40, nullptr);
    bb_partitions_restart(partitions);
    EXPECT_FALSE(bb_partitions_finish(partitions, 0, before, 40));
    gint64 again = bb_partitions_read(partitions, 0, 40, nullptr);
    EXPECT_GT(again, before);
    EXPECT_EQ(nullptr, bb_partitions_to_commit(partitions));
    EXPECT_TRUE(bb_partitions_finish(partitions, 0, again, 40));
    commit();
    EXPECT_EQ(41, base(0));
}
