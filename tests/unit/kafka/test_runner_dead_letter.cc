// Dead letters as records: what of the original is kept, what is added, what goes when space is
// short.
#include "runner_support.h"

extern "C" {
#include "kafka/dead_letter.h"
}

namespace
{

std::string text_of(rd_kafka_headers_t *headers, const char *name)
{
    const void *value = nullptr;
    size_t size = 0;
    if (rd_kafka_header_get_last(headers, name, &value, &size))
        return "(none)";
    return std::string(static_cast<const char *>(value), size);
}

size_t times(rd_kafka_headers_t *headers, const char *name)
{
    const void *value = nullptr;
    size_t size = 0, count = 0;
    while (!rd_kafka_header_get(headers, count, name, &value, &size))
        count++;
    return count;
}

// A message as a consumer has it. Freed with the client.
class Received
{
  public:
    Received(const Broker &broker, const std::string &topic)
    {
        client_ = broker.client(RD_KAFKA_CONSUMER);
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
        rd_kafka_topic_partition_list_add(list, topic.c_str(), 0)->offset = 0;
        rd_kafka_assign(client_, list);
        rd_kafka_topic_partition_list_destroy(list);
        for (int i = 0; i < 100 && !message; i++)
            message = rd_kafka_consumer_poll(client_, 200);
        EXPECT_NE(nullptr, message);
    }
    ~Received()
    {
        if (message)
            rd_kafka_message_destroy(message);
        rd_kafka_destroy(client_);
    }
    Received(const Received &) = delete;
    rd_kafka_message_t *message = nullptr;

  private:
    rd_kafka_t *client_;
};

class RunnerDeadLetter : public ::testing::Test
{
  protected:
    RunnerDeadLetter()
    {
        batch = bb_batch_new([](bb_batch *, void *) {}, nullptr);
        item = bb_batch_add(batch);
        item->origin.partition = 3;
        item->origin.offset = 41;
        item->origin.timestamp_ms = 1700000000123;
        item->origin.key = busbar_text("key");
        item->origin.value = busbar_text("{\"a\":");
        fault.stage = BUSBAR_STAGE_PARSE;
        fault.pointer = "/a";
        fault.keyword = "malformed";
        fault.message = "the text ends";
        fault.plugin = "shop";
        fault.plugin_version = "1.2";
        fault.attempts = 2;
    }
    ~RunnerDeadLetter() override
    {
        bb_letter_free(letter);
        bb_batch_free(batch);
    }
    rd_kafka_headers_t *make()
    {
        letter = bb_dead_letter_new(&fake.type, item, &fault, 1700000001987654);
        return letter->headers;
    }
    FakeType fake;
    bb_batch *batch;
    bb_item *item;
    bb_fault fault = {};
    bb_letter *letter = nullptr;
};

} // namespace

TEST_F(RunnerDeadLetter, SaysWhatHappenedAndKeepsTheRecord)
{
    rd_kafka_headers_t *headers = make();
    EXPECT_EQ("parse", text_of(headers, "busbar.stage"));
    EXPECT_EQ("the text ends", text_of(headers, "busbar.reason"));
    EXPECT_EQ("/a", text_of(headers, "busbar.pointer"));
    EXPECT_EQ("malformed", text_of(headers, "busbar.keyword"));
    EXPECT_EQ("shop 1.2", text_of(headers, "busbar.plugin"));
    EXPECT_EQ(fake.type.topic, text_of(headers, "busbar.topic"));
    EXPECT_EQ("3", text_of(headers, "busbar.partition"));
    EXPECT_EQ("41", text_of(headers, "busbar.offset"));
    EXPECT_EQ("2", text_of(headers, "busbar.attempts"));
    EXPECT_EQ("2023-11-14T22:13:21.987Z", text_of(headers, "busbar.time"));
    EXPECT_EQ("(none)", text_of(headers, "busbar.signal"));
    EXPECT_EQ("(none)", text_of(headers, "busbar.stack"));
    EXPECT_STREQ(fake.type.dead_letter_topic, letter->topic);
    EXPECT_EQ(1700000000123, letter->timestamp_ms);
    EXPECT_EQ(item->origin.value.data, letter->value.data);
    EXPECT_EQ(item->origin.key.data, letter->key.data);
}

TEST_F(RunnerDeadLetter, WithoutTimestampOrNamesOfAPlugin)
{
    item->origin.timestamp_ms = -1;
    fault.plugin = nullptr;
    fault.plugin_version = nullptr;
    rd_kafka_headers_t *headers = make();
    EXPECT_EQ(0, letter->timestamp_ms);
    EXPECT_EQ("", text_of(headers, "busbar.plugin"));
}

TEST_F(RunnerDeadLetter, NamesTheSignalAndTheStackOfACrash)
{
    fault.signal = "SIGSEGV";
    fault.stack = "#0 handle";
    rd_kafka_headers_t *headers = make();
    EXPECT_EQ("SIGSEGV", text_of(headers, "busbar.signal"));
    EXPECT_EQ("#0 handle", text_of(headers, "busbar.stack"));
}

TEST_F(RunnerDeadLetter, AnEmptyStackIsLeftOut)
{
    fault.signal = "SIGKILL";
    fault.stack = "";
    EXPECT_EQ("(none)", text_of(make(), "busbar.stack"));
}

TEST_F(RunnerDeadLetter, ALongReasonIsCutBetweenCharacters)
{
    std::string reason(999, 'x');
    reason += "\xe2\x82\xac and more";
    fault.message = reason.c_str();
    EXPECT_EQ(std::string(999, 'x'), text_of(make(), "busbar.reason"));
}

TEST_F(RunnerDeadLetter, ATextOfContinuationBytesOnlyIsCutToNothing)
{
    std::string reason(2000, '\x80');
    fault.message = reason.c_str();
    EXPECT_EQ("", text_of(make(), "busbar.reason"));
}

TEST_F(RunnerDeadLetter, OwnHeadersAreReplacedAndForeignOnesStay)
{
    Broker broker;
    std::string topic = broker.topic(1);
    Record record;
    record.value = "x";
    record.headers = {{"trace", "abc"},
                      {"busbar.stage", "sink"},
                      {"busbar.hops", "2"},
                      {"trace", std::nullopt},
                      {"busbar.stage", "flush"}};
    broker.produce(topic, {record});
    Received received(broker, topic);
    item->message = received.message;
    rd_kafka_headers_t *headers = make();
    EXPECT_EQ(2u, times(headers, "trace"));
    EXPECT_EQ(1u, times(headers, "busbar.stage"));
    EXPECT_EQ("parse", text_of(headers, "busbar.stage"));
    EXPECT_EQ("2", text_of(headers, "busbar.hops"));
}

TEST_F(RunnerDeadLetter, AMessageWithoutHeadersGetsOwnOnes)
{
    Broker broker;
    std::string topic = broker.topic(1);
    Record record;
    record.value = "x";
    broker.produce(topic, {record});
    Received received(broker, topic);
    item->message = received.message;
    EXPECT_EQ("parse", text_of(make(), "busbar.stage"));
}

TEST_F(RunnerDeadLetter, ShorteningGivesUpReasonsBeforeTheOriginAndThenNothing)
{
    rd_kafka_headers_t *headers = make();
    ASSERT_NE(nullptr, letter->shorten);
    EXPECT_TRUE(letter->shorten(letter));
    EXPECT_EQ("(none)", text_of(headers, "busbar.reason"));
    EXPECT_EQ("41", text_of(headers, "busbar.offset"));
    EXPECT_TRUE(letter->shorten(letter));
    EXPECT_EQ("(none)", text_of(headers, "busbar.offset"));
    EXPECT_FALSE(letter->shorten(letter));
}

TEST_F(RunnerDeadLetter, ALineForTheLog)
{
    g_autofree char *line = bb_dead_letter_line(&fake.type, item, &fault);
    EXPECT_EQ(std::string(fake.type.topic) + "/3@41 parse malformed /a: the text ends", line);
    fault.pointer = "";
    g_autofree char *rootless = bb_dead_letter_line(&fake.type, item, &fault);
    EXPECT_EQ(std::string(fake.type.topic) + "/3@41 parse malformed -: the text ends", rootless);
}
