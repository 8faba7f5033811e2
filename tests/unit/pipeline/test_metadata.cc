// The time in the metadata: form, and that the cached second never shows through.
#include <cstring>
#include <string>

#include <gtest/gtest.h>

extern "C" {
#include "pipeline/metadata.h"
}

static std::string produced_at(bb_metadata *metadata, gint64 now_us)
{
    const busbar_header *headers;
    EXPECT_EQ(bb_metadata_headers(metadata, now_us, &headers), 3u);
    return std::string(headers[0].value.data, headers[0].value.size);
}

TEST(Metadata, TimesAreExactAcrossSeconds)
{
    g_autoptr(bb_metadata) metadata = bb_metadata_new(nullptr, nullptr);
    const gint64 second = 1741944413;
    EXPECT_EQ(produced_at(metadata, second * 1000000), "2025-03-14T09:26:53Z");
    EXPECT_EQ(produced_at(metadata, second * 1000000 + 1), "2025-03-14T09:26:53.000001Z");
    EXPECT_EQ(produced_at(metadata, second * 1000000 + 999999), "2025-03-14T09:26:53.999999Z");
    EXPECT_EQ(produced_at(metadata, second * 1000000), "2025-03-14T09:26:53Z");
    EXPECT_EQ(produced_at(metadata, (second + 1) * 1000000 + 20), "2025-03-14T09:26:54.000020Z");
    EXPECT_EQ(produced_at(metadata, (second - 1) * 1000000), "2025-03-14T09:26:52Z")
        << "the clock may be set back";
}

TEST(Metadata, ProducerAndVersionHaveDefaultsAndAreEscaped)
{
    const busbar_header *headers;
    g_autoptr(bb_metadata) plain = bb_metadata_new(nullptr, nullptr);
    bb_metadata_headers(plain, 0, &headers);
    EXPECT_EQ(std::string(headers[1].value.data, headers[1].value.size), "busbar");
    EXPECT_EQ(std::string(headers[2].value.data, headers[2].value.size), "1.0");

    g_autoptr(bb_metadata) quoted = bb_metadata_new("a\"b", "2");
    g_autoptr(bb_arena) arena = bb_arena_new(0);
    g_autoptr(bb_parser) parser = bb_parser_new(nullptr);
    const char *text = "{}";
    bb_tape tape;
    bb_parse_error trouble;
    busbar_event event;
    ASSERT_TRUE(bb_parse(parser, text, strlen(text), &tape, &trouble));
    bb_event_init(&event, arena, text, strlen(text), &tape, nullptr, 0);
    bb_metadata_put_body(quoted, &event, 0);
    busbar_bytes json = bb_event_json(&event);
    EXPECT_EQ(
        std::string(json.data, json.size),
        R"({"_metadata":{"produced_at":"1970-01-01T00:00:00","producer":"a\"b","version":"2"}})");
}

TEST(Metadata, ARootThatIsNoObjectIsLeftAlone)
{
    g_autoptr(bb_metadata) metadata = bb_metadata_new(nullptr, nullptr);
    g_autoptr(bb_arena) arena = bb_arena_new(0);
    g_autoptr(bb_parser) parser = bb_parser_new(nullptr);
    bb_tape tape;
    bb_parse_error trouble;
    busbar_event event;
    ASSERT_TRUE(bb_parse(parser, "[1]", 3, &tape, &trouble));
    bb_event_init(&event, arena, "[1]", 3, &tape, nullptr, 0);
    bb_metadata_put_body(metadata, &event, 0);
    busbar_bytes json = bb_event_json(&event);
    EXPECT_EQ(std::string(json.data, json.size), "[1]");
}
