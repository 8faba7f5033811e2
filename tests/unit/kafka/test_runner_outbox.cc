// The producer that does not give up, on a mock cluster that the test can make fail.
#include "runner_support.h"

#include <atomic>

extern "C" {
#include <librdkafka/rdkafka_mock.h>

#include "kafka/outbox.h"
}

namespace
{

// Batches that come back.
struct Back {
    std::atomic<int> count{0}, spoiled{0};
    static void done(bb_batch *batch, void *user)
    {
        auto *self = static_cast<Back *>(user);
        self->spoiled += g_atomic_int_get(&batch->spoiled);
        self->count++;
    }
};

class Outbox : public ::testing::Test
{
  protected:
    rd_kafka_t *carrier = nullptr;
    rd_kafka_mock_cluster_t *cluster = nullptr;
    bb_outbox *outbox = nullptr;
    std::unique_ptr<Settings> settings;
    Broker reader;
    Back back;
    std::vector<bb_batch *> batches;

    void SetUp() override
    {
        char reason[256];
        carrier = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), reason, sizeof reason);
        ASSERT_TRUE(carrier) << reason;
        cluster = rd_kafka_mock_cluster_new(carrier, 1);
        ASSERT_TRUE(cluster);
        ASSERT_EQ(RD_KAFKA_RESP_ERR_NO_ERROR, rd_kafka_mock_topic_create(cluster, "out", 1, 1));
        reader.bootstrap = rd_kafka_mock_cluster_bootstraps(cluster);
        settings = std::make_unique<Settings>(reader.bootstrap);
        GError *error = nullptr;
        outbox = bb_outbox_new(settings->get(), &error);
        ASSERT_TRUE(outbox) << take(&error);
        bb_outbox_start(outbox);
    }
    void TearDown() override
    {
        bb_outbox_free(outbox);
        for (bb_batch *batch : batches)
            bb_batch_free(batch);
        if (cluster)
            rd_kafka_mock_cluster_destroy(cluster);
        if (carrier)
            rd_kafka_destroy(carrier);
    }
    // Sends a letter that holds a batch of its own.
    rd_kafka_resp_err_t send(const std::string &text, const char *topic = "out")
    {
        bb_batch *batch = bb_batch_new(Back::done, &back);
        batches.push_back(batch);
        bb_letter *letter = bb_letter_new(topic);
        letter->memory = g_strndup(text.data(), text.size());
        letter->value = {letter->memory, text.size()};
        bb_letter_hold(letter, &batch, 1);
        bb_batch_release(batch); // the letter alone holds it now
        return bb_outbox_send(outbox, letter);
    }
    bool wait_for(int count)
    {
        gint64 deadline = g_get_monotonic_time() + 60 * G_TIME_SPAN_SECOND;
        while (back.count < count && g_get_monotonic_time() < deadline)
            g_usleep(2000);
        return back.count == count;
    }
    std::multiset<std::string> arrived()
    {
        std::multiset<std::string> values;
        for (const Record &record : reader.read_all("out", 1))
            values.insert(record.value.value_or(""));
        return values;
    }
};

TEST_F(Outbox, LettersBehindOthersGoOneByOneInTheirOrderAlsoAfterAFailure)
{
    std::vector<bb_letter *> chain;
    for (int i = 0; i < 5; i++) {
        bb_batch *batch = bb_batch_new(Back::done, &back);
        batches.push_back(batch);
        bb_letter *letter = bb_letter_new("out");
        letter->memory = g_strdup_printf("%d", i);
        letter->value = busbar_text(letter->memory);
        letter->confirmed = [](bb_letter *one, const rd_kafka_message_t *) { return one->behind; };
        bb_letter_hold(letter, &batch, 1);
        bb_batch_release(batch);
        chain.push_back(letter);
    }
    rd_kafka_mock_push_request_errors(cluster, 0, 1, RD_KAFKA_RESP_ERR_INVALID_RECORD);
    for (size_t i = 1; i < chain.size(); i++)
        bb_outbox_send_behind(outbox, chain[i], chain[i - 1]);
    EXPECT_EQ(0, back.count);
    bb_outbox_send(outbox, chain[0]);
    EXPECT_TRUE(wait_for(5));
    EXPECT_EQ(0u, bb_outbox_pending(outbox));
    std::string all;
    for (const Record &record : reader.read_all("out", 1))
        all += record.value.value_or("");
    EXPECT_EQ("01234", all);
}

TEST_F(Outbox, WhatIsBehindALetterIsGivenUpWithIt)
{
    bb_letter *chain[3];
    for (bb_letter *&letter : chain) {
        bb_batch *batch = bb_batch_new(Back::done, &back);
        batches.push_back(batch);
        letter = bb_letter_new("out");
        letter->confirmed = [](bb_letter *one, const rd_kafka_message_t *) { return one->behind; };
        bb_letter_hold(letter, &batch, 1);
        bb_batch_release(batch);
    }
    chain[0]->create = TRUE; // the topic is not known yet: it waits
    bb_outbox_send_behind(outbox, chain[1], chain[0]);
    bb_outbox_send_behind(outbox, chain[2], chain[1]);
    rd_kafka_mock_push_request_errors(cluster, 0, 3, RD_KAFKA_RESP_ERR_INVALID_RECORD,
                                      RD_KAFKA_RESP_ERR_INVALID_RECORD,
                                      RD_KAFKA_RESP_ERR_INVALID_RECORD);
    bb_outbox_send(outbox, chain[0]);
    bb_outbox_stop(outbox);
    EXPECT_EQ(3, back.count);
    EXPECT_EQ(0u, bb_outbox_pending(outbox));
}

// A request that overtakes the first one of a new partition would make the client confirm that one.
TEST_F(Outbox, OneRequestIsOnItsWayAtATime)
{
    char value[16] = "";
    size_t size = sizeof value;
    ASSERT_EQ(RD_KAFKA_CONF_OK,
              rd_kafka_conf_get(rd_kafka_conf(bb_outbox_client(outbox)),
                                "max.in.flight.requests.per.connection", value, &size));
    EXPECT_STREQ("1", value);
}

TEST_F(Outbox, ABatchComesBackWhenItsLetterIsConfirmed)
{
    for (int i = 0; i < 100; i++)
        EXPECT_EQ(RD_KAFKA_RESP_ERR_NO_ERROR, send(std::to_string(i)));
    EXPECT_TRUE(wait_for(100));
    EXPECT_EQ(0, back.spoiled);
    EXPECT_EQ(0u, bb_outbox_pending(outbox));
    EXPECT_EQ(100u, arrived().size());
}

TEST_F(Outbox, ARefusedRecordIsSentAgain)
{
    rd_kafka_mock_push_request_errors(cluster, 0, 1, RD_KAFKA_RESP_ERR_INVALID_RECORD);
    send("one");
    EXPECT_TRUE(wait_for(1));
    EXPECT_EQ((std::multiset<std::string>{"one"}), arrived());
}

TEST_F(Outbox, AProducerThatCanNeverSendAgainIsReplaced)
{
    send("before");
    EXPECT_TRUE(wait_for(1));
    rd_kafka_mock_push_request_errors(cluster, 0, 1,
                                      RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
    for (int i = 0; i < 20; i++)
        send(std::to_string(i));
    EXPECT_TRUE(wait_for(21));
    EXPECT_EQ(0, back.spoiled);
    std::multiset<std::string> values = arrived();
    for (int i = 0; i < 20; i++)
        EXPECT_GE(values.count(std::to_string(i)), 1u) << i;
}

TEST_F(Outbox, WhatCanNeverBeSentIsRefusedAtOnce)
{
    EXPECT_EQ(RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, send(std::string(17 * 1024 * 1024, 'x')));
    EXPECT_TRUE(wait_for(1));
    EXPECT_EQ(0, back.spoiled) << "the answer says it: the record alone is refused, not its batch";
}

TEST_F(Outbox, WhatIsNotConfirmedAtTheEndComesBackSpoiled)
{
    rd_kafka_mock_broker_set_down(cluster, 1);
    send("lost");
    bb_outbox_stop(outbox);
    EXPECT_EQ(1, back.count);
    EXPECT_EQ(1, back.spoiled);
    EXPECT_EQ(0u, bb_outbox_pending(outbox));
}

} // namespace
