// The circuit breaker alone, with time that the test moves.
#include <gtest/gtest.h>

#include <thread>
#include <vector>

extern "C" {
#include "pipeline/breaker.h"
}

namespace
{

class Breaker : public ::testing::Test
{
  protected:
    bb_breaker *breaker = bb_breaker_new();
    bb_policy policy = {};
    gint64 now = 1000, again = 0;
    int one = 0, other = 0; // lanes

    Breaker()
    {
        policy.retry_initial_ms = 100;
        policy.retry_max_ms = 400;
    }
    ~Breaker() override
    {
        bb_breaker_unref(breaker);
    }
    guint admit(const int &lane)
    {
        return bb_breaker_admit(breaker, &lane, now, &again);
    }
    bool fail(const int &lane, bb_call_kind kind = BB_CALL_HANDLE)
    {
        return bb_breaker_failed(breaker, &lane, kind, &policy, now, 0) != 0;
    }
    bool pass(const int &lane, bb_call_kind kind = BB_CALL_HANDLE)
    {
        return bb_breaker_passed(breaker, &lane, kind) != 0;
    }
    bool open()
    {
        return bb_breaker_is_open(breaker) != 0;
    }
};

TEST_F(Breaker, WhileClosedEverybodyMayCall)
{
    EXPECT_FALSE(open());
    EXPECT_EQ(G_MAXUINT, admit(one));
    EXPECT_EQ(G_MAXUINT, admit(other));
    EXPECT_FALSE(pass(one)) << "it was not open";
}

TEST_F(Breaker, TheFirstFailureOpensAndOthersInFlightAddNothing)
{
    EXPECT_TRUE(fail(one));
    EXPECT_TRUE(open());
    gint64 due = again = 0;
    EXPECT_EQ(0u, admit(one));
    due = again;
    now += 20;
    EXPECT_FALSE(fail(other)) << "its call had begun before";
    EXPECT_EQ(0u, admit(other));
    EXPECT_EQ(due, again) << "the next probe is when it was";
    EXPECT_EQ(1u, bb_breaker_read(breaker).opened);
    EXPECT_EQ(1u, bb_breaker_read(breaker).failures);
    EXPECT_FALSE(pass(other)) << "nor does one that had begun before and went well close it";
    EXPECT_TRUE(open());
}

TEST_F(Breaker, OneProbeForEachInterval)
{
    fail(one);
    now += 100;
    EXPECT_EQ(1u, admit(other)) << "one record is enough to ask";
    EXPECT_EQ(0u, admit(one));
    EXPECT_FALSE(fail(other));
    EXPECT_EQ(0u, admit(other));
    EXPECT_EQ(0u, admit(one));
    EXPECT_GT(again, now);
    now += 200;
    EXPECT_EQ(1u, admit(one));
    EXPECT_TRUE(pass(one));
    EXPECT_FALSE(open());
    EXPECT_EQ(G_MAXUINT, admit(other));
}

TEST_F(Breaker, ProbesThatFailAreBoundedByTimeAndNotByTheLanes)
{
    std::vector<int> lanes(64);
    int probes = 0;
    fail(lanes[0]);
    gint64 end = now + 10000;
    for (; now < end; now++)
        for (const int &lane : lanes)
            if (admit(lane)) {
                probes++;
                fail(lane);
            }
    // waits of 50, 100, then 200 ms at the least: half of the interval
    EXPECT_LE(probes, 10000 / 200 + 2);
    EXPECT_GE(probes, 10000 / 400);
    EXPECT_EQ((guint)probes + 1, bb_breaker_read(breaker).failures);
    EXPECT_EQ(1u, bb_breaker_read(breaker).opened);
}

TEST_F(Breaker, AProberThatIsNotHeardOfLosesItsTurn)
{
    fail(one);
    now += 100;
    EXPECT_EQ(1u, admit(one));
    EXPECT_EQ(1u, admit(one)) << "it may go on";
    EXPECT_EQ(0u, admit(other));
    now += 100;
    EXPECT_EQ(1u, admit(other));
    EXPECT_EQ(0u, admit(one));
    EXPECT_FALSE(pass(one)) << "too late";
    EXPECT_TRUE(pass(other));
}

TEST_F(Breaker, WhoWaitsLooksOften)
{
    policy.retry_initial_ms = 60000;
    policy.retry_max_ms = 60000;
    fail(one);
    EXPECT_EQ(0u, admit(other));
    EXPECT_LE(again, now + 200);
    EXPECT_GT(again, now);
}

TEST_F(Breaker, WhatAFlushOpenedOnlyAFlushCloses)
{
    EXPECT_TRUE(fail(one, BB_CALL_FLUSH));
    now += 100;
    EXPECT_EQ(G_MAXUINT, admit(one)) << "all that was lost is handed again";
    EXPECT_FALSE(pass(one));
    EXPECT_TRUE(open());
    EXPECT_EQ(0u, admit(other));
    EXPECT_TRUE(pass(one, BB_CALL_FLUSH));
    EXPECT_FALSE(open());
    EXPECT_TRUE(fail(one));
    now += 100;
    EXPECT_EQ(1u, admit(one));
    EXPECT_TRUE(pass(one)) << "it was no flush this time";
}

TEST_F(Breaker, ThatItCanBeOpenedDoesNotShowThatItTakesEvents)
{
    EXPECT_TRUE(fail(one));
    now += 100;
    EXPECT_EQ(1u, admit(other));
    EXPECT_FALSE(pass(other, BB_CALL_OPEN));
    EXPECT_EQ(1u, admit(other)) << "its turn goes on";
    EXPECT_TRUE(pass(other));
    EXPECT_TRUE(fail(one, BB_CALL_OPEN));
    now += 100;
    EXPECT_EQ(1u, admit(one));
    EXPECT_TRUE(pass(one, BB_CALL_OPEN));
}

TEST_F(Breaker, ThreadsAgree)
{
    std::vector<std::thread> threads;
    std::vector<int> lanes(4);
    for (int &lane : lanes)
        threads.emplace_back([&lane, this] {
            bb_breaker *own = bb_breaker_ref(breaker);
            gint64 due = 0;
            for (gint64 at = 0; at < 5000; at++) {
                if (!bb_breaker_is_open(own) || bb_breaker_admit(own, &lane, at, &due)) {
                    if (at % 3)
                        (void)bb_breaker_failed(own, &lane, at % 2 ? BB_CALL_FLUSH : BB_CALL_HANDLE,
                                                &policy, at, 1);
                    else
                        (void)bb_breaker_passed(own, &lane, BB_CALL_FLUSH);
                }
            }
            bb_breaker_unref(own);
        });
    for (std::thread &thread : threads)
        thread.join();
    EXPECT_GT(bb_breaker_read(breaker).opened, 0u);
}

} // namespace
