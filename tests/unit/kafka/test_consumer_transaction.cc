// Exactly-once of a consumer: what a transaction commits together, and what follows when it cannot.
// The cluster is the library's own, so the answers of its requests are what clients make of them.
#include "transaction_support.h"

#include <cerrno>

extern "C" {
#include "kafka/consumer_private.h"
}

extern int socket_errno; // test_transaction_check.cc

namespace
{

enum { PARTITIONS = 2, EACH = 10, DRAIN_MS = 10000, SHORT_DRAIN_MS = 60, LONG_MS = 600000 };

using Offsets = std::vector<gint64>;
using Places = std::vector<std::pair<int, int64_t>>;
using Ended = std::vector<std::map<int, int64_t>>;

int32_t emit_place(busbar_call *call, const busbar_event *event, const std::string &topic)
{
    const busbar_origin *origin = call->host->origin(event);
    busbar_record record = {};
    std::string text = std::to_string(origin->partition) + "/" + std::to_string(origin->offset);
    record.struct_size = sizeof record;
    record.topic = busbar_text(topic.c_str());
    record.partition = 0;
    record.value = {text.data(), text.size()};
    return call->host->emit(call, &record);
}

// All on the test's thread, but for the outbox; no member of its group.
class ConsumerTransaction : public ::testing::Test
{
  protected:
    static void SetUpTestSuite() // to end a cluster takes a second
    {
        cluster = new Cluster();
    }
    static void TearDownTestSuite()
    {
        delete cluster;
        cluster = nullptr;
    }
    void SetUp() override
    {
        said = Said();
        said.protocol = "EAGER";
        cluster->add_topic(in.c_str(), PARTITIONS);
        cluster->add_topic(out.c_str(), 1);
        cluster->produce_good(in, 0, PARTITIONS * EACH, PARTITIONS);
        event.settings->delivery = BB_EXACTLY_ONCE;
        event.settings->concurrency = 0;
        event.settings->order = BB_ORDER_PARTITION;
        event.settings->retry_attempts = 0; // without end
        event.settings->transaction_ms = LONG_MS;
        event.settings->transaction_records = PARTITIONS * EACH; // when both have been read
        handler.verdict = [this](busbar_call *call, uint32_t index, const busbar_event *one) {
            const busbar_origin *origin = call->host->origin(one);
            auto from = refused.find(origin->partition);
            if (from != refused.end() && origin->offset >= from->second)
                return busbar_fail_event(call, index, BUSBAR_RETRY, "not now");
            passed[origin->partition].push_back(origin->offset);
            return emits ? emit_place(call, one, out) : (int32_t)BUSBAR_PASS;
        };
        event.bind(handler, /* with_flush= */ false);
        settings = std::make_unique<Settings>(cluster->bootstrap);
        settings->add("reconnect.backoff.ms", "10");
        set_drain(DRAIN_MS);
        context.settings = settings->get();
        context.metrics = metrics;
    }
    void TearDown() override
    {
        bb_consumer_free(consumer);
        bb_metrics_free(metrics);
        cluster->recover();
        said = Said();
    }
    void set_drain(gint64 drain_ms)
    {
        const_cast<bb_settings *>(settings->get())->drain_ms = drain_ms;
    }
    // The handler asks for another try of records from `offset` on, and the drain is short.
    void refuse(int partition, gint64 offset)
    {
        refused[partition] = offset;
        set_drain(SHORT_DRAIN_MS);
    }
    void accept()
    {
        refused.clear();
        passed.clear();
        set_drain(DRAIN_MS);
    }
    void make()
    {
        GError *error = nullptr;
        consumer = bb_consumer_new(&event.type, &context, &error);
        ASSERT_TRUE(consumer) << take(&error);
    }
    void open()
    {
        make();
        ASSERT_TRUE(bb_consumer_transaction_open(consumer)) << failure();
        assign();
    }
    void rebalance(rd_kafka_resp_err_t code)
    {
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(PARTITIONS);
        for (int i = 0; i < PARTITIONS; i++)
            rd_kafka_topic_partition_list_add(list, in.c_str(), i);
        bb_consumer_on_rebalance(consumer->client, code, list, consumer);
        rd_kafka_topic_partition_list_destroy(list);
    }
    void assign()
    {
        rebalance(RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS);
    }
    void revoke()
    {
        rebalance(RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS);
    }
    // As the consumer's loop does it; TRUE when records were to be read.
    bool turn()
    {
        bb_worker_tick(static_cast<bb_worker *>(g_ptr_array_index(consumer->workers, 0)));
        bb_consumer_collect(consumer, 0);
        bool reads = bb_consumer_transaction_turn(consumer) != FALSE;
        if (reads)
            (void)bb_consumer_read(consumer, 10);
        else
            bb_consumer_collect(consumer, 5);
        return reads;
    }
    template <typename Condition> bool until(Condition condition)
    {
        gint64 deadline = g_get_monotonic_time() + 30 * G_TIME_SPAN_SECOND;
        while (!condition()) {
            if (g_get_monotonic_time() > deadline)
                return false;
            (void)turn();
        }
        return true;
    }
    bool until_read(gint64 position = EACH)
    {
        return until([this, position] {
            for (int i = 0; i < PARTITIONS; i++) {
                bb_partition *state = bb_partitions_get(consumer->partitions, i);
                if (!state || state->position != position)
                    return false;
            }
            return true;
        });
    }
    // Everything up to `offset` is committed, in transactions.
    bool until_committed(gint64 offset = EACH)
    {
        return until([offset] {
            std::map<int, int64_t> last;
            for (const auto &one : said.ended)
                for (const auto &[partition, behind] : one)
                    last[partition] = behind;
            return last[0] == offset && last[1] == offset;
        });
    }
    // Offsets that transactions committed never go back, so no record counts twice.
    void expect_forward()
    {
        std::map<int, int64_t> last;
        for (const auto &one : said.ended)
            for (const auto &[partition, behind] : one) {
                EXPECT_LT(last[partition], behind);
                last[partition] = behind;
            }
    }
    guint aborted()
    {
        return (guint)bb_metric_value(consumer->metrics.transactions[1]);
    }
    guint committed()
    {
        return (guint)bb_metric_value(consumer->metrics.transactions[0]);
    }
    guint replaced()
    {
        return (guint)bb_metric_value(consumer->metrics.producers_replaced);
    }
    std::string failure()
    {
        return consumer->error ? consumer->error->message : "";
    }
    Places sought()
    {
        Places sorted = said.sought;
        std::sort(sorted.begin(), sorted.end());
        return sorted;
    }

    static inline Cluster *cluster;
    static inline int number; // of the test: each has a topic and a group of its own
    std::string in = "in-" + std::to_string(++number), out = in + "-out";
    TopicType event{in, in + "-group"};
    std::unique_ptr<Settings> settings;
    bb_metrics *metrics = bb_metrics_new();
    bb_consumer_context context = {};
    bb_consumer *consumer = nullptr;
    FakeHandler handler;
    std::map<int, gint64> refused; // partition -> from this offset on
    std::map<int, Offsets> passed;
    bool emits = false; // a record to `out` for each
};

Offsets all()
{
    Offsets wanted;
    for (gint64 i = 0; i < EACH; i++)
        wanted.push_back(i);
    return wanted;
}

} // namespace

TEST_F(ConsumerTransaction, CommitsWhatWasSentAndTheOffsetsOfWhatWasHandledTogether)
{
    emits = true;
    open();
    ASSERT_TRUE(until_committed());
    EXPECT_EQ(all(), passed[0]);
    EXPECT_EQ(all(), passed[1]);
    std::multiset<std::string> wanted;
    for (int i = 0; i < PARTITIONS * EACH; i++)
        wanted.insert(std::to_string(i / EACH) + "/" + std::to_string(i % EACH));
    EXPECT_EQ(wanted, cluster->values(out)); // each once
    EXPECT_EQ(said.ended.size(), committed());
    EXPECT_EQ(0u, aborted());
    EXPECT_EQ(0, said.aborts);
    EXPECT_TRUE(said.sought.empty());
    expect_forward();
    EXPECT_TRUE(bb_consumer_transaction_is_settled(consumer));
}

TEST_F(ConsumerTransaction, RecordsThatWereReadWithoutATransactionDoNotMakeItsEndGoRound)
{
    const gint64 interval_ms = 20000;
    event.settings->transaction_ms = interval_ms; // a loop would end by that
    make();
    ASSERT_TRUE(bb_consumer_transaction_open(consumer)) << failure();
    bb_consumer_transaction_took(consumer, 1);
    bb_consumer_transaction_end(consumer, SHORT_DRAIN_MS);
    EXPECT_EQ(1u, committed()); // and none is open now
    gint64 begun = g_get_monotonic_time();
    bb_consumer_transaction_took(consumer, 1);
    bb_consumer_transaction_end(consumer, SHORT_DRAIN_MS);
    EXPECT_GT(interval_ms * 1000 / 2, g_get_monotonic_time() - begun);
    EXPECT_TRUE(bb_consumer_transaction_is_settled(consumer));
    EXPECT_EQ(2u, committed());
    EXPECT_EQ("", failure());
}

TEST_F(ConsumerTransaction, WhatIsNotFinishedWithinTheDrainIsAbortedAndReadAgainFromTheBeginning)
{
    refuse(1, 4);
    open();
    ASSERT_TRUE(until([] { return !said.sought.empty(); }));
    EXPECT_EQ((Places{{0, 0}, {1, 0}}), sought()); // nothing is committed
    EXPECT_EQ(0u, said.ended.size());
    EXPECT_GE(aborted(), 1u);
    accept();
    ASSERT_TRUE(until_committed());
    EXPECT_EQ(all(), passed[0]);
    EXPECT_EQ(all(), passed[1]);
    EXPECT_EQ(0u, replaced());
    expect_forward();
}

TEST_F(ConsumerTransaction, AfterAnAbortItReadsAgainBehindWhatIsCommitted)
{
    set_drain(SHORT_DRAIN_MS);
    open();
    ASSERT_TRUE(until_committed());
    refuse(0, EACH + 3);
    cluster->produce_good(in, 100, PARTITIONS * EACH, PARTITIONS);
    ASSERT_TRUE(until([this] { return aborted() > 0 && !said.sought.empty(); }));
    EXPECT_EQ((Places{{0, EACH}, {1, EACH}}), sought());
    accept();
    ASSERT_TRUE(until_committed(2 * EACH));
    EXPECT_EQ((size_t)EACH, passed[0].size());
    EXPECT_EQ(EACH, passed[0].front());
    expect_forward();
}

TEST_F(ConsumerTransaction, ARecordThatCannotBeDeliveredAbortsAllOfIt)
{
    emits = true;
    open();
    cluster->refuse(PRODUCE, RD_KAFKA_RESP_ERR_INVALID_RECORD);
    ASSERT_TRUE(until_committed());
    EXPECT_GE(aborted(), 1u); // the client may need another for the sequence of its records
    EXPECT_EQ(aborted(), (guint)said.aborts);
    for (const auto &[partition, offset] : said.sought)
        EXPECT_EQ(0, offset) << partition;
    ASSERT_LE(2u * EACH, passed[0].size()); // all of it was handled again
    EXPECT_EQ(all(), Offsets(passed[0].end() - EACH, passed[0].end()));
    EXPECT_EQ(0u, replaced());
    expect_forward();
}

TEST_F(ConsumerTransaction, AMemberThatTheGroupHasGoneOnWithoutCommitsNothing)
{
    open();
    cluster->refuse(TRANSACTION_OFFSETS, RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION);
    ASSERT_TRUE(until([this] { return aborted() == 1; }));
    EXPECT_EQ(0u, said.ended.size());
    EXPECT_EQ(1, said.aborts);
    EXPECT_EQ(1, bb_metric_value(consumer->metrics.commits[1]));
    ASSERT_TRUE(until_committed());
    EXPECT_EQ(0u, replaced());
    expect_forward();
}

TEST_F(ConsumerTransaction, AFencedProducerIsReplacedAndAsksForNoAbort)
{
    open();
    cluster->refuse(END_TRANSACTION, RD_KAFKA_RESP_ERR_PRODUCER_FENCED);
    ASSERT_TRUE(until([this] { return replaced() == 1; }));
    EXPECT_EQ(0u, said.ended.size());
    EXPECT_EQ(0, said.aborts);
    EXPECT_EQ(1u, aborted());
    ASSERT_TRUE(until_committed());
    EXPECT_EQ((Places{{0, 0}, {1, 0}}), sought());
    EXPECT_EQ(2, said.inits);
    EXPECT_EQ(1u, replaced());
    expect_forward();
}

TEST_F(ConsumerTransaction, BehindAnEndWithoutAnAnswerTheProducerIsReplacedAndNothingReadAgain)
{
    open();
    cluster->refuse(END_TRANSACTION, RD_KAFKA_RESP_ERR__TRANSPORT);
    ASSERT_TRUE(until_committed());
    ASSERT_TRUE(until([this] { return replaced() == 1; }));
    EXPECT_EQ(0u, aborted());
    EXPECT_TRUE(said.sought.empty());
    EXPECT_EQ(all(), passed[0]);
    expect_forward();
}

TEST_F(ConsumerTransaction, WithoutANewProducerNothingIsReadUntilThereIsOne)
{
    open();
    said.end = {RD_KAFKA_RESP_ERR__TIMED_OUT, 1};
    settings->add("no.such.property", "1");
    GPtrArray *properties = settings->get()->kafka;
    ASSERT_TRUE(until([this] { return aborted() == 1; }));
    for (int i = 0; i < 60; i++)
        EXPECT_FALSE(turn());
    EXPECT_EQ(0u, replaced());
    EXPECT_EQ("", failure());
    auto *broken =
        static_cast<bb_kafka_property *>(g_ptr_array_index(properties, properties->len - 1));
    g_free(broken->name);
    broken->name = g_strdup("client.rack");
    ASSERT_TRUE(until_committed());
    EXPECT_EQ(1u, replaced());
    expect_forward();
}

TEST_F(ConsumerTransaction, AnAbortThatFailsCostsTheProducer)
{
    refuse(0, 2);
    said.abort = {RD_KAFKA_RESP_ERR__TIMED_OUT, 1};
    open();
    ASSERT_TRUE(until([this] { return replaced() == 1; }));
    EXPECT_EQ(0u, said.ended.size());
    accept();
    ASSERT_TRUE(until_committed());
    expect_forward();
}

TEST_F(ConsumerTransaction, ABeginThatFailsCostsTheProducer)
{
    said.begin = {RD_KAFKA_RESP_ERR__STATE, 1};
    open(); // which waits, and comes to its end
    EXPECT_EQ(1u, replaced());
    ASSERT_TRUE(until_committed());
    EXPECT_EQ(all(), passed[0]);
}

TEST_F(ConsumerTransaction, AnInitIsTriedAgainBeforeTheGroupIsJoined)
{
    said.init = {RD_KAFKA_RESP_ERR__TIMED_OUT, 2, true};
    open();
    EXPECT_EQ(1, said.inits);
    EXPECT_EQ(0u, replaced());
    ASSERT_TRUE(until_committed());
}

TEST_F(ConsumerTransaction, WhatBrokersNeverGrantEndsTheConsumer)
{
    make();
    cluster->refuse(INIT_PRODUCER, RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT);
    EXPECT_FALSE(bb_consumer_transaction_open(consumer));
    EXPECT_NE(std::string::npos, failure().find("exactly once is not possible here")) << failure();
    EXPECT_TRUE(bb_consumer_is_ending(consumer));
}

TEST_F(ConsumerTransaction, OneThatIsToStopIsNotOpened)
{
    make();
    bb_consumer_stop(consumer, /* fast= */ FALSE);
    EXPECT_FALSE(bb_consumer_transaction_open(consumer));
    EXPECT_EQ(0, said.begins);
}

TEST_F(ConsumerTransaction, WhatCannotBeMadeIsSaid)
{
    GError *error = nullptr;
    settings->add("no.such.property", "1");
    EXPECT_EQ(nullptr, bb_consumer_new(&event.type, &context, &error));
    EXPECT_NE(std::string::npos, take(&error).find("no.such.property"));
}

TEST_F(ConsumerTransaction, UntilPartitionsAreSetBackNothingIsRead)
{
    struct {
        rd_kafka_resp_err_t *way;
        gint64 from; // it is refused
    } const cases[] = {{&said.committed, 2},
                       {&said.committed_partition, EACH + 2},
                       {&said.seek, 2 * EACH + 2},
                       {&said.seek_partition, 3 * EACH + 2}};
    set_drain(SHORT_DRAIN_MS);
    open();
    for (const auto &one : cases) {
        refuse(0, one.from);
        *one.way = RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE;
        int asked = said.asked, begins = said.begins;
        ASSERT_TRUE(until([&] { return said.asked > asked + 1; })); // it is tried again
        gint64 position = bb_partitions_get(consumer->partitions, 0)->position;
        EXPECT_FALSE(turn());
        EXPECT_EQ(begins, said.begins);
        EXPECT_EQ(position, bb_partitions_get(consumer->partitions, 0)->position);
        EXPECT_FALSE(bb_consumer_transaction_is_settled(consumer));
        *one.way = RD_KAFKA_RESP_ERR_NO_ERROR;
        accept();
        ASSERT_TRUE(until_committed(one.from - 2 + EACH));
        cluster->produce_good(in, 0, PARTITIONS * EACH, PARTITIONS);
    }
    EXPECT_EQ(0u, replaced());
    expect_forward();
}

TEST_F(ConsumerTransaction, PartitionsOfWhichNothingWasReadAreNotSetBack)
{
    refuse(0, 2);
    open();
    ASSERT_TRUE(until_read());
    bb_partitions_get(consumer->partitions, 1)->base = -1; // as if it had been empty
    ASSERT_TRUE(until([] { return !said.sought.empty(); }));
    EXPECT_EQ((Places{{0, 0}}), sought());
}

TEST_F(ConsumerTransaction, ARevocationCommitsWhatIsFinishedBeforeTheInterval)
{
    event.settings->transaction_records = 1000; // it ends when the test says so
    open();
    ASSERT_TRUE(until_read());
    EXPECT_EQ(0u, said.ended.size());
    revoke();
    EXPECT_EQ((Ended{{{0, EACH}, {1, EACH}}}), said.ended);
    EXPECT_EQ(0u, bb_partitions_assigned(consumer->partitions));
    revoke(); // there is nothing to end
    EXPECT_EQ(1u, said.ended.size());
    EXPECT_EQ(0u, aborted());
}

TEST_F(ConsumerTransaction, ARevocationAbortsWhatIsNotFinishedInTime)
{
    event.settings->transaction_records = 1000; // it ends when the test says so
    refuse(1, 4);
    open();
    ASSERT_TRUE(until_read());
    revoke();
    EXPECT_EQ(0u, said.ended.size());
    EXPECT_EQ(1u, aborted());
    EXPECT_EQ(1, said.aborts);
    EXPECT_EQ(0u, bb_partitions_assigned(consumer->partitions));
    accept();
    assign(); // whoever has them next begins at the beginning
    ASSERT_TRUE(until([this] { return passed[0].size() == EACH && passed[1].size() == EACH; }));
    revoke();
    EXPECT_EQ((Ended{{{0, EACH}, {1, EACH}}}), said.ended);
    EXPECT_EQ(all(), passed[1]);
}

TEST_F(ConsumerTransaction, ARevocationWaitsForNothingWhileTheProducerIsAway)
{
    event.settings->transaction_records = 1000; // it ends when the test says so
    open();
    ASSERT_TRUE(until_read());
    said.end = {RD_KAFKA_RESP_ERR__TIMED_OUT, 1};
    said.init = {RD_KAFKA_RESP_ERR__TIMED_OUT, 1, true};
    revoke(); // aborted, and the rest can wait
    EXPECT_EQ(0u, said.ended.size());
    EXPECT_EQ(1u, aborted());
    EXPECT_EQ(0u, bb_partitions_assigned(consumer->partitions));
}

TEST_F(ConsumerTransaction, WhatIsLostIsAbortedAndNotCommitted)
{
    event.settings->transaction_records = 1000; // it ends when the test says so
    open();
    ASSERT_TRUE(until_read());
    said.lost = true;
    revoke();
    EXPECT_EQ(0u, said.ended.size());
    EXPECT_EQ(1u, aborted());
    EXPECT_EQ(1, said.aborts);
    revoke(); // nothing is left to be discarded
    EXPECT_EQ(1u, aborted());
}

TEST_F(ConsumerTransaction, OneThatHasSeenItAllAsksForTheEnd)
{
    event.settings->transaction_records = 1000; // it ends when the test says so
    open();
    EXPECT_TRUE(bb_consumer_transaction_is_settled(consumer));
    ASSERT_TRUE(until_read());
    EXPECT_FALSE(bb_consumer_transaction_is_settled(consumer)); // and it ends now
    ASSERT_TRUE(until_committed());
    EXPECT_TRUE(bb_consumer_transaction_is_settled(consumer));
}

TEST_F(ConsumerTransaction, WithoutTheGroupsWordAboutTheMemberNothingIsCommitted)
{
    event.settings->transaction_records = 1000; // it ends when the test says so
    open();
    ASSERT_TRUE(until_read());
    said.no_member = true;
    revoke();
    EXPECT_EQ(0u, said.ended.size());
}

TEST_F(ConsumerTransaction, WithoutAnIdItIsNotMade)
{
    GError *error = nullptr;
    socket_errno = EMFILE;
    EXPECT_EQ(nullptr, bb_consumer_new(&event.type, &context, &error));
    socket_errno = 0;
    EXPECT_NE(std::string::npos, take(&error).find("Too many open files"));
}

TEST_F(ConsumerTransaction, WhatWasReadOutsideOfOneIsNotCommittedAndNotWaitedFor)
{
    make();
    bb_outbox_start(consumer->outbox);
    assign();
    gint64 deadline = g_get_monotonic_time() + 30 * G_TIME_SPAN_SECOND;
    while (consumer->counts.consumed < EACH && g_get_monotonic_time() < deadline)
        (void)bb_consumer_read(consumer, 50);
    said.init = {RD_KAFKA_RESP_ERR__TIMED_OUT, 1, true};
    revoke();
    EXPECT_EQ(0, said.begins);
    EXPECT_EQ(0u, said.ended.size());
    EXPECT_EQ(0u, bb_partitions_assigned(consumer->partitions));
}

TEST_F(ConsumerTransaction, AnotherGuaranteeHasNoneAndAlwaysReads)
{
    event.settings->delivery = BB_AT_LEAST_ONCE;
    make();
    EXPECT_EQ(nullptr, consumer->transaction);
    EXPECT_TRUE(bb_consumer_transaction_open(consumer));
    EXPECT_TRUE(bb_consumer_transaction_turn(consumer));
    bb_consumer_transaction_took(consumer, 1);
    bb_consumer_transaction_discard(consumer);
    EXPECT_TRUE(bb_consumer_transaction_is_settled(consumer));
    EXPECT_EQ(0, said.inits + said.begins + said.aborts);
}
