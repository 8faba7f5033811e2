// Text helpers: escaping, excerpts, nearest names, sizes and durations.
#include <string>

#include <gtest/gtest.h>

extern "C" {
#include "base/text.h"
}

static std::string json(const std::string &text)
{
    GString *out = g_string_new(nullptr);
    bb_text_append_json(out, text.data(), text.size());
    std::string result(out->str, out->len);
    g_string_free(out, TRUE);
    return result;
}

TEST(Text, QuotesAsJson)
{
    EXPECT_EQ(json("plain"), "\"plain\"");
    EXPECT_EQ(json("a\"b\\c\n\r\t"), "\"a\\\"b\\\\c\\n\\r\\t\"");
    EXPECT_EQ(json(std::string("\x01\x00", 2)), "\"\\u0001\\u0000\"");
    EXPECT_EQ(json("Zürich 🚲"), "\"Zürich 🚲\"");
    EXPECT_EQ(json("cut \xc3"), "\"cut \xef\xbf\xbd\"");
    EXPECT_EQ(json("\xff!"), "\"\xef\xbf\xbd!\"");
}

TEST(Text, ExcerptIsShortAndPrintable)
{
    char buffer[64];
    EXPECT_STREQ(bb_text_excerpt("abc", 3, 10, buffer, sizeof(buffer)), "abc");
    EXPECT_STREQ(bb_text_excerpt("abcdefghijklm", 13, 10, buffer, sizeof(buffer)), "abcdefghij...");
    EXPECT_STREQ(bb_text_excerpt("a\nb\xff", 4, 20, buffer, sizeof(buffer)), "a\\x0ab\\xff");
    // An escape is never cut in two.
    EXPECT_STREQ(bb_text_excerpt("abcdefg\n", 8, 10, buffer, sizeof(buffer)), "abcdefg...");
    EXPECT_STREQ(bb_text_excerpt("", 0, 10, buffer, sizeof(buffer)), "");
}

TEST(Text, NearestNameIsNearEnough)
{
    const char *const names[] = {"concurrency", "commit_interval", "group", nullptr};
    EXPECT_STREQ(bb_text_nearest("concurency", names), "concurrency");
    EXPECT_STREQ(bb_text_nearest("Group", names), "group");
    EXPECT_STREQ(bb_text_nearest("gruop", names), "group");
    EXPECT_EQ(bb_text_nearest("zebra", names), nullptr);
    EXPECT_EQ(bb_text_nearest(std::string(200, 'g').c_str(), names), nullptr);
}

TEST(Text, DistanceCountsSwapsOnce)
{
    EXPECT_EQ(bb_text_distance("", "abc"), 3u);
    EXPECT_EQ(bb_text_distance("ab", "ba"), 1u);
    EXPECT_EQ(bb_text_distance("kitten", "sitting"), 3u);
    EXPECT_EQ(bb_text_distance("ABC", "abc"), 0u);
}

TEST(Text, Sizes)
{
    struct {
        const char *text;
        gboolean good;
        guint64 bytes;
    } cases[] = {{"0", TRUE, 0},           {"1048576", TRUE, 1048576},
                 {"64KiB", TRUE, 65536},   {"10 MB", TRUE, 10000000},
                 {"2g", TRUE, 2ull << 30}, {"", FALSE, 0},
                 {"KiB", FALSE, 0},        {"-1", FALSE, 0},
                 {"12 parsecs", FALSE, 0}, {"99999999999999999999GiB", FALSE, 0}};
    for (const auto &c : cases) {
        guint64 bytes = 0;
        EXPECT_EQ(bb_text_parse_size(c.text, &bytes), c.good) << c.text;
        if (c.good) {
            EXPECT_EQ(bytes, c.bytes) << c.text;
        }
    }
}

TEST(Text, Durations)
{
    struct {
        const char *text;
        gboolean good;
        gint64 ms;
    } cases[] = {{"500ms", TRUE, 500},  {"2s", TRUE, 2000}, {"1m30s", TRUE, 90000},
                 {"1h", TRUE, 3600000}, {"250", TRUE, 250}, {"1d", TRUE, 86400000},
                 {"", FALSE, 0},        {"s", FALSE, 0},    {"1m30", FALSE, 0},
                 {"1x", FALSE, 0},      {"-1s", FALSE, 0},  {"1sec", FALSE, 0}};
    for (const auto &c : cases) {
        gint64 ms = 0;
        EXPECT_EQ(bb_text_parse_duration_ms(c.text, &ms), c.good) << c.text;
        if (c.good) {
            EXPECT_EQ(ms, c.ms) << c.text;
        }
    }
}
