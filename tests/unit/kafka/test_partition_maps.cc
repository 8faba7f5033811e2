// The table of partitions: what is committed, with which map, and what a map saves after a start.
#include <gtest/gtest.h>

#include <string>

extern "C" {
#include "kafka/partitions.h"
#include "pipeline/ackmap.h"
}

namespace
{

class PartitionMaps : public ::testing::Test
{
  protected:
    bb_partitions *table = bb_partitions_new("topic");
    gint64 epoch = 0;
    gint64 offset = -1; // of the last commit
    std::string map;

    void TearDown() override
    {
        bb_partitions_free(table);
    }
    void start(gint64 committed = -1, const std::string &metadata = "")
    {
        bb_partitions_revoke(table, 0);
        bb_partitions_assign(table, 0);
        bb_partitions_resume(table, 0, committed, metadata.data(), metadata.size());
    }
    void read(gint64 first, gint64 last)
    {
        for (gint64 at = first; at <= last; at++) {
            gint64 answer = bb_partitions_read(table, 0, at, nullptr);
            ASSERT_GE(answer, 0) << at;
            epoch = answer;
        }
    }
    void finish(gint64 first, gint64 last)
    {
        for (gint64 at = first; at <= last; at++)
            ASSERT_TRUE(bb_partitions_finish(table, 0, epoch, at)) << at;
    }
    bool commit()
    {
        rd_kafka_topic_partition_list_t *list = bb_partitions_to_commit(table);
        if (!list)
            return false;
        offset = list->elems[0].offset;
        map.assign(static_cast<const char *>(list->elems[0].metadata),
                   list->elems[0].metadata_size);
        rd_kafka_topic_partition_list_destroy(list);
        return true;
    }
    // Records that must be handled again from `first` to `last`, read after a start.
    std::vector<gint64> again(gint64 first, gint64 last)
    {
        std::vector<gint64> found;
        for (gint64 at = first; at <= last; at++)
            if (bb_partitions_read(table, 0, at, nullptr) != BB_PARTITION_FINISHED)
                found.push_back(at);
        return found;
    }
};

TEST_F(PartitionMaps, OnlyTheOneThatWasNotFinishedIsHandledAgain)
{
    start();
    read(0, 50000);
    finish(0, 99);
    finish(101, 50000);
    ASSERT_TRUE(commit());
    EXPECT_EQ(100, offset);
    EXPECT_FALSE(commit()) << "nothing is new";
    start(offset, map);
    EXPECT_EQ((std::vector<gint64>{100, 50001}), again(100, 50001));
}

TEST_F(PartitionMaps, TheFirstRecordMayBeTheOneThatIsOpen)
{
    start();
    read(7, 20);
    EXPECT_FALSE(commit());
    finish(8, 20);
    ASSERT_TRUE(commit());
    EXPECT_EQ(7, offset);
    start(offset, map);
    EXPECT_EQ((std::vector<gint64>{7}), again(7, 20));
}

TEST_F(PartitionMaps, WhatIsFinishedLaterIsCommittedThoughTheOffsetStays)
{
    start();
    read(0, 10);
    finish(0, 0);
    finish(5, 5);
    ASSERT_TRUE(commit());
    finish(6, 6);
    ASSERT_TRUE(commit());
    EXPECT_EQ(1, offset);
    start(offset, map);
    EXPECT_EQ((std::vector<gint64>{1, 2, 3, 4, 7, 8, 9, 10}), again(1, 10));
}

TEST_F(PartitionMaps, AMapOutlivesASecondCrashBeforeAllIsReadAgain)
{
    start();
    read(0, 1000);
    finish(0, 9);
    finish(11, 500);
    finish(502, 1000);
    ASSERT_TRUE(commit());
    start(offset, map);
    EXPECT_EQ((std::vector<gint64>{10}), again(10, 300));
    ASSERT_TRUE(commit());
    EXPECT_EQ(10, offset);
    start(offset, map);
    EXPECT_EQ((std::vector<gint64>{10, 501}), again(10, 1000));
}

TEST_F(PartitionMaps, TheFrontierPassesWhatWasSkipped)
{
    start();
    read(0, 10);
    finish(1, 9);
    ASSERT_TRUE(commit());
    start(offset, map);
    epoch = bb_partitions_read(table, 0, 0, nullptr);
    EXPECT_EQ((std::vector<gint64>{}), again(1, 9));
    finish(0, 0);
    ASSERT_TRUE(commit());
    EXPECT_EQ(10, offset);
    EXPECT_EQ("", map);
}

TEST_F(PartitionMaps, AMapOfAnotherOffsetIsNotUsed)
{
    start();
    read(0, 10);
    finish(5, 9);
    ASSERT_TRUE(commit());
    start(offset + 1, map);
    EXPECT_EQ(10u, again(1, 10).size());
    start(0, "written by somebody else");
    EXPECT_EQ(11u, again(0, 10).size());
}

TEST_F(PartitionMaps, ReadingFromBeforeTheMapDiscardsIt)
{
    start();
    read(50, 60);
    finish(55, 60);
    ASSERT_TRUE(commit());
    start(offset, map);
    EXPECT_EQ(61u, again(0, 60).size()) << "somebody has set the offset back";
}

TEST_F(PartitionMaps, ATopicThatIsMadeAnewDiscardsIt)
{
    start();
    read(50, 60);
    finish(55, 60);
    ASSERT_TRUE(commit());
    start(offset, map);
    EXPECT_EQ((std::vector<gint64>{50, 51}), again(50, 51));
    EXPECT_EQ(61u, again(0, 60).size());
}

TEST_F(PartitionMaps, TooManyHolesCrowdAPartitionUntilTheyAreClosed)
{
    start();
    read(0, 60000);
    for (gint64 at = 1; at < 60000; at += 2)
        finish(at, at);
    ASSERT_TRUE(commit());
    EXPECT_LE(map.size(), (size_t)BB_ACKMAP_MAX_BYTES);
    EXPECT_TRUE(bb_partitions_get(table, 0)->crowded);
    for (gint64 at = 0; at < 30000; at += 2)
        finish(at, at);
    ASSERT_TRUE(commit());
    EXPECT_EQ(30000, offset);
    EXPECT_TRUE(bb_partitions_get(table, 0)->crowded) << "it would be full again at once";
    for (gint64 at = 30000; at < 50000; at += 2)
        finish(at, at);
    ASSERT_TRUE(commit());
    EXPECT_FALSE(bb_partitions_get(table, 0)->crowded);
}

TEST_F(PartitionMaps, WithoutRoomForMapsOnlyOffsetsAreCommitted)
{
    bb_partitions_set_map_bytes(table, 0);
    start();
    read(0, 10);
    finish(0, 2);
    finish(5, 9);
    ASSERT_TRUE(commit());
    EXPECT_EQ(3, offset);
    EXPECT_EQ("", map);
    EXPECT_FALSE(bb_partitions_get(table, 0)->crowded);
}

TEST_F(PartitionMaps, WhatIsCommittedAheadKeepsWhatWasFinishedBeforeTheStart)
{
    start();
    read(0, 30);
    finish(0, 4);
    finish(10, 12);
    finish(20, 25);
    ASSERT_TRUE(commit());
    EXPECT_EQ(5, offset);
    start(offset, map);
    g_autofree char *ahead = bb_partitions_resumed_map(table, 0, 15); // before they are taken
    ASSERT_TRUE(ahead);
    start(15, ahead);
    EXPECT_EQ((std::vector<gint64>{15, 16, 17, 18, 19, 26, 27}), again(15, 27));
    g_autofree char *none = bb_partitions_resumed_map(table, 0, 28);
    EXPECT_FALSE(none);
}

TEST_F(PartitionMaps, ARenewedPartitionIsReadOnAndForgetsWhatWasOpen)
{
    start();
    read(0, 9);
    gint64 before = epoch;
    bb_partitions_get(table, 0)->committed = 10;
    bb_partitions_renew(table);
    EXPECT_TRUE(bb_partitions_complete(table));
    EXPECT_EQ(10, bb_partitions_get(table, 0)->committed);
    EXPECT_FALSE(bb_partitions_finish(table, 0, before, 3));
    read(10, 12);
    EXPECT_GT(epoch, before);
    EXPECT_FALSE(bb_partitions_complete(table));
    finish(10, 12);
    EXPECT_TRUE(bb_partitions_complete(table));
}

} // namespace
