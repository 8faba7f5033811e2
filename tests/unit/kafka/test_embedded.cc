/* The embedded broker: one per process, topics at will, real clients talk to it. */
#include <gtest/gtest.h>

#include "support.h"

extern "C" {
#include "kafka/topics.h"
}

TEST(KafkaEmbedded, StartsOnceAndAnswers)
{
    EXPECT_FALSE(bb_embedded_running());
    GError *error = nullptr;
    const char *bootstrap = bb_embedded_start(&error);
    ASSERT_NE(nullptr, bootstrap) << take(&error);
    EXPECT_STREQ(bootstrap, bb_embedded_start(&error));
    EXPECT_TRUE(bb_embedded_running());
    EXPECT_TRUE(bb_embedded_is(bootstrap));
    EXPECT_FALSE(bb_embedded_is("127.0.0.1:1"));
    Settings settings("embedded");
    rd_kafka_conf_t *conf = bb_kafka_conf_new(settings.get(), nullptr, &error);
    ASSERT_NE(nullptr, conf) << take(&error);
    EXPECT_EQ(bootstrap, conf_value(conf, "bootstrap.servers"));
    rd_kafka_t *client = bb_kafka_new(RD_KAFKA_PRODUCER, conf, &error);
    ASSERT_NE(nullptr, client) << take(&error);
    EXPECT_TRUE(bb_kafka_wait(client, 10000, nullptr, &error)) << take(&error);
    rd_kafka_destroy(client);
    bb_embedded_stop();
    EXPECT_FALSE(bb_embedded_running());
}

TEST(KafkaEmbedded, TopicsNeedARunningBroker)
{
    GError *error = nullptr;
    EXPECT_FALSE(bb_embedded_topic("t", 3, &error));
    std::string text = take(&error);
    EXPECT_NE(std::string::npos, text.find("topic t")) << text;
    EXPECT_NE(std::string::npos, text.find("not running")) << text;
}

TEST(KafkaEmbedded, ATopicIsMadeOnceAndKept)
{
    GError *error = nullptr;
    ASSERT_NE(nullptr, bb_embedded_start(&error));
    EXPECT_TRUE(bb_embedded_topic("kept", 6, &error)) << take(&error);
    EXPECT_TRUE(bb_embedded_topic("kept", 2, &error)) << take(&error);
    Settings settings("embedded");
    rd_kafka_t *client = bb_kafka_new(RD_KAFKA_PRODUCER,
                                      bb_kafka_conf_new(settings.get(), nullptr, nullptr), nullptr);
    ASSERT_NE(nullptr, client);
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    g_ptr_array_add(names, const_cast<char *>("kept"));
    g_autoptr(GPtrArray) states = bb_topics_describe(client, names, 10000, &error);
    ASSERT_NE(nullptr, states) << take(&error);
    EXPECT_EQ(6, static_cast<bb_topic_state *>(g_ptr_array_index(states, 0))->partitions);
    rd_kafka_destroy(client);
    bb_embedded_stop();
}
