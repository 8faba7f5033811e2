/* The ring of outcomes: order, bound, texts. */
#include <gtest/gtest.h>

extern "C" {
#include "kafka/publisher_ring.h"
}

namespace
{

bb_event_type some_type = {};

void *tag(gsize number)
{
    return GSIZE_TO_POINTER(number);
}

} // namespace

TEST(PublisherRing, OutcomesWaitForTheEarlierOnes)
{
    g_autoptr(bb_ring) ring = bb_ring_new(4);
    bb_outcome outcome;
    gsize first = bb_ring_add(ring, &some_type, tag(1));
    gsize second = bb_ring_add(ring, &some_type, tag(2));
    EXPECT_EQ(2u, bb_ring_count(ring));
    bb_ring_refuse(ring, second, BB_REJECTED, FALSE, "/a", "type", "expected a string");
    EXPECT_FALSE(bb_ring_pop(ring, &outcome));
    bb_ring_deliver(ring, first, 3, 42);
    ASSERT_TRUE(bb_ring_pop(ring, &outcome));
    EXPECT_EQ(BB_DELIVERED, outcome.status);
    EXPECT_EQ(tag(1), outcome.opaque);
    EXPECT_EQ(3, outcome.partition);
    EXPECT_EQ(42, outcome.offset);
    EXPECT_EQ(nullptr, outcome.message);
    ASSERT_TRUE(bb_ring_pop(ring, &outcome));
    EXPECT_EQ(BB_REJECTED, outcome.status);
    EXPECT_EQ(tag(2), outcome.opaque);
    EXPECT_EQ(-1, outcome.partition);
    EXPECT_EQ(-1, outcome.offset);
    EXPECT_STREQ("/a", outcome.pointer);
    EXPECT_STREQ("type", outcome.keyword);
    EXPECT_STREQ("expected a string", outcome.message);
    EXPECT_FALSE(bb_ring_pop(ring, &outcome));
}

TEST(PublisherRing, IsBoundedAndGoesRound)
{
    g_autoptr(bb_ring) ring = bb_ring_new(3); /* becomes 4 */
    bb_outcome outcome;
    gsize next = 0, popped = 0;
    for (int round = 0; round < 10; round++) {
        while (!bb_ring_full(ring))
            bb_ring_deliver(ring, bb_ring_add(ring, &some_type, tag(next)), 0,
                            static_cast<gint64>(next)),
                next++;
        EXPECT_EQ(4u, bb_ring_count(ring));
        for (int i = 0; i < 3; i++) {
            ASSERT_TRUE(bb_ring_pop(ring, &outcome));
            EXPECT_EQ(tag(popped), outcome.opaque);
            EXPECT_EQ(static_cast<gint64>(popped), outcome.offset);
            popped++;
        }
    }
    EXPECT_EQ(31u, next);
}

TEST(PublisherRing, OpenPlacesFailAtTheEnd)
{
    g_autoptr(bb_ring) ring = bb_ring_new(4);
    bb_outcome outcome;
    bb_ring_add(ring, &some_type, tag(1));
    bb_ring_deliver(ring, bb_ring_add(ring, &some_type, tag(2)), 0, 7);
    bb_ring_fail_open(ring, "closed");
    ASSERT_TRUE(bb_ring_pop(ring, &outcome));
    EXPECT_EQ(BB_FAILED, outcome.status);
    EXPECT_TRUE(outcome.retriable);
    EXPECT_STREQ("closed", outcome.message);
    ASSERT_TRUE(bb_ring_pop(ring, &outcome));
    EXPECT_EQ(BB_DELIVERED, outcome.status);
}
