// The note of the last durable record in the metadata of a commit.
#include <string>

#include <gtest/gtest.h>

extern "C" {
#include "kafka/handled_note.h"
#include "kafka/partitions.h"
}

namespace
{

gint64 read(const std::string &text, std::string *map = nullptr)
{
    const char *rest = nullptr;
    gsize size = 0;
    gint64 handled = bb_handled_note_read(text.data(), text.size(), &rest, &size);
    if (map)
        map->assign(rest ? rest : "", size);
    return handled;
}

TEST(HandledNote, ComesBackWithAndWithoutAMap)
{
    std::string map;
    g_autofree char *alone = bb_handled_note_write(G_MAXINT64 / 10, nullptr);
    EXPECT_EQ(read(alone, &map), G_MAXINT64 / 10);
    EXPECT_EQ(map, "");
    g_autofree char *both = bb_handled_note_write(7, "bb:AQ==");
    EXPECT_EQ(read(both, &map), 7);
    EXPECT_EQ(map, "bb:AQ==");
    EXPECT_LE(strlen(alone), (size_t)BB_HANDLED_NOTE_BYTES);
}

TEST(HandledNote, AnythingElseIsNoNote)
{
    std::string map;
    for (const char *text :
         {"", "h:", "h:x", "h:1x", "bb:AQ==", "h:12345678901234567890", "h: 1"}) {
        EXPECT_EQ(read(text, &map), -1) << text;
        EXPECT_EQ(map, text);
    }
    EXPECT_EQ(bb_handled_note_read(nullptr, 0, nullptr, nullptr), -1);
}

struct Noted : testing::Test {
    bb_partitions *table = bb_partitions_new("topic");

    void SetUp() override
    {
        bb_partitions_note_handled(table);
        bb_partitions_assign(table, 0);
    }

    void TearDown() override
    {
        bb_partitions_free(table);
    }

    std::string commit()
    {
        rd_kafka_topic_partition_list_t *list = bb_partitions_to_commit(table);
        std::string text =
            list ? std::string((const char *)list->elems[0].metadata, list->elems[0].metadata_size)
                 : "none";
        if (list)
            rd_kafka_topic_partition_list_destroy(list);
        return text;
    }

    void finish(gint64 offset, bool handled)
    {
        gint64 epoch = bb_partitions_read(table, 0, offset, nullptr);
        EXPECT_TRUE(bb_partitions_finish(table, 0, epoch, offset));
        if (handled)
            bb_partitions_handled(table, 0, offset);
    }
};

TEST_F(Noted, TheLastThatWasHandledGoesWithTheOffset)
{
    finish(5, true);
    finish(6, false);
    EXPECT_EQ(commit(), "h:5");
}

TEST_F(Noted, WhatWasReadBackIsKept)
{
    bb_partitions_resume(table, 0, 10, "h:9", 3);
    finish(10, false);
    EXPECT_EQ(commit(), "h:9");
}

TEST_F(Noted, WithoutAHandledRecordThereIsNone)
{
    finish(5, false);
    EXPECT_EQ(commit(), "");
}

TEST_F(Noted, ATopicThatIsMadeAnewBeginsAgain)
{
    finish(5, true);
    finish(0, false);
    EXPECT_EQ(commit(), "");
}

} // namespace
