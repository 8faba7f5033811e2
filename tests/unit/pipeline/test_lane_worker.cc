// Lanes on threads of their own: every record comes back once, order per lane is kept, and the end
// is clean.
#include "lane_support.h"

#include <atomic>
#include <numeric>

extern "C" {
#include "pipeline/monitor.h"
#include "pipeline/worker.h"
}

namespace
{

struct Returned {
    bb_monitor monitor;
    std::vector<bb_batch *> batches;
    gsize records = 0, passed = 0;

    Returned()
    {
        bb_monitor_init(&monitor);
    }
    ~Returned()
    {
        for (bb_batch *batch : batches)
            bb_batch_free(batch);
        bb_monitor_clear(&monitor);
    }
    static void done(bb_batch *batch, void *user)
    {
        auto *self = static_cast<Returned *>(user);
        bb_monitor_lock(&self->monitor);
        self->batches.push_back(batch);
        for (guint i = 0; i < batch->count; i++)
            self->records += batch->items[i].outcome != BB_ITEM_MOVED;
        for (guint i = 0; i < batch->count; i++)
            self->passed += batch->items[i].outcome == BUSBAR_PASS;
        bb_monitor_wake(&self->monitor);
        bb_monitor_unlock(&self->monitor);
    }
    // Waits until `count` records are back; false after half a minute.
    bool wait(gsize count)
    {
        gint64 deadline = g_get_monotonic_time() + 30 * G_TIME_SPAN_SECOND;
        bb_monitor_lock(&monitor);
        while (records < count && g_get_monotonic_time() < deadline)
            bb_monitor_wait(&monitor, 100);
        bool complete = records >= count;
        bb_monitor_unlock(&monitor);
        return complete;
    }
};

const bb_lane_ops ops = {
    [](void *, bb_item *, const bb_fault *) {},
    [](void *, const busbar_record *, bb_batch *const *, guint, char **) {
        return (int32_t)BUSBAR_PASS;
    },
    [](void *, guint, const bb_fault *, gint64) {},
    nullptr,
    [](void *, const bb_fault *) {},
    nullptr,
    nullptr,
    nullptr,
};

const char good[] = R"({"a":1})";

bb_batch *make_batch(Returned &returned, gint64 first, int count)
{
    bb_batch *batch = bb_batch_new(Returned::done, &returned);
    for (int i = 0; i < count; i++) {
        bb_item *item = bb_batch_add(batch);
        item->origin.topic = busbar_text("topic");
        item->origin.offset = first + i;
        item->origin.value = busbar_text(good);
        batch->size_bytes += sizeof(good) - 1;
    }
    return batch;
}

bb_worker *make_worker(FakeType &fake, const char *name, bool threaded)
{
    GError *error = nullptr;
    bb_lane *lane = bb_lane_new(&fake.type, &ops, nullptr, nullptr, &error);
    EXPECT_TRUE(lane);
    return bb_worker_new(lane, name, threaded);
}

TEST(LaneWorker, EveryRecordComesBackOnceAndInOrder)
{
    FakeType fakes[3];
    FakeHandler handlers[3];
    Returned returned;
    std::vector<bb_worker *> workers;
    const int batches = 300, size = 20;
    for (int lane = 0; lane < 3; lane++) {
        fakes[lane].settings->flush_interval_ms = 1;
        fakes[lane].bind(handlers[lane], lane != 1);
        workers.push_back(make_worker(fakes[lane], "lane", true));
        bb_worker_start(workers.back());
    }
    for (int i = 0; i < batches; i++)
        bb_worker_push(workers[(size_t)i % 3], make_batch(returned, i * size, size));
    for (bb_worker *worker : workers)
        bb_worker_set_draining(worker, TRUE);
    EXPECT_TRUE(returned.wait((gsize)batches * size));
    for (bb_worker *worker : workers)
        bb_worker_free(worker);
    EXPECT_EQ((gsize)batches * size, returned.passed);
    for (int lane = 0; lane < 3; lane++) {
        gint64 last = -1;
        for (const auto &call : handlers[lane].calls)
            for (gint64 offset : call.offsets) {
                EXPECT_GT(offset, last);
                last = offset;
            }
        EXPECT_EQ(1, handlers[lane].opened);
        EXPECT_EQ(1, handlers[lane].closed);
    }
}

TEST(LaneWorker, StopGivesBackWhatCannotBeFinished)
{
    FakeType fake;
    FakeHandler handler;
    Returned returned;
    fake.settings->retry_initial_ms = fake.settings->retry_max_ms = 3600000;
    handler.whole = [](busbar_call *call) { return busbar_unavailable(call, "down"); };
    fake.bind(handler, false);
    bb_worker *worker = make_worker(fake, "lane", true);
    bb_worker_start(worker);
    for (int i = 0; i < 5; i++)
        bb_worker_push(worker, make_batch(returned, i * 10, 10));
    bb_worker_stop(worker);
    bb_worker_free(worker);
    EXPECT_EQ(50u, returned.records);
    EXPECT_EQ(0u, returned.passed);
}

TEST(LaneWorker, ForgetWakesALaneThatWaits)
{
    FakeType fake;
    FakeHandler handler;
    Returned returned;
    fake.settings->retry_initial_ms = fake.settings->retry_max_ms = 3600000;
    handler.whole = [](busbar_call *call) { return busbar_unavailable(call, "down"); };
    fake.bind(handler, false);
    bb_worker *worker = make_worker(fake, "lane", true);
    bb_worker_start(worker);
    bb_worker_push(worker, make_batch(returned, 0, 10));
    bb_worker_forget(worker, 1);
    EXPECT_TRUE(returned.wait(10));
    bb_worker_free(worker);
    EXPECT_EQ(0u, returned.passed);
}

TEST(LaneWorker, WithoutAThreadEverythingHappensInsidePush)
{
    FakeType fake;
    FakeHandler handler;
    Returned returned;
    fake.bind(handler, false);
    bb_worker *worker = make_worker(fake, "lane", false);
    bb_worker_start(worker);
    bb_worker_push(worker, make_batch(returned, 0, 10));
    EXPECT_EQ(10u, returned.passed);
    EXPECT_EQ(-1, bb_worker_tick(worker));
    bb_worker_free(worker);
}

TEST(LaneWorker, WithoutAThreadTickFlushes)
{
    FakeType fake;
    FakeHandler handler;
    Returned returned;
    fake.settings->flush_interval_ms = 3600000;
    fake.bind(handler, true);
    bb_worker *worker = make_worker(fake, "lane", false);
    bb_worker_push(worker, make_batch(returned, 0, 10));
    EXPECT_EQ(0u, returned.records);
    EXPECT_GT(bb_worker_tick(worker), 0);
    bb_worker_set_draining(worker, TRUE);
    (void)bb_worker_tick(worker);
    EXPECT_EQ(10u, returned.passed);
    bb_worker_stop(worker);
    bb_worker_free(worker);
    EXPECT_EQ(1, handler.closed);
}

} // namespace
