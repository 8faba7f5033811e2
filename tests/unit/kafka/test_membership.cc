/* How members share the partitions, by settings and version, and what contradicts. */
#include <gtest/gtest.h>

#include "support.h"

extern "C" {
#include "kafka/membership.h"
}

namespace
{

int version(int major, int minor, int patch)
{
    return major << 24 | minor << 16 | patch << 8 | 0xff;
}

class Membership : public testing::Test
{
  protected:
    Membership() : settings("127.0.0.1:1")
    {
        event = bb_event_settings_new("order");
        type.full_name = name;
        type.settings = event;
    }
    ~Membership() override
    {
        bb_event_settings_free(event);
    }
    /* Kind and problems, one a line. */
    std::string choose(int at)
    {
        g_autoptr(GPtrArray) problems = g_ptr_array_new_with_free_func(bb_config_problem_free);
        std::string text =
            bb_membership_name(bb_membership_choose(settings.get(), &type, at, problems));
        for (guint i = 0; i < problems->len; i++)
            text += std::string("\n") +
                    static_cast<bb_config_problem *>(g_ptr_array_index(problems, i))->message;
        return text;
    }
    Settings settings;
    bb_event_settings *event;
    bb_event_type type = {};
    char name[11] = "shop.order";
};

} // namespace

TEST_F(Membership, AutoIsTheBestThatIsSafe)
{
    EXPECT_EQ("eager", choose(version(2, 0, 2)));
    EXPECT_EQ("eager", choose(version(2, 8, 0)));
    EXPECT_EQ("cooperative", choose(version(2, 10, 0)));
    EXPECT_EQ("cooperative", choose(version(2, 16, 1)));
}

TEST_F(Membership, AutoFollowsAStrategyThatIsSet)
{
    settings.add("partition.assignment.strategy", "roundrobin");
    EXPECT_EQ("eager", choose(version(2, 16, 1)));
}

TEST_F(Membership, AStrategyThatIsUnsafeIsRefused)
{
    settings.add("partition.assignment.strategy", "cooperative-sticky");
    EXPECT_EQ("cooperative", choose(version(2, 10, 0)));
    EXPECT_NE(std::string::npos, choose(version(2, 0, 2))
                                     .find("needs librdkafka 2.10.0 or later, "
                                           "found 2.0.2"));
}

TEST_F(Membership, WhatIsAskedForNeedsItsVersion)
{
    event->assignment = BB_ASSIGN_CONSUMER;
    EXPECT_EQ("consumer", choose(version(2, 12, 0)));
    EXPECT_NE(std::string::npos, choose(version(2, 11, 1)).find("needs librdkafka 2.12.0"));
    event->assignment = BB_ASSIGN_COOPERATIVE;
    EXPECT_EQ("cooperative", choose(version(2, 10, 0)));
    EXPECT_NE(std::string::npos, choose(version(2, 6, 1)).find("needs librdkafka 2.10.0"));
    event->assignment = BB_ASSIGN_EAGER;
    EXPECT_EQ("eager", choose(version(2, 16, 1)));
}

TEST_F(Membership, TheConsumerProtocolNamesWhatReplacesAProperty)
{
    struct {
        const char *name, *instead;
    } const cases[] = {
        {"session.timeout.ms", "group.consumer.session.timeout.ms"},
        {"heartbeat.interval.ms", "group.consumer.heartbeat.interval.ms"},
        {"partition.assignment.strategy", "group.remote.assignor"},
        {"group.protocol.type", "nothing"},
    };
    event->assignment = BB_ASSIGN_CONSUMER;
    for (const auto &one : cases)
        settings.add(one.name, "1");
    std::string text = choose(version(2, 12, 0));
    for (const auto &one : cases) {
        size_t at = text.find(std::string("`") + one.name + "` cannot be used by shop.order");
        ASSERT_NE(std::string::npos, at) << one.name << " in " << text;
        EXPECT_LT(text.find(one.instead, at), text.find('\n', at)) << one.name;
    }
}

TEST_F(Membership, SettingsThatContradictEachOther)
{
    settings.add("partition.assignment.strategy", "range");
    event->assignment = BB_ASSIGN_COOPERATIVE;
    EXPECT_NE(std::string::npos, choose(version(2, 10, 0)).find("leave one of them out"));
    event->assignment = BB_ASSIGN_EAGER;
    EXPECT_EQ("eager", choose(version(2, 10, 0)));
    settings.add("group.remote.assignor", "uniform");
    EXPECT_NE(std::string::npos,
              choose(version(2, 10, 0)).find("belongs to `assignment: consumer`"));
}

TEST_F(Membership, TheIdOfAStaticMember)
{
    EXPECT_EQ(nullptr, bb_membership_instance(&type));
    event->instance_id = g_strdup("a-{event}");
    g_autofree char *id = bb_membership_instance(&type);
    EXPECT_STREQ("a-shop.order", id);
    g_free(event->instance_id);
    event->instance_id = g_strdup("{host}");
    g_autofree char *host = bb_membership_instance(&type);
    EXPECT_STREQ(g_get_host_name(), host);
    g_free(event->instance_id);
    event->instance_id = g_strdup("no spaces");
    EXPECT_NE(std::string::npos, choose(version(2, 0, 2)).find("comes to `no spaces`"));
}

TEST_F(Membership, PropertiesOfTheClient)
{
    GError *error = nullptr;
    event->assignment = BB_ASSIGN_EAGER;
    event->instance_id = g_strdup("me");
    g_auto(GStrv) list = bb_membership_properties(settings.get(), &type, &error);
    ASSERT_NE(nullptr, list) << take(&error);
    g_autofree char *text = g_strjoinv(" ", list);
    EXPECT_STREQ("group.instance.id me partition.assignment.strategy range,roundrobin", text);
    settings.add("group.remote.assignor", "uniform");
    EXPECT_EQ(nullptr, bb_membership_properties(settings.get(), &type, &error));
    EXPECT_NE(std::string::npos, take(&error).find("group.remote.assignor"));
}
