/* Delivery errors in words: the topic, the way out, and whether to try again. */
#include <gtest/gtest.h>

#include <string>

extern "C" {
#include "kafka/delivery_error.h"
}

namespace
{

std::string text(rd_kafka_resp_err_t code,
                 rd_kafka_msg_status_t stored = RD_KAFKA_MSG_STATUS_NOT_PERSISTED)
{
    g_autofree char *words = bb_delivery_text(code, "orders", stored);
    return words;
}

} // namespace

TEST(DeliveryError, MissingTopicNamesTheWayOut)
{
    for (rd_kafka_resp_err_t code :
         {RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART}) {
        EXPECT_EQ("topic orders does not exist; `busbar topics apply` makes it", text(code));
        EXPECT_FALSE(bb_delivery_retriable(code));
    }
}

TEST(DeliveryError, NotAuthorisedNamesTheRight)
{
    std::string topic = text(RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    EXPECT_EQ(0u, topic.find("not authorised for topic orders")) << topic;
    EXPECT_NE(std::string::npos, topic.find("WRITE")) << topic;
    std::string cluster = text(RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED);
    EXPECT_NE(std::string::npos, cluster.find("IDEMPOTENT_WRITE")) << cluster;
    EXPECT_FALSE(bb_delivery_retriable(RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED));
    EXPECT_TRUE(bb_delivery_hopeless(RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED));
}

TEST(DeliveryError, DuplicatesThatMayComeAreSaid)
{
    EXPECT_EQ(std::string::npos, text(RD_KAFKA_RESP_ERR__MSG_TIMED_OUT).find("duplicate"));
    EXPECT_NE(std::string::npos,
              text(RD_KAFKA_RESP_ERR__MSG_TIMED_OUT, RD_KAFKA_MSG_STATUS_POSSIBLY_PERSISTED)
                  .find("duplicate"));
}

TEST(DeliveryError, PassingReasonsAreRetriable)
{
    for (rd_kafka_resp_err_t code :
         {RD_KAFKA_RESP_ERR__MSG_TIMED_OUT, RD_KAFKA_RESP_ERR__TRANSPORT,
          RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, RD_KAFKA_RESP_ERR__PURGE_QUEUE})
        EXPECT_TRUE(bb_delivery_retriable(code)) << rd_kafka_err2name(code);
    for (rd_kafka_resp_err_t code :
         {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, RD_KAFKA_RESP_ERR_INVALID_MSG,
          RD_KAFKA_RESP_ERR_POLICY_VIOLATION})
        EXPECT_FALSE(bb_delivery_retriable(code)) << rd_kafka_err2name(code);
}

TEST(DeliveryError, AnythingElseKeepsTheLibrarysWordsAndName)
{
    std::string words = text(RD_KAFKA_RESP_ERR_POLICY_VIOLATION);
    EXPECT_EQ(0u, words.find("topic orders: ")) << words;
    EXPECT_NE(std::string::npos, words.find("POLICY_VIOLATION")) << words;
}
