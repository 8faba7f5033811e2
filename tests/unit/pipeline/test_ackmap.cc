// The map of what is finished beyond an offset: round trips, limits, and what is not one.
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

extern "C" {
#include "pipeline/ackmap.h"
}

namespace
{

using Runs = std::vector<std::pair<gint64, gint64>>;

struct Encoded {
    std::string text;
    gint64 end = 0;
};

Encoded encode(gint64 offset, const Runs &runs, gsize limit = BB_ACKMAP_MAX_BYTES)
{
    g_autoptr(GArray) list = g_array_new(FALSE, FALSE, sizeof(bb_run));
    for (const auto &[first, last] : runs) {
        const bb_run run = {first, last};
        g_array_append_val(list, run);
    }
    Encoded made;
    g_autofree char *text = bb_ackmap_encode(offset, list, limit, &made.end);
    made.text = text ? text : "";
    return made;
}

Runs decode(const std::string &text, gint64 offset)
{
    Runs runs;
    g_autoptr(GArray) list = bb_ackmap_decode(text.data(), text.size(), offset);
    for (guint i = 0; list && i < list->len; i++) {
        const bb_run *run = &g_array_index(list, bb_run, i);
        runs.emplace_back(run->first, run->last);
    }
    return runs;
}

TEST(AckMap, FiftyThousandBehindOneAreAFewBytes)
{
    const Runs runs = {{101, 50100}};
    Encoded made = encode(100, runs);
    EXPECT_LE(made.text.size(), 24u);
    EXPECT_EQ(G_MAXINT64, made.end);
    EXPECT_EQ(runs, decode(made.text, 100));
}

TEST(AckMap, RoundTrips)
{
    const std::vector<std::pair<gint64, Runs>> cases = {
        {0, {{1, 1}}},
        {0, {{1, 3}, {5, 5}, {9, 100}}},
        {7, {{8, 8}, {G_MAXINT64 / 4, G_MAXINT64 / 2}}},
        {G_MAXINT64 - 100, {{G_MAXINT64 - 98, G_MAXINT64 - 97}}},
    };
    for (const auto &[offset, runs] : cases)
        EXPECT_EQ(runs, decode(encode(offset, runs).text, offset)) << offset;
    EXPECT_EQ("", encode(5, {}).text);
}

TEST(AckMap, RandomOnesFitOrAreCutAtTheEndTheyName)
{
    std::mt19937 random(11);
    int cut = 0;
    for (int turn = 0; turn < 400; turn++) {
        gint64 offset = (gint64)(random() % 1000000), at = offset + 1;
        Runs runs;
        unsigned count = 1 + random() % 4000, gap = 1 + random() % 40, length = 1 + random() % 40;
        for (unsigned i = 0; i < count; i++) {
            gint64 first = at + random() % gap, last = first + random() % length;
            runs.emplace_back(first, last);
            at = last + 2;
        }
        Encoded made = encode(offset, runs);
        ASSERT_LE(made.text.size(), (gsize)BB_ACKMAP_MAX_BYTES);
        Runs expected;
        for (const auto &[first, last] : runs)
            if (first < made.end)
                expected.emplace_back(first, MIN(last, made.end - 1));
        ASSERT_EQ(expected, decode(made.text, offset)) << turn;
        cut += made.end != G_MAXINT64;
    }
    EXPECT_GT(cut, 10);
    EXPECT_LT(cut, 390);
}

TEST(AckMap, TwentyThousandInAnyPatternFit)
{
    Runs runs;
    for (gint64 at = 1; at < 20000; at += 2)
        runs.emplace_back(at, at);
    EXPECT_EQ(G_MAXINT64, encode(0, runs).end);
}

TEST(AckMap, WhatDoesNotFitAtAllIsNotWritten)
{
    for (gsize limit : {0, 3, 4, 8, 11}) {
        Encoded made = encode(0, {{5, 9}}, limit);
        EXPECT_EQ("", made.text) << limit;
        EXPECT_EQ(5, made.end) << limit;
    }
}

TEST(AckMap, AnotherOffsetOrAnotherTextIsNoMap)
{
    std::string text = encode(100, {{105, 200}}).text;
    EXPECT_TRUE(decode(text, 101).empty());
    EXPECT_TRUE(decode(text, -1).empty());
    for (const char *other : {"", "bb:", "bb:AAAA", "committed by somebody", "bb:====", "bb:A",
                              "{\"version\":1}", "bb:AAAAAAAAAAAAAAAA"})
        EXPECT_TRUE(decode(other, 100).empty()) << other;
    EXPECT_EQ(nullptr, bb_ackmap_decode(nullptr, 0, 100));
}

TEST(AckMap, EveryDamageIsSeen)
{
    const std::string text = encode(100, {{105, 200}, {300, 1000}, {5000, 5000}}).text;
    const std::string letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const Runs right = decode(text, 100);
    ASSERT_EQ(3u, right.size());
    for (size_t i = 0; i < text.size(); i++) {
        std::string cut = text.substr(0, i);
        EXPECT_TRUE(decode(cut, 100).empty()) << "cut at " << i;
        for (char letter : letters) {
            std::string changed = text;
            changed[i] = letter;
            Runs found = decode(changed, 100);
            EXPECT_TRUE(found.empty() || found == right) << i << letter;
        }
    }
}

// A map as somebody else might write it: the checksum is right, the rest is the test's.
std::string forge(gint64 offset, const std::vector<guint8> &raw)
{
    std::vector<guint8> all;
    for (int i = 0; i < 8; i++)
        all.push_back((guint8)((guint64)offset >> (8 * i)));
    all.insert(all.end(), raw.begin(), raw.end());
    guint32 crc = 0xffffffffu;
    for (guint8 byte : all) {
        crc ^= byte;
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ 0xedb88320u : crc >> 1;
    }
    all = raw;
    for (int i = 0; i < 4; i++)
        all.push_back((guint8)(~crc >> (8 * i)));
    g_autofree char *text = g_base64_encode(all.data(), all.size());
    return std::string("bb:") + text;
}

TEST(AckMap, AForgedMapIsReadAsTheFormatSays)
{
    EXPECT_EQ((Runs{{102, 104}}), decode(forge(100, {1, 0, 2, 2}), 100));
    EXPECT_EQ((Runs{{102, 105}}), decode(forge(100, {1, 0, 2, 2, 1, 0}), 100)) << "runs that touch";
    EXPECT_EQ((Runs{{101, 101}, {108, 108}}), decode(forge(100, {1, 1, 2, 1}), 100));
}

TEST(AckMap, AForgedMapThatCannotBeIsNone)
{
    const gint64 late = G_MAXINT64 - 4;
    const std::vector<guint8> huge(9, 0xff);
    std::vector<guint8> long_gap = {1, 0}, long_run = {1, 0, 1};
    for (std::vector<guint8> *raw : {&long_gap, &long_run}) {
        raw->insert(raw->end(), huge.begin(), huge.end());
        raw->push_back(1);
    }
    EXPECT_TRUE(decode(forge(100, {2, 0, 2, 2}), 100).empty()) << "another version";
    EXPECT_TRUE(decode(forge(100, {1, 7, 2, 2}), 100).empty()) << "another form";
    EXPECT_TRUE(decode(forge(100, {1, 0, 0, 2}), 100).empty()) << "a run where the one before ends";
    EXPECT_TRUE(decode(forge(100, {1, 0, 2}), 100).empty()) << "half a run";
    EXPECT_TRUE(decode(forge(100, {1, 0, 0x82}), 100).empty()) << "half a number";
    EXPECT_TRUE(decode(forge(100, long_gap), 100).empty()) << "a number of too many bytes";
    EXPECT_TRUE(decode(forge(100, long_run), 100).empty());
    EXPECT_TRUE(decode(forge(late, {1, 0, 5, 0}), late).empty()) << "a gap past the last offset";
    EXPECT_TRUE(decode(forge(late, {1, 0, 2, 5}), late).empty()) << "a run past the last offset";
    EXPECT_TRUE(decode(forge(late, {1, 1, 1}), late).empty()) << "bits past the last offset";
    EXPECT_TRUE(decode(forge(100, {1, 1, 0}), 100).empty()) << "nothing in it";
    EXPECT_TRUE(decode("bb:" + std::string(70000, 'A'), 100).empty()) << "longer than any";
}

TEST(AckMap, RandomBytesDoNotHurt)
{
    std::mt19937 random(5);
    for (int turn = 0; turn < 20000; turn++) {
        std::string text = "bb:";
        for (unsigned i = random() % 60; i > 0; i--)
            text += (char)(random() % 3 ? 'A' + random() % 26 : random() % 256);
        EXPECT_TRUE(decode(text, (gint64)(random() % 100)).empty());
    }
}

} // namespace
