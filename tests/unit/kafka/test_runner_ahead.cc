// At most once: what is handed over is committed before, and what is given up then is told.
#include "runner_support.h"

#include <algorithm>
#include <atomic>

namespace
{

class Ahead : public ::testing::Test
{
  protected:
    Broker broker;
    FakeHandler handler;
    const std::string topic = broker.topic(2);
    const std::string group = topic + "-group";
    TopicType fake{topic, group};
    bb_metrics *metrics = bb_metrics_new();

    Ahead()
    {
        fake.settings->delivery = BB_AT_MOST_ONCE;
    }
    ~Ahead() override
    {
        bb_metrics_free(metrics);
    }
    std::vector<gint64> committed()
    {
        return broker.committed(topic, 2, group);
    }
    // The value of a counter of the event type.
    std::string counter(const std::string &name)
    {
        GString *text = bb_metrics_text(metrics);
        const std::string all(text->str, text->len),
            start = "\n" + name + "{event=\"test.event\"} ";
        g_string_free(text, TRUE);
        size_t at = all.find(start);
        return at == std::string::npos
                   ? "(none)"
                   : all.substr(at + start.size(), all.find('\n', at + 1) - at - start.size());
    }
};

TEST_F(Ahead, ARecordIsCommittedBeforeItsHandlerSeesIt)
{
    std::atomic<int> looked{0}, early{0};
    handler.verdict = [&](busbar_call *call, uint32_t, const busbar_event *event) {
        const busbar_origin *origin = call->host->origin(event);
        if (origin->offset % 10 == 0) {
            looked++;
            early += committed()[(size_t)origin->partition] <= origin->offset;
        }
        return (int32_t)BUSBAR_PASS;
    };
    fake.bind(handler, true);
    broker.produce_good(topic, 0, 100, 2);
    RunnerUnderTest run(broker.bootstrap, {&fake.type}, true, 20000, 10000, metrics);
    EXPECT_EQ("", run.join());
    EXPECT_EQ(10, looked);
    EXPECT_EQ(0, early);
    EXPECT_EQ(100u, run.counts(&fake.type).handled);
    EXPECT_EQ((std::vector<gint64>{50, 50}), committed());
    EXPECT_EQ("0", counter("busbar_records_lost_total"));
}

TEST_F(Ahead, RetriesAndDeadLettersAreAsEver)
{
    std::atomic<int> tries{0};
    handler.verdict = [&](busbar_call *call, uint32_t index, const busbar_event *event) {
        const busbar_origin *origin = call->host->origin(event);
        if (origin->partition == 0 && origin->offset == 3)
            return busbar_fail_event(call, index, BUSBAR_RETRY, "no");
        if (origin->partition == 1 && origin->offset == 4 && tries++ < 2)
            return busbar_fail_event(call, index, BUSBAR_RETRY, "not yet");
        return (int32_t)BUSBAR_PASS;
    };
    fake.bind(handler, false);
    broker.produce_good(topic, 0, 20, 2);
    RunnerUnderTest run(broker.bootstrap, {&fake.type}, true, 20000, 10000, metrics);
    EXPECT_EQ("", run.join());
    EXPECT_EQ(19u, run.counts(&fake.type).handled);
    EXPECT_EQ(1u, run.counts(&fake.type).dead_lettered);
    EXPECT_EQ(3, tries);
    EXPECT_EQ(1u, broker.read_all(topic + ".dlq", 4).size());
}

TEST_F(Ahead, WhatADrainHandlesIsNotLost)
{
    std::atomic<bool> down{true};
    handler.whole = [&](busbar_call *call) {
        return down ? busbar_unavailable(call, "down") : (int32_t)BUSBAR_PASS;
    };
    fake.bind(handler, true);
    broker.produce_good(topic, 0, 30, 2);
    RunnerUnderTest run(broker.bootstrap, {&fake.type}, false, 20000, 10000, metrics);
    ASSERT_TRUE(run.until([&] { return run.counts(&fake.type).in_flight == 30; }));
    bb_runner_stop(run.runner);
    down = false;
    EXPECT_EQ("", run.join());
    EXPECT_EQ(30u, run.counts(&fake.type).handled);
    EXPECT_EQ("0", counter("busbar_records_lost_total"));
}

TEST_F(Ahead, WhatIsGivenUpIsCountedAsLostAndNotReadAgain)
{
    std::atomic<bool> down{true};
    handler.whole = [&](busbar_call *call) {
        return down ? busbar_unavailable(call, "down") : (int32_t)BUSBAR_PASS;
    };
    fake.bind(handler, false);
    broker.produce_good(topic, 0, 30, 2);
    {
        RunnerUnderTest run(broker.bootstrap, {&fake.type}, false, 20000, 10000, metrics);
        ASSERT_TRUE(run.until([&] { return run.counts(&fake.type).in_flight == 30; }));
        bb_runner_hurry(run.runner);
        EXPECT_EQ("", run.join());
        EXPECT_EQ(0u, run.counts(&fake.type).in_flight);
    }
    EXPECT_EQ("30", counter("busbar_records_lost_total"));
    EXPECT_EQ("0", counter("busbar_records_released_total"));
    EXPECT_EQ((std::vector<gint64>{15, 15}), committed());
    down = false;
    RunnerUnderTest run(broker.bootstrap, {&fake.type}, true);
    EXPECT_EQ("", run.join());
    EXPECT_EQ(0u, run.counts(&fake.type).consumed);
}

TEST_F(Ahead, AStopOfTheEventTypeLosesWhatItHasInHandAndNoMore)
{
    handler.verdict = [](busbar_call *, uint32_t, const busbar_event *event) {
        return event->origin->offset == 5 ? BUSBAR_FATAL : (int32_t)BUSBAR_PASS;
    };
    fake.bind(handler, false);
    broker.produce_good(topic, 0, 20, 2);
    RunnerUnderTest run(broker.bootstrap, {&fake.type}, true, 20000, 10000, metrics);
    EXPECT_NE(std::string::npos, run.join().find("what was in hand is lost"));
    std::vector<gint64> ends = committed();
    guint64 lost = std::stoull(counter("busbar_records_lost_total"));
    gint64 sum = MAX(ends[0], 0) + MAX(ends[1], 0);
    EXPECT_GT(lost, 0u);
    EXPECT_EQ((guint64)sum, lost + run.finished(&fake.type));
}

TEST_F(Ahead, MembersComeAndGoAndNoneHandlesARecordTwice)
{
    const std::string wide = broker.topic(6), wide_group = wide + "-group";
    FakeHandler handlers[3];
    Tally tally;
    std::vector<std::unique_ptr<TopicType>> types;
    for (FakeHandler &one : handlers) {
        tally.after(one);
        types.push_back(std::make_unique<TopicType>(wide, wide_group));
        types.back()->settings->delivery = BB_AT_MOST_ONCE;
        types.back()->bind(one, true);
    }
    std::atomic<bool> go{true};
    std::atomic<int> written{0};
    std::thread writer([&] {
        for (int i = 0; go && i < 100000; i += 60) {
            broker.produce_good(wide, i, 60, 6);
            written = i + 60;
        }
    });
    {
        RunnerUnderTest first(broker.bootstrap, {&types[0]->type}, false, 20000, 10000, metrics);
        EXPECT_TRUE(first.until([&] { return first.finished(&types[0]->type) > 300; }));
        RunnerUnderTest second(broker.bootstrap, {&types[1]->type}, false, 20000, 10000, metrics);
        EXPECT_TRUE(second.until([&] { return second.finished(&types[1]->type) > 300; }));
        EXPECT_EQ("", first.stop());
        guint64 before = second.finished(&types[1]->type);
        EXPECT_TRUE(second.until([&] { return second.finished(&types[1]->type) > before + 300; }));
        go = false;
        writer.join();
        EXPECT_EQ("", second.stop());
    }
    RunnerUnderTest last(broker.bootstrap, {&types[2]->type}, true);
    EXPECT_EQ("", last.join());
    guint64 lost = std::stoull(counter("busbar_records_lost_total"));
    EXPECT_EQ((guint64)written.load(), tally.seen.size() + lost);
    EXPECT_EQ(0u, lost) << "every drain had the time it needed";
    EXPECT_TRUE(std::all_of(tally.seen.begin(), tally.seen.end(),
                            [](const auto &one) { return one.second == 1; }));
}

} // namespace
