// What a group that Kafka describes says about who holds partitions.
#include <gtest/gtest.h>

#include <string>
#include <vector>

extern "C" {
#include "kafka/consumer_private.h"
}

namespace
{

using namespace std::string_literals;

const std::string NOTHING = "\0\0\0\0\0\0\xff\xff\xff\xff"s;
const std::string ONE = "\0\1\0\0\0\1\0\1t\0\0\0\1\0\0\0\0\0\0\0\0"s;

class Holders : public ::testing::Test
{
  protected:
    int count(std::vector<std::string> assignments)
    {
        std::vector<rd_kafka_group_member_info> members;
        for (std::string &assignment : assignments) {
            rd_kafka_group_member_info member = {};
            member.member_assignment = assignment.data();
            member.member_assignment_size = static_cast<int>(assignment.size());
            members.push_back(member);
        }
        group.state = state.empty() ? nullptr : state.data();
        group.protocol_type = type.empty() ? nullptr : type.data();
        group.members = members.data();
        group.member_cnt = static_cast<int>(members.size());
        return bb_consumer_count_holders(&group);
    }

    struct rd_kafka_group_info group = {};
    std::string state = "Stable", type = "consumer";
};

TEST_F(Holders, AMemberWithATopicHolds)
{
    EXPECT_EQ(1, count({ONE}));
    EXPECT_EQ(2, count({NOTHING, ONE, "", ONE}));
    EXPECT_EQ(1, count({"\0\0\1\0\0\0"s}));
}

TEST_F(Holders, NobodyHoldsAnythingWhenNoAssignmentHasATopic)
{
    EXPECT_EQ(0, count({NOTHING}));
    EXPECT_EQ(0, count({"", NOTHING, NOTHING.substr(0, 6)}));
}

TEST_F(Holders, WhatIsNotUnderstoodIsNotKnown)
{
    for (size_t size = 1; size < 6; size++)
        EXPECT_EQ(-1, count({NOTHING.substr(0, size)}));
    EXPECT_EQ(-1, count({"\xff\xff\0\0\0\0"s}));
    EXPECT_EQ(-1, count({"\0\0\xff\xff\xff\xff"s}));
    EXPECT_EQ(-1, count({ONE, "?"}));
    rd_kafka_group_member_info member = {};
    member.member_assignment_size = 6;
    group.members = &member;
    group.member_cnt = 1;
    group.state = state.data();
    group.protocol_type = type.data();
    EXPECT_EQ(-1, bb_consumer_count_holders(&group));
}

TEST_F(Holders, AGroupThatIsNotSettledIsNotKnown)
{
    EXPECT_EQ(-1, count({}));
    for (const char *other : {"", "PreparingRebalance", "CompletingRebalance", "Empty", "Dead"}) {
        state = other;
        EXPECT_EQ(-1, count({NOTHING}));
    }
    state = "Stable";
    for (const char *other : {"", "connect"}) {
        type = other;
        EXPECT_EQ(-1, count({NOTHING}));
    }
    type = "consumer";
    group.err = RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED;
    EXPECT_EQ(-1, count({NOTHING}));
}

} // namespace
