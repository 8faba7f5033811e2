// The consuming side against the embedded broker.
#include "runner_support.h"

extern "C" {
#include "pipeline/dedup.h"
}

#include <atomic>

namespace
{

class Runner : public ::testing::Test
{
  protected:
    Broker broker;
    FakeHandler handler;
};

void expect_balance(const bb_run_counts &counts)
{
    EXPECT_EQ(counts.consumed, counts.handled + counts.dropped + counts.dead_lettered);
    EXPECT_EQ(0u, counts.in_flight);
}

class RunnerLanes : public Runner, public ::testing::WithParamInterface<int>
{
};

TEST_P(RunnerLanes, OnceHandlesEverythingAndCommitsTheEnds)
{
    const std::string topic = broker.topic(4);
    TopicType fake(topic, topic + "-group");
    Tally tally;
    tally.after(handler);
    fake.settings->concurrency = (guint)GetParam();
    fake.bind(handler, GetParam() < 2); // `pending` of the fake is for one lane
    if (GetParam() >= 2)
        g_ptr_array_set_size(fake.type.handlers, 0);
    broker.produce_good(topic, 0, 2000, 4);
    Record bad;
    bad.value = "{";
    bad.partition = 2;
    broker.produce(topic, {bad, bad});
    RunnerUnderTest run(broker.bootstrap, {&fake.type}, true);
    EXPECT_EQ("", run.join());
    bb_run_counts counts = run.counts(&fake.type);
    EXPECT_EQ(2002u, counts.consumed);
    EXPECT_EQ(2000u, counts.handled);
    EXPECT_EQ(2u, counts.dead_lettered);
    expect_balance(counts);
    EXPECT_EQ((std::vector<gint64>{500, 500, 502, 500}),
              broker.committed(topic, 4, topic + "-group"));
    EXPECT_EQ(2u, broker.read_all(topic + ".dlq", 4).size());
    if (GetParam() < 2) {
        EXPECT_EQ(2000u, tally.seen.size());
    }
    if (GetParam() != 1)
        return;
    // a second run finds nothing to do
    RunnerUnderTest again(broker.bootstrap, {&fake.type}, true);
    EXPECT_EQ("", again.join());
    EXPECT_EQ(0u, again.counts(&fake.type).consumed);
}

INSTANTIATE_TEST_SUITE_P(Lanes, RunnerLanes, ::testing::Values(0, 1, 4));

TEST_F(Runner, OrderPerKeyIsKeptOverLanes)
{
    static Tally tally; // the domain's handle has no instance here
    const std::string topic = broker.topic(3);
    TopicType fake(topic, topic + "-group");
    fake.settings->concurrency = 4;
    fake.settings->batch_records = 7;
    fake.type.ops.handle = [](void *, busbar_call *call, const busbar_batch *batch,
                              int32_t *verdicts) {
        std::lock_guard<std::mutex> guard(tally.lock);
        for (uint32_t i = 0; i < batch->count; i++) {
            const busbar_origin *origin = call->host->origin(batch->events[i]);
            tally
                .order[std::string(origin->key.data, origin->key.size) + "/" +
                       std::to_string(origin->partition)]
                .push_back(origin->offset);
            verdicts[i] = BUSBAR_PASS;
        }
        return (int32_t)BUSBAR_PASS;
    };
    broker.produce_good(topic, 0, 3000, 3);
    RunnerUnderTest run(broker.bootstrap, {&fake.type}, true);
    EXPECT_EQ("", run.join());
    gsize count = 0;
    for (const auto &[key, offsets] : tally.order) {
        EXPECT_TRUE(std::is_sorted(offsets.begin(), offsets.end())) << key;
        count += offsets.size();
    }
    EXPECT_EQ(3000u, count);
}

TEST_F(Runner, DeadLetterIsTheOriginalByteForByte)
{
    const std::string topic = broker.topic(1);
    TopicType fake(topic, topic + "-group");
    std::vector<Record> records(5);
    records[0].key = std::string("k\0\xff\"", 4);
    records[0].value = std::string("{\"a\": \"text\"}\n \0\xfe", 17);
    records[0].headers = {{"trace", std::string("\0\1\2", 3)},
                          {"same", "1"},
                          {"same", "2"},
                          {"nothing", std::nullopt},
                          {"empty", ""}};
    records[0].timestamp_ms = 1234567890123;
    records[1].value = "";        // empty value, null key
    records[2].key = "tombstone"; // null value
    records[3].key = "";          // empty key
    records[3].value = "{\"a\":\"no number\"}";
    records[4].value = "{\"a\":1}";
    broker.produce(topic, records);
    RunnerUnderTest run(broker.bootstrap, {&fake.type}, true);
    EXPECT_EQ("", run.join());
    EXPECT_EQ(4u, run.counts(&fake.type).dead_lettered);
    EXPECT_EQ(1u, run.counts(&fake.type).handled);
    std::map<std::string, Record> letters;
    for (const Record &letter : broker.read_all(topic + ".dlq", 4))
        letters[letter.header("busbar.offset")] = letter;
    ASSERT_EQ(4u, letters.size());
    const std::vector<Record> originals = broker.read_all(topic, 1);
    for (int i = 0; i < 4; i++) {
        const Record &letter = letters[std::to_string(i)], &original = originals[(size_t)i];
        EXPECT_EQ(original.key, letter.key) << i;
        EXPECT_EQ(original.value, letter.value) << i;
        EXPECT_EQ(original.timestamp_ms, letter.timestamp_ms) << i;
        ASSERT_EQ(original.headers.size() + 10, letter.headers.size()) << i;
        for (size_t h = 0; h < original.headers.size(); h++)
            EXPECT_EQ(original.headers[h], letter.headers[h]) << i;
        EXPECT_EQ(topic, letter.header("busbar.topic"));
        EXPECT_EQ("0", letter.header("busbar.partition"));
        EXPECT_EQ("1", letter.header("busbar.attempts"));
        EXPECT_EQ("test_plugin 2.1", letter.header("busbar.plugin"));
        EXPECT_EQ(24u, letter.header("busbar.time").size());
    }
    EXPECT_EQ("parse", letters["0"].header("busbar.stage"));
    EXPECT_EQ("malformed", letters["0"].header("busbar.keyword"));
    EXPECT_EQ("empty", letters["1"].header("busbar.keyword"));
    EXPECT_NE("(none)", letters["2"].header("busbar.reason"));
    EXPECT_EQ("validate", letters["3"].header("busbar.stage"));
    EXPECT_EQ("type", letters["3"].header("busbar.keyword"));
    EXPECT_EQ("/a", letters["3"].header("busbar.pointer"));
    g_autoptr(GPtrArray) lines = bb_runner_last_dead_letters(run.runner, 2);
    ASSERT_EQ(2u, lines->len);
    EXPECT_TRUE(strstr((const char *)lines->pdata[1], (topic + "/0@3 validate type /a:").c_str()))
        << (const char *)lines->pdata[1];
}

TEST_F(Runner, StopDrainsFlushesAndCommits)
{
    const std::string topic = broker.topic(2);
    TopicType fake(topic, topic + "-group");
    fake.settings->flush_interval_ms = 3600000; // only the drain flushes
    fake.settings->commit_interval_ms = 3600000;
    fake.bind(handler, true);
    broker.produce_good(topic, 0, 400, 2);
    RunnerUnderTest run(broker.bootstrap, {&fake.type}, false);
    ASSERT_TRUE(run.until([&] { return run.counts(&fake.type).consumed == 400; }));
    EXPECT_EQ(0u, run.counts(&fake.type).handled);
    EXPECT_EQ("", run.stop());
    EXPECT_EQ(400u, handler.durable.size());
    EXPECT_EQ(400u, run.counts(&fake.type).handled);
    EXPECT_EQ((std::vector<gint64>{200, 200}), broker.committed(topic, 2, topic + "-group"));
}

TEST_F(Runner, OnceFlushesAtTheEndWithoutWaitingForMore)
{
    const std::string topic = broker.topic(2);
    TopicType fake(topic, topic + "-group");
    fake.settings->flush_interval_ms = 3600000;
    fake.bind(handler, true);
    broker.produce_good(topic, 0, 400, 2);
    RunnerUnderTest run(broker.bootstrap, {&fake.type}, true);
    EXPECT_EQ("", run.join());
    EXPECT_EQ(400u, handler.durable.size());
    EXPECT_EQ((std::vector<gint64>{200, 200}), broker.committed(topic, 2, topic + "-group"));
}

TEST_F(Runner, ARunningRunnerCommitsAsItGoesAndShowsItsLag)
{
    const std::string topic = broker.topic(2);
    TopicType fake(topic, topic + "-group");
    fake.bind(handler, true);
    broker.produce_good(topic, 0, 100, 2);
    RunnerUnderTest run(broker.bootstrap, {&fake.type}, false);
    ASSERT_TRUE(run.until([&] { return run.counts(&fake.type).handled == 100; }));
    EXPECT_TRUE(run.until([&] {
        return broker.committed(topic, 2, topic + "-group") == std::vector<gint64>{50, 50};
    }));
    broker.produce_good(topic, 100, 50, 2);
    EXPECT_TRUE(run.until([&] { return run.counts(&fake.type).handled == 150; }));
    EXPECT_TRUE(run.until([&] { return run.counts(&fake.type).lag == 0; }));
    EXPECT_EQ("", run.stop());
}

TEST_F(Runner, AHandlerThatFailsForAWhileLosesNothing)
{
    const std::string topic = broker.topic(1);
    TopicType fake(topic, topic + "-group");
    int down = 5;
    handler.whole = [&](busbar_call *call) {
        return down-- > 0 ? busbar_unavailable(call, "down") : (int32_t)BUSBAR_PASS;
    };
    handler.flush_answers = {BUSBAR_RETRY, BUSBAR_RETRY, BUSBAR_RETRY};
    fake.bind(handler, true);
    broker.produce_good(topic, 0, 50, 1);
    RunnerUnderTest run(broker.bootstrap, {&fake.type}, true);
    EXPECT_EQ("", run.join());
    EXPECT_EQ(50u, run.counts(&fake.type).handled);
    EXPECT_GE(run.counts(&fake.type).retries, 5u);
    EXPECT_EQ((std::vector<gint64>{50}), broker.committed(topic, 1, topic + "-group"));
}

TEST_F(Runner, FatalStopsThisEventTypeAndLeavesTheOthersAlone)
{
    const std::string topic = broker.topic(1), other_topic = broker.topic(1);
    TopicType fake(topic, topic + "-group"), other(other_topic, other_topic + "-group");
    FakeHandler good;
    handler.verdict = [](busbar_call *call, uint32_t index, const busbar_event *event) {
        return call->host->origin(event)->offset == 10
                   ? busbar_fail_event(call, index, BUSBAR_FATAL, "the table is gone")
                   : (int32_t)BUSBAR_PASS;
    };
    fake.settings->batch_records = 5;
    fake.bind(handler, false);
    other.bind(good, true);
    other.type.full_name = const_cast<char *>("test.other");
    broker.produce_good(topic, 0, 20, 1);
    broker.produce_good(other_topic, 0, 500, 1);
    RunnerUnderTest run(broker.bootstrap, {&fake.type, &other.type}, true);
    std::string error = run.join();
    EXPECT_TRUE(strstr(error.c_str(), "the table is gone")) << error;
    EXPECT_TRUE(strstr(error.c_str(), "test.event")) << error;
    EXPECT_EQ(BB_ERROR_PLUGIN, run.code);
    EXPECT_EQ(500u, run.counts(&other.type).handled);
    EXPECT_EQ((std::vector<gint64>{500}), broker.committed(other_topic, 1, other_topic + "-group"));
    EXPECT_LE(broker.committed(topic, 1, topic + "-group")[0], 10);
    expect_balance(run.counts(&fake.type));
}

TEST_F(Runner, OnceEndsWhileNewRecordsKeepComing)
{
    const std::string topic = broker.topic(2);
    TopicType fake(topic, topic + "-group");
    fake.bind(handler, true);
    broker.produce_good(topic, 0, 200, 2);
    std::atomic<bool> go{true};
    std::thread writer([&] {
        for (int i = 200; go && i < 100000; i += 20)
            broker.produce_good(topic, i, 20, 2);
    });
    RunnerUnderTest run(broker.bootstrap, {&fake.type}, true);
    EXPECT_EQ("", run.join());
    go = false;
    writer.join();
    EXPECT_GE(run.counts(&fake.type).handled, 200u);
    expect_balance(run.counts(&fake.type));
    std::vector<gint64> committed = broker.committed(topic, 2, topic + "-group");
    EXPECT_EQ((gint64)run.counts(&fake.type).handled, committed[0] + committed[1]);
}

TEST_F(Runner, OnceOnAnEmptyTopic)
{
    const std::string topic = broker.topic(3);
    TopicType fake(topic, topic + "-group");
    RunnerUnderTest run(broker.bootstrap, {&fake.type}, true);
    EXPECT_EQ("", run.join());
    EXPECT_EQ(0u, run.counts(&fake.type).consumed);
}

TEST_F(Runner, OnceWithAMissingTopicNamesTheCommandThatMakesIt)
{
    TopicType fake("no-such-topic", "no-such-group");
    RunnerUnderTest run(broker.bootstrap, {&fake.type}, true);
    std::string error = run.join();
    EXPECT_TRUE(strstr(error.c_str(), "no-such-topic")) << error;
    EXPECT_TRUE(strstr(error.c_str(), "busbar topics apply")) << error;
    EXPECT_EQ(BB_ERROR_KAFKA, run.code);
}

TEST_F(Runner, ATopicThatAppearsLaterIsConsumed)
{
    const std::string topic = "later-topic";
    TopicType fake(topic, topic + "-group");
    RunnerUnderTest run(broker.bootstrap, {&fake.type}, false);
    g_usleep(300000); // the runner finds no topic; what follows holds either way
    GError *error = nullptr;
    ASSERT_TRUE(bb_embedded_topic(topic.c_str(), 2, &error));
    broker.produce_good(topic, 0, 10, 2);
    EXPECT_TRUE(run.until([&] { return run.counts(&fake.type).handled == 10; }));
    EXPECT_EQ("", run.stop());
}

TEST_F(Runner, WithoutAnOffsetTheSettingErrorRefusesWithTheChoices)
{
    const std::string topic = broker.topic(1);
    TopicType fake(topic, topic + "-group");
    g_free(fake.settings->offset_reset);
    fake.settings->offset_reset = g_strdup("error");
    broker.produce_good(topic, 0, 3, 1);
    RunnerUnderTest run(broker.bootstrap, {&fake.type}, true);
    std::string error = run.join();
    EXPECT_TRUE(strstr(error.c_str(), "earliest")) << error;
    EXPECT_TRUE(strstr(error.c_str(), "latest")) << error;
    EXPECT_TRUE(strstr(error.c_str(), topic.c_str())) << error;
    EXPECT_EQ(0u, run.counts(&fake.type).consumed);
}

TEST_F(Runner, DuplicatesAreDroppedUnlessTheFirstWasADeadLetter)
{
    static std::atomic<int> refusals; // of a: 3, the first time
    refusals = 1;
    const std::string topic = broker.topic(1);
    TopicType fake(topic, topic + "-group");
    fake.type.dedup = bb_dedup_new("/a", 100, 0, 1 << 20);
    fake.type.ops.handle = [](void *, busbar_call *call, const busbar_batch *batch,
                              int32_t *verdicts) {
        for (uint32_t i = 0; i < batch->count; i++) {
            bool refused = call->host->origin(batch->events[i])->offset == 3 && refusals-- > 0;
            verdicts[i] = refused ? BUSBAR_REJECT : BUSBAR_PASS;
        }
        return (int32_t)BUSBAR_PASS;
    };
    broker.produce_good(topic, 0, 10, 1);
    RunnerUnderTest first(broker.bootstrap, {&fake.type}, true);
    EXPECT_EQ("", first.join());
    EXPECT_EQ(9u, first.counts(&fake.type).handled);
    EXPECT_EQ(1u, first.counts(&fake.type).dead_lettered);
    broker.produce_good(topic, 0, 12, 1); // ten of them again, one of these was refused
    RunnerUnderTest second(broker.bootstrap, {&fake.type}, true);
    EXPECT_EQ("", second.join());
    EXPECT_EQ(3u, second.counts(&fake.type).handled);
    EXPECT_EQ(9u, second.counts(&fake.type).dropped);
    bb_dedup_free(fake.type.dedup);
}

TEST_F(Runner, KafkaThatDoesNotAnswerIsSaidAfterTheTimeout)
{
    TopicType fake("any", "any");
    RunnerUnderTest run("127.0.0.1:1", {&fake.type}, false, 500);
    std::string error = run.join();
    EXPECT_EQ(BB_ERROR_KAFKA, run.code);
    EXPECT_TRUE(strstr(error.c_str(), "127.0.0.1:1")) << error;
}

TEST_F(Runner, StopWhileWaitingForKafkaIsNoFailure)
{
    TopicType fake("any", "any");
    RunnerUnderTest run("127.0.0.1:1", {&fake.type}, false, -1);
    EXPECT_EQ("", run.stop());
}

TEST_F(Runner, WhatIsReadIsBoundedWhileAHandlerIsDown)
{
    const std::string topic = broker.topic(2);
    TopicType fake(topic, topic + "-group");
    std::atomic<bool> down{true};
    handler.whole = [&](busbar_call *call) {
        return down ? busbar_unavailable(call, "down") : (int32_t)BUSBAR_PASS;
    };
    fake.settings->in_flight_records = 100;
    fake.settings->batch_records = 20;
    fake.bind(handler, false);
    broker.produce_good(topic, 0, 1000, 2);
    RunnerUnderTest run(broker.bootstrap, {&fake.type}, true);
    ASSERT_TRUE(run.until([&] { return run.counts(&fake.type).in_flight == 100; }));
    guint64 most = 0;
    for (int i = 0; i < 100; i++) {
        most = MAX(most, run.counts(&fake.type).in_flight);
        g_usleep(2000);
    }
    EXPECT_EQ(100u, most);
    down = false;
    EXPECT_EQ("", run.join());
    EXPECT_EQ(1000u, run.counts(&fake.type).handled);
}

TEST_F(Runner, HurryGivesUpWhatIsInHandAndItIsReadAgain)
{
    const std::string topic = broker.topic(1);
    TopicType fake(topic, topic + "-group");
    std::atomic<bool> down{true};
    handler.whole = [&](busbar_call *call) {
        return down ? busbar_unavailable(call, "down") : (int32_t)BUSBAR_PASS;
    };
    fake.bind(handler, false);
    broker.produce_good(topic, 0, 30, 1);
    {
        RunnerUnderTest run(broker.bootstrap, {&fake.type}, false);
        ASSERT_TRUE(run.until([&] { return run.counts(&fake.type).in_flight == 30; }));
        bb_runner_hurry(run.runner);
        EXPECT_EQ("", run.join());
        EXPECT_EQ(0u, run.counts(&fake.type).consumed);
        expect_balance(run.counts(&fake.type));
    }
    EXPECT_LT(broker.committed(topic, 1, topic + "-group")[0], 0);
    down = false;
    RunnerUnderTest run(broker.bootstrap, {&fake.type}, true);
    EXPECT_EQ("", run.join());
    EXPECT_EQ(30u, run.counts(&fake.type).handled);
}

TEST_F(Runner, EmittedRecordsArriveBeforeTheOffsetMoves)
{
    static std::string out;
    const std::string topic = broker.topic(1);
    out = broker.topic(1);
    TopicType fake(topic, topic + "-group");
    fake.type.ops.handle = [](void *, busbar_call *call, const busbar_batch *batch,
                              int32_t *verdicts) {
        for (uint32_t i = 0; i < batch->count; i++) {
            const busbar_origin *origin = call->host->origin(batch->events[i]);
            const busbar_header header = {busbar_text("h"), busbar_text("v")};
            const busbar_record record = {
                sizeof(record), -1, busbar_text(out.c_str()), origin->key, origin->value, 1, 0,
                &header};
            verdicts[i] = fake_emit(call, &record);
        }
        return (int32_t)BUSBAR_PASS;
    };
    broker.produce_good(topic, 0, 100, 1);
    RunnerUnderTest run(broker.bootstrap, {&fake.type}, true);
    EXPECT_EQ("", run.join());
    std::vector<Record> sent = broker.read_all(topic, 1), arrived = broker.read_all(out, 1);
    ASSERT_EQ(100u, arrived.size());
    for (size_t i = 0; i < 100; i++) {
        EXPECT_EQ(sent[i].key, arrived[i].key);
        EXPECT_EQ(sent[i].value, arrived[i].value);
        EXPECT_EQ("v", arrived[i].header("h"));
    }
    EXPECT_EQ((std::vector<gint64>{100}), broker.committed(topic, 1, topic + "-group"));
}

TEST_F(Runner, TwoRunnersShareAGroupAndNothingIsLostWhileTheyComeAndGo)
{
    const std::string topic = broker.topic(6);
    FakeHandler handlers[3];
    Tally tally;
    std::vector<std::unique_ptr<TopicType>> types;
    for (FakeHandler &one : handlers) {
        tally.after(one);
        types.push_back(std::make_unique<TopicType>(topic, topic + "-group"));
        types.back()->bind(one, true);
    }
    std::atomic<bool> go{true};
    std::atomic<int> written{0};
    std::thread writer([&] {
        for (int i = 0; go && i < 100000; i += 60) {
            broker.produce_good(topic, i, 60, 6);
            written = i + 60;
        }
    });
    {
        RunnerUnderTest first(broker.bootstrap, {&types[0]->type}, false);
        ASSERT_TRUE(first.until([&] { return first.finished(&types[0]->type) > 300; }));
        RunnerUnderTest second(broker.bootstrap, {&types[1]->type}, false);
        ASSERT_TRUE(first.until([&] { return second.finished(&types[1]->type) > 300; }));
        EXPECT_EQ("", first.stop());
        guint64 before = second.finished(&types[1]->type);
        EXPECT_TRUE(second.until([&] { return second.finished(&types[1]->type) > before + 600; }));
        go = false;
        writer.join();
        EXPECT_EQ("", second.stop());
        expect_balance(first.counts(&types[0]->type));
        expect_balance(second.counts(&types[1]->type));
    }
    RunnerUnderTest last(broker.bootstrap, {&types[2]->type}, true);
    EXPECT_EQ("", last.join());
    EXPECT_EQ((size_t)written.load(), tally.seen.size()) << "every record at least once";
    std::vector<gint64> committed = broker.committed(topic, 6, topic + "-group");
    EXPECT_EQ(std::vector<gint64>(6, written / 6), committed);
}

} // namespace
