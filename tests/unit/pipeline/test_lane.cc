// The state machine of a lane, with answers from the test and time that the test moves.
#include "lane_support.h"

#include <algorithm>

namespace
{

struct Letter {
    gint64 offset;
    uint32_t stage;
    std::string keyword, pointer, message, plugin;
    guint attempts;
    bb_batch *batch;
};

// What a lane would do to the world.
struct World {
    std::vector<Letter> letters;
    std::vector<std::vector<bb_batch *>> emitted;
    std::vector<gint64> delays;
    std::vector<std::string> switches;
    std::string stopped;
    uint32_t stopped_stage = 0;
    bool confirm = true;            // dead letters and emits are confirmed at once
    std::map<gint64, int> outcomes; // offset -> outcome of batches that came back
    std::vector<bb_batch *> returned;

    static void dead_letter(void *user, bb_item *item, const bb_fault *fault)
    {
        auto *world = static_cast<World *>(user);
        world->letters.push_back({item->origin.offset, fault->stage, fault->keyword, fault->pointer,
                                  fault->message, fault->plugin, fault->attempts, item->batch});
        if (!world->confirm)
            bb_batch_hold(item->batch);
    }
    static int32_t emit(void *user, const busbar_record *, bb_batch *const *batches, guint count,
                        char **)
    {
        auto *world = static_cast<World *>(user);
        world->emitted.emplace_back(batches, batches + count);
        for (guint i = 0; i < count && !world->confirm; i++)
            bb_batch_hold(batches[i]);
        return BUSBAR_PASS;
    }
    static void retried(void *user, guint, const bb_fault *, gint64 delay_ms)
    {
        static_cast<World *>(user)->delays.push_back(delay_ms);
    }
    static void switched(void *user, const char *name, const bb_fault *fault)
    {
        static_cast<World *>(user)->switches.push_back(
            std::string(name) + (fault ? std::string(" down: ") + fault->message : " back"));
    }
    static void on_stopped(void *user, const bb_fault *fault)
    {
        auto *world = static_cast<World *>(user);
        EXPECT_EQ("", world->stopped) << "stopped twice";
        world->stopped = fault->message;
        world->stopped_stage = fault->stage;
    }
    static void done(bb_batch *batch, void *user)
    {
        auto *world = static_cast<World *>(user);
        for (guint i = 0; i < batch->count; i++) {
            if (batch->items[i].outcome == BB_ITEM_MOVED)
                continue;
            EXPECT_FALSE(world->outcomes.count(batch->items[i].origin.offset)) << "back twice";
            world->outcomes[batch->items[i].origin.offset] = batch->items[i].outcome;
        }
        world->returned.push_back(batch);
    }
};

const bb_lane_ops ops = {World::dead_letter, World::emit, World::retried, World::switched,
                         World::on_stopped,  nullptr,     nullptr,        nullptr};

class Lane : public ::testing::Test
{
  protected:
    FakeType fake;
    World world;
    FakeHandler handler, second;
    bb_lane *lane = nullptr;
    gint64 now = 1000;
    gint64 next_offset = 0;
    std::deque<std::string> texts;

    void make()
    {
        GError *error = nullptr;
        lane = bb_lane_new(&fake.type, &ops, &world, nullptr, &error);
        ASSERT_TRUE(lane) << error->message;
    }
    void TearDown() override
    {
        bb_lane_free(lane);
        for (bb_batch *batch : world.returned)
            bb_batch_free(batch);
    }
    // The key of each record; without one every record has a key of its own.
    std::function<std::string(gint64)> key = [](gint64 offset) { return std::to_string(offset); };

    void push(const std::vector<std::string> &values, gint64 epoch = 1)
    {
        bb_batch *batch = bb_batch_new(World::done, &world);
        batch->epoch = epoch;
        for (const std::string &value : values) {
            texts.push_back(value);
            bb_item *item = bb_batch_add(batch);
            item->origin.topic = busbar_text("topic");
            item->origin.offset = next_offset++;
            item->origin.value = {texts.back().data(), texts.back().size()};
            item->epoch = epoch;
            texts.push_back(key(item->origin.offset));
            item->origin.key = {texts.back().data(), texts.back().size()};
            batch->size_bytes += value.size() + texts.back().size();
        }
        bb_lane_take(lane, batch);
    }
    void push_good(int count)
    {
        push(std::vector<std::string>((size_t)count, R"({"a":1})"));
    }
    // Does all that is due without moving the time; returns when more is due.
    gint64 settle()
    {
        for (int i = 0; i < 10000; i++) {
            gint64 due = bb_lane_step(lane, now);
            if (due < 0 || due > now)
                return due;
        }
        ADD_FAILURE() << "the lane is never done";
        return -1;
    }
    // Moves the time to what is due, a number of times.
    void advance(int times)
    {
        for (int i = 0; i < times; i++) {
            gint64 due = settle();
            if (due < 0)
                return;
            now = due;
        }
        settle();
    }
    std::vector<gint64> with(int outcome) const
    {
        std::vector<gint64> found;
        for (const auto &[offset, value] : world.outcomes)
            if (value == outcome)
                found.push_back(offset);
        return found;
    }
};

using Offsets = std::vector<gint64>;

TEST_F(Lane, WithoutHandlersPassingTheStagesIsFinal)
{
    make();
    push({R"({"a":1})", R"({"a":"x"})", "{", R"({"a":2})"});
    EXPECT_EQ(-1, settle());
    EXPECT_EQ((Offsets{0, 3}), with(BUSBAR_PASS));
    EXPECT_EQ((Offsets{1, 2}), with(BUSBAR_REJECT));
    ASSERT_EQ(2u, world.letters.size());
    EXPECT_EQ((uint32_t)BUSBAR_STAGE_VALIDATE, world.letters[0].stage);
    EXPECT_EQ("type", world.letters[0].keyword);
    EXPECT_EQ("/a", world.letters[0].pointer);
    EXPECT_EQ("test_plugin", world.letters[0].plugin);
    EXPECT_EQ(1u, world.letters[0].attempts);
    EXPECT_EQ((uint32_t)BUSBAR_STAGE_PARSE, world.letters[1].stage);
    EXPECT_EQ("malformed", world.letters[1].keyword);
    EXPECT_EQ(0u, bb_lane_held(lane));
}

TEST_F(Lane, ARejectedRecordIsNotBackBeforeItsLetterIsConfirmed)
{
    make();
    world.confirm = false;
    push({R"({"a":1})", "x"});
    settle();
    EXPECT_EQ(0u, bb_lane_held(lane));
    EXPECT_TRUE(world.outcomes.empty());
    bb_batch_release(world.letters.at(0).batch);
    EXPECT_EQ((Offsets{0}), with(BUSBAR_PASS));
    EXPECT_EQ((Offsets{1}), with(BUSBAR_REJECT));
}

TEST_F(Lane, PassIsFinalOnlyAfterTheFlush)
{
    fake.bind(handler, true);
    make();
    push_good(3);
    EXPECT_EQ(now + 500, settle());
    EXPECT_EQ(1, handler.opened);
    EXPECT_EQ(1u, handler.calls.size());
    EXPECT_TRUE(world.outcomes.empty());
    now += 499;
    settle();
    EXPECT_EQ(0, handler.flushes);
    now += 1;
    EXPECT_EQ(-1, settle());
    EXPECT_EQ(1, handler.flushes);
    EXPECT_EQ((Offsets{0, 1, 2}), with(BUSBAR_PASS));
    EXPECT_EQ((Offsets{0, 1, 2}), handler.durable);
}

TEST_F(Lane, AHandlerWithoutFlushIsDurableAtOnce)
{
    fake.bind(handler, false);
    make();
    push_good(2);
    EXPECT_EQ(-1, settle());
    EXPECT_EQ((Offsets{0, 1}), with(BUSBAR_PASS));
    EXPECT_EQ(0, handler.flushes);
}

TEST_F(Lane, FlushComesEarlyAtHalfTheBound)
{
    fake.settings->in_flight_records = 20;
    fake.bind(handler, true);
    make();
    push_good(4);
    push_good(4);
    settle();
    EXPECT_EQ(0, handler.flushes);
    push_good(4);
    settle();
    EXPECT_EQ(1, handler.flushes);
    EXPECT_EQ(12u, with(BUSBAR_PASS).size());
}

TEST_F(Lane, FlushComesEarlyByBytes)
{
    fake.settings->in_flight_bytes = 1024 * 1024;
    fake.bind(handler, true);
    make();
    const std::string large = R"({"a":1,"b":")" + std::string(300 * 1024, 'x') + "\"}";
    push({large});
    settle();
    EXPECT_EQ(0, handler.flushes);
    push({large});
    settle();
    EXPECT_EQ(1, handler.flushes);
    EXPECT_EQ(2u, with(BUSBAR_PASS).size());
}

TEST_F(Lane, DrainingFlushesWithoutWaiting)
{
    fake.bind(handler, true);
    make();
    push_good(2);
    settle();
    EXPECT_EQ(0, handler.flushes);
    bb_lane_set_draining(lane, TRUE);
    EXPECT_EQ(-1, settle());
    EXPECT_EQ(2u, with(BUSBAR_PASS).size());
    EXPECT_EQ(0u, bb_lane_held(lane));
}

TEST_F(Lane, OnlyTheRetriedEventsAreHandedAgainToThatHandler)
{
    int failures = 2;
    fake.bind(handler, false);
    fake.bind(second, false);
    second.verdict = [&](busbar_call *call, uint32_t index, const busbar_event *event) {
        gint64 offset = call->host->origin(event)->offset;
        if ((offset == 1 || offset == 2) && failures > 0) {
            failures -= offset == 2;
            return busbar_fail_event(call, index, BUSBAR_RETRY, "again %d", (int)offset);
        }
        return (int32_t)BUSBAR_PASS;
    };
    make();
    push_good(4);
    gint64 due = settle();
    EXPECT_GE(due, now + 50);
    EXPECT_LE(due, now + 100);
    EXPECT_EQ(1u, second.calls.size());
    EXPECT_EQ((Offsets{0, 3}), with(BUSBAR_PASS)) << "they wait for nobody";
    advance(5);
    ASSERT_EQ(3u, second.calls.size());
    EXPECT_EQ((Offsets{0, 1, 2, 3}), second.calls[0].offsets);
    EXPECT_EQ((Offsets{1, 2}), second.calls[1].offsets);
    EXPECT_EQ((std::vector<uint32_t>{2, 2}), second.calls[1].attempts);
    EXPECT_EQ((Offsets{1, 2}), second.calls[2].offsets);
    EXPECT_EQ(1u, handler.calls.size()) << "the first handler has them already";
    EXPECT_EQ(4u, with(BUSBAR_PASS).size());
    EXPECT_EQ(2u, world.delays.size());
}

// RETRY for the given offsets, a number of times each.
std::function<int32_t(busbar_call *, uint32_t, const busbar_event *)>
failing(std::map<gint64, int> failures)
{
    auto left = std::make_shared<std::map<gint64, int>>(std::move(failures));
    return [left](busbar_call *call, uint32_t index, const busbar_event *event) {
        gint64 offset = call->host->origin(event)->offset;
        return (*left)[offset]-- > 0 ? busbar_fail_event(call, index, BUSBAR_RETRY, "not yet")
                                     : (int32_t)BUSBAR_PASS;
    };
}

TEST_F(Lane, LaterRecordsOfTheKeyWaitBehindAndAllOthersGoOn)
{
    fake.bind(handler, false);
    handler.verdict = failing({{0, 2}});
    key = [](gint64 offset) { return offset % 2 ? "good" : "bad"; };
    make();
    push_good(4);
    push_good(4);
    settle();
    EXPECT_EQ((Offsets{1, 3, 5, 7}), with(BUSBAR_PASS));
    EXPECT_EQ(4u, bb_lane_held(lane)) << "0, 2, 4 and 6 wait";
    advance(5);
    EXPECT_EQ(8u, with(BUSBAR_PASS).size());
    std::vector<Offsets> calls;
    for (const auto &call : handler.calls)
        calls.push_back(call.offsets);
    EXPECT_EQ((std::vector<Offsets>{{0, 1, 2, 3}, {5, 7}, {0}, {0}, {2, 4, 6}}), calls)
        << "what was answered about 2 behind 0 does not count";
    EXPECT_EQ((std::vector<uint32_t>{3}), handler.calls[3].attempts);
    EXPECT_EQ((std::vector<uint32_t>{2, 1, 1}), handler.calls[4].attempts);
    EXPECT_EQ(0u, bb_lane_held(lane));
}

TEST_F(Lane, InOrderNoneARecordWaitsForItselfAlone)
{
    fake.settings->order = BB_ORDER_NONE;
    fake.bind(handler, false);
    handler.verdict = failing({{0, 1}});
    key = [](gint64) { return "same"; };
    make();
    push_good(3);
    push_good(1);
    settle();
    EXPECT_EQ((Offsets{1, 2, 3}), with(BUSBAR_PASS));
    advance(2);
    EXPECT_EQ((Offsets{0}), handler.calls.back().offsets);
}

TEST_F(Lane, InOrderPartitionAllWaitBehind)
{
    fake.settings->order = BB_ORDER_PARTITION;
    fake.bind(handler, false);
    handler.verdict = failing({{1, 1}});
    make();
    push_good(3);
    push_good(1);
    settle();
    EXPECT_EQ((Offsets{0}), with(BUSBAR_PASS));
    advance(3);
    EXPECT_EQ((Offsets{1}), handler.calls[1].offsets);
    EXPECT_EQ((Offsets{2, 3}), handler.calls[2].offsets);
}

TEST_F(Lane, ARejectionBehindAWaitingRecordOfItsKeyIsAskedForAgain)
{
    fake.bind(handler, false);
    key = [](gint64) { return "same"; };
    int failures = 1;
    handler.verdict = [&](busbar_call *call, uint32_t index, const busbar_event *event) {
        if (call->host->origin(event)->offset == 0 && failures-- > 0)
            return busbar_fail_event(call, index, BUSBAR_RETRY, "not yet");
        if (call->host->origin(event)->offset == 1 && handler.calls.size() == 1)
            return busbar_fail_event(call, index, BUSBAR_REJECT, "there is no such row");
        return (int32_t)BUSBAR_PASS;
    };
    make();
    push_good(2);
    advance(3);
    EXPECT_TRUE(world.letters.empty()) << "it only failed because 0 did";
    EXPECT_EQ((Offsets{0, 1}), with(BUSBAR_PASS));
}

TEST_F(Lane, TheFaultOfOneRecordInALargeBatchIsItsOwn)
{
    fake.settings->retry_initial_ms = fake.settings->retry_max_ms = 5000;
    fake.bind(handler, true);
    handler.verdict = [](busbar_call *call, uint32_t index, const busbar_event *event) {
        return call->host->origin(event)->offset == 250
                   ? busbar_fail_event(call, index, BUSBAR_RETRY, "never")
                   : (int32_t)BUSBAR_PASS;
    };
    make();
    push_good(500);
    advance(1);
    EXPECT_EQ(499u, with(BUSBAR_PASS).size()) << "flushed and final while 250 still waits";
    advance(10);
    ASSERT_EQ(1u, world.letters.size());
    EXPECT_EQ(250, world.letters[0].offset);
    EXPECT_EQ(499u, with(BUSBAR_PASS).size());
}

TEST_F(Lane, AHandlerThatHasFlushedARecordDoesNotSeeItAgain)
{
    fake.bind(handler, true);
    fake.bind(second, true);
    fake.settings->retry_initial_ms = fake.settings->retry_max_ms = 5000;
    second.verdict = failing({{0, 1}});
    handler.flush_answers = {BUSBAR_PASS, BUSBAR_RETRY};
    make();
    push_good(2);
    settle();
    now += 500;
    settle();
    EXPECT_EQ(1, handler.flushes);
    EXPECT_EQ((Offsets{1}), with(BUSBAR_PASS));
    push_good(1);
    settle();
    now += 500;
    advance(6);
    EXPECT_EQ(3u, with(BUSBAR_PASS).size());
    std::map<gint64, int> seen;
    for (const auto &call : handler.calls)
        for (gint64 offset : call.offsets)
            seen[offset]++;
    EXPECT_EQ((std::map<gint64, int>{{0, 1}, {1, 1}, {2, 2}}), seen)
        << "the second flush failed with 2 alone";
}

TEST_F(Lane, WhatWasNotFlushedIsHandedAgainWhenItsTurnComes)
{
    fake.bind(handler, true);
    fake.bind(second, false);
    fake.settings->retry_initial_ms = fake.settings->retry_max_ms = 5000;
    second.verdict = failing({{0, 1}});
    handler.flush_answers = {BUSBAR_RETRY};
    make();
    push_good(2);
    settle();
    now += 500;
    settle();
    EXPECT_TRUE(world.outcomes.empty()) << "the flush failed";
    advance(4);
    EXPECT_EQ((Offsets{0, 1}), with(BUSBAR_PASS));
    EXPECT_EQ((Offsets{1, 0}), handler.durable);
    EXPECT_EQ(2u, second.calls.size()) << "1 is not handed to it twice";
}

TEST_F(Lane, EmittedForARecordThatWaitsHoldsItToo)
{
    const busbar_record record = {
        sizeof(record), -1, busbar_text("out"), {nullptr, 0}, busbar_text("x"), 0, 0, nullptr};
    world.confirm = false;
    fake.bind(handler, false);
    int failures = 1;
    handler.verdict = [&](busbar_call *call, uint32_t index, const busbar_event *event) {
        if (call->host->origin(event)->offset != 0)
            return (int32_t)BUSBAR_PASS;
        fake_emit(call, &record);
        return failures-- > 0 ? busbar_fail_event(call, index, BUSBAR_RETRY, "not yet")
                              : (int32_t)BUSBAR_PASS;
    };
    make();
    push_good(2);
    advance(3);
    ASSERT_EQ(2u, world.emitted.size());
    EXPECT_TRUE(world.outcomes.empty());
    bb_batch_release(world.emitted[1].at(0));
    EXPECT_TRUE(world.outcomes.empty()) << "the first is not confirmed";
    bb_batch_release(world.emitted[0].at(0));
    EXPECT_EQ((Offsets{0, 1}), with(BUSBAR_PASS));
}

TEST_F(Lane, ForgetGivesUpWhatWaits)
{
    fake.bind(handler, false);
    handler.verdict = failing({{0, 1}, {2, 1}});
    key = [](gint64 offset) { return offset < 2 ? "old" : "new"; };
    make();
    push({R"({"a":1})", R"({"a":1})"}, 1);
    push({R"({"a":1})", R"({"a":1})"}, 2);
    settle();
    bb_lane_forget(lane, 2);
    EXPECT_EQ((Offsets{0, 1}), with(0));
    EXPECT_EQ(2u, bb_lane_held(lane));
    advance(3);
    EXPECT_EQ((Offsets{2, 3}), with(BUSBAR_PASS));
}

TEST_F(Lane, WhatIsHandedAgainAfterALossIsKnownToBeLost)
{
    std::vector<gint64> lost_before;
    fake.bind(handler, true);
    handler.flush_answers = {BUSBAR_RETRY};
    handler.whole = [&](busbar_call *call) {
        lost_before.push_back(reinterpret_cast<bb_call *>(call)->lost_before);
        return (int32_t)BUSBAR_PASS;
    };
    make();
    push({R"({"a":1})"}, 1);
    settle();
    bb_lane_forget(lane, 2);
    advance(5);
    ASSERT_EQ(2u, lost_before.size());
    EXPECT_EQ(0, lost_before[0]);
    EXPECT_EQ(2, lost_before[1]);
}

TEST_F(Lane, DuringAnOutageOneRecordIsTriedAtATime)
{
    bool down = true;
    fake.bind(handler, false);
    handler.whole = [&](busbar_call *call) {
        return down ? busbar_unavailable(call, "down") : (int32_t)BUSBAR_PASS;
    };
    make();
    push_good(100);
    push_good(100);
    advance(5);
    ASSERT_EQ(6u, handler.calls.size());
    for (size_t i = 1; i < handler.calls.size(); i++)
        EXPECT_EQ(1u, handler.calls[i].offsets.size());
    down = false;
    advance(5);
    EXPECT_EQ(200u, with(BUSBAR_PASS).size());
    EXPECT_LE(handler.calls.size(), 10u) << "and in batches again once one has passed";
    EXPECT_TRUE(world.letters.empty());
}

TEST_F(Lane, ARecordThatKeepsFailingIsDeadLettered)
{
    fake.bind(handler, false);
    handler.verdict = [](busbar_call *call, uint32_t index, const busbar_event *event) {
        return call->host->origin(event)->offset == 1
                   ? busbar_fail_event(call, index, BUSBAR_RETRY, "this one never")
                   : (int32_t)BUSBAR_PASS;
    };
    make();
    push_good(3);
    advance(10);
    EXPECT_EQ(3u, handler.calls.size());
    ASSERT_EQ(1u, world.letters.size());
    EXPECT_EQ(1, world.letters[0].offset);
    EXPECT_EQ((uint32_t)BUSBAR_STAGE_SINK, world.letters[0].stage);
    EXPECT_EQ("this one never", world.letters[0].message);
    EXPECT_EQ("fake", world.letters[0].plugin);
    EXPECT_EQ(3u, world.letters[0].attempts);
    EXPECT_EQ((Offsets{0, 2}), with(BUSBAR_PASS));
}

TEST_F(Lane, AnOutageIsWaitedOutAndBlamesNobody)
{
    int down = 50;
    fake.bind(handler, false);
    handler.whole = [&](busbar_call *call) {
        return down-- > 0 ? busbar_unavailable(call, "connection refused") : (int32_t)BUSBAR_PASS;
    };
    key = [](gint64) { return "same"; };
    make();
    push_good(2);
    push_good(1);
    advance(60);
    EXPECT_TRUE(world.letters.empty());
    EXPECT_EQ(50u, world.delays.size());
    EXPECT_LE(*std::max_element(world.delays.begin(), world.delays.end()), 1000);
    EXPECT_GE(world.delays.back(), 500) << "the waits grow up to the cap";
    EXPECT_EQ(3u, with(BUSBAR_PASS).size());
    EXPECT_EQ((Offsets{1, 2}), handler.calls.back().offsets) << "order is kept";
}

TEST_F(Lane, DropAndRejectByAHandler)
{
    fake.bind(handler, true);
    fake.bind(second, false);
    handler.verdict = [](busbar_call *call, uint32_t index, const busbar_event *event) {
        switch (call->host->origin(event)->offset) {
        case 0:
            return (int32_t)BUSBAR_DROP;
        case 1:
            call->host->fail(call, index, BUSBAR_REJECT, 0, busbar_text("/a"),
                             busbar_text("too small"));
            return (int32_t)BUSBAR_REJECT;
        default:
            return (int32_t)BUSBAR_PASS;
        }
    };
    make();
    push_good(3);
    advance(3);
    EXPECT_EQ((Offsets{0}), with(BUSBAR_DROP));
    EXPECT_EQ((Offsets{1}), with(BUSBAR_REJECT));
    EXPECT_EQ((Offsets{2}), with(BUSBAR_PASS));
    ASSERT_EQ(1u, second.calls.size());
    EXPECT_EQ((Offsets{2}), second.calls[0].offsets) << "the second never sees the others";
    EXPECT_EQ("/a", world.letters.at(0).pointer);
    EXPECT_EQ("too small", world.letters.at(0).message);
}

TEST_F(Lane, AfterAFailedFlushTheSameEventsAreHandedAgain)
{
    fake.bind(handler, true);
    handler.flush_answers = {BUSBAR_RETRY, BUSBAR_RETRY};
    make();
    push_good(2);
    settle();
    push_good(1);
    advance(1);
    EXPECT_EQ(1, handler.flushes);
    EXPECT_TRUE(world.outcomes.empty());
    advance(10);
    EXPECT_EQ(3, handler.flushes);
    EXPECT_EQ((Offsets{0, 1, 2}), handler.durable);
    ASSERT_EQ(4u, handler.calls.size()) << "two batches, then all of them twice";
    EXPECT_EQ((Offsets{0, 1, 2}), handler.calls[2].offsets);
    EXPECT_EQ((Offsets{0, 1, 2}), handler.calls[3].offsets);
    EXPECT_EQ(3u, with(BUSBAR_PASS).size());
}

TEST_F(Lane, AFailedFlushOfOneHandlerDoesNotTouchTheOther)
{
    fake.bind(handler, true);
    fake.bind(second, true);
    second.flush_answers = {BUSBAR_RETRY};
    make();
    push_good(2);
    advance(10);
    EXPECT_EQ(1u, handler.calls.size());
    EXPECT_EQ(1, handler.flushes);
    EXPECT_EQ(2u, second.calls.size());
    EXPECT_EQ((Offsets{0, 1}), second.durable);
    EXPECT_EQ(2u, with(BUSBAR_PASS).size());
}

TEST_F(Lane, ReplayRespectsTheLargestBatch)
{
    fake.settings->batch_records = 2;
    fake.bind(handler, true);
    handler.flush_answers = {BUSBAR_RETRY};
    make();
    push_good(2);
    push_good(2);
    push_good(1);
    advance(10);
    ASSERT_EQ(6u, handler.calls.size());
    EXPECT_EQ((Offsets{0, 1}), handler.calls[3].offsets);
    EXPECT_EQ((Offsets{2, 3}), handler.calls[4].offsets);
    EXPECT_EQ((Offsets{4}), handler.calls[5].offsets);
    EXPECT_EQ(5u, handler.durable.size());
}

TEST_F(Lane, WhatWaitsForARetryIsReplayedWhenTheFlushFailsMeanwhile)
{
    // The first handler has accepted offsets 0 and 1; offset 1 waits at the second. When the first
    // handler's flush fails, it has forgotten both.
    bool down = true;
    fake.settings->retry_initial_ms = fake.settings->retry_max_ms = 5000;
    fake.bind(handler, true);
    fake.bind(second, false);
    second.whole = [&](busbar_call *call) {
        return down && !second.calls.empty() && second.calls.back().offsets.front() == 1
                   ? busbar_unavailable(call, "down")
                   : (int32_t)BUSBAR_PASS;
    };
    handler.flush_answers = {BUSBAR_RETRY};
    make();
    push_good(1);
    push_good(1);
    settle();
    advance(1);
    EXPECT_EQ(1, handler.flushes);
    down = false;
    advance(10);
    EXPECT_EQ((Offsets{0, 1}),
              (std::sort(handler.durable.begin(), handler.durable.end()),
               handler.durable.erase(std::unique(handler.durable.begin(), handler.durable.end()),
                                     handler.durable.end()),
               handler.durable));
    EXPECT_EQ((Offsets{0, 1}), with(BUSBAR_PASS));
}

TEST_F(Lane, FatalStopsAndLosesNothing)
{
    fake.bind(handler, true);
    handler.verdict = [](busbar_call *call, uint32_t index, const busbar_event *event) {
        return call->host->origin(event)->offset == 2
                   ? busbar_fail_event(call, index, BUSBAR_FATAL, "schema of the table is wrong")
                   : (int32_t)BUSBAR_PASS;
    };
    make();
    push_good(2);
    push_good(2);
    push_good(2);
    EXPECT_EQ(-1, settle());
    EXPECT_EQ("schema of the table is wrong", world.stopped);
    EXPECT_EQ(0u, bb_lane_held(lane));
    EXPECT_EQ((Offsets{0, 1, 2, 3, 4, 5}), with(0)) << "nothing is final, so no offset moves";
    EXPECT_TRUE(world.letters.empty());
    push_good(1);
    EXPECT_EQ((Offsets{0, 1, 2, 3, 4, 5, 6}), with(0));
    EXPECT_EQ(-1, settle());
}

TEST_F(Lane, NoAnswerIsTriedAgainAndThenStops)
{
    fake.bind(handler, false);
    handler.verdict = [](busbar_call *, uint32_t, const busbar_event *event) {
        return event->origin->offset == 1 ? 0 : (int32_t)BUSBAR_PASS;
    };
    make();
    push_good(2);
    settle();
    EXPECT_EQ("", world.stopped);
    advance(10);
    EXPECT_EQ((size_t)BB_POLICY_FAULT_ATTEMPTS, handler.calls.size());
    EXPECT_EQ("no verdict was given", world.stopped);
    EXPECT_TRUE(world.letters.empty());
    EXPECT_EQ((Offsets{1}), with(0));
}

TEST_F(Lane, FlushThatIsFatalStops)
{
    fake.bind(handler, true);
    handler.flush_answers = {BUSBAR_FATAL};
    make();
    push_good(1);
    advance(2);
    EXPECT_EQ((uint32_t)BUSBAR_STAGE_FLUSH, world.stopped_stage);
    EXPECT_EQ((Offsets{0}), with(0));
}

TEST_F(Lane, FlushWithoutAnAnswerStopsInTheEnd)
{
    fake.bind(handler, true);
    handler.flush_answers = {0, 0, 0, 0, 0, 0};
    make();
    push_good(1);
    advance(20);
    EXPECT_EQ((uint32_t)BUSBAR_STAGE_FLUSH, world.stopped_stage);
    EXPECT_EQ(BB_POLICY_FAULT_ATTEMPTS, handler.flushes);
}

TEST_F(Lane, OpenIsTriedAgainAndNothingIsHandedBefore)
{
    fake.bind(handler, false);
    handler.open_answers = {BUSBAR_RETRY, BUSBAR_RETRY};
    make();
    push_good(1);
    settle();
    EXPECT_EQ(0u, handler.calls.size());
    advance(5);
    EXPECT_EQ(1, handler.opened);
    EXPECT_EQ((Offsets{0}), with(BUSBAR_PASS));
    bb_lane_free(lane);
    lane = nullptr;
    EXPECT_EQ(1, handler.closed);
}

TEST_F(Lane, OpenThatIsFatalStops)
{
    fake.bind(handler, false);
    handler.open_answers = {BUSBAR_FATAL};
    make();
    push_good(1);
    settle();
    EXPECT_EQ("open says no", world.stopped);
    EXPECT_EQ((uint32_t)BUSBAR_STAGE_SETUP, world.stopped_stage);
    bb_lane_free(lane);
    lane = nullptr;
    EXPECT_EQ(0, handler.closed) << "what was not opened is not closed";
}

TEST_F(Lane, EmittedRecordsHoldTheBatchInHand)
{
    const busbar_record record = {
        sizeof(record), -1, busbar_text("out"), {nullptr, 0}, busbar_text("x"), 0, 0, nullptr};
    world.confirm = false;
    fake.bind(handler, false);
    handler.verdict = [&](busbar_call *call, uint32_t, const busbar_event *) {
        return fake_emit(call, &record);
    };
    make();
    push_good(1);
    push_good(1);
    settle();
    EXPECT_TRUE(world.outcomes.empty());
    ASSERT_EQ(2u, world.emitted.size());
    ASSERT_EQ(1u, world.emitted[0].size());
    bb_batch_release(world.emitted[1][0]);
    EXPECT_EQ((Offsets{1}), with(BUSBAR_PASS));
    bb_batch_release(world.emitted[0][0]);
    EXPECT_EQ((Offsets{0, 1}), with(BUSBAR_PASS));
}

TEST_F(Lane, EmittedByAFlushHoldsEverythingThatWaitedForIt)
{
    const busbar_record record = {
        sizeof(record), -1, busbar_text("out"), {nullptr, 0}, busbar_text("x"), 0, 0, nullptr};
    fake.bind(handler, true);
    handler.on_flush = [&](busbar_call *call) { fake_emit(call, &record); };
    world.confirm = false;
    make();
    push_good(1);
    push_good(1);
    advance(2);
    ASSERT_EQ(1u, world.emitted.size());
    EXPECT_EQ(2u, world.emitted[0].size());
    EXPECT_TRUE(world.outcomes.empty());
    for (bb_batch *batch : world.emitted[0])
        bb_batch_release(batch);
    EXPECT_EQ((Offsets{0, 1}), with(BUSBAR_PASS));
}

TEST_F(Lane, ForgetGivesUpWhatHasNotBegunOrWaits)
{
    fake.bind(handler, false);
    handler.whole = [](busbar_call *call) { return busbar_unavailable(call, "down"); };
    make();
    push({R"({"a":1})"}, 1);
    push({R"({"a":1})"}, 1);
    push({R"({"a":1})"}, 2);
    settle();
    bb_lane_forget(lane, 2);
    EXPECT_EQ((Offsets{0, 1}), with(0));
    EXPECT_EQ(1u, bb_lane_held(lane));
    settle();
    EXPECT_EQ((Offsets{2}), handler.calls.back().offsets);
}

TEST_F(Lane, AbandonGivesEverythingBackWithoutOutcome)
{
    fake.bind(handler, true);
    make();
    push_good(2);
    settle();
    push_good(1);
    bb_lane_abandon(lane);
    EXPECT_EQ((Offsets{0, 1, 2}), with(0));
    EXPECT_EQ(0u, bb_lane_held(lane));
}

TEST_F(Lane, TheDomainsOwnHandleComesFirst)
{
    static std::vector<std::string> order;
    order.clear();
    fake.type.ops.handle = [](void *, busbar_call *call, const busbar_batch *batch,
                              int32_t *verdicts) {
        order.push_back("domain");
        EXPECT_EQ((uint32_t)BUSBAR_STAGE_HANDLE, call->stage);
        for (uint32_t i = 0; i < batch->count; i++)
            verdicts[i] = i == 0 ? BUSBAR_DROP : BUSBAR_PASS;
        return (int32_t)BUSBAR_PASS;
    };
    fake.bind(handler, false);
    handler.whole = [](busbar_call *call) {
        order.push_back("handler");
        EXPECT_EQ((uint32_t)BUSBAR_STAGE_SINK, call->stage);
        return (int32_t)BUSBAR_PASS;
    };
    make();
    push_good(2);
    settle();
    EXPECT_EQ((std::vector<std::string>{"domain", "handler"}), order);
    EXPECT_EQ((Offsets{0}), with(BUSBAR_DROP));
    EXPECT_EQ((Offsets{1}), handler.calls.at(0).offsets);
}

TEST_F(Lane, OneVerdictForAllCountsOnlyForThoseWithoutTheirOwn)
{
    fake.type.ops.handle = [](void *, busbar_call *call, const busbar_batch *, int32_t *verdicts) {
        verdicts[1] = BUSBAR_PASS;
        return busbar_fail(call, BUSBAR_REJECT, "none of the others");
    };
    make();
    push_good(3);
    settle();
    EXPECT_EQ((Offsets{0, 2}), with(BUSBAR_REJECT));
    EXPECT_EQ((Offsets{1}), with(BUSBAR_PASS));
    ASSERT_EQ(2u, world.letters.size());
    EXPECT_EQ("none of the others", world.letters[1].message);
}

TEST_F(Lane, EnrichThatAsksForAnotherTryGetsIt)
{
    static int failures;
    failures = 2;
    fake.settings->enrich = TRUE;
    fake.type.ops.enrich = [](void *, busbar_call *call, busbar_event *event) {
        if (event->origin->offset == 1 && failures-- > 0)
            return busbar_fail(call, BUSBAR_RETRY, "not yet");
        return (int32_t)BUSBAR_PASS;
    };
    fake.bind(handler, false);
    make();
    push_good(3);
    advance(5);
    ASSERT_EQ(2u, handler.calls.size());
    EXPECT_EQ((Offsets{0, 2}), handler.calls[0].offsets);
    EXPECT_EQ((Offsets{1}), handler.calls[1].offsets);
    EXPECT_EQ((std::vector<uint32_t>{1}), handler.calls[1].attempts);
    EXPECT_EQ(3u, with(BUSBAR_PASS).size());
}

// What the domain's functions answer about the record at offset 1, and how often they were asked.
struct Answers {
    int32_t verdict;
    int until; // calls; then PASS
    int calls;
};
Answers answers;

int32_t answer(busbar_call *call, uint32_t index, const busbar_event *event)
{
    if (event->origin->offset != 1)
        return BUSBAR_PASS;
    if (answers.calls++ >= answers.until)
        return BUSBAR_PASS;
    if (answers.verdict != BUSBAR_RETRY)
        return answers.verdict;
    return call->host->fail(call, index, BUSBAR_RETRY, BUSBAR_SCOPE_INFRASTRUCTURE, busbar_text(""),
                            busbar_text("the database is down"));
}

void set_validate(bb_event_type *type)
{
    type->ops.validate = [](void *, busbar_call *call, const busbar_event *event) {
        return answer(call, 0, event);
    };
}

void set_enrich(bb_event_type *type)
{
    type->ops.enrich = [](void *, busbar_call *call, busbar_event *event) {
        return answer(call, 0, event);
    };
}

void set_handle(bb_event_type *type)
{
    type->ops.handle = [](void *, busbar_call *call, const busbar_batch *batch, int32_t *verdicts) {
        for (uint32_t i = 0; i < batch->count; i++)
            verdicts[i] = answer(call, i, batch->events[i]);
        return (int32_t)BUSBAR_PASS;
    };
}

class LaneStage : public Lane, public ::testing::WithParamInterface<int>
{
  protected:
    const uint32_t stage_ = std::vector<uint32_t>{BUSBAR_STAGE_VALIDATE, BUSBAR_STAGE_ENRICH,
                                                  BUSBAR_STAGE_HANDLE}[(size_t)GetParam()];
    void start(int32_t verdict, int until)
    {
        void (*const set[])(bb_event_type *) = {set_validate, set_enrich, set_handle};
        answers = {verdict, until, 0};
        set[GetParam()](&fake.type);
        fake.bind(handler, false);
        make();
        push_good(3);
    }
};
INSTANTIATE_TEST_SUITE_P(Stages, LaneStage, ::testing::Values(0, 1, 2));

TEST_P(LaneStage, NoAnswerIsAFaultOfThePluginAndStops)
{
    start(0, 1000);
    advance(20);
    EXPECT_EQ(stage_, world.stopped_stage);
    EXPECT_EQ(BB_POLICY_FAULT_ATTEMPTS, answers.calls);
    EXPECT_TRUE(world.letters.empty());
    EXPECT_EQ((Offsets{1}), with(0));
}

TEST_P(LaneStage, NoAnswerIsTriedAgainFirst)
{
    start(0, BB_POLICY_FAULT_ATTEMPTS - 1);
    advance(20);
    EXPECT_EQ("", world.stopped);
    EXPECT_EQ((Offsets{0, 1, 2}), with(BUSBAR_PASS));
}

TEST_P(LaneStage, NoAnswerIsDeadLetteredWhereTheSettingsSaySo)
{
    fake.settings->on_fault = BB_ON_DEAD_LETTER;
    start(0, 1000);
    advance(20);
    EXPECT_EQ("", world.stopped);
    EXPECT_EQ(BB_POLICY_FAULT_ATTEMPTS, answers.calls);
    ASSERT_EQ(1u, world.letters.size());
    EXPECT_EQ(stage_, world.letters[0].stage);
    EXPECT_EQ((Offsets{0, 2}), with(BUSBAR_PASS));
}

TEST_P(LaneStage, AnOutageIsWaitedOutHoweverLong)
{
    start(BUSBAR_RETRY, 500);
    push_good(3);
    advance(20);
    EXPECT_TRUE(world.outcomes.count(0));
    EXPECT_FALSE(world.outcomes.count(1));
    EXPECT_FALSE(world.outcomes.count(3)) << "the lane waits";
    advance(1000);
    EXPECT_EQ(501, answers.calls);
    EXPECT_TRUE(world.letters.empty());
    EXPECT_EQ("", world.stopped);
    EXPECT_EQ((Offsets{0, 1, 2, 3, 4, 5}), with(BUSBAR_PASS));
}

TEST_F(Lane, ARefusedRecordIsDroppedWhereTheSettingsSaySo)
{
    fake.settings->on_reject = BB_ON_DROP;
    make();
    push({R"({"a":1})", "no JSON"});
    settle();
    EXPECT_TRUE(world.letters.empty());
    EXPECT_EQ((Offsets{1}), with(BUSBAR_DROP));
    EXPECT_EQ((Offsets{0}), with(BUSBAR_PASS));
}

TEST_F(Lane, ARefusedRecordStopsWhereTheSettingsSaySo)
{
    fake.settings->on_reject = BB_ON_STOP;
    make();
    push({R"({"a":1})", "no JSON"});
    settle();
    EXPECT_EQ((uint32_t)BUSBAR_STAGE_PARSE, world.stopped_stage);
    EXPECT_TRUE(world.letters.empty());
    EXPECT_EQ((Offsets{0, 1}), with(0));
}

TEST_F(Lane, ARecordThatPausesHoldsUpItsLaneUntilItPasses)
{
    fake.settings->on_exhausted = BB_ON_PAUSE;
    fake.bind(handler, false);
    bool mended = false;
    handler.verdict = [&](busbar_call *call, uint32_t index, const busbar_event *event) {
        if (event->origin->offset != 1 || mended)
            return (int32_t)BUSBAR_PASS;
        return busbar_fail_event(call, index, BUSBAR_RETRY, "not now");
    };
    make();
    push_good(3);
    advance(2); // its attempts are used up
    push_good(3);
    advance(30);
    EXPECT_TRUE(world.letters.empty());
    EXPECT_EQ((Offsets{0, 2}), with(BUSBAR_PASS));
    mended = true;
    advance(3);
    EXPECT_EQ((Offsets{0, 1, 2, 3, 4, 5}), with(BUSBAR_PASS));
    EXPECT_EQ("", world.stopped);
}

// Several lanes with one handler, which has a breaker.
class Lanes : public Lane
{
  protected:
    bb_breaker *breaker = bb_breaker_new();
    std::vector<bb_lane *> lanes;

    void start(bool with_flush)
    {
        fake.settings->retry_initial_ms = fake.settings->retry_max_ms = 1000;
        fake.bind(handler, with_flush);
        static_cast<bb_handler_binding *>(g_ptr_array_index(fake.type.handlers, 0))->breaker =
            breaker;
        for (int i = 0; i < 8; i++) {
            make();
            lanes.push_back(lane);
        }
    }
    void TearDown() override
    {
        for (bb_lane *one : lanes)
            bb_lane_free(one);
        lane = nullptr;
        Lane::TearDown();
        bb_breaker_unref(breaker);
    }
    void push_all(int count)
    {
        for (bb_lane *one : lanes) {
            lane = one;
            push_good(count);
        }
    }
    // All lanes do what is due, until `end_ms`.
    void run(gint64 end_ms)
    {
        while (now < end_ms) {
            gint64 next = end_ms;
            for (bb_lane *one : lanes) {
                lane = one;
                gint64 due = settle();
                next = due < 0 ? next : MIN(next, due);
            }
            now = MAX(next, now + 1);
        }
    }
};

TEST_F(Lanes, AHandlerThatIsDownIsAskedByOneOfThemForAllAndByOneRecord)
{
    bool down = true;
    handler.whole = [&](busbar_call *call) {
        return down ? busbar_unavailable(call, "no route") : (int32_t)BUSBAR_PASS;
    };
    start(false);
    push_all(10);
    run(now + 20000);
    EXPECT_LE(handler.calls.size(), 1u + 20000 / 500); // a wait is half of it at the least
    EXPECT_GE(handler.calls.size(), 20000u / 1000 / 2);
    EXPECT_TRUE(world.letters.empty());
    EXPECT_TRUE(world.outcomes.empty());
    for (size_t i = 1; i < handler.calls.size(); i++)
        EXPECT_EQ(1u, handler.calls[i].offsets.size());
    EXPECT_EQ((std::vector<std::string>{"fake down: no route"}), world.switches);
    down = false;
    run(now + 3000);
    EXPECT_EQ("fake back", world.switches.back());
    EXPECT_EQ(2u, world.switches.size());
    EXPECT_EQ(80u, with(BUSBAR_PASS).size());
}

TEST_F(Lanes, OneThatIsDownWhenItIsFlushedIsFlushedByOneOfThem)
{
    start(true);
    for (int i = 0; i < 20; i++)
        handler.flush_answers.push_back(BUSBAR_RETRY);
    push_all(3);
    run(now + 8000);
    EXPECT_LE(handler.flushes, 1 + 8000 / 500);
    EXPECT_TRUE(world.outcomes.empty());
    run(now + 30000);
    EXPECT_EQ("fake back", world.switches.back());
    EXPECT_EQ(2u, world.switches.size());
    EXPECT_EQ(24u, with(BUSBAR_PASS).size());
    EXPECT_TRUE(world.letters.empty());
}

TEST_F(Lanes, OneThatCannotBeOpenedIsTriedByOneOfThem)
{
    for (int i = 0; i < 10; i++)
        handler.open_answers.push_back(BUSBAR_RETRY);
    start(false);
    push_all(1);
    run(now + 4000);
    EXPECT_LE(10 - (int)handler.open_answers.size(), 1 + 4000 / 500);
    run(now + 20000);
    EXPECT_EQ(8, handler.opened);
    EXPECT_EQ(8u, with(BUSBAR_PASS).size());
}

TEST_F(Lanes, AFaultOfSomeRecordsOpensNothing)
{
    handler.verdict = [](busbar_call *call, uint32_t index, const busbar_event *event) {
        uint32_t scope = event->origin->offset % 2 ? (uint32_t)BUSBAR_SCOPE_INFRASTRUCTURE
                                                   : (uint32_t)BUSBAR_SCOPE_RECORD;
        if (event->origin->offset < 5 && event->origin->attempt < 2)
            return call->host->fail(call, index, BUSBAR_RETRY, scope, busbar_text(""),
                                    busbar_text("not yet"));
        return (int32_t)BUSBAR_PASS;
    };
    start(false);
    push_all(10);
    run(now + 5000);
    EXPECT_TRUE(world.switches.empty());
    EXPECT_EQ(80u, with(BUSBAR_PASS).size());
}

TEST_F(Lane, AnInstanceThatCannotBeMadeIsAnError)
{
    GError *error = nullptr;
    fake.type.create = [](busbar_call *call, busbar_bytes, void **) {
        return busbar_fail(call, BUSBAR_FATAL, "no key in the settings");
    };
    EXPECT_FALSE(bb_lane_new(&fake.type, &ops, &world, nullptr, &error));
    ASSERT_TRUE(error);
    EXPECT_TRUE(strstr(error->message, "no key in the settings")) << error->message;
    g_clear_error(&error);
}

} // namespace
