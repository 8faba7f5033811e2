// The order of keys over a retry topic: its bound of keys, and what waits there at the start.
#include "client_double.h"
#include "runner_support.h"

namespace
{

enum { PARTITIONS = 3, RECORDS = 3 };

/* What the domain's `handle` saw; one for all lanes. The first record of a key that begins with
 * "bad" fails once. */
struct Story {
    std::mutex lock;
    std::set<std::string> failed;
    std::map<std::pair<int, std::string>, std::vector<gint64>> passed; /* offsets, by key */
    size_t count = 0;                                                  /* of passes */
} story;

int32_t handle(void *, busbar_call *call, const busbar_batch *batch, int32_t *verdicts)
{
    std::lock_guard<std::mutex> guard(story.lock);
    for (uint32_t i = 0; i < batch->count; i++) {
        const busbar_origin *origin = call->host->origin(batch->events[i]);
        std::string key(origin->key.data, origin->key.size);
        if (key.compare(0, 3, "bad") == 0 && story.failed.insert(key).second) {
            verdicts[i] = call->host->fail(call, i, BUSBAR_RETRY, BUSBAR_SCOPE_RECORD,
                                           busbar_text(""), busbar_text("not yet"));
            continue;
        }
        story.passed[{origin->partition, key}].push_back(origin->offset);
        story.count++;
        verdicts[i] = BUSBAR_PASS;
    }
    return BUSBAR_PASS;
}

class RunnerOrder : public ::testing::Test
{
  protected:
    Broker broker;
    std::string topic = broker.topic(PARTITIONS), retry = broker.topic(2), group = retry + "-group";
    TopicType fake{topic, topic + "-group"};
    bb_event_type tier = {};
    bb_metrics *metrics = nullptr;

    RunnerOrder()
    {
        said = Said();
        said.silent_topic = retry;
        story.failed.clear();
        story.passed.clear();
        story.count = 0;
        fake.settings->concurrency = 2;
        fake.settings->batch_records = 1; /* so that nobody sees a record that has to follow */
        fake.settings->in_flight_records = 8;
        fake.settings->retry_keep_order = TRUE;
        fake.type.ops.handle = handle;
        fake.type.tiers = g_ptr_array_new();
        g_ptr_array_add(fake.type.tiers, &tier);
        set_delay(300);
    }
    ~RunnerOrder() override
    {
        g_ptr_array_unref(fake.type.tiers);
        bb_metrics_free(metrics);
        said = Said();
    }
    void set_delay(gint64 delay_ms)
    {
        tier = fake.type;
        tier.topic = &retry[0];
        tier.group = &group[0];
        tier.tiers = nullptr;
        tier.source = &fake.type;
        tier.tier = 1;
        tier.tier_delay_ms = delay_ms;
    }
    /* `each` records of `count` keys in turns; a key has one partition. */
    void produce(const std::string &key, int count, int each)
    {
        std::vector<Record> records;
        for (int i = 0; i < count * each; i++) {
            Record record;
            record.key = key + std::to_string(i % count);
            record.value = "{\"a\":1}";
            record.partition = (i % count) % PARTITIONS;
            record.timestamp_ms = 1700000000000;
            records.push_back(record);
        }
        broker.produce(topic, records);
    }
    bb_metrics *fresh_metrics()
    {
        bb_metrics_free(metrics);
        return metrics = bb_metrics_new();
    }
    double metric(guint kind, const char *name)
    {
        return bb_metric_value(
            bb_metrics_get(metrics, kind, name, "event=\"test.event\",tier=\"0\"", ""));
    }
    bool is_held()
    {
        return metric(BUSBAR_GAUGE, "busbar_retry_order_held") == 1;
    }
    double bounds()
    {
        return metric(BUSBAR_COUNTER, "busbar_retry_order_bounds_total");
    }
    size_t passed()
    {
        std::lock_guard<std::mutex> guard(story.lock);
        return story.count;
    }
    /* One run that leaves the first record of `keys` keys in the retry topic. */
    void leave_waiting(int keys)
    {
        produce("bad", keys, 1);
        RunnerUnderTest run(broker.bootstrap, {&fake.type}, false);
        EXPECT_TRUE(run.until([&] { return run.counts(&fake.type).deferred == (guint)keys; }));
        EXPECT_EQ("", run.stop());
        EXPECT_EQ(0u, passed());
    }
    /* Each record once, and those of a key as they were written. */
    void expect_order(size_t count)
    {
        EXPECT_EQ(count, passed());
        for (const auto &[key, offsets] : story.passed)
            for (size_t i = 1; i < offsets.size(); i++)
                EXPECT_LT(offsets[i - 1], offsets[i]) << key.second;
    }
};

} // namespace

TEST_F(RunnerOrder, AtTheBoundOfKeysReadingStopsUntilSomeAreDone)
{
    const int keys = 18;
    const guint bound = 4;
    double most = 0;
    bool was_held = false;
    fake.settings->retry_order_keys = bound;
    produce("bad", keys, RECORDS);
    RunnerUnderTest run(broker.bootstrap, {&fake.type}, false, 20000, 10000, fresh_metrics());
    EXPECT_TRUE(run.until([&] {
        most = std::max(most, metric(BUSBAR_GAUGE, "busbar_retry_blocked_keys"));
        was_held |= is_held();
        return passed() == keys * RECORDS;
    }));
    EXPECT_EQ("", run.stop());
    EXPECT_TRUE(was_held);
    EXPECT_GE(bounds(), 2); /* it came to that again after it went on */
    EXPECT_GE(most, bound);
    EXPECT_LE(most, bound + fake.settings->in_flight_records);
    EXPECT_EQ((std::vector<gint64>{18, 18, 18}), broker.committed(topic, 3, topic + "-group"));
    expect_order(keys * RECORDS);
}

TEST_F(RunnerOrder, MoreKeysAtTheStartThanTheBoundAreWaitedFor)
{
    const int keys = 12;
    bool was_held = false;
    set_delay(6500); /* not due before the next run has looked */
    leave_waiting(keys);
    fake.settings->retry_order_keys = 5;
    set_delay(6500);
    produce("bad", keys, 1);
    RunnerUnderTest run(broker.bootstrap, {&fake.type}, false, 20000, 10000, fresh_metrics());
    EXPECT_TRUE(run.until([&] {
        was_held |= is_held() && bounds() == 1;
        return passed() == keys * 2;
    }));
    EXPECT_EQ("", run.stop());
    EXPECT_TRUE(was_held);
    expect_order(keys * 2);
}

TEST_F(RunnerOrder, NothingIsHandledWhileItIsNotKnownWhatWaits)
{
    const auto asked = [](int times) {
        return [times] { return __atomic_load_n(&said.unanswered, __ATOMIC_SEQ_CST) >= times; };
    };
    set_delay(4000);
    leave_waiting(4);
    produce("bad", 4, 1);
    produce("good", 4, 1);
    __atomic_store_n(&said.silent, 1, __ATOMIC_SEQ_CST);
    { /* a run that never finds out ends when it is asked to, and has committed nothing */
        RunnerUnderTest run(broker.bootstrap, {&fake.type}, false);
        EXPECT_TRUE(run.until(asked(1)));
        EXPECT_EQ("", run.stop());
        EXPECT_EQ(0u, run.counts(&fake.type).deferred);
    }
    EXPECT_EQ((std::vector<gint64>{2, 1, 1}), broker.committed(topic, 3, topic + "-group"));
    RunnerUnderTest run(broker.bootstrap, {&fake.type}, false, 20000, 10000, fresh_metrics());
    __atomic_store_n(&said.unanswered, 0, __ATOMIC_SEQ_CST);
    EXPECT_TRUE(run.until([&] { return asked(2)() && is_held(); }));
    {
        std::lock_guard<std::mutex> guard(story.lock);
        for (const auto &[key, offsets] : story.passed) {
            EXPECT_EQ(0u, key.second.find("bad"));
            EXPECT_EQ(1u, offsets.size()); /* what waited may be due */
        }
    }
    __atomic_store_n(&said.silent, 0, __ATOMIC_SEQ_CST);
    EXPECT_TRUE(run.until([&] { return passed() == 12; }));
    EXPECT_EQ("", run.stop());
    EXPECT_EQ(0, bounds());
    expect_order(12);
}
