// Records for retry topics: what they say of themselves, there and back.
#include "runner_support.h"

extern "C" {
#include "kafka/letter_headers.h"
#include "kafka/retry_letter.h"
}

namespace
{

const gint64 NOW_US = 1700000001987654;

// A letter goes to a topic, and what is there is read as a consumer reads it.
class RetryLetter : public ::testing::Test
{
  protected:
    Broker broker;
    FakeType fake;
    bb_event_type first = {}, last = {};
    bb_batch *batch;
    bb_item *item;
    bb_fault fault = {};
    bb_letter *letter = nullptr;
    rd_kafka_t *client = nullptr;
    rd_kafka_message_t *message = nullptr;
    std::string topic;

    RetryLetter()
    {
        topic = broker.topic(1);
        fake.type.tiers = g_ptr_array_new();
        g_ptr_array_add(fake.type.tiers, &first);
        g_ptr_array_add(fake.type.tiers, &last);
        first = last = fake.type;
        first.tiers = last.tiers = nullptr;
        first.source = last.source = &fake.type;
        first.topic = last.topic = &topic[0];
        first.tier = 1;
        last.tier = 2;
        first.tier_delay_ms = 10000;
        last.tier_delay_ms = 60000;
        batch = bb_batch_new([](bb_batch *, void *) {}, nullptr);
        item = bb_batch_add(batch);
        item->origin.topic = busbar_text(fake.type.topic);
        item->origin.partition = 3;
        item->origin.offset = 41;
        item->origin.timestamp_ms = 1690000000123;
        item->origin.key = busbar_text("key");
        item->origin.value = busbar_text("{\"a\":1}");
        fault.stage = BUSBAR_STAGE_SINK;
        fault.pointer = "";
        fault.keyword = "plugin";
        fault.message = "busy";
        fault.attempts = 1;
    }
    ~RetryLetter() override
    {
        bb_letter_free(letter);
        if (message)
            rd_kafka_message_destroy(message);
        if (client)
            rd_kafka_destroy(client);
        bb_batch_free(batch);
        g_ptr_array_unref(fake.type.tiers);
    }
    std::string text_of(const char *name)
    {
        const void *value = nullptr;
        size_t size = 0;
        if (rd_kafka_header_get_last(letter->headers, name, &value, &size))
            return "(none)";
        return std::string(static_cast<const char *>(value), size);
    }
    void send()
    {
        Record record;
        const char *name;
        const void *value;
        size_t size;
        record.key = std::string(letter->key.data, letter->key.size);
        record.value = std::string(letter->value.data, letter->value.size);
        for (size_t i = 0; !rd_kafka_header_get_all(letter->headers, i, &name, &value, &size); i++)
            record.headers.emplace_back(name, std::string(static_cast<const char *>(value), size));
        broker.produce(topic, {record});
        client = broker.client(RD_KAFKA_CONSUMER);
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
        rd_kafka_topic_partition_list_add(list, topic.c_str(), 0)->offset = 0;
        rd_kafka_assign(client, list);
        rd_kafka_topic_partition_list_destroy(list);
        for (int i = 0; i < 100 && !message; i++)
            message = rd_kafka_consumer_poll(client, 200);
        ASSERT_NE(nullptr, message);
        ASSERT_EQ(RD_KAFKA_RESP_ERR_NO_ERROR, message->err);
    }
};

} // namespace

TEST_F(RetryLetter, ComesBackAsWhatItWas)
{
    letter = bb_retry_letter_new(&fake.type, item, &fault, NOW_US);
    EXPECT_EQ(topic, letter->topic);
    EXPECT_EQ(0, letter->timestamp_ms) << "the retention of the topic goes by it";
    EXPECT_EQ(item->origin.value.data, letter->value.data);
    EXPECT_EQ("busy", text_of("busbar.first_reason"));
    EXPECT_EQ("2023-11-14T22:13:21.987Z", text_of("busbar.first_time"));
    send();
    bb_retry_record found = {};
    ASSERT_TRUE(bb_retry_record_read(message, &found));
    EXPECT_EQ(fake.type.topic, std::string(found.topic.data, found.topic.size));
    EXPECT_EQ(3, found.partition);
    EXPECT_EQ(41, found.offset);
    EXPECT_EQ(1690000000123, found.timestamp_ms);
    EXPECT_EQ(1u, found.attempts);
    EXPECT_EQ(1700000001988 + 10000, found.due_ms) << "rounded up, never before its time";
}

TEST_F(RetryLetter, FromTierToTierTheFirstFailureStays)
{
    letter = bb_retry_letter_new(&fake.type, item, &fault, NOW_US);
    send();
    bb_letter_free(letter);
    item->message = message;
    item->tried = 1;
    fault.message = "still busy";
    fault.attempts = 2;
    letter = bb_retry_letter_new(&first, item, &fault, NOW_US + 20 * G_USEC_PER_SEC);
    EXPECT_EQ("busy", text_of("busbar.first_reason"));
    EXPECT_EQ("still busy", text_of("busbar.reason"));
    EXPECT_EQ("2", text_of("busbar.attempts"));
    EXPECT_EQ("2", text_of("busbar.retry_tier"));
    EXPECT_EQ(fake.type.topic, text_of("busbar.topic"));
    const void *value = nullptr;
    size_t size = 0;
    EXPECT_NE(0, rd_kafka_header_get(letter->headers, 1, "busbar.retry_due", &value, &size))
        << "one of each name";
    item->message = nullptr;
}

TEST_F(RetryLetter, AFollowerHasNotBeenTriedAndIsDueAtOnce)
{
    letter = bb_retry_letter_new_follower(&fake.type, item, NOW_US);
    EXPECT_EQ(topic, letter->topic);
    EXPECT_EQ("1", text_of("busbar.retry_follows"));
    EXPECT_EQ("0", text_of("busbar.attempts"));
    EXPECT_EQ("(none)", text_of("busbar.first_reason"));
    send();
    bb_retry_record found = {};
    ASSERT_TRUE(bb_retry_record_read(message, &found));
    EXPECT_TRUE(found.follows);
    EXPECT_EQ(0u, found.attempts);
    EXPECT_EQ(1700000001987, found.due_ms);
    EXPECT_EQ(41, found.offset);
    // and when it fails itself it is as any other
    bb_letter_free(letter);
    item->message = message;
    letter = bb_retry_letter_new(&first, item, &fault, NOW_US);
    EXPECT_EQ("(none)", text_of("busbar.retry_follows"));
    EXPECT_EQ("busy", text_of("busbar.first_reason"));
    item->message = nullptr;
    EXPECT_TRUE(bb_letter_headers_is_own("busbar.retry_follows"));
}

TEST_F(RetryLetter, TooLargeItLosesItsReasonsAndThenGoesToTheDeadLetters)
{
    letter = bb_retry_letter_new(&fake.type, item, &fault, NOW_US);
    ASSERT_TRUE(letter->shorten(letter));
    EXPECT_EQ("(none)", text_of("busbar.reason"));
    EXPECT_EQ("3", text_of("busbar.partition"));
    EXPECT_EQ(topic, letter->topic);
    send();
    bb_retry_record found = {};
    ASSERT_TRUE(bb_retry_record_read(message, &found));
    EXPECT_EQ(1u, found.attempts) << "as the tier tells";
    ASSERT_TRUE(letter->shorten(letter));
    EXPECT_STREQ(fake.type.dead_letter_topic, letter->topic);
    EXPECT_EQ("41", text_of("busbar.offset"));
    EXPECT_EQ("(none)", text_of("busbar.retry_due"));
    EXPECT_EQ(1690000000123, letter->timestamp_ms);
    ASSERT_TRUE(letter->shorten(letter));
    EXPECT_EQ(0u, rd_kafka_header_cnt(letter->headers));
    EXPECT_FALSE(letter->shorten(letter));
}

TEST_F(RetryLetter, WhatBusbarDidNotPutThereIsNotTakenForIt)
{
    letter = bb_retry_letter_new(&fake.type, item, &fault, NOW_US);
    rd_kafka_header_remove(letter->headers, "busbar.retry_due");
    rd_kafka_header_add(letter->headers, "busbar.retry_due", -1, "soon", -1);
    send();
    bb_retry_record found = {};
    EXPECT_FALSE(bb_retry_record_read(message, &found));
    EXPECT_TRUE(bb_letter_headers_is_own("busbar.retry_due"));
    EXPECT_FALSE(bb_letter_headers_is_own("busbar.hops"));
}

// A record of somebody else, or of a version that is not this one, is handled as it is.
TEST_F(RetryLetter, EachHeaderThatBringsItBackIsAskedFor)
{
    const Record whole = [] {
        Record made;
        made.value = "{}";
        made.headers = {{"busbar.topic", "orders"},       {"busbar.partition", "3"},
                        {"busbar.offset", "41"},          {"busbar.timestamp", "-1"},
                        {"busbar.retry_tier", "2"},       {"busbar.retry_due", "1700000000000"},
                        {"busbar.attempts", "4294967296"}};
        return made;
    }();
    std::vector<Record> records = {whole};
    for (size_t i = 0; i + 1 < whole.headers.size(); i++) { // without, null, and out of range
        Record one = whole;
        one.headers.erase(one.headers.begin() + (ptrdiff_t)i);
        records.push_back(one);
        one = whole;
        one.headers[i].second.reset();
        records.push_back(one);
        one.headers[i].second = "-2";
        if (i > 0)
            records.push_back(one);
    }
    records.push_back(whole);
    records.back().headers[1].second = "2147483648";
    records.push_back(Record());
    records.push_back(whole);
    records.back().headers.pop_back();
    broker.produce(topic, records);
    client = broker.client(RD_KAFKA_CONSUMER);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic.c_str(), 0)->offset = 0;
    rd_kafka_assign(client, list);
    rd_kafka_topic_partition_list_destroy(list);
    gint64 deadline = g_get_monotonic_time() + 30 * G_TIME_SPAN_SECOND;
    for (size_t at = 0; at < records.size() && g_get_monotonic_time() < deadline;) {
        rd_kafka_message_t *one = rd_kafka_consumer_poll(client, 200);
        if (!one)
            continue;
        ASSERT_EQ(RD_KAFKA_RESP_ERR_NO_ERROR, one->err);
        bb_retry_record found = {};
        bool good = at == 0 || at + 1 == records.size();
        EXPECT_EQ(good, bb_retry_record_read(one, &found) != FALSE) << at;
        if (good) {
            EXPECT_EQ(41, found.offset);
            EXPECT_EQ(-1, found.timestamp_ms);
            EXPECT_EQ(at ? 2u : (guint)G_MAXINT, found.attempts); // left out: as the tier tells
        }
        rd_kafka_message_destroy(one);
        at++;
        if (at == records.size())
            return;
    }
    FAIL() << "not all of them came";
}
