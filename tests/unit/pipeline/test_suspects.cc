/* Marks and suspects: whose record was in hand when a worker died, and when that is enough. */
#include <gtest/gtest.h>

#include <memory>
#include <string>

extern "C" {
#include "pipeline/suspects.h"
}

namespace
{

struct Suspects : testing::Test {
    std::unique_ptr<bb_suspects> list{new bb_suspects{}};
    std::unique_ptr<bb_mark, void (*)(bb_mark *)> mark{bb_mark_new("a.b", "topic", "plugin", "1.0"),
                                                       bb_mark_free};

    bool die(guint32 points = BB_SUSPECT_CRASHED, bool sure = true)
    {
        const bb_suspicion suspicion = {points, sure, "SIGSEGV", "it crashed", "a.so+0x1\n"};
        return bb_suspects_blame(list.get(), mark.get(), &suspicion) != FALSE;
    }

    bool die_at(gint32 partition, gint64 offset, guint32 points = BB_SUSPECT_CRASHED,
                bool sure = true)
    {
        mark->stage = BUSBAR_STAGE_VALIDATE;
        mark->partition = partition;
        mark->offset = offset;
        return die(points, sure);
    }

    bool die_in_batch(gint32 partition, gint64 first, gint64 last, bool sure = true)
    {
        mark->stage = BUSBAR_STAGE_HANDLE;
        mark->call.count = 0;
        for (gint64 at = first; at <= last; at++)
            bb_mark_add(&mark->call, partition, at);
        return die(BB_SUSPECT_CRASHED, sure);
    }

    const bb_suspect *find(gint32 partition, gint64 offset)
    {
        return bb_suspects_find(list.get(), "a.b", partition, offset);
    }
};

TEST_F(Suspects, ARecordThatCrashedTwiceIsCondemned)
{
    EXPECT_FALSE(die_at(3, 17));
    ASSERT_NE(nullptr, find(3, 17));
    EXPECT_FALSE(find(3, 17)->condemned);
    EXPECT_TRUE(die_at(3, 17));
    EXPECT_TRUE(find(3, 17)->condemned);
    EXPECT_EQ(2u, find(3, 17)->deaths);
    EXPECT_STREQ("a.so+0x1\n", find(3, 17)->stack);
    EXPECT_STREQ("plugin", find(3, 17)->plugin);
    EXPECT_STREQ("1.0", find(3, 17)->version);
}

TEST_F(Suspects, ABatchIsSuspectedAndTheRecordThatCrashesAloneIsCondemned)
{
    EXPECT_FALSE(die_in_batch(0, 100, 199));
    EXPECT_NE(nullptr, find(0, 100));
    EXPECT_NE(nullptr, find(0, 199));
    EXPECT_EQ(nullptr, find(0, 99));
    EXPECT_EQ(nullptr, find(0, 200));
    EXPECT_EQ(nullptr, find(1, 150));
    EXPECT_TRUE(die_in_batch(0, 150, 150));
    EXPECT_TRUE(find(0, 150)->condemned);
    EXPECT_FALSE(find(0, 149)->condemned);
    EXPECT_FALSE(find(0, 151)->condemned);
}

TEST_F(Suspects, ABatchIsNeverCondemned)
{
    for (int i = 0; i < 10; i++)
        EXPECT_FALSE(die_in_batch(0, 1, 2));
    EXPECT_FALSE(find(0, 1)->condemned);
}

TEST_F(Suspects, WhereTheCauseIsNotKnownNobodyIsCondemned)
{
    for (int i = 0; i < 10; i++)
        EXPECT_FALSE(die_at(0, 5, BB_SUSPECT_CRASHED, false));
    EXPECT_TRUE(die_at(0, 5));
}

TEST_F(Suspects, AKillFromOutsideCountsForLess)
{
    for (int i = 0; i < 3; i++)
        EXPECT_FALSE(die_at(0, 5, BB_SUSPECT_KILLED));
    EXPECT_TRUE(die_at(0, 5, BB_SUSPECT_KILLED));
}

TEST_F(Suspects, OtherEventTypesAreNotConcerned)
{
    die_at(0, 5);
    EXPECT_TRUE(bb_suspects_any(list.get(), "a.b"));
    EXPECT_FALSE(bb_suspects_any(list.get(), "a.c"));
    EXPECT_EQ(nullptr, bb_suspects_find(list.get(), "a.c", 0, 5));
}

TEST_F(Suspects, WhatIsCommittedIsSettled)
{
    die_at(0, 5);
    die_at(1, 5);
    EXPECT_FALSE(bb_suspects_settle(list.get(), "a.b", 0, 5));
    EXPECT_NE(nullptr, find(0, 5));
    EXPECT_FALSE(bb_suspects_settle(list.get(), "a.b", 0, 6));
    EXPECT_EQ(nullptr, find(0, 5));
    EXPECT_NE(nullptr, find(1, 5));
    EXPECT_TRUE(bb_suspects_settle(list.get(), "a.b", 1, 6));
}

TEST_F(Suspects, AFullListKeepsWhoIsCondemned)
{
    die_at(0, 1);
    die_at(0, 1);
    for (gint64 offset = 10; offset < 10 + 3 * BB_SUSPECTS; offset++)
        die_at(0, offset);
    ASSERT_NE(nullptr, find(0, 1));
    EXPECT_TRUE(find(0, 1)->condemned);
    EXPECT_NE(nullptr, find(0, 9 + 3 * BB_SUSPECTS));
    EXPECT_EQ(nullptr, find(0, 10));
}

TEST_F(Suspects, AFlushIsAboutEverythingSinceTheLast)
{
    bb_mark_add(&mark->kept, 0, 7);
    bb_mark_add(&mark->kept, 2, 9);
    mark->stage = BUSBAR_STAGE_FLUSH;
    EXPECT_FALSE(die());
    EXPECT_NE(nullptr, find(0, 7));
    EXPECT_NE(nullptr, find(2, 9));
    EXPECT_EQ(nullptr, find(0, 9));
}

TEST_F(Suspects, ASetupBlamesNoRecord)
{
    mark->stage = BUSBAR_STAGE_SETUP;
    EXPECT_FALSE(die());
    EXPECT_FALSE(bb_suspects_any(list.get(), "a.b"));
}

TEST(Mark, RunsOfAPartitionAreOneRange)
{
    bb_mark_ranges ranges = {};
    for (gint64 offset : {5, 6, 9})
        bb_mark_add(&ranges, 1, offset);
    bb_mark_add(&ranges, 2, 1);
    bb_mark_add(&ranges, 1, 10);
    bb_mark_add(&ranges, 1, 3);
    ASSERT_EQ(2u, ranges.count);
    EXPECT_EQ(1, ranges.at[0].partition);
    EXPECT_EQ(3, ranges.at[0].first);
    EXPECT_EQ(10, ranges.at[0].last);
    EXPECT_EQ(5u, ranges.at[0].count);
    EXPECT_EQ(1u, ranges.at[1].count);
}

TEST(Mark, MorePartitionsThanPlacesAreAnyPartition)
{
    bb_mark_ranges ranges = {};
    for (gint32 partition = 0; partition <= BB_MARK_RANGES; partition++)
        bb_mark_add(&ranges, partition, 100 + partition);
    ASSERT_EQ(1u, ranges.count);
    EXPECT_EQ(-1, ranges.at[0].partition);
    EXPECT_EQ(100, ranges.at[0].first);
    EXPECT_EQ(100 + BB_MARK_RANGES, ranges.at[0].last);
    EXPECT_EQ(guint32{BB_MARK_RANGES + 1}, ranges.at[0].count);
    bb_mark_add(&ranges, 99, 7);
    EXPECT_EQ(1u, ranges.count);
    EXPECT_EQ(7, ranges.at[0].first);
}

TEST(Mark, SharedMarksAreHandedOutAndStay)
{
    auto marks = std::unique_ptr<bb_marks>(new bb_marks{});
    bb_marks_use(marks.get());
    bb_mark *first = bb_mark_new("a.b", "t", "p", "1");
    bb_mark *second = bb_mark_new("a.b", "t", "p", nullptr);
    EXPECT_EQ(&marks->marks[0], first);
    EXPECT_EQ(&marks->marks[1], second);
    bb_mark_begin_record(first, 4, 44);
    EXPECT_EQ(first, bb_mark_current());
    EXPECT_NE(0, first->thread);
    bb_mark_free(first);
    EXPECT_EQ(nullptr, bb_mark_current());
    EXPECT_EQ(44, marks->marks[0].offset);
    marks->used = BB_MARKS;
    bb_mark *private_one = bb_mark_new("a.b", "t", "p", "1");
    EXPECT_TRUE(private_one < marks->marks || private_one >= marks->marks + BB_MARKS);
    bb_mark_free(private_one);
    bb_marks_use(nullptr);
}

TEST(Mark, CarefulCallsWaitForOneAnother)
{
    auto marks = std::unique_ptr<bb_marks>(new bb_marks{});
    marks->careful = 1;
    bb_marks_use(marks.get());
    bb_mark *first = bb_mark_new("a.b", "t", "p", "1");
    bb_mark *second = bb_mark_new("a.b", "t", "p", "1");
    struct shared {
        bb_mark *mark;
        gint inside;
    } other = {second, 0};
    bb_mark_begin_record(first, 0, 1);
    GThread *thread = g_thread_new(
        "other",
        [](gpointer data) -> gpointer {
            auto *mine = static_cast<shared *>(data);
            bb_mark_begin(mine->mark, BUSBAR_STAGE_HANDLE);
            g_atomic_int_set(&mine->inside, 1);
            bb_mark_end(mine->mark);
            return nullptr;
        },
        &other);
    EXPECT_EQ(0, g_atomic_int_get(&other.inside));
    bb_mark_end(first);
    g_thread_join(thread);
    EXPECT_EQ(1, other.inside);
    bb_marks_use(nullptr);
}

} // namespace
