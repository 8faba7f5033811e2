// Waiting key by key, as tables and against a model.
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

extern "C" {
#include "pipeline/parked.h"
}

namespace
{

using Offsets = std::vector<gint64>;

class Parked : public ::testing::Test
{
  protected:
    bb_parked *parked = nullptr;
    std::map<gint64, std::string> keys;
    std::vector<bb_batch *> released;
    GPtrArray *taken = g_ptr_array_new();

    void make(bb_order order)
    {
        parked = bb_parked_new(order);
    }
    void TearDown() override
    {
        for (guint i = 0; i < taken->len; i++)
            done((bb_batch *)g_ptr_array_index(taken, i));
        bb_parked_forget(parked, G_MAXINT64);
        EXPECT_EQ(0u, bb_parked_count(parked));
        bb_parked_free(parked);
        for (bb_batch *batch : released)
            bb_batch_free(batch);
        g_ptr_array_unref(taken);
    }
    static void on_done(bb_batch *batch, void *user)
    {
        static_cast<Parked *>(user)->released.push_back(batch);
    }
    // `key` NULL: a null key.
    bb_batch *make_batch(gint64 offset, const char *key, gint32 partition = 0, gint64 epoch = 1)
    {
        bb_batch *batch = bb_batch_new(on_done, this);
        bb_item *item = bb_batch_add(batch);
        item->origin.topic = busbar_text("topic");
        item->origin.partition = partition;
        item->origin.offset = offset;
        item->epoch = batch->epoch = epoch;
        if (key) {
            keys[offset] = key;
            item->origin.key = busbar_text(keys[offset].c_str());
        }
        return batch;
    }
    bool blocks(gint64 offset, const char *key, gint32 partition = 0)
    {
        bb_batch *batch = make_batch(offset, key, partition);
        bool answer = bb_parked_blocks(parked, &batch->items[0]);
        bb_batch_free(batch);
        return answer;
    }
    Offsets take(gint64 now, guint max = 100)
    {
        g_ptr_array_set_size(taken, 0);
        bb_parked_take(parked, now, max, taken);
        Offsets offsets;
        for (guint i = 0; i < taken->len; i++)
            offsets.push_back(at(i)->items[0].origin.offset);
        return offsets;
    }
    bb_batch *at(guint index)
    {
        return (bb_batch *)g_ptr_array_index(taken, index);
    }
    void done(bb_batch *batch)
    {
        bb_parked_done(parked, batch);
        bb_batch_release(batch);
    }
    void all_done()
    {
        for (guint i = 0; i < taken->len; i++)
            done(at(i));
        g_ptr_array_set_size(taken, 0);
    }
};

TEST_F(Parked, OneOfAKeyIsTriedAndThenTheOthersTogether)
{
    make(BB_ORDER_KEY);
    EXPECT_EQ(-1, bb_parked_due(parked));
    bb_parked_put(parked, make_batch(1, "k"), 100);
    bb_parked_put(parked, make_batch(2, "k"), 0);
    bb_parked_put(parked, make_batch(3, "k"), 0);
    bb_parked_put(parked, make_batch(4, "other"), 50);
    EXPECT_EQ(50, bb_parked_due(parked));
    EXPECT_EQ((Offsets{}), take(49));
    EXPECT_EQ((Offsets{4}), take(50));
    all_done();
    EXPECT_EQ((Offsets{1}), take(100));
    EXPECT_EQ(-1, bb_parked_due(parked)) << "the rest of the key waits for it";
    all_done();
    EXPECT_EQ(0, bb_parked_due(parked));
    EXPECT_EQ((Offsets{2}), take(0, 1));
    all_done();
    bb_parked_put(parked, make_batch(5, "k"), 0);
    EXPECT_EQ((Offsets{3, 5}), take(0));
}

TEST_F(Parked, OneThatFailsAgainIsInFrontAgain)
{
    make(BB_ORDER_KEY);
    bb_parked_put(parked, make_batch(1, "k"), 100);
    bb_parked_put(parked, make_batch(2, "k"), 0);
    EXPECT_EQ((Offsets{1}), take(100));
    bb_parked_put(parked, at(0), 300);
    g_ptr_array_set_size(taken, 0);
    EXPECT_EQ(300, bb_parked_due(parked));
    bb_parked_put(parked, make_batch(0, "k"), 400);
    EXPECT_EQ(400, bb_parked_due(parked)) << "an earlier one decides";
    EXPECT_EQ((Offsets{0}), take(400));
    all_done();
    EXPECT_EQ((Offsets{1}), take(400));
}

TEST_F(Parked, ALaterOneOfAGroupThatFailsHoldsBackTheOthersOfIt)
{
    make(BB_ORDER_KEY);
    for (gint64 offset = 1; offset <= 3; offset++)
        bb_parked_put(parked, make_batch(offset, "k"), 0);
    EXPECT_EQ((Offsets{1, 2, 3}), take(0));
    bb_batch *first = at(0);
    bb_parked_put(parked, at(1), 70);
    bb_parked_put(parked, at(2), 0);
    done(first);
    g_ptr_array_set_size(taken, 0);
    EXPECT_EQ(70, bb_parked_due(parked));
    EXPECT_EQ((Offsets{2}), take(70));
}

TEST_F(Parked, WhatBlocksWhat)
{
    make(BB_ORDER_KEY);
    bb_parked_put(parked, make_batch(10, "k", 3), 100);
    bb_parked_put(parked, make_batch(10, nullptr, 4), 100);
    EXPECT_TRUE(blocks(11, "k", 3));
    EXPECT_FALSE(blocks(9, "k", 3));
    EXPECT_FALSE(blocks(11, "k", 4)) << "another partition";
    EXPECT_FALSE(blocks(11, "kk", 3));
    EXPECT_TRUE(blocks(11, nullptr, 4));
    EXPECT_FALSE(blocks(11, "", 4)) << "an empty key is not a null key";
    EXPECT_FALSE(blocks(11, nullptr, 3));
}

TEST_F(Parked, InOrderPartitionTheKeyIsThePartition)
{
    make(BB_ORDER_PARTITION);
    bb_parked_put(parked, make_batch(10, "k", 3), 100);
    EXPECT_TRUE(blocks(11, "other", 3));
    EXPECT_FALSE(blocks(11, "k", 4));
}

TEST_F(Parked, InOrderNoneNothingBlocksAnything)
{
    make(BB_ORDER_NONE);
    bb_parked_put(parked, make_batch(10, "k"), 100);
    EXPECT_FALSE(blocks(11, "k"));
    bb_parked_put(parked, make_batch(11, "k"), 20);
    EXPECT_EQ((Offsets{11}), take(20));
}

TEST_F(Parked, ForgetReleasesOlderEpochs)
{
    make(BB_ORDER_KEY);
    bb_parked_put(parked, make_batch(5, "k", 0, 1), 100);
    bb_parked_put(parked, make_batch(1, "k", 0, 2), 0);
    bb_parked_put(parked, make_batch(6, "other", 0, 1), 100);
    bb_parked_forget(parked, 2);
    EXPECT_EQ(2u, released.size());
    EXPECT_EQ(1u, bb_parked_count(parked));
    EXPECT_EQ(0, bb_parked_due(parked));
}

// Random traffic: records come, wait, are taken, fail again or pass. Against a model that keeps a
// list per key: nothing of a key passes before what came earlier, all of it comes out once.
TEST_F(Parked, RandomTrafficKeepsTheOrderOfEachKey)
{
    const unsigned seed = 20240611;
    std::mt19937 random(seed);
    make(BB_ORDER_KEY);
    std::map<std::string, std::set<gint64>> waiting;
    gint64 now = 1, next = 0;
    size_t passed = 0;
    for (int step = 0; step < 20000; step++) {
        std::string key = "k" + std::to_string(random() % 20);
        if (next < 8000 && random() % 2) {
            gint64 offset = next++;
            bool behind = blocks(offset, key.c_str());
            ASSERT_EQ(!waiting[key].empty(), behind);
            if (!behind && random() % 3) {
                passed++; /* it needs no waiting */
                continue;
            }
            bb_parked_put(parked, make_batch(offset, key.c_str()),
                          behind ? 0 : now + (gint64)(random() % 50));
            waiting[key].insert(offset);
            continue;
        }
        now += random() % 10;
        take(now, 1 + random() % 8);
        std::vector<bb_batch *> good;
        for (guint i = 0; i < taken->len; i++) {
            bb_item *item = &at(i)->items[0];
            if (bb_parked_blocks(parked, item))
                bb_parked_put(parked, at(i), 0);
            else if (random() % 4 == 0)
                bb_parked_put(parked, at(i), now + (gint64)(random() % 50));
            else
                good.push_back(at(i));
        }
        for (bb_batch *batch : good) {
            gint64 offset = batch->items[0].origin.offset;
            auto &queue = waiting[keys[offset]];
            ASSERT_FALSE(queue.empty());
            ASSERT_EQ(*queue.begin(), offset) << "seed " << seed << ", step " << step;
            queue.erase(queue.begin());
            passed++;
            done(batch);
        }
        g_ptr_array_set_size(taken, 0);
    }
    size_t left = 0;
    for (const auto &[key, queue] : waiting)
        left += queue.size();
    EXPECT_EQ(left, bb_parked_count(parked));
    EXPECT_EQ((size_t)next, passed + left);
    EXPECT_EQ(8000, next);
}

} // namespace
