// A lane under random traffic, against what must hold whatever its handlers answer: every record is
// final exactly once, per key the last word of each handler comes in the order of the offsets, and
// no handler sees again what it has flushed.
#include "lane_support.h"

#include <algorithm>
#include <random>
#include <set>

namespace
{

struct Model {
    FakeType fake;
    std::mt19937 random;
    gint64 now = 1000;
    std::map<gint64, std::string> keys;
    std::map<gint64, int> outcomes;
    std::vector<bb_batch *> returned;
    std::vector<bb_batch *> unconfirmed; // held by what was emitted
    std::deque<std::string> texts;

    // One handler: what it has accepted in order, what of it is durable.
    struct Sink {
        Model *model;
        bool flushes;
        std::vector<gint64> pending;
        std::set<gint64> durable;
        std::vector<gint64> words; // what counts: accepted, or accepted and flushed
        gint64 down_until = 0;
    };
    Sink sinks[2];
    std::deque<std::string> configs;
    std::vector<std::unique_ptr<bb_handler_binding>> bindings;

    bool chance(unsigned percent)
    {
        return random() % 100 < percent;
    }

    static int32_t open(busbar_call *, busbar_bytes config, void **ret_self)
    {
        *ret_self = reinterpret_cast<void *>(std::stoull(std::string(config.data, config.size)));
        return BUSBAR_PASS;
    }
    static int32_t handle(void *data, busbar_call *call, const busbar_batch *batch,
                          int32_t *verdicts)
    {
        auto *sink = static_cast<Sink *>(data);
        Model *model = sink->model;
        if (model->now < sink->down_until)
            return busbar_unavailable(call, "down");
        std::set<std::string> waiting;
        for (uint32_t i = 0; i < batch->count; i++) {
            std::string key = model->key_of(batch->events[i]->origin->offset);
            bool counts = !waiting.count(key);
            verdicts[i] = model->answer(sink, call, i, batch->events[i], counts);
            if (verdicts[i] == BUSBAR_RETRY)
                waiting.insert(key);
        }
        return BUSBAR_PASS;
    }
    std::string key_of(gint64 offset) const
    {
        switch (fake.settings->order) {
        case BB_ORDER_KEY:
            return keys.at(offset);
        case BB_ORDER_PARTITION:
            return "partition";
        default:
            return std::to_string(offset);
        }
    }
    // An answer that does not `count` comes behind a RETRY of its key and is asked for again.
    int32_t answer(Sink *sink, busbar_call *call, uint32_t index, const busbar_event *event,
                   bool counts)
    {
        gint64 offset = event->origin->offset;
        EXPECT_FALSE(sink->flushes && sink->durable.count(offset)) << "flushed before: " << offset;
        if (chance(10))
            return busbar_fail_event(call, index, BUSBAR_RETRY, "not yet");
        if (chance(2))
            return BUSBAR_DROP;
        if (chance(2))
            return busbar_fail_event(call, index, BUSBAR_REJECT, "bad");
        if (chance(1))
            sink->down_until = now + 700;
        if (chance(5)) {
            const busbar_record record = {
                sizeof(record), -1, busbar_text("out"), {nullptr, 0}, busbar_text("x"), 0, 0,
                nullptr};
            fake_emit(call, &record);
        }
        if (!counts)
            return BUSBAR_PASS;
        if (!sink->flushes)
            sink->words.push_back(offset);
        sink->pending.push_back(offset);
        return BUSBAR_PASS;
    }
    static int32_t flush(void *data, busbar_call *call)
    {
        auto *sink = static_cast<Sink *>(data);
        bool good = !sink->model->chance(20);
        if (good) {
            sink->durable.insert(sink->pending.begin(), sink->pending.end());
            sink->words.insert(sink->words.end(), sink->pending.begin(), sink->pending.end());
        }
        sink->pending.clear();
        return good ? (int32_t)BUSBAR_PASS : busbar_unavailable(call, "disk full");
    }

    static void dead_letter(void *, bb_item *, const bb_fault *)
    {
    }
    static int32_t emit(void *user, const busbar_record *, bb_batch *const *batches, guint count,
                        char **)
    {
        auto *model = static_cast<Model *>(user);
        for (guint i = 0; i < count; i++) {
            bb_batch_hold(batches[i]);
            model->unconfirmed.push_back(batches[i]);
        }
        return BUSBAR_PASS;
    }
    static void retried(void *, guint, const bb_fault *, gint64)
    {
    }
    static void stopped(void *, const bb_fault *fault)
    {
        ADD_FAILURE() << "stopped: " << fault->message;
    }
    static void done(bb_batch *batch, void *user)
    {
        auto *model = static_cast<Model *>(user);
        for (guint i = 0; i < batch->count; i++) {
            if (batch->items[i].outcome == BB_ITEM_MOVED)
                continue;
            EXPECT_EQ(0u, model->outcomes.count(batch->items[i].origin.offset)) << "back twice";
            model->outcomes[batch->items[i].origin.offset] = batch->items[i].outcome;
        }
        model->returned.push_back(batch);
    }

    void bind(Sink &sink, bool flushes)
    {
        sink.model = this;
        sink.flushes = flushes;
        configs.push_back(std::to_string(reinterpret_cast<uintptr_t>(&sink)));
        auto made = std::make_unique<bb_handler_binding>();
        *made = {};
        made->name = const_cast<char *>("model");
        made->plugin = const_cast<char *>("model");
        made->plugin_version = const_cast<char *>("1");
        made->ops.struct_size = sizeof(made->ops);
        made->ops.open = open;
        made->ops.handle = handle;
        made->ops.flush = flushes ? flush : nullptr;
        made->config = &configs.back()[0];
        g_ptr_array_add(fake.type.handlers, made.get());
        bindings.push_back(std::move(made));
    }
    bb_batch *make_batch(gint64 *next, unsigned count, unsigned key_count)
    {
        static const char good[] = R"({"a":1})";
        bb_batch *batch = bb_batch_new(done, this);
        batch->epoch = 1;
        for (unsigned i = 0; i < count; i++) {
            bb_item *item = bb_batch_add(batch);
            gint64 offset = (*next)++;
            keys[offset] = "k" + std::to_string(random() % key_count);
            item->origin.topic = busbar_text("topic");
            item->origin.offset = offset;
            item->origin.value = busbar_text(chance(2) ? "{" : good);
            item->origin.key = busbar_text(keys[offset].c_str());
            item->epoch = 1;
            batch->size_bytes += item->origin.value.size + item->origin.key.size;
        }
        return batch;
    }
    void confirm_one()
    {
        if (unconfirmed.empty())
            return;
        size_t index = random() % unconfirmed.size();
        bb_batch *batch = unconfirmed[index];
        unconfirmed.erase(unconfirmed.begin() + (long)index);
        bb_batch_release(batch);
    }
    void check(const Sink &sink) const
    {
        std::map<gint64, size_t> last_word;
        for (size_t i = 0; i < sink.words.size(); i++)
            last_word[sink.words[i]] = i;
        std::map<std::string, std::pair<gint64, size_t>> before;
        for (const auto &[offset, when] : last_word) {
            auto &last = before[key_of(offset)];
            EXPECT_TRUE(last.second <= when)
                << offset << " was accepted before " << last.first << " of the same key";
            last = {offset, when};
        }
        for (const auto &[offset, outcome] : outcomes) {
            EXPECT_TRUE(outcome != BUSBAR_PASS || last_word.count(offset))
                << offset << " was not handled";
        }
    }
};

const bb_lane_ops ops = {Model::dead_letter, Model::emit, Model::retried, nullptr,
                         Model::stopped,     nullptr,     nullptr,        nullptr};

void run(unsigned seed, bb_order order, bool first_flushes, bool second_flushes)
{
    SCOPED_TRACE("seed " + std::to_string(seed));
    Model model;
    model.random.seed(seed);
    g_random_set_seed(seed); // of the backoff
    model.fake.settings->order = order;
    model.fake.settings->batch_records = 20;
    model.fake.settings->retry_attempts = 4;
    model.fake.settings->flush_interval_ms = 300;
    model.bind(model.sinks[0], first_flushes);
    model.bind(model.sinks[1], second_flushes);
    GError *error = nullptr;
    bb_lane *lane = bb_lane_new(&model.fake.type, &ops, &model, nullptr, &error);
    ASSERT_TRUE(lane);
    gint64 next = 0;
    const gint64 records = 600;
    for (int step = 0; step < 100000 && (gint64)model.outcomes.size() < MAX(next, records);
         step++) {
        if (next < records && model.chance(15))
            bb_lane_take(lane, model.make_batch(&next, 1 + model.random() % 20, 12));
        if (model.chance(30))
            model.confirm_one();
        gint64 due = bb_lane_step(lane, model.now);
        if (due > model.now && (next >= records || model.chance(50)))
            model.now = due;
        if (due < 0 && next >= records)
            model.confirm_one();
        model.now += model.random() % 3;
    }
    EXPECT_EQ((size_t)next, model.outcomes.size());
    EXPECT_GE(next, records);
    EXPECT_EQ(0u, bb_lane_held(lane));
    for (const auto &[offset, outcome] : model.outcomes)
        EXPECT_NE(0, outcome) << offset;
    for (const Model::Sink &sink : model.sinks)
        if (order != BB_ORDER_NONE)
            model.check(sink);
    bb_lane_free(lane);
    for (bb_batch *batch : model.returned)
        bb_batch_free(batch);
}

// BB_MODEL_SEED=N begins elsewhere.
unsigned first_seed()
{
    const char *text = g_getenv("BB_MODEL_SEED");
    return text ? (unsigned)std::stoul(text) : 1;
}

TEST(LaneModel, WhateverHandlersAnswerOrderHoldsAndAllIsFinalOnce)
{
    for (unsigned seed = first_seed(); seed <= first_seed() + 59 && !::testing::Test::HasFailure();
         seed++)
        run(seed, seed % 5 == 0 ? BB_ORDER_PARTITION : BB_ORDER_KEY, seed & 1, seed & 2);
}

TEST(LaneModel, AndWithoutOrder)
{
    for (unsigned seed = first_seed(); seed <= first_seed() + 19 && !::testing::Test::HasFailure();
         seed++)
        run(seed, BB_ORDER_NONE, seed & 1, seed & 2);
}

} // namespace
