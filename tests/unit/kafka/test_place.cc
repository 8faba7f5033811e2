/* Where reading begins: every cause with every word of the settings. */
#include <gtest/gtest.h>

#include <cstring>
#include <string>

extern "C" {
#include "kafka/place.h"
}

namespace
{

struct Case {
    const char *name;
    bb_place_facts facts;
    const char *reset, *out_of_range;
    bb_place_cause cause;
    bool stop;
    gint64 offset;    /* unless stop */
    const char *says; /* part of the text; nullptr: there is none */
};

const Case cases[] = {
    {"in range",
     {5, 0, 9, FALSE, FALSE, FALSE},
     "latest",
     "stop",
     BB_PLACE_COMMITTED,
     false,
     5,
     nullptr},
    {"at the end",
     {9, 0, 9, FALSE, FALSE, FALSE},
     "earliest",
     "stop",
     BB_PLACE_COMMITTED,
     false,
     9,
     nullptr},
    {"at the start",
     {3, 3, 9, FALSE, FALSE, FALSE},
     "earliest",
     "stop",
     BB_PLACE_COMMITTED,
     false,
     3,
     nullptr},
    {"empty",
     {0, 0, 0, FALSE, FALSE, FALSE},
     "error",
     "stop",
     BB_PLACE_COMMITTED,
     false,
     0,
     nullptr},
    {"first, earliest",
     {-1, 2, 9, TRUE, FALSE, FALSE},
     "earliest",
     "stop",
     BB_PLACE_FIRST,
     false,
     2,
     "reading from offset 2"},
    {"first, latest",
     {-1, 2, 9, TRUE, FALSE, FALSE},
     "latest",
     "stop",
     BB_PLACE_FIRST,
     false,
     9,
     "reading from offset 9"},
    {"first, error",
     {-1, 2, 9, TRUE, FALSE, FALSE},
     "error",
     "earliest",
     BB_PLACE_FIRST,
     true,
     0,
     "no valid offset"},
    /* what came after the first start is read from its beginning, whatever the first start did */
    {"added, earliest",
     {-1, 0, 4, FALSE, FALSE, FALSE},
     "earliest",
     "stop",
     BB_PLACE_ADDED,
     false,
     0,
     "reading from offset 0"},
    {"added, latest",
     {-1, 0, 4, FALSE, FALSE, FALSE},
     "latest",
     "stop",
     BB_PLACE_ADDED,
     false,
     0,
     "has come after"},
    {"added, error",
     {-1, 1, 4, FALSE, FALSE, FALSE},
     "error",
     "stop",
     BB_PLACE_ADDED,
     false,
     1,
     "has come after"},
    {"behind, stop",
     {3, 7, 9, FALSE, FALSE, FALSE},
     "earliest",
     "stop",
     BB_PLACE_BEHIND,
     true,
     0,
     "from 3 to 6 were deleted"},
    {"behind, earliest",
     {3, 7, 9, FALSE, FALSE, FALSE},
     "latest",
     "earliest",
     BB_PLACE_BEHIND,
     false,
     7,
     "reading from offset 7"},
    {"behind, latest",
     {3, 7, 9, FALSE, FALSE, FALSE},
     "earliest",
     "latest",
     BB_PLACE_BEHIND,
     false,
     9,
     "reading from offset 9"},
    {"beyond, stop",
     {12, 0, 9, FALSE, FALSE, FALSE},
     "earliest",
     "stop",
     BB_PLACE_BEYOND,
     true,
     0,
     "made anew"},
    {"beyond, earliest",
     {12, 0, 9, FALSE, FALSE, FALSE},
     "latest",
     "earliest",
     BB_PLACE_BEYOND,
     false,
     0,
     "reading from offset 0"},
    {"beyond, latest",
     {12, 1, 9, FALSE, FALSE, FALSE},
     "earliest",
     "latest",
     BB_PLACE_BEYOND,
     false,
     9,
     "reading from offset 9"},
    {"cut",
     {5, 0, 9, FALSE, TRUE, FALSE},
     "earliest",
     "stop",
     BB_PLACE_BEYOND,
     true,
     0,
     "log was cut"},
    {"cut, earliest",
     {5, 0, 9, FALSE, TRUE, FALSE},
     "latest",
     "earliest",
     BB_PLACE_BEYOND,
     false,
     0,
     "log was cut"},
    /* Kafka deletes what a group has committed with the topic */
    {"gone", {-1, 0, 9, TRUE, FALSE, TRUE}, "latest", "stop", BB_PLACE_GONE, true, 0, "made anew"},
    {"gone, earliest",
     {-1, 0, 9, TRUE, FALSE, TRUE},
     "latest",
     "earliest",
     BB_PLACE_GONE,
     false,
     0,
     "reading from offset 0"},
    {"gone, but committed",
     {3, 0, 9, FALSE, FALSE, TRUE},
     "earliest",
     "stop",
     BB_PLACE_COMMITTED,
     false,
     3,
     nullptr},
    /* the settings of a first start say nothing of later ones */
    {"behind, reset error",
     {3, 7, 9, FALSE, FALSE, FALSE},
     "error",
     "earliest",
     BB_PLACE_BEHIND,
     false,
     7,
     "reading"},
};

} // namespace

TEST(KafkaPlace, Table)
{
    for (const Case &one : cases) {
        SCOPED_TRACE(one.name);
        bb_place place = bb_place_choose(&one.facts, one.reset, one.out_of_range);
        EXPECT_EQ(one.cause, place.cause);
        EXPECT_EQ(one.stop, place.stop != FALSE);
        if (!one.stop) {
            EXPECT_EQ(one.offset, place.offset);
        }
        g_autofree char *text = bb_place_explain(&one.facts, &place);
        if (!one.says) {
            EXPECT_EQ(nullptr, text);
            continue;
        }
        ASSERT_NE(nullptr, text);
        EXPECT_NE(nullptr, strstr(text, one.says)) << text;
        if (one.stop) {
            EXPECT_NE(nullptr, strstr(text, "busbar offsets set")) << text;
        }
    }
}

TEST(KafkaPlace, WhatIsLostIsCounted)
{
    bb_place_facts facts = {3, 7, 9, FALSE, FALSE, FALSE};
    bb_place place = bb_place_choose(&facts, "earliest", "earliest");
    EXPECT_EQ(3, place.lost);
    EXPECT_EQ(7, place.lost_until);
    place = bb_place_choose(&facts, "earliest", "latest");
    EXPECT_EQ(9, place.lost_until);
    facts.committed = 8;
    place = bb_place_choose(&facts, "earliest", "stop");
    EXPECT_EQ(place.lost, place.lost_until);
}
