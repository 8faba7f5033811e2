// The transactions of an outbox: what is let in, what spoils one, and how its calls end.
#include "transaction_support.h"

#include <atomic>

extern "C" {
#include "kafka/outbox_private.h"
}

namespace
{

enum { TIMEOUT_MS = 10000 };

using Steps = std::vector<std::string>;

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

class OutboxTransaction : public ::testing::Test
{
  protected:
    static void SetUpTestSuite() // to end a cluster takes a second
    {
        cluster = new Cluster();
        cluster->add_topic("in", 2);
    }
    static void TearDownTestSuite()
    {
        delete cluster;
        cluster = nullptr;
    }
    void SetUp() override
    {
        said = Said();
        cluster->add_topic(out.c_str(), 1);
        settings = std::make_unique<Settings>(cluster->bootstrap);
        settings->add("reconnect.backoff.ms", "10");
        GError *error = nullptr;
        outbox = bb_outbox_new_transactional(settings->get(), "id", 60000, &error);
        ASSERT_TRUE(outbox) << take(&error);
        bb_outbox_start(outbox);
    }
    void TearDown() override
    {
        bb_outbox_free(outbox);
        for (bb_batch *batch : batches)
            bb_batch_free(batch);
        if (member)
            rd_kafka_consumer_group_metadata_destroy(member);
        if (offsets)
            rd_kafka_topic_partition_list_destroy(offsets);
        cluster->recover();
        said = Said();
    }
    bb_letter *letter(const std::string &text, gint64 epoch)
    {
        bb_batch *batch = bb_batch_new(Back::done, &back);
        batch->epoch = epoch;
        batches.push_back(batch);
        bb_letter *made = bb_letter_new(out.c_str());
        made->memory = g_strndup(text.data(), text.size());
        made->value = {made->memory, text.size()};
        bb_letter_hold(made, &batch, 1);
        bb_batch_release(batch); // the letter alone holds it now
        return made;
    }
    void send(const std::string &text, gint64 epoch = 1)
    {
        EXPECT_EQ(RD_KAFKA_RESP_ERR_NO_ERROR, bb_outbox_send(outbox, letter(text, epoch)));
    }
    bool wait_for(int count)
    {
        gint64 deadline = g_get_monotonic_time() + 60 * G_TIME_SPAN_SECOND;
        while (back.count < count && g_get_monotonic_time() < deadline)
            g_usleep(2000);
        return back.count == count;
    }
    // Answers, with why in `reason`.
    bb_transaction_outcome keep(bb_transaction_outcome outcome, char *text)
    {
        reason = text ? text : "";
        g_free(text);
        return outcome;
    }
    bb_transaction_outcome init()
    {
        char *text = nullptr;
        bb_transaction_outcome outcome = bb_outbox_init(outbox, TIMEOUT_MS, &text);
        return keep(outcome, text);
    }
    bb_transaction_outcome begin(gint64 floor = 0)
    {
        char *text = nullptr;
        bb_transaction_outcome outcome = bb_outbox_begin(outbox, floor, &text);
        return keep(outcome, text);
    }
    bb_transaction_outcome commit(gint64 timeout_ms = TIMEOUT_MS)
    {
        char *text = nullptr;
        bb_transaction_outcome outcome =
            bb_outbox_commit(outbox, offsets, member, timeout_ms, &text);
        return keep(outcome, text);
    }
    bb_transaction_outcome abort()
    {
        char *text = nullptr;
        bb_transaction_outcome outcome = bb_outbox_abort(outbox, TIMEOUT_MS, &text);
        return keep(outcome, text);
    }
    std::string spoiled_reason()
    {
        char *text = bb_outbox_spoiled_reason(outbox);
        std::string copy = text ? text : "";
        g_free(text);
        return copy;
    }
    void add_offsets()
    {
        member = rd_kafka_consumer_group_metadata_new("group");
        offsets = rd_kafka_topic_partition_list_new(1);
        rd_kafka_topic_partition_list_add(offsets, "in", 1)->offset = 7;
    }

    static inline Cluster *cluster;
    static inline int number; // of the test: each has a topic of its own
    std::string out = "out-" + std::to_string(++number);
    std::unique_ptr<Settings> settings;
    bb_outbox *outbox = nullptr;
    Back back;
    std::vector<bb_batch *> batches;
    rd_kafka_consumer_group_metadata_t *member = nullptr;
    rd_kafka_topic_partition_list_t *offsets = nullptr;
    std::string reason;
};

} // namespace

TEST_F(OutboxTransaction, LettersGoInWhileOneIsOpenAndAreGivenUpOtherwise)
{
    send("before");
    EXPECT_TRUE(wait_for(1));
    EXPECT_EQ(1, back.spoiled);
    EXPECT_EQ(BB_OUTCOME_DONE, init());
    EXPECT_EQ(BB_OUTCOME_DONE, begin());
    send("within");
    EXPECT_EQ(BB_OUTCOME_DONE, commit());
    EXPECT_TRUE(wait_for(2));
    EXPECT_EQ(1, back.spoiled);
    bb_outbox_shut(outbox);
    send("after");
    EXPECT_TRUE(wait_for(3));
    EXPECT_EQ(2, back.spoiled);
    EXPECT_FALSE(bb_outbox_is_spoiled(outbox));
    EXPECT_TRUE(bb_outbox_is_clean(outbox));
    EXPECT_EQ((std::multiset<std::string>{"within"}), cluster->values(out));
}

TEST_F(OutboxTransaction, LettersOfAnAbortedOneStayOutOfTheNextAndDoNotSpoilIt)
{
    EXPECT_EQ(BB_OUTCOME_DONE, init());
    EXPECT_EQ(BB_OUTCOME_DONE, begin(/* floor= */ 5));
    send("old", 4);
    EXPECT_TRUE(wait_for(1));
    EXPECT_EQ(1, back.spoiled);
    bb_letter *old = letter("old", 4);
    bb_outbox_spoil(outbox, old, "it was purged");
    bb_letter_free(old);
    EXPECT_FALSE(bb_outbox_is_spoiled(outbox));
    send("new", 5);
    EXPECT_EQ(BB_OUTCOME_DONE, commit());
    EXPECT_EQ((std::multiset<std::string>{"new"}), cluster->values(out));
}

TEST_F(OutboxTransaction, ARefusedRecordSpoilsItAndTheFirstReasonStaysUntilTheNext)
{
    EXPECT_EQ(BB_OUTCOME_DONE, init());
    EXPECT_EQ(BB_OUTCOME_DONE, begin());
    cluster->refuse(PRODUCE, RD_KAFKA_RESP_ERR_INVALID_RECORD);
    send("refused");
    EXPECT_TRUE(wait_for(1));
    EXPECT_EQ(1, back.spoiled);
    EXPECT_TRUE(bb_outbox_is_spoiled(outbox));
    std::string first = spoiled_reason();
    EXPECT_NE(std::string::npos, first.find(out)) << first;
    bb_letter *second = letter("too", 1);
    bb_outbox_spoil(outbox, second, "another reason");
    bb_letter_free(second);
    EXPECT_EQ(first, spoiled_reason());
    EXPECT_EQ(BB_OUTCOME_ABORT, commit()); // what the client says of it
    bb_outbox_shut(outbox);
    EXPECT_EQ(BB_OUTCOME_DONE, abort());
    EXPECT_EQ(BB_OUTCOME_DONE, begin());
    EXPECT_FALSE(bb_outbox_is_spoiled(outbox));
    EXPECT_EQ("", spoiled_reason());
    EXPECT_EQ(0u, said.ended.size());
}

TEST_F(OutboxTransaction, OffsetsAreSentBeforeTheEndAndOnlyTheEndCommitsThem)
{
    add_offsets();
    EXPECT_EQ(BB_OUTCOME_DONE, init());
    EXPECT_EQ(BB_OUTCOME_DONE, begin());
    EXPECT_EQ(BB_OUTCOME_DONE, commit());
    EXPECT_EQ((Steps{"init", "begin", "offsets", "end"}), said.steps);
    ASSERT_EQ(1u, said.ended.size());
    EXPECT_EQ((std::map<int, int64_t>{{1, 7}}), said.ended[0]);
}

TEST_F(OutboxTransaction, AMemberThatTheGroupHasGoneOnWithoutMayOnlyAbort)
{
    add_offsets();
    EXPECT_EQ(BB_OUTCOME_DONE, init());
    EXPECT_EQ(BB_OUTCOME_DONE, begin());
    cluster->refuse(TRANSACTION_OFFSETS, RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION);
    EXPECT_EQ(BB_OUTCOME_ABORT, commit());
    EXPECT_NE("", reason);
    bb_outbox_shut(outbox);
    EXPECT_EQ(BB_OUTCOME_DONE, abort());
    EXPECT_EQ((Steps{"init", "begin", "abort"}), said.steps); // never ended
    EXPECT_EQ(BB_OUTCOME_DONE, begin());                      // its producer is sound
    EXPECT_EQ(BB_OUTCOME_DONE, commit());
    EXPECT_EQ((std::map<int, int64_t>{{1, 7}}), said.ended.at(0));
}

TEST_F(OutboxTransaction, OffsetsAreSentAgainWhileThereIsTime)
{
    add_offsets();
    EXPECT_EQ(BB_OUTCOME_DONE, init());
    EXPECT_EQ(BB_OUTCOME_DONE, begin());
    said.offsets = {RD_KAFKA_RESP_ERR__TIMED_OUT, 2, true};
    EXPECT_EQ(BB_OUTCOME_DONE, commit());
    EXPECT_EQ(1u, said.ended.size());
    EXPECT_EQ(BB_OUTCOME_DONE, begin());
    said.offsets = {RD_KAFKA_RESP_ERR__TIMED_OUT, 1000, true};
    EXPECT_EQ(BB_OUTCOME_REPLACE, commit(150)); // they may have arrived
    EXPECT_EQ("as the test wants", reason);
    EXPECT_EQ(1u, said.ended.size());
    EXPECT_LT(990, said.offsets.times); // a pause between two of them
}

TEST_F(OutboxTransaction, WithoutTimeEachIsSentOnceAndWhatHasNoAnswerIsInDoubt)
{
    add_offsets();
    EXPECT_EQ(BB_OUTCOME_DONE, init());
    EXPECT_EQ(BB_OUTCOME_DONE, begin());
    said.offsets = {RD_KAFKA_RESP_ERR__TIMED_OUT, 2, true};
    EXPECT_EQ(BB_OUTCOME_REPLACE, commit(0));
    EXPECT_EQ(1, said.offsets.times);
    rd_kafka_topic_partition_list_destroy(offsets);
    offsets = nullptr;
    said.end = {RD_KAFKA_RESP_ERR__TIMED_OUT, 2, true};
    EXPECT_EQ(BB_OUTCOME_REPLACE, commit(0));
    EXPECT_EQ(1, said.end.times);
    EXPECT_EQ(0u, said.ended.size());
}

TEST_F(OutboxTransaction, AFencedProducerIsReplacedAndTheNewOneHasToBeInitialised)
{
    EXPECT_EQ(BB_OUTCOME_DONE, init());
    EXPECT_EQ(BB_OUTCOME_DONE, begin());
    send("lost");
    cluster->refuse(END_TRANSACTION, RD_KAFKA_RESP_ERR_PRODUCER_FENCED);
    EXPECT_EQ(BB_OUTCOME_REPLACE, commit());
    EXPECT_EQ(BB_OUTCOME_REPLACE, begin()); // it never works again
    GError *error = nullptr;
    rd_kafka_t *before = bb_outbox_client(outbox);
    bb_outbox_shut(outbox);
    EXPECT_TRUE(bb_outbox_replace(outbox, &error)) << take(&error);
    EXPECT_NE(before, bb_outbox_client(outbox));
    EXPECT_TRUE(bb_outbox_is_clean(outbox));
    EXPECT_EQ(BB_OUTCOME_REPLACE, begin()) << "before it is known to the coordinator";
    EXPECT_EQ(BB_OUTCOME_DONE, init());
    EXPECT_EQ(BB_OUTCOME_DONE, begin(2));
    send("again", 2);
    EXPECT_EQ(BB_OUTCOME_DONE, commit());
    EXPECT_EQ(1u, cluster->values(out).count("again"));
    EXPECT_EQ((Steps{"init", "begin", "init", "begin", "end"}), said.steps);
}

TEST_F(OutboxTransaction, WhatAReplacedProducerHasInHandComesBackSpoiled)
{
    EXPECT_EQ(BB_OUTCOME_DONE, init());
    EXPECT_EQ(BB_OUTCOME_DONE, begin());
    cluster->set_down();
    send("in hand");
    bb_outbox_shut(outbox);
    GError *error = nullptr;
    EXPECT_TRUE(bb_outbox_replace(outbox, &error)) << take(&error);
    EXPECT_TRUE(wait_for(1));
    EXPECT_EQ(1, back.spoiled);
    EXPECT_FALSE(bb_outbox_is_spoiled(outbox)); // it belonged to none that is open
    EXPECT_EQ(0u, bb_outbox_pending(outbox));
}

TEST_F(OutboxTransaction, WithoutANewProducerTheOldOneStays)
{
    settings->add("no.such.property", "1");
    GError *error = nullptr;
    rd_kafka_t *before = bb_outbox_client(outbox);
    EXPECT_FALSE(bb_outbox_replace(outbox, &error));
    EXPECT_NE(std::string::npos, take(&error).find("no.such.property"));
    EXPECT_EQ(before, bb_outbox_client(outbox));
    EXPECT_EQ(BB_OUTCOME_DONE, init());
    EXPECT_EQ(nullptr, bb_outbox_new_transactional(settings->get(), "other", 60000, &error));
    EXPECT_NE(std::string::npos, take(&error).find("no.such.property"));
}

TEST_F(OutboxTransaction, ATimeoutThatBrokersDoNotGrantIsHopeless)
{
    cluster->refuse(INIT_PRODUCER, RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT);
    EXPECT_EQ(BB_OUTCOME_HOPELESS, init());
    EXPECT_NE("", reason);
}

TEST_F(OutboxTransaction, AnEndWithoutAnAnswerIsSentAgainAndNotForgotten)
{
    EXPECT_EQ(BB_OUTCOME_DONE, init());
    EXPECT_EQ(BB_OUTCOME_DONE, begin());
    send("once");
    cluster->refuse(END_TRANSACTION, RD_KAFKA_RESP_ERR__TRANSPORT); // the connection ends
    EXPECT_EQ(BB_OUTCOME_DONE, commit());
    EXPECT_FALSE(bb_outbox_is_clean(outbox));
    EXPECT_EQ((std::multiset<std::string>{"once"}), cluster->values(out));
}
