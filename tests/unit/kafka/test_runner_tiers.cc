// Retry topics against the embedded broker: several consumers of one event type at a time.
#include "runner_support.h"

namespace
{

/* What the domain's `handle` saw; one for all lanes. */
struct Seen {
    std::mutex lock;
    std::map<std::pair<int, gint64>, std::vector<gint64>> tries; /* place: times in microseconds */
    std::set<std::string> topics;
    guint passes_at = 3;
    guint fatal_at = 0;
} seen;

int32_t handle(void *, busbar_call *call, const busbar_batch *batch, int32_t *verdicts)
{
    std::lock_guard<std::mutex> guard(seen.lock);
    for (uint32_t i = 0; i < batch->count; i++) {
        const busbar_origin *origin = call->host->origin(batch->events[i]);
        auto &tries = seen.tries[{origin->partition, origin->offset}];
        tries.push_back(g_get_real_time());
        seen.topics.insert(std::string(origin->topic.data, origin->topic.size));
        EXPECT_EQ(tries.size(), origin->attempt);
        EXPECT_GE(1700000000000, origin->timestamp_ms);
        if (origin->attempt == seen.fatal_at) {
            verdicts[i] = call->host->fail(call, i, BUSBAR_FATAL, BUSBAR_SCOPE_RECORD,
                                           busbar_text(""), busbar_text("no more"));
            continue;
        }
        verdicts[i] = origin->attempt >= seen.passes_at
                          ? BUSBAR_PASS
                          : call->host->fail(call, i, BUSBAR_RETRY, BUSBAR_SCOPE_RECORD,
                                             busbar_text(""), busbar_text("not yet"));
    }
    return BUSBAR_PASS;
}

const gint64 DELAYS_MS[] = {300, 600};

class RunnerTiers : public ::testing::Test
{
  protected:
    Broker broker;
    std::string topic = broker.topic(3);
    TopicType fake{topic, topic + "-group"};
    std::string topics[2], groups[2];
    bb_event_type tiers[2] = {};

    RunnerTiers()
    {
        seen.tries.clear();
        seen.topics.clear();
        seen.passes_at = 3;
        seen.fatal_at = 0;
        fake.settings->concurrency = 2;
        fake.type.ops.handle = handle;
        fake.type.tiers = g_ptr_array_new();
        for (guint i = 0; i < 2; i++) {
            topics[i] = broker.topic(2);
            groups[i] = topics[i] + "-group";
            tiers[i] = fake.type;
            tiers[i].topic = &topics[i][0];
            tiers[i].group = &groups[i][0];
            tiers[i].tiers = nullptr;
            tiers[i].source = &fake.type;
            tiers[i].tier = i + 1;
            tiers[i].tier_delay_ms = DELAYS_MS[i];
            g_ptr_array_add(fake.type.tiers, &tiers[i]);
        }
    }
    ~RunnerTiers() override
    {
        g_ptr_array_unref(fake.type.tiers);
    }
    void produce(int count)
    {
        std::vector<Record> records;
        for (int i = 0; i < count; i++) {
            Record record;
            record.key = "key-" + std::to_string(i % 7);
            record.value = "{\"a\":" + std::to_string(i) + "}";
            record.partition = i % 3;
            record.timestamp_ms = 1700000000000 - i;
            records.push_back(record);
        }
        broker.produce(topic, records);
    }
    void expect_never_early(size_t tries)
    {
        for (const auto &[place, times] : seen.tries) {
            ASSERT_EQ(tries, times.size());
            for (size_t i = 1; i < times.size(); i++)
                EXPECT_GE(times[i] - times[i - 1], DELAYS_MS[i - 1] * 1000);
        }
    }
};

} // namespace

TEST_F(RunnerTiers, EachRecordPassesOnItsLastTryAndAllOffsetsReachTheEnds)
{
    const guint count = 90;
    seen.passes_at = 3;
    produce(count);
    RunnerUnderTest run(broker.bootstrap, {&fake.type}, false);
    EXPECT_TRUE(run.until([&] { return run.counts(&fake.type).handled == count; }));
    EXPECT_EQ("", run.stop());
    bb_run_counts counts = run.counts(&fake.type);
    EXPECT_EQ(count * 3, counts.consumed);
    EXPECT_EQ(count * 2, counts.deferred);
    EXPECT_EQ(0u, counts.dead_lettered);
    EXPECT_EQ(0u, counts.in_flight);
    EXPECT_EQ(count, seen.tries.size());
    EXPECT_EQ((std::set<std::string>{topic}), seen.topics);
    expect_never_early(3);
    EXPECT_EQ((std::vector<gint64>{30, 30, 30}), broker.committed(topic, 3, topic + "-group"));
    for (guint i = 0; i < 2; i++) {
        std::vector<gint64> ends(2, 0);
        for (const Record &record : broker.read_all(topics[i], 2))
            ends[(size_t)record.partition]++;
        EXPECT_EQ((gint64)count, ends[0] + ends[1]);
        std::vector<gint64> committed = broker.committed(topics[i], 2, groups[i]);
        for (size_t p = 0; p < 2; p++)
            EXPECT_EQ(ends[p], MAX(committed[p], 0));
    }
    EXPECT_TRUE(broker.read_all(topic + ".dlq", 1).empty());
}

TEST_F(RunnerTiers, AfterTheLastTierItIsADeadLetterOfItsOwnPlace)
{
    seen.passes_at = 100;
    produce(6);
    RunnerUnderTest run(broker.bootstrap, {&fake.type}, false);
    EXPECT_TRUE(run.until([&] { return run.counts(&fake.type).dead_lettered == 6; }));
    EXPECT_EQ("", run.stop());
    expect_never_early(3);
    std::set<std::pair<std::string, std::string>> places;
    for (const Record &letter : broker.read_all(topic + ".dlq", 4)) {
        EXPECT_EQ(topic, letter.header("busbar.topic"));
        EXPECT_EQ("3", letter.header("busbar.attempts"));
        EXPECT_EQ("(none)", letter.header("busbar.retry_due"));
        EXPECT_GE(1700000000000, letter.timestamp_ms);
        places.insert({letter.header("busbar.partition"), letter.header("busbar.offset")});
    }
    EXPECT_EQ(6u, places.size());
}

TEST_F(RunnerTiers, AnEventTypeThatStopsInARetryTopicStopsAsAWhole)
{
    seen.passes_at = 100;
    seen.fatal_at = 2;
    produce(6);
    RunnerUnderTest run(broker.bootstrap, {&fake.type}, false);
    EXPECT_TRUE(run.until([&] { return bb_runner_done(run.runner); })); // nobody asked it to
    EXPECT_NE(std::string::npos, run.stop().find("no more"));
}
