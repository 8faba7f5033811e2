// Rebalances of a consumer whose client says what the test wants about its group: eager and
// cooperative, with every version of librdkafka.
#include "client_double.h"
#include "runner_support.h"

extern "C" {
#include "kafka/consumer_private.h"
}

namespace
{

enum { PARTITIONS = 3, EACH = 10, DRAIN_MS = 60 };

using Offsets = std::vector<gint64>;

// A consumer that is no member of its group; its handler refuses what the test names.
class Rebalance : public ::testing::Test
{
  protected:
    void SetUp() override
    {
        said = Said();
        name = broker.topic(PARTITIONS);
        event = std::make_unique<TopicType>(name, name + "-group");
        event->settings->concurrency = 0; // all on the test's thread
        event->settings->order = BB_ORDER_PARTITION;
        event->settings->retry_attempts = 0; // without end
        handler.verdict = [this](busbar_call *call, uint32_t index, const busbar_event *one) {
            const busbar_origin *origin = call->host->origin(one);
            auto from = refused.find(origin->partition);
            if (from != refused.end() && origin->offset >= from->second)
                return busbar_fail_event(call, index, BUSBAR_RETRY, "not now");
            passed[origin->partition].push_back(origin->offset);
            return static_cast<int32_t>(BUSBAR_PASS);
        };
        event->bind(handler, /* with_flush= */ false);
        settings = std::make_unique<Settings>(broker.bootstrap);
        const_cast<bb_settings *>(settings->get())->drain_ms = DRAIN_MS;
        context.settings = settings->get();
        context.metrics = metrics;
    }

    void TearDown() override
    {
        said = Said();
        bb_consumer_free(consumer);
        bb_metrics_free(metrics);
    }

    void begin_anew()
    {
        TearDown();
        consumer = nullptr;
        metrics = bb_metrics_new();
        passed.clear();
        SetUp();
    }

    void make(const char *protocol)
    {
        GError *error = nullptr;
        consumer = bb_consumer_new(&event->type, &context, &error);
        ASSERT_TRUE(consumer) << take(&error);
        said.protocol = protocol;
        broker.produce_good(name, 0, PARTITIONS * EACH, PARTITIONS);
    }

    void rebalance(rd_kafka_resp_err_t code, const std::vector<int> &partitions)
    {
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(PARTITIONS);
        for (int partition : partitions)
            rd_kafka_topic_partition_list_add(list, name.c_str(), partition);
        bb_consumer_on_rebalance(consumer->client, code, list, consumer);
        rd_kafka_topic_partition_list_destroy(list);
    }
    void assign(const std::vector<int> &partitions)
    {
        rebalance(RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS, partitions);
    }
    void revoke(const std::vector<int> &partitions)
    {
        rebalance(RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS, partitions);
    }

    void tick()
    {
        bb_worker_tick(static_cast<bb_worker *>(g_ptr_array_index(consumer->workers, 0)));
        bb_consumer_collect(consumer, 0);
    }
    // Reads and works until it holds.
    template <typename Condition> bool until(Condition condition)
    {
        gint64 deadline = g_get_monotonic_time() + 30 * G_TIME_SPAN_SECOND;
        while (!condition()) {
            if (g_get_monotonic_time() > deadline)
                return false;
            tick();
            if (consumer->tier)
                bb_tier_read(consumer, 20);
            else
                (void)bb_consumer_read(consumer, 20);
        }
        return true;
    }
    // At most once, of partition 0: records are held whose commit may have arrived.
    void hold_in_doubt()
    {
        event->settings->delivery = BB_AT_MOST_ONCE;
        said.commit = RD_KAFKA_RESP_ERR__TIMED_OUT;
        make("EAGER");
        assign({0});
        ASSERT_TRUE(until([this] { return bb_consumer_ahead_holds(consumer) != 0; }));
        for (int i = 0; i < 10; i++)
            (void)bb_consumer_read(consumer, 20);
        EXPECT_TRUE(passed.empty());
    }
    bool until_read(int partition)
    {
        return until([this, partition] {
            bb_partition *state = bb_partitions_get(consumer->partitions, partition);
            return state && state->position == EACH;
        });
    }
    // All of a partition, once and in order.
    bool is_whole(int partition)
    {
        Offsets wanted;
        for (gint64 i = 0; i < EACH; i++)
            wanted.push_back(i);
        return passed[partition] == wanted;
    }
    gint64 epoch(int partition)
    {
        bb_partition *state = bb_partitions_get(consumer->partitions, partition);
        return state ? bb_offsets_epoch(state->offsets) : -1;
    }
    Offsets committed()
    {
        return broker.committed(name, PARTITIONS, name + "-group");
    }
    // Each record at most once.
    bool is_once(int partition)
    {
        Offsets seen = passed[partition];
        return std::set<gint64>(seen.begin(), seen.end()).size() == seen.size();
    }
    double counted(bb_rebalance_kind kind)
    {
        return bb_metric_value(consumer->metrics.rebalances[kind]);
    }
    std::string failure()
    {
        return consumer->error ? consumer->error->message : "";
    }

    Broker broker;
    std::string name;
    std::unique_ptr<TopicType> event;
    std::unique_ptr<Settings> settings;
    bb_metrics *metrics = bb_metrics_new();
    bb_consumer_context context = {};
    bb_consumer *consumer = nullptr;
    FakeHandler handler;
    std::map<int, gint64> refused; // partition -> from this offset on
    std::map<int, Offsets> passed;
};

const gint64 NONE = RD_KAFKA_OFFSET_INVALID;

} // namespace

TEST_F(Rebalance, EagerGivesAllBackAndCommitsWhatIsFinished)
{
    make("EAGER");
    assign({0, 1});
    EXPECT_TRUE(consumer->has_assignment);
    EXPECT_EQ(1, said.whole);
    ASSERT_TRUE(until_read(0) && until_read(1));
    revoke({0, 1});
    EXPECT_TRUE(is_whole(0) && is_whole(1));
    EXPECT_EQ((Offsets{EACH, EACH, NONE}), committed());
    EXPECT_FALSE(consumer->has_assignment);
    EXPECT_EQ(0u, bb_partitions_assigned(consumer->partitions));
    EXPECT_EQ(1, said.forgotten);
    EXPECT_EQ(0, said.assigned + said.unassigned);
    EXPECT_EQ(1, counted(BB_REBALANCE_ASSIGNED));
    EXPECT_EQ(1, counted(BB_REBALANCE_REVOKED));
}

TEST_F(Rebalance, EagerWaitsNoLongerThanTheDrainAndCommitsNothingUnfinished)
{
    refused[1] = 4;
    make("EAGER");
    assign({0, 1});
    ASSERT_TRUE(until_read(0) && until_read(1));
    revoke({0, 1});
    EXPECT_EQ((Offsets{EACH, 4, NONE}), committed());
    EXPECT_TRUE(said.sought.empty()); // all is given back: nothing stays to be read again
    EXPECT_EQ("", failure());
    refused.clear();
    assign({1}); // whoever has it next begins where it was committed
    ASSERT_TRUE(until_read(1));
    EXPECT_TRUE(is_whole(1));
}

TEST_F(Rebalance, AFastStopDoesNotWaitForTheDrain)
{
    refused[0] = 0;
    const_cast<bb_settings *>(settings->get())->drain_ms = 600000;
    make("EAGER");
    assign({0});
    ASSERT_TRUE(until_read(0));
    bb_consumer_stop(consumer, /* fast= */ TRUE);
    revoke({0}); // else the test would not end
    EXPECT_EQ((Offsets{NONE, NONE, NONE}), committed());
}

TEST_F(Rebalance, CooperativeKeepsWhatStays)
{
    make("COOPERATIVE");
    assign({0, 1});
    ASSERT_TRUE(until_read(0) && until_read(1));
    gint64 before = epoch(0);
    assign({2});
    EXPECT_EQ(before, epoch(0));
    ASSERT_TRUE(until_read(2));
    revoke({1});
    EXPECT_TRUE(consumer->has_assignment);
    EXPECT_EQ(before, epoch(0));
    EXPECT_EQ(-1, epoch(1));
    EXPECT_EQ(2u, bb_partitions_assigned(consumer->partitions));
    EXPECT_EQ((Offsets{EACH, EACH, EACH}), committed()); // a commit takes along what else is done
    EXPECT_EQ(2, said.assigned);
    EXPECT_EQ(1, said.unassigned);
    EXPECT_EQ(0, said.whole + said.forgotten);
    EXPECT_TRUE(is_whole(0) && is_whole(1) && is_whole(2));
}

TEST_F(Rebalance, CooperativeDoesNotWaitForPartitionsThatStay)
{
    refused[0] = 3;
    const_cast<bb_settings *>(settings->get())->drain_ms = 600000;
    make("COOPERATIVE");
    assign({0, 1});
    ASSERT_TRUE(until_read(0) && until_read(1));
    revoke({1}); // would take ten minutes
    EXPECT_TRUE(said.sought.empty());
    EXPECT_EQ((Offsets{3, EACH, NONE}), committed());
    refused.clear();
    ASSERT_TRUE(until([this] { return is_whole(0); })); // what was in hand went on, once
}

TEST_F(Rebalance, CooperativeReadsAgainWhatItGaveUpOfPartitionsThatStay)
{
    refused[0] = 3;
    refused[1] = 5;
    refused[2] = 0;
    make("COOPERATIVE");
    assign({0, 1, 2});
    ASSERT_TRUE(until_read(0) && until_read(1) && until_read(2));
    revoke({1}); // it cannot be finished: all that is out is given up
    EXPECT_EQ((Offsets{3, 5, NONE}), committed());
    std::sort(said.sought.begin(), said.sought.end());
    EXPECT_EQ((std::vector<std::pair<int, gint64>>{{0, 3}, {2, 0}}), said.sought);
    refused.clear();
    ASSERT_TRUE(until([this] { return is_whole(0) && is_whole(2); }));
    revoke({0, 2});
    EXPECT_EQ((Offsets{EACH, 5, EACH}), committed());
    EXPECT_EQ("", failure());
}

TEST_F(Rebalance, CooperativeReadsNothingAgainThatIsFinished)
{
    refused[1] = 5;
    make("COOPERATIVE");
    assign({0, 1});
    ASSERT_TRUE(until_read(0) && until_read(1));
    ASSERT_TRUE(until([this] { return is_whole(0); }));
    revoke({1});
    EXPECT_TRUE(said.sought.empty());
    EXPECT_TRUE(is_whole(0));
}

TEST_F(Rebalance, APartitionThatCannotBeReadAgainEndsTheConsumer)
{
    for (bool whole : {true, false}) {
        refused = {{0, 3}, {1, 5}};
        make("COOPERATIVE");
        assign({0, 1});
        ASSERT_TRUE(until_read(0) && until_read(1));
        (whole ? said.seek : said.seek_partition) = RD_KAFKA_RESP_ERR__TIMED_OUT;
        revoke({1});
        EXPECT_NE(std::string::npos, failure().find("cannot be read again")) << failure();
        EXPECT_TRUE(bb_consumer_is_ending(consumer));
        begin_anew();
    }
}

TEST_F(Rebalance, WhatIsLostIsDiscardedAndNotCommitted)
{
    for (const char *protocol : {"EAGER", "COOPERATIVE"}) {
        refused = {{0, 3}};
        const_cast<bb_settings *>(settings->get())->drain_ms = 600000; // nothing is waited for
        make(protocol);
        assign({0});
        ASSERT_TRUE(until_read(0));
        said.lost = true;
        revoke({0});
        EXPECT_EQ((Offsets{NONE, NONE, NONE}), committed()) << protocol;
        EXPECT_FALSE(consumer->has_assignment);
        EXPECT_EQ(-1, epoch(0));
        EXPECT_EQ(1, counted(BB_REBALANCE_LOST));
        EXPECT_EQ(0, counted(BB_REBALANCE_REVOKED));
        tick();
        EXPECT_EQ(0u, consumer->in_flight_records); // it came back without an end
        said.lost = false;
        refused.clear();
        assign({0});
        EXPECT_TRUE(consumer->has_assignment);
        passed.clear();
        ASSERT_TRUE(until_read(0));
        EXPECT_TRUE(is_whole(0)); // from the beginning: nothing had been committed
        begin_anew();
    }
}

TEST_F(Rebalance, AnErrorInPlaceOfAnAssignmentGivesUpAll)
{
    refused[0] = 3;
    make("COOPERATIVE");
    assign({0, 1});
    ASSERT_TRUE(until_read(0) && until_read(1));
    rebalance(RD_KAFKA_RESP_ERR__TIMED_OUT, {});
    EXPECT_FALSE(consumer->has_assignment);
    EXPECT_EQ(0u, bb_partitions_assigned(consumer->partitions));
    EXPECT_EQ(1, said.forgotten);
    EXPECT_EQ(1, counted(BB_REBALANCE_FAILED));
    EXPECT_EQ((Offsets{NONE, NONE, NONE}), committed());
    tick();
    EXPECT_EQ(0u, consumer->in_flight_records);
}

TEST_F(Rebalance, AnAssignmentThatTheClientRefusesIsSaidAndEndsNothing)
{
    make("COOPERATIVE");
    said.assign = RD_KAFKA_RESP_ERR__STATE;
    assign({0});
    EXPECT_EQ("", failure());
    said.assign = RD_KAFKA_RESP_ERR_NO_ERROR;
    assign({1});
    ASSERT_TRUE(until_read(1));
    EXPECT_TRUE(is_whole(1));
    EXPECT_TRUE(passed[0].empty());
}

TEST_F(Rebalance, WithoutAQueueOfItsOwnAPartitionIsStillGivenBack)
{
    make("COOPERATIVE");
    said.no_queues = true;
    assign({0});
    EXPECT_EQ(1u, bb_partitions_assigned(consumer->partitions));
    revoke({0});
    EXPECT_EQ(0u, bb_partitions_assigned(consumer->partitions));
    EXPECT_EQ("", failure());
}

TEST_F(Rebalance, WhileClosingNothingIsCommittedAnyMore)
{
    make("EAGER");
    assign({0});
    ASSERT_TRUE(until_read(0));
    consumer->closing = TRUE; // what was to be committed is, before
    revoke({0});
    EXPECT_EQ((Offsets{NONE, NONE, NONE}), committed());
    EXPECT_EQ(0u, bb_partitions_assigned(consumer->partitions));
}

TEST_F(Rebalance, AnEmptyAssignmentIsOne)
{
    make("EAGER");
    assign({});
    EXPECT_TRUE(consumer->has_assignment);
    revoke({});
    EXPECT_FALSE(consumer->has_assignment);
}

// Says when it asked about the group, in seconds from the beginning of an empty assignment.
TEST_F(Rebalance, AMemberWithoutPartitionsAsksAboutItsGroupEverMoreRarely)
{
    make("EAGER");
    assign({});
    std::vector<int> asked;
    for (int second = 0; second <= 800; second++) {
        bb_consumer_look_idle(consumer, 1000 + second * 1000);
        if (consumer->idle.asked)
            asked.push_back(second);
        while (consumer->idle.asked) { // what the mock cluster does not know: no answer hangs
            std::this_thread::yield();
            bb_consumer_look_idle(consumer, 1000 + second * 1000);
        }
        EXPECT_EQ(0, consumer->rejoin_at_ms);
    }
    EXPECT_EQ((std::vector<int>{15, 45, 105, 225, 465, 705}), asked);
    EXPECT_EQ(asked.size(), static_cast<size_t>(said.listed));
}

TEST_F(Rebalance, AMemberThatIsRightlyWithoutPartitionsDoesNotJoinAnew)
{
    make("EAGER");
    assign({});
    for (int holders : {3, 1, -1}) {
        bb_consumer_take_holders(consumer, holders, 5000);
        EXPECT_EQ(0, consumer->rejoin_at_ms);
    }
}

TEST_F(Rebalance, AMemberThatWasOverlookedJoinsAnewAndWaitsLongerForTheNextTime)
{
    make("EAGER");
    assign({});
    bb_consumer_look_idle(consumer, 1000);
    bb_consumer_look_idle(consumer, 16000);
    EXPECT_TRUE(consumer->idle.asked);
    bb_consumer_take_holders(consumer, 0, 16100);
    EXPECT_EQ(16100, consumer->rejoin_at_ms);
    EXPECT_TRUE(consumer->idle.said);
    revoke({});
    bb_consumer_look_idle(consumer, 16200);
    EXPECT_FALSE(consumer->idle.fits);
    assign({});
    bb_consumer_look_idle(consumer, 17000);
    EXPECT_EQ(47000, consumer->idle.look_at_ms);
}

TEST_F(Rebalance, AMemberWithPartitionsAsksNothingAndBeginsAnewWithoutThem)
{
    make("EAGER");
    assign({});
    bb_consumer_look_idle(consumer, 1000);
    bb_consumer_look_idle(consumer, 16000);
    bb_consumer_take_holders(consumer, 0, 16100);
    revoke({});
    assign({0});
    for (gint64 now = 17000; now < 900000; now += 1000)
        bb_consumer_look_idle(consumer, now);
    EXPECT_FALSE(consumer->idle.fits);
    bb_consumer_idle_end(consumer);
    EXPECT_EQ(1, said.listed);
    EXPECT_FALSE(consumer->idle.said);
    revoke({0});
    assign({});
    bb_consumer_look_idle(consumer, 900000);
    EXPECT_EQ(915000, consumer->idle.look_at_ms);
}

TEST_F(Rebalance, AMemberByTheConsumerProtocolAsksNothing)
{
    make("COOPERATIVE");
    event->settings->assignment = BB_ASSIGN_CONSUMER;
    assign({});
    for (gint64 now = 1000; now < 900000; now += 1000)
        bb_consumer_look_idle(consumer, now);
    EXPECT_EQ(0, said.listed);
}

TEST_F(Rebalance, APartitionThatIsNotInHandIsGivenBackWell)
{
    refused[0] = 3;
    make("COOPERATIVE");
    assign({0});
    ASSERT_TRUE(until_read(0));
    revoke({2});
    EXPECT_EQ(1u, bb_partitions_assigned(consumer->partitions));
    EXPECT_EQ("", failure());
    EXPECT_TRUE(said.sought.empty());
}

TEST_F(Rebalance, ExactlyOnceCommitsNothingOutsideOfATransaction)
{
    event->settings->delivery = BB_EXACTLY_ONCE;
    make("EAGER");
    assign({0});
    ASSERT_TRUE(until_read(0));
    ASSERT_TRUE(is_whole(0));
    revoke({0});
    EXPECT_EQ((Offsets{NONE, NONE, NONE}), committed());
    EXPECT_EQ(0u, bb_partitions_assigned(consumer->partitions));
}

TEST_F(Rebalance, AtMostOnceCommitsFirstAndReadsNothingAgain)
{
    event->settings->delivery = BB_AT_MOST_ONCE;
    refused = {{0, 3}, {1, 5}};
    make("COOPERATIVE");
    assign({0, 1});
    ASSERT_TRUE(until_read(0) && until_read(1));
    EXPECT_EQ((Offsets{EACH, EACH, NONE}), committed()); // before they are handled
    revoke({1}); // it cannot be finished: what is out is given up, and lost
    EXPECT_TRUE(said.sought.empty());
    EXPECT_EQ(1u, bb_partitions_assigned(consumer->partitions));
    refused.clear();
    assign({1});
    broker.produce_good(name, 100, PARTITIONS, PARTITIONS);
    ASSERT_TRUE(until([this] { return !passed[0].empty() && passed[0].back() == EACH; }));
    ASSERT_TRUE(until([this] { return !passed[1].empty() && passed[1].back() == EACH; }));
    EXPECT_EQ((Offsets{0, 1, 2, EACH}), passed[0]);
    EXPECT_EQ((Offsets{0, 1, 2, 3, 4, EACH}), passed[1]);
    EXPECT_EQ("", failure());
}

TEST_F(Rebalance, AtMostOnceFinishesWhatIsCommittedOfPartitionsThatAreLost)
{
    event->settings->delivery = BB_AT_MOST_ONCE;
    refused = {{0, 3}};
    make("EAGER");
    assign({0});
    ASSERT_TRUE(until_read(0));
    refused.clear(); // the handler is well again, and nobody else will get these
    said.lost = true;
    const_cast<bb_settings *>(settings->get())->drain_ms = 30000;
    revoke({0});
    EXPECT_TRUE(is_whole(0));
    EXPECT_EQ(0u, bb_partitions_assigned(consumer->partitions));
}

TEST_F(Rebalance, AtMostOnceFinishesWhatIsCommittedWhenAllIsGivenUp)
{
    event->settings->delivery = BB_AT_MOST_ONCE;
    refused = {{0, 3}};
    make("COOPERATIVE");
    assign({0});
    ASSERT_TRUE(until_read(0));
    refused.clear();
    const_cast<bb_settings *>(settings->get())->drain_ms = 30000;
    rebalance(RD_KAFKA_RESP_ERR__TIMED_OUT, {});
    EXPECT_TRUE(is_whole(0) && is_once(0));
    EXPECT_FALSE(consumer->has_assignment);
}

TEST_F(Rebalance, AtMostOnceHandsNothingOverBeforeACommitAndTellsWhatMayBeLost)
{
    hold_in_doubt();
    EXPECT_EQ(0u, consumer->in_flight_records);
    revoke({0});
    EXPECT_FALSE(bb_consumer_ahead_holds(consumer));
    EXPECT_GE(bb_metric_value(consumer->metrics.lost), 1);
    EXPECT_LE(bb_metric_value(consumer->metrics.lost), EACH);
    EXPECT_EQ(bb_metric_value(consumer->metrics.lost), (double)consumer->counts.lost);
    said.commit = RD_KAFKA_RESP_ERR_NO_ERROR;
    assign({0}); // it had not arrived
    ASSERT_TRUE(until_read(0));
    tick();
    EXPECT_TRUE(is_whole(0));
}

TEST_F(Rebalance, AtMostOnceFindsOutWhatMayBeCommittedWhileThereIsTime)
{
    hold_in_doubt();
    said.commit = RD_KAFKA_RESP_ERR_NO_ERROR;
    const_cast<bb_settings *>(settings->get())->drain_ms = 30000;
    revoke({0});
    EXPECT_EQ(0, bb_metric_value(consumer->metrics.lost));
    EXPECT_FALSE(passed[0].empty());
    EXPECT_TRUE(is_once(0));
}

TEST_F(Rebalance, AtMostOnceLosesNothingWhenTheCommitIsRefused)
{
    event->settings->delivery = BB_AT_MOST_ONCE;
    said.commit = RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS;
    make("COOPERATIVE");
    assign({0, 1});
    ASSERT_TRUE(until([this] { return bb_consumer_ahead_holds(consumer) != 0; }));
    revoke({1});
    EXPECT_TRUE(passed.empty());
    EXPECT_EQ(0, bb_metric_value(consumer->metrics.lost));
    said.commit = RD_KAFKA_RESP_ERR_NO_ERROR;
    ASSERT_TRUE(until_read(0)); // what was held of it goes on
    tick();
    EXPECT_TRUE(is_whole(0));
    EXPECT_TRUE(passed[1].empty());
    EXPECT_EQ((Offsets{EACH, NONE, NONE}), committed());
}

TEST_F(Rebalance, ARetryTopicIsReadAgainFromWhatWasGivenUp)
{
    TopicType source("the-source", name + "-group");
    event->type.source = &source.type;
    event->type.tier = 1;
    refused = {{0, 3}, {1, 5}};
    make("COOPERATIVE");
    assign({0, 1});
    ASSERT_TRUE(until_read(0) && until_read(1));
    revoke({1});
    EXPECT_EQ((Offsets{3, 5, NONE}), committed());
    EXPECT_EQ((std::vector<std::pair<int, gint64>>{{0, 3}}), said.sought);
    refused.clear();
    ASSERT_TRUE(until([this] { return is_whole(0); }));
    rebalance(RD_KAFKA_RESP_ERR__TIMED_OUT, {});
    EXPECT_EQ(0u, bb_partitions_assigned(consumer->partitions));
    assign({1});
    ASSERT_TRUE(until([this] { return is_whole(1); }));
}

TEST_F(Rebalance, LanesOfTheirOwnAreWaitedFor)
{
    event->settings->concurrency = 2;
    make("EAGER");
    for (guint i = 0; i < consumer->workers->len; i++)
        bb_worker_start(static_cast<bb_worker *>(g_ptr_array_index(consumer->workers, i)));
    handler.verdict = nullptr; // it is called on other threads
    const_cast<bb_settings *>(settings->get())->drain_ms = 30000;
    assign({0});
    gint64 deadline = g_get_monotonic_time() + 30 * G_TIME_SPAN_SECOND;
    while (consumer->counts.consumed < EACH && g_get_monotonic_time() < deadline)
        (void)bb_consumer_read(consumer, 50);
    revoke({0}); // answers of the lanes have not been looked at before
    EXPECT_EQ((Offsets{EACH, NONE, NONE}), committed());
    for (guint i = 0; i < consumer->workers->len; i++)
        bb_worker_stop(static_cast<bb_worker *>(g_ptr_array_index(consumer->workers, i)));
}
