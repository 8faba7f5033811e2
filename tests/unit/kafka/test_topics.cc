/* Describing and making topics on the embedded broker, of this process and of another. */
#include <gtest/gtest.h>

#include "support.h"

#include <librdkafka/rdkafka_mock.h>

extern "C" {
#include "kafka/topics.h"
}

namespace
{

/* A mock cluster that the embedded module does not know: as the broker of another process. */
class Other
{
  public:
    Other()
    {
        handle_ = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), nullptr, 0);
        cluster_ = rd_kafka_mock_cluster_new(handle_, 1);
    }
    ~Other()
    {
        rd_kafka_mock_cluster_destroy(cluster_);
        rd_kafka_destroy(handle_);
    }
    std::string bootstrap() const
    {
        return rd_kafka_mock_cluster_bootstraps(cluster_);
    }

  private:
    rd_kafka_t *handle_;
    rd_kafka_mock_cluster_t *cluster_;
};

rd_kafka_t *client_of(const Settings &settings, rd_kafka_type_t type)
{
    const char *const extra[] = {"group.id", "g", nullptr};
    rd_kafka_conf_t *conf = bb_kafka_conf_new(settings.get(), extra, nullptr);
    return conf ? bb_kafka_new(type, conf, nullptr) : nullptr;
}

int partitions_of(rd_kafka_t *client, const char *name)
{
    GError *error = nullptr;
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    g_ptr_array_add(names, const_cast<char *>(name));
    g_autoptr(GPtrArray) states = bb_topics_describe(client, names, 10000, &error);
    EXPECT_NE(nullptr, states) << take(&error);
    if (!states || states->len != 1)
        return -1;
    bb_topic_state *state = static_cast<bb_topic_state *>(g_ptr_array_index(states, 0));
    EXPECT_STREQ(name, state->name);
    EXPECT_EQ(state->partitions > 0 ? 1 : 0, state->replicas);
    return state->partitions;
}

} // namespace

TEST(KafkaTopics, DescribingMakesNothing)
{
    Other broker;
    Settings settings(broker.bootstrap());
    rd_kafka_t *client = client_of(settings, RD_KAFKA_PRODUCER);
    ASSERT_NE(nullptr, client);
    EXPECT_EQ(0, partitions_of(client, "absent"));
    EXPECT_EQ(0, partitions_of(client, "absent"));
    rd_kafka_destroy(client);
}

TEST(KafkaTopics, MadeOnTheOwnEmbeddedBrokerWithItsPartitions)
{
    Settings settings("embedded");
    rd_kafka_t *client = client_of(settings, RD_KAFKA_PRODUCER);
    ASSERT_NE(nullptr, client);
    GError *error = nullptr;
    EXPECT_TRUE(bb_topics_create(client, "six", 6, -1, 5000, &error)) << take(&error);
    EXPECT_TRUE(bb_topics_create(client, "six", 2, -1, 5000, &error)) << take(&error);
    EXPECT_EQ(6, partitions_of(client, "six"));
    rd_kafka_destroy(client);
    bb_embedded_stop();
}

TEST(KafkaTopics, MadeOnAnotherProcesssEmbeddedBrokerFromAConsumerToo)
{
    Other broker;
    Settings settings(broker.bootstrap());
    for (rd_kafka_type_t type : {RD_KAFKA_PRODUCER, RD_KAFKA_CONSUMER}) {
        std::string name = type == RD_KAFKA_PRODUCER ? "from-producer" : "from-consumer";
        rd_kafka_t *client = client_of(settings, type);
        ASSERT_NE(nullptr, client);
        GError *error = nullptr;
        EXPECT_TRUE(bb_topics_create(client, name.c_str(), -1, -1, 5000, &error)) << take(&error);
        EXPECT_GT(partitions_of(client, name.c_str()), 0);
        EXPECT_TRUE(bb_topics_create(client, name.c_str(), -1, -1, 5000, &error)) << take(&error);
        rd_kafka_destroy(client);
    }
}

TEST(KafkaTopics, WrongNumbersAreUsageErrors)
{
    Settings settings("127.0.0.1:1");
    rd_kafka_t *client = client_of(settings, RD_KAFKA_PRODUCER);
    ASSERT_NE(nullptr, client);
    GError *error = nullptr;
    EXPECT_FALSE(bb_topics_create(client, "t", -2, -1, 50, &error));
    ASSERT_NE(nullptr, error);
    EXPECT_EQ(BB_ERROR_USAGE, error->code);
    EXPECT_NE(std::string::npos, take(&error).find("topic t"));
    rd_kafka_destroy(client);
}

TEST(KafkaTopics, ABrokerThatIsNotThereIsAKafkaError)
{
    Settings settings("127.0.0.1:1");
    rd_kafka_t *client = client_of(settings, RD_KAFKA_PRODUCER);
    ASSERT_NE(nullptr, client);
    GError *error = nullptr;
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    EXPECT_EQ(nullptr, bb_topics_describe(client, names, 200, &error));
    ASSERT_NE(nullptr, error);
    EXPECT_EQ(BB_ERROR_KAFKA, error->code);
    g_clear_error(&error);
    EXPECT_FALSE(bb_topics_create(client, "t", 1, 1, 200, &error));
    ASSERT_NE(nullptr, error);
    EXPECT_EQ(BB_ERROR_KAFKA, error->code);
    g_clear_error(&error);
    rd_kafka_destroy(client);
}
