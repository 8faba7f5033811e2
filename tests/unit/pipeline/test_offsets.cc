// The offset engine: rules as a table of steps, and random runs against a simple model.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <vector>

extern "C" {
#include "pipeline/offsets.h"
}

namespace
{

struct Owner {
    bb_offsets *offsets;
    explicit Owner(gint64 start = -1, gint64 epoch = 7) : offsets(bb_offsets_new(epoch, start))
    {
    }
    ~Owner()
    {
        bb_offsets_free(offsets);
    }
    operator bb_offsets *() const
    {
        return offsets;
    }
};

TEST(Offsets, NothingIsToBeCommittedBeforeSomethingIsFinished)
{
    Owner offsets;
    EXPECT_EQ(-1, bb_offsets_frontier(offsets));
    EXPECT_EQ(-1, bb_offsets_oldest(offsets));
    EXPECT_TRUE(bb_offsets_read(offsets, 100));
    EXPECT_EQ(-1, bb_offsets_frontier(offsets));
    EXPECT_EQ(100, bb_offsets_oldest(offsets));
    EXPECT_EQ(1u, bb_offsets_in_flight(offsets));
}

TEST(Offsets, FrontierStopsAtTheOldestUnfinished)
{
    Owner offsets;
    for (gint64 offset = 0; offset < 5; offset++)
        ASSERT_TRUE(bb_offsets_read(offsets, offset));
    EXPECT_TRUE(bb_offsets_finish(offsets, 7, 4));
    EXPECT_TRUE(bb_offsets_finish(offsets, 7, 1));
    EXPECT_EQ(-1, bb_offsets_frontier(offsets));
    EXPECT_TRUE(bb_offsets_finish(offsets, 7, 0));
    EXPECT_EQ(2, bb_offsets_frontier(offsets));
    EXPECT_EQ(2, bb_offsets_oldest(offsets));
    EXPECT_EQ(2u, bb_offsets_in_flight(offsets));
    EXPECT_TRUE(bb_offsets_finish(offsets, 7, 3));
    EXPECT_TRUE(bb_offsets_finish(offsets, 7, 2));
    EXPECT_EQ(5, bb_offsets_frontier(offsets));
    EXPECT_EQ(0u, bb_offsets_in_flight(offsets));
}

TEST(Offsets, GapsAreNoRecordsToWaitFor)
{
    Owner offsets;
    for (gint64 offset : {10, 11, 20, 1000, 1001})
        ASSERT_TRUE(bb_offsets_read(offsets, offset));
    EXPECT_FALSE(bb_offsets_finish(offsets, 7, 12));
    EXPECT_TRUE(bb_offsets_finish(offsets, 7, 11));
    EXPECT_TRUE(bb_offsets_finish(offsets, 7, 10));
    EXPECT_EQ(12, bb_offsets_frontier(offsets));
    EXPECT_TRUE(bb_offsets_finish(offsets, 7, 1000));
    EXPECT_EQ(12, bb_offsets_frontier(offsets));
    EXPECT_TRUE(bb_offsets_finish(offsets, 7, 20));
    EXPECT_EQ(1001, bb_offsets_frontier(offsets));
}

TEST(Offsets, FinishingTwiceOrUnreadOrInAnotherEpochChangesNothing)
{
    Owner offsets;
    ASSERT_TRUE(bb_offsets_read(offsets, 5));
    ASSERT_TRUE(bb_offsets_read(offsets, 6));
    EXPECT_FALSE(bb_offsets_finish(offsets, 6, 5));
    EXPECT_FALSE(bb_offsets_finish(offsets, 8, 5));
    EXPECT_FALSE(bb_offsets_finish(offsets, 7, 4));
    EXPECT_FALSE(bb_offsets_finish(offsets, 7, 7));
    EXPECT_TRUE(bb_offsets_finish(offsets, 7, 6));
    EXPECT_FALSE(bb_offsets_finish(offsets, 7, 6));
    EXPECT_EQ(-1, bb_offsets_frontier(offsets));
    EXPECT_TRUE(bb_offsets_finish(offsets, 7, 5));
    EXPECT_FALSE(bb_offsets_finish(offsets, 7, 5));
    EXPECT_EQ(7, bb_offsets_frontier(offsets));
}

TEST(Offsets, ReadingMustRise)
{
    Owner offsets(50);
    EXPECT_FALSE(bb_offsets_read(offsets, -1));
    EXPECT_FALSE(bb_offsets_read(offsets, 49));
    EXPECT_TRUE(bb_offsets_read(offsets, 50));
    EXPECT_FALSE(bb_offsets_read(offsets, 50));
    EXPECT_FALSE(bb_offsets_read(offsets, 40));
    EXPECT_TRUE(bb_offsets_read(offsets, 51));
    EXPECT_EQ(2u, bb_offsets_in_flight(offsets));
    EXPECT_EQ(7, bb_offsets_epoch(offsets));
}

TEST(Offsets, VeryLargeOffsets)
{
    const gint64 large = (G_GINT64_CONSTANT(1) << 61) - 3;
    Owner offsets;
    ASSERT_TRUE(bb_offsets_read(offsets, 0));
    ASSERT_TRUE(bb_offsets_read(offsets, large));
    EXPECT_TRUE(bb_offsets_finish(offsets, 7, large));
    EXPECT_TRUE(bb_offsets_finish(offsets, 7, 0));
    EXPECT_EQ(large + 1, bb_offsets_frontier(offsets));
}

// The simplest thing that could be right: a sorted map.
struct Model {
    std::map<gint64, bool> finished;
    gint64 frontier() const
    {
        gint64 result = -1;
        for (const auto &[offset, done] : finished) {
            if (!done)
                break;
            result = offset + 1;
        }
        return result;
    }
    gint64 oldest() const
    {
        for (const auto &[offset, done] : finished)
            if (!done)
                return offset;
        return -1;
    }
    gsize in_flight() const
    {
        return (gsize)std::count_if(finished.begin(), finished.end(),
                                    [](const auto &entry) { return !entry.second; });
    }
};

TEST(Offsets, RandomRunsAgreeWithTheModel)
{
    for (unsigned seed = 1; seed <= 60; seed++) {
        std::mt19937 random(seed);
        Owner offsets;
        Model model;
        std::vector<gint64> open;
        gint64 next = (gint64)(random() % 1000);
        const bool gaps = seed % 2 == 0;
        const bool orderly = seed % 3 == 0;
        for (int step = 0; step < 400; step++) {
            if (random() % 100 < 55) {
                for (unsigned i = random() % 8; i > 0; i--) {
                    ASSERT_TRUE(bb_offsets_read(offsets, next));
                    model.finished[next] = false;
                    open.push_back(next);
                    next += gaps && random() % 4 == 0 ? 1 + (gint64)(random() % 50) : 1;
                }
            } else if (!open.empty()) {
                size_t at =
                    orderly ? random() % std::min<size_t>(open.size(), 3) : random() % open.size();
                gint64 offset = open[at];
                open.erase(open.begin() + (long)at);
                ASSERT_TRUE(bb_offsets_finish(offsets, 7, offset)) << "seed " << seed;
                model.finished[offset] = true;
                ASSERT_FALSE(bb_offsets_finish(offsets, 7, offset));
            }
            gint64 anywhere = (gint64)(random() % (guint)(next + 10));
            if (!model.finished.count(anywhere)) {
                ASSERT_FALSE(bb_offsets_finish(offsets, 7, anywhere));
            }
            ASSERT_EQ(model.frontier(), bb_offsets_frontier(offsets)) << "seed " << seed;
            ASSERT_EQ(model.oldest(), bb_offsets_oldest(offsets)) << "seed " << seed;
            ASSERT_EQ(model.in_flight(), bb_offsets_in_flight(offsets)) << "seed " << seed;
        }
    }
}

} // namespace
