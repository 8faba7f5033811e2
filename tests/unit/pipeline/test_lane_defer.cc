// Records that go on to a retry topic instead of waiting in their lane.
#include <set>

#include "lane_support.h"

namespace
{

struct World {
    struct Deferred {
        gint64 offset;
        guint attempts;
        std::string reason;
    };
    std::vector<Deferred> deferred, letters;
    std::map<gint64, int> outcomes;
    int retried = 0, asked = 0, waits = 0;
    std::set<std::string> blocked;

    static void note(std::vector<Deferred> &list, const bb_item *item, const bb_fault *fault)
    {
        list.push_back(
            {item->origin.offset, fault->attempts, fault->message ? fault->message : "follows"});
    }
    static void dead_letter(void *user, bb_item *item, const bb_fault *fault)
    {
        note(static_cast<World *>(user)->letters, item, fault);
    }
    static void defer(void *user, bb_item *item, const bb_fault *fault)
    {
        static const bb_fault follows = {};
        auto *world = static_cast<World *>(user);
        note(world->deferred, item, fault ? fault : &follows);
        world->blocked.insert(key_of(item));
    }
    static std::string key_of(const bb_item *item)
    {
        return std::string((const char *)item->origin.key.data, item->origin.key.size);
    }
    // Which keys have records in retry topics: those from which one was deferred.
    static bb_turn turn(void *user, const bb_item *item)
    {
        auto *world = static_cast<World *>(user);
        world->asked++;
        if (world->waits > 0 && key_of(item) == "w")
            return world->waits--, BB_TURN_WAIT;
        return world->blocked.count(key_of(item)) ? BB_TURN_FOLLOW : BB_TURN_GO;
    }
    static void done(bb_batch *batch, void *user)
    {
        for (guint i = 0; i < batch->count; i++)
            if (batch->items[i].outcome != BB_ITEM_MOVED)
                static_cast<World *>(user)->outcomes[batch->items[i].origin.offset] =
                    batch->items[i].outcome;
        bb_batch_free(batch);
    }
};

const bb_lane_ops ops = {
    World::dead_letter,
    [](void *, const busbar_record *, bb_batch *const *, guint, char **) {
        return (int32_t)BUSBAR_PASS;
    },
    [](void *user, guint, const bb_fault *, gint64) { static_cast<World *>(user)->retried++; },
    nullptr,
    [](void *, const bb_fault *) { ADD_FAILURE() << "stopped"; },
    nullptr,
    World::defer,
    World::turn,
};

class LaneDefer : public ::testing::Test
{
  protected:
    FakeType fake;
    bb_event_type first = {}, last = {};
    World world;
    FakeHandler handler;
    gint64 now = 1000;

    LaneDefer()
    {
        fake.type.tiers = g_ptr_array_new();
        g_ptr_array_add(fake.type.tiers, &first);
        g_ptr_array_add(fake.type.tiers, &last);
        fake.bind(handler, false);
        for (bb_event_type *tier : {&first, &last}) {
            *tier = fake.type;
            tier->tiers = nullptr;
            tier->source = &fake.type;
        }
        first.tier = 1;
        last.tier = 2;
    }
    ~LaneDefer() override
    {
        g_ptr_array_unref(fake.type.tiers);
    }
    std::string keys; // a letter for each record; empty: they have no keys
    void run(const bb_event_type *type, int records, guint8 tried)
    {
        static const char text[] = "{\"a\":1}";
        GError *error = nullptr;
        bb_lane *lane = bb_lane_new(type, &ops, &world, nullptr, &error);
        ASSERT_TRUE(lane) << error->message;
        bb_batch *batch = bb_batch_new(World::done, &world);
        for (int i = 0; i < records; i++) {
            bb_item *item = bb_batch_add(batch);
            item->origin.topic = busbar_text(type->topic);
            item->origin.offset = i;
            item->origin.value = busbar_text(text);
            if (!keys.empty())
                item->origin.key = {&keys[(size_t)i], 1};
            item->tried = tried;
            item->origin.attempt = tried + 1u;
        }
        bb_lane_take(lane, batch);
        for (int steps = 0; steps < 100; steps++) {
            gint64 due = bb_lane_step(lane, now);
            if (due < 0)
                break;
            now = MAX(now, due);
        }
        bb_lane_close(lane);
        bb_lane_free(lane);
    }
};

} // namespace

TEST_F(LaneDefer, TheRecordAtFaultGoesOnAndNoOtherWaitsForIt)
{
    handler.verdict = [](busbar_call *call, uint32_t i, const busbar_event *event) {
        if (event->origin->offset != 1)
            return (int32_t)BUSBAR_PASS;
        return call->host->fail(call, i, BUSBAR_RETRY, BUSBAR_SCOPE_RECORD, busbar_text(""),
                                busbar_text("later"));
    };
    run(&fake.type, 3, 0);
    ASSERT_EQ(1u, world.deferred.size());
    EXPECT_EQ(1, world.deferred[0].offset);
    EXPECT_EQ(1u, world.deferred[0].attempts);
    EXPECT_EQ("later", world.deferred[0].reason);
    EXPECT_EQ((std::map<gint64, int>{{0, BUSBAR_PASS}, {1, BUSBAR_RETRY}, {2, BUSBAR_PASS}}),
              world.outcomes);
    EXPECT_EQ(1u, handler.calls.size());
    EXPECT_TRUE(world.letters.empty());
}

TEST_F(LaneDefer, AttemptsAreCountedOverTheTopicsAndEndInADeadLetter)
{
    handler.verdict = [](busbar_call *call, uint32_t i, const busbar_event *) {
        return call->host->fail(call, i, BUSBAR_RETRY, BUSBAR_SCOPE_RECORD, busbar_text(""),
                                busbar_text("never"));
    };
    run(&first, 1, 1);
    ASSERT_EQ(1u, world.deferred.size());
    EXPECT_EQ(2u, world.deferred[0].attempts);
    run(&last, 1, 2);
    EXPECT_EQ(1u, world.deferred.size());
    ASSERT_EQ(1u, world.letters.size());
    EXPECT_EQ(3u, world.letters[0].attempts);
    EXPECT_EQ((std::vector<uint32_t>{2}), handler.calls[0].attempts);
    EXPECT_EQ((std::vector<uint32_t>{3}), handler.calls[1].attempts);
}

TEST_F(LaneDefer, AnOutageWaitsInTheLane)
{
    int calls = 0;
    handler.verdict = [&calls](busbar_call *call, uint32_t i, const busbar_event *) {
        if (++calls > 3)
            return (int32_t)BUSBAR_PASS;
        return call->host->fail(call, i, BUSBAR_RETRY, BUSBAR_SCOPE_INFRASTRUCTURE, busbar_text(""),
                                busbar_text("down"));
    };
    run(&first, 1, 1);
    EXPECT_TRUE(world.deferred.empty());
    EXPECT_TRUE(world.letters.empty());
    EXPECT_EQ(3, world.retried);
    EXPECT_EQ(BUSBAR_PASS, world.outcomes[0]);
    EXPECT_EQ((std::vector<uint32_t>{5}), handler.calls[3].attempts);
}

TEST_F(LaneDefer, LaterRecordsOfItsKeyFollowAndOthersGoOn)
{
    fake.settings->retry_keep_order = TRUE;
    keys = "abaabb";
    handler.verdict = [](busbar_call *call, uint32_t i, const busbar_event *event) {
        if (event->origin->offset != 0)
            return (int32_t)BUSBAR_PASS;
        return call->host->fail(call, i, BUSBAR_RETRY, BUSBAR_SCOPE_RECORD, busbar_text(""),
                                busbar_text("later"));
    };
    run(&fake.type, 6, 0);
    ASSERT_EQ(3u, world.deferred.size());
    for (int i : {0, 1, 2})
        EXPECT_EQ((std::vector<gint64>{0, 2, 3})[(size_t)i], world.deferred[(size_t)i].offset);
    EXPECT_EQ("later", world.deferred[0].reason);
    EXPECT_EQ("follows", world.deferred[1].reason);
    for (gint64 passed : {1, 4, 5})
        EXPECT_EQ(BUSBAR_PASS, world.outcomes[passed]);
}

TEST_F(LaneDefer, OfABlockedKeyNothingIsHandedToAPlugin)
{
    fake.settings->retry_keep_order = TRUE;
    world.blocked = {"b"};
    keys = "bab";
    std::vector<gint64> handed;
    handler.verdict = [&handed](busbar_call *, uint32_t, const busbar_event *event) {
        handed.push_back(event->origin->offset);
        return (int32_t)BUSBAR_PASS;
    };
    run(&first, 3, 1);
    EXPECT_EQ((std::vector<gint64>{1}), handed);
    EXPECT_EQ((std::map<gint64, int>{{0, BUSBAR_RETRY}, {1, BUSBAR_PASS}, {2, BUSBAR_RETRY}}),
              world.outcomes);
}

TEST_F(LaneDefer, ARecordMayWaitForFollowersToEndAndThoseBehindItWaitToo)
{
    fake.settings->retry_keep_order = TRUE;
    world.waits = 3;
    keys = "waww";
    std::vector<gint64> handed;
    handler.verdict = [&handed](busbar_call *, uint32_t, const busbar_event *event) {
        handed.push_back(event->origin->offset);
        return (int32_t)BUSBAR_PASS;
    };
    run(&fake.type, 4, 0);
    EXPECT_EQ((std::vector<gint64>{1, 0, 2, 3}), handed);
    EXPECT_TRUE(world.deferred.empty());
}

TEST_F(LaneDefer, OneThatFailsDoesNotGoAheadOfAnEarlierOneThatMayFailYet)
{
    FakeHandler second;
    fake.bind(second, false);
    fake.settings->retry_keep_order = TRUE;
    keys = "aab";
    auto fails = [](gint64 offset) {
        return [offset](busbar_call *call, uint32_t i, const busbar_event *event) {
            if (event->origin->offset != offset)
                return (int32_t)BUSBAR_PASS;
            return call->host->fail(call, i, BUSBAR_RETRY, BUSBAR_SCOPE_RECORD, busbar_text(""),
                                    busbar_text("later"));
        };
    };
    handler.verdict = fails(1);
    second.verdict = fails(0);
    run(&fake.type, 3, 0);
    ASSERT_EQ(2u, world.deferred.size());
    EXPECT_EQ(0, world.deferred[0].offset);
    EXPECT_EQ(1, world.deferred[1].offset);
    EXPECT_EQ(BUSBAR_PASS, world.outcomes[2]);
}

TEST_F(LaneDefer, NorOfOneThatWaitsForItsFlush)
{
    FakeHandler second;
    fake.bind(second, true);
    fake.settings->retry_keep_order = TRUE;
    fake.settings->flush_interval_ms = 1000;
    world.blocked = {"a"};
    keys = "ba";
    run(&fake.type, 2, 0);
    ASSERT_EQ(1u, world.deferred.size());
    world.deferred.clear();
    keys = "bb";
    int calls = 0;
    second.verdict = [&](busbar_call *call, uint32_t i, const busbar_event *event) {
        calls++;
        if (event->origin->offset != 1)
            return (int32_t)BUSBAR_PASS;
        return call->host->fail(call, i, BUSBAR_RETRY, BUSBAR_SCOPE_RECORD, busbar_text(""),
                                busbar_text("later"));
    };
    run(&fake.type, 2, 0);
    ASSERT_EQ(1u, world.deferred.size());
    EXPECT_EQ(1, world.deferred[0].offset);
    EXPECT_GE(calls, 3) << "it waited for the flush of the first";
}

TEST_F(LaneDefer, AFollowerHasAsManyTriesAsAnyInTheLastTopic)
{
    fake.settings->retry_keep_order = TRUE;
    handler.verdict = [](busbar_call *call, uint32_t i, const busbar_event *) {
        return call->host->fail(call, i, BUSBAR_RETRY, BUSBAR_SCOPE_RECORD, busbar_text(""),
                                busbar_text("never"));
    };
    for (guint8 tried : {0, 1, 2}) {
        world.letters.clear();
        handler.calls.clear();
        run(&last, 1, tried);
        ASSERT_EQ(1u, world.letters.size());
        EXPECT_EQ(3u, world.letters[0].attempts);
        EXPECT_EQ(3u - tried, handler.calls.size());
    }
}

TEST_F(LaneDefer, WithoutKeepOrderAndInTheLastTopicNobodyAsks)
{
    keys = "aa";
    run(&fake.type, 2, 0);
    fake.settings->retry_keep_order = TRUE;
    run(&last, 2, 2);
    EXPECT_EQ(0, world.asked);
}

TEST_F(LaneDefer, TheNextTierFollowsFromWhereTheRecordWasRead)
{
    EXPECT_EQ(&first, bb_event_type_next_tier(&fake.type));
    EXPECT_EQ(&last, bb_event_type_next_tier(&first));
    EXPECT_EQ(nullptr, bb_event_type_next_tier(&last));
    FakeType plain;
    EXPECT_EQ(nullptr, bb_event_type_next_tier(&plain.type));
}
