// Which lane a record goes to.
#include <random>
#include <vector>

#include <gtest/gtest.h>

extern "C" {
#include "pipeline/spread.h"
}

namespace
{

TEST(Spread, AKeyKeepsItsLaneWhileItIsInFlight)
{
    g_autoptr(bb_spread) spread = bb_spread_new(4);
    guint16 slot, again;
    guint lane = bb_spread_take(spread, 77, &slot);
    for (guint32 hash = 0; hash < 1000; hash++)
        if ((hash & 255) != 77)
            bb_spread_take(spread, hash, &again);
    EXPECT_EQ(lane, bb_spread_take(spread, 77, &again));
    EXPECT_EQ(slot, again);
}

TEST(Spread, AnIdleKeyGoesToTheLaneWithTheLeastToDo)
{
    g_autoptr(bb_spread) spread = bb_spread_new(3);
    guint16 slot;
    guint busy = bb_spread_take(spread, 0, &slot);
    EXPECT_NE(busy, bb_spread_take(spread, 3, &slot)) << "it would be the same by its hash";
    bb_spread_give_back(spread, slot);
    EXPECT_EQ(1u, bb_spread_load(spread, busy));
}

TEST(Spread, AThousandKeysAreEvenlySpreadOverAHundredLanes)
{
    g_autoptr(bb_spread) spread = bb_spread_new(100);
    std::mt19937 random(7);
    std::vector<guint32> hashes(1000);
    for (guint32 &hash : hashes)
        hash = (guint32)random();
    guint16 slot;
    for (int turn = 0; turn < 10; turn++)
        for (guint32 hash : hashes)
            bb_spread_take(spread, hash, &slot);
    for (guint lane = 0; lane < 100; lane++)
        EXPECT_LE(bb_spread_load(spread, lane), 150u) << "100 would be the mean";
}

TEST(Spread, WithoutAKeyTheLaneIsChosenByLoadAlone)
{
    g_autoptr(bb_spread) spread = bb_spread_new(5);
    for (int i = 0; i < 50; i++)
        bb_spread_take_lane(spread, bb_spread_least(spread));
    for (guint lane = 0; lane < 5; lane++)
        EXPECT_EQ(10u, bb_spread_load(spread, lane));
    bb_spread_give_back(spread, 3);
    EXPECT_EQ(3u, bb_spread_least(spread));
}

} // namespace
