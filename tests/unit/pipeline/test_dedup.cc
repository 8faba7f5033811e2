/* The window over keys: what is a duplicate, and that it stays within its bounds. */
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <random>
#include <string>

extern "C" {
#include "pipeline/dedup.h"
}

namespace
{

bool check(bb_dedup *dedup, const std::string &key, gint64 offset, gint64 time_ms = 0,
           gint32 partition = 0)
{
    return bb_dedup_check(dedup, {key.data(), key.size()}, {partition, offset, time_ms}) != FALSE;
}

} // namespace

TEST(Dedup, ASecondPlaceIsADuplicate)
{
    g_autoptr(bb_dedup) dedup = bb_dedup_new("/id", 100, 0, 1 << 20);
    EXPECT_FALSE(check(dedup, "a", 1));
    EXPECT_FALSE(check(dedup, "b", 2));
    EXPECT_TRUE(check(dedup, "a", 3));
    EXPECT_TRUE(check(dedup, "a", 1, 0, 1)); /* the same offset of another partition */
    EXPECT_TRUE(check(dedup, "b", 4));
    EXPECT_FALSE(check(dedup, "", 5));
    EXPECT_FALSE(check(dedup, "", 6)); /* no key: nothing to compare */
    EXPECT_EQ(2u, bb_dedup_count(dedup));
}

TEST(Dedup, ARecordThatIsReadAgainIsNone)
{
    g_autoptr(bb_dedup) dedup = bb_dedup_new("/id", 100, 0, 1 << 20);
    for (int i = 0; i < 3; i++)
        EXPECT_FALSE(check(dedup, "a", 7));
    EXPECT_EQ(1u, bb_dedup_count(dedup));
}

TEST(Dedup, WhatIsForgottenMayComeBack)
{
    g_autoptr(bb_dedup) dedup = bb_dedup_new("/id", 100, 0, 1 << 20);
    EXPECT_FALSE(check(dedup, "a", 1));
    bb_dedup_forget(dedup, {"a", 1}, {0, 2, 0}); /* seen at another place: stays */
    EXPECT_TRUE(check(dedup, "a", 3));
    bb_dedup_forget(dedup, {"a", 1}, {0, 1, 0});
    EXPECT_FALSE(check(dedup, "a", 3));
    EXPECT_TRUE(check(dedup, "a", 4));
}

TEST(Dedup, LongKeysAreToldApart)
{
    g_autoptr(bb_dedup) dedup = bb_dedup_new("/id", 100, 0, 1 << 20);
    std::string one(39, 'x'), two(40, 'x'), three(5000, 'x'), four = three;
    four.back() = 'y';
    int offset = 0;
    for (const std::string &key : {one, two, three, four}) {
        EXPECT_FALSE(check(dedup, key, offset++)) << key.size();
        EXPECT_TRUE(check(dedup, key, offset++)) << key.size();
    }
    EXPECT_EQ(4u, bb_dedup_count(dedup));
}

TEST(Dedup, TheWindowInTime)
{
    g_autoptr(bb_dedup) dedup = bb_dedup_new("/id", 0, 1000, 1 << 20);
    EXPECT_FALSE(check(dedup, "a", 1, 5000));
    EXPECT_TRUE(check(dedup, "a", 2, 6000));
    EXPECT_TRUE(check(dedup, "a", 3, 4000)); /* a clock that went back */
    EXPECT_FALSE(check(dedup, "a", 4, 6001));
    EXPECT_TRUE(check(dedup, "a", 5, 7001)); /* counts from the one that was let through */
}

TEST(Dedup, MemoryIsBounded)
{
    g_autoptr(bb_dedup) dedup = bb_dedup_new("/id", 0, 0, bb_dedup_bytes(50));
    for (int i = 0; i < 1000; i++)
        EXPECT_FALSE(check(dedup, std::to_string(i), i));
    EXPECT_EQ(50u, bb_dedup_count(dedup));
    g_autoptr(bb_dedup) small = bb_dedup_new("/id", 1000, 0, bb_dedup_bytes(20));
    for (int i = 0; i < 1000; i++)
        (void)check(small, std::to_string(i), i);
    EXPECT_EQ(20u, bb_dedup_count(small));
}

/* Against a window that is a list. */
TEST(Dedup, AgreesWithAModel)
{
    const guint window = 64;
    std::mt19937 random(20261124);
    g_autoptr(bb_dedup) dedup = bb_dedup_new("/id", window, 0, 1 << 20);
    std::deque<std::pair<std::string, gint64>> model; /* "" : forgotten */
    for (gint64 offset = 0; offset < 50000; offset++) {
        std::string key = "k" + std::to_string(random() % 150);
        auto seen = std::find_if(model.rbegin(), model.rend(),
                                 [&](const auto &one) { return one.first == key; });
        bool expected = seen != model.rend();
        ASSERT_EQ(expected, check(dedup, key, offset)) << offset;
        if (!expected) {
            model.emplace_back(key, offset);
            if (model.size() > window)
                model.pop_front();
        } else if (random() % 10 == 0) {
            bb_dedup_forget(dedup, {key.data(), key.size()}, {0, seen->second, 0});
            seen->first = "";
        }
    }
}
