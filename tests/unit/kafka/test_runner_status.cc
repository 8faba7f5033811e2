// What a runner tells about its event types while it works.
#include "runner_support.h"

#include <atomic>

extern "C" {
#include "kafka/run_status.h"
}

namespace
{

class RunnerStatus : public ::testing::Test
{
  protected:
    Broker broker;
    FakeHandler handler;
};

struct Status {
    Status(bb_runner *runner, const bb_event_type *type)
    {
        known = bb_runner_status(runner, type, &status) != FALSE;
    }
    ~Status()
    {
        bb_run_status_clear(&status);
    }
    Status(const Status &) = delete;
    const bb_partition_status &part(guint i) const
    {
        return g_array_index(status.partitions, bb_partition_status, i);
    }
    bool known = false;
    bb_run_status status{};
};

TEST_F(RunnerStatus, GoesFromStartingOverWorkingToEnded)
{
    const std::string topic = broker.topic(3);
    TopicType fake(topic, topic + "-group");
    FakeType other;
    broker.produce_good(topic, 0, 30, 3);
    RunnerUnderTest run(broker.bootstrap, {&fake.type}, false);
    EXPECT_FALSE(Status(run.runner, &other.type).known);
    bb_run_state first = Status(run.runner, &fake.type).status.state;
    EXPECT_TRUE(first == BB_RUN_STARTING || first == BB_RUN_WORKING) << first;
    EXPECT_TRUE(run.until([&] {
        Status now(run.runner, &fake.type);
        if (now.status.state != BB_RUN_WORKING || now.status.partitions->len != 3)
            return false;
        for (guint i = 0; i < 3; i++)
            if (now.part(i).committed != 10 || now.part(i).lag != 0)
                return false;
        return true;
    }));
    Status now(run.runner, &fake.type);
    for (guint i = 0; i < 3; i++) {
        EXPECT_EQ((gint32)i, now.part(i).partition);
        EXPECT_EQ(10, now.part(i).frontier);
        EXPECT_EQ(10, now.part(i).position);
        EXPECT_EQ(10, now.part(i).end);
        EXPECT_EQ(0, now.part(i).in_flight);
        EXPECT_EQ(-1, now.part(i).oldest);
    }
    EXPECT_EQ(30u, now.status.counts.handled);
    EXPECT_EQ(0, now.status.oldest_seconds);
    EXPECT_EQ("", run.stop());
    Status last(run.runner, &fake.type);
    EXPECT_EQ(BB_RUN_ENDED, last.status.state);
    EXPECT_EQ(nullptr, last.status.error);
}

TEST_F(RunnerStatus, TheOldestInFlightAgesWhileItIsHeld)
{
    const std::string topic = broker.topic(1);
    TopicType fake(topic, topic + "-group");
    std::atomic<bool> down{true};
    handler.whole = [&](busbar_call *call) {
        return down ? busbar_unavailable(call, "it is down") : (int32_t)BUSBAR_PASS;
    };
    fake.bind(handler, true);
    broker.produce_good(topic, 0, 5, 1);
    RunnerUnderTest run(broker.bootstrap, {&fake.type}, false);
    EXPECT_TRUE(run.until([&] {
        Status now(run.runner, &fake.type);
        return now.status.oldest_seconds > 0.2 && now.part(0).oldest == 0 &&
               now.part(0).in_flight == 5;
    }));
    Status held(run.runner, &fake.type);
    EXPECT_EQ(5, held.part(0).lag);
    EXPECT_EQ(-1, held.part(0).frontier);
    EXPECT_EQ(BB_RUN_WORKING, held.status.state);
    down = false;
    EXPECT_TRUE(
        run.until([&] { return Status(run.runner, &fake.type).status.oldest_seconds == 0; }));
    EXPECT_EQ("", run.stop());
}

TEST_F(RunnerStatus, AFailureNamesItself)
{
    const std::string topic = broker.topic(1);
    TopicType fake(topic, topic + "-group");
    handler.whole = [](busbar_call *call) { return busbar_fail(call, BUSBAR_FATAL, "broken"); };
    fake.bind(handler, true);
    broker.produce_good(topic, 0, 1, 1);
    RunnerUnderTest run(broker.bootstrap, {&fake.type}, false);
    EXPECT_NE("", run.join());
    Status now(run.runner, &fake.type);
    EXPECT_EQ(BB_RUN_FAILED, now.status.state);
    ASSERT_NE(nullptr, now.status.error);
    EXPECT_STREQ("failed", bb_run_state_name(now.status.state));
}

} // namespace
