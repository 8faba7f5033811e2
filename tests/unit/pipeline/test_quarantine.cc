/* Quarantine: how many different records a plugin may die of. */
#include <gtest/gtest.h>

extern "C" {
#include "pipeline/quarantine.h"
}

namespace
{

TEST(Quarantine, DifferentRecordsAddUp)
{
    g_autoptr(bb_quarantine) quarantine = bb_quarantine_new(3, 1000);
    EXPECT_FALSE(bb_quarantine_count(quarantine, "a", "t/0/1", 0));
    EXPECT_FALSE(bb_quarantine_count(quarantine, "a", "t/0/2", 1));
    EXPECT_TRUE(bb_quarantine_count(quarantine, "a", "t/0/3", 2));
}

TEST(Quarantine, TheSameRecordCountsOnce)
{
    g_autoptr(bb_quarantine) quarantine = bb_quarantine_new(2, 1000);
    for (int i = 0; i < 10; i++)
        EXPECT_FALSE(bb_quarantine_count(quarantine, "a", "t/0/1", i));
    EXPECT_TRUE(bb_quarantine_count(quarantine, "a", "t/0/2", 10));
}

TEST(Quarantine, WithoutARecordEveryTimeCounts)
{
    g_autoptr(bb_quarantine) quarantine = bb_quarantine_new(3, 1000);
    EXPECT_FALSE(bb_quarantine_count(quarantine, "a", nullptr, 0));
    EXPECT_FALSE(bb_quarantine_count(quarantine, "a", nullptr, 0));
    EXPECT_TRUE(bb_quarantine_count(quarantine, "a", nullptr, 0));
}

TEST(Quarantine, PluginsAreCountedApart)
{
    g_autoptr(bb_quarantine) quarantine = bb_quarantine_new(2, 1000);
    EXPECT_FALSE(bb_quarantine_count(quarantine, "a", "1", 0));
    EXPECT_FALSE(bb_quarantine_count(quarantine, "b", "2", 0));
    EXPECT_FALSE(bb_quarantine_count(quarantine, "c", "3", 0));
}

TEST(Quarantine, WhatIsLongAgoIsForgotten)
{
    g_autoptr(bb_quarantine) quarantine = bb_quarantine_new(2, 1000);
    EXPECT_FALSE(bb_quarantine_count(quarantine, "a", "1", 0));
    EXPECT_FALSE(bb_quarantine_count(quarantine, "a", "2", 1000));
    EXPECT_TRUE(bb_quarantine_count(quarantine, "a", "3", 1999));
}

TEST(Quarantine, ALimitOfZeroIsNone)
{
    g_autoptr(bb_quarantine) quarantine = bb_quarantine_new(0, 1000);
    for (int i = 0; i < 100; i++)
        EXPECT_FALSE(bb_quarantine_count(quarantine, "a", nullptr, i));
}

} // namespace
