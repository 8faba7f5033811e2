// What is finished beyond the committed offset is not handled again by the next process.
#include "runner_support.h"

namespace
{

TEST(RunnerMap, AfterACrashOnlyTheOpenRecordIsHandledAgain)
{
    const int count = 3000;
    Broker broker;
    std::string topic = broker.topic(1);
    broker.produce_good(topic, 0, count, 1);
    {
        TopicType first(topic, topic);
        FakeHandler handler;
        first.settings->retry_attempts = 0;
        first.settings->retry_initial_ms = first.settings->retry_max_ms = 60000;
        first.settings->order = BB_ORDER_NONE;
        handler.verdict = [](busbar_call *call, uint32_t index, const busbar_event *event) {
            return call->host->origin(event)->offset == 100
                       ? busbar_fail_event(call, index, BUSBAR_RETRY, "never in this process")
                       : (int32_t)BUSBAR_PASS;
        };
        first.bind(handler, true);
        RunnerUnderTest run(broker.bootstrap, {&first.type}, false, 20000, 300);
        EXPECT_TRUE(run.until([&] { return run.finished(&first.type) == (guint64)count - 1; }));
        (void)run.stop(); // the one is given up when the time for the drain is over
    }
    EXPECT_EQ((std::vector<gint64>{100}), broker.committed(topic, 1, topic));
    TopicType second(topic, topic);
    FakeHandler handler;
    Tally tally;
    tally.after(handler);
    second.bind(handler, true);
    RunnerUnderTest run(broker.bootstrap, {&second.type}, true);
    EXPECT_EQ("", run.join());
    ASSERT_EQ(1u, tally.seen.size());
    EXPECT_EQ(1, (tally.seen[{0, 100}]));
    EXPECT_EQ((std::vector<gint64>{count}), broker.committed(topic, 1, topic));
}

} // namespace
