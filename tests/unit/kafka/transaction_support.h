/* A cluster of its own that a test can make fail, for outboxes and consumers with transactions. */
#ifndef BB_TEST_TRANSACTION_SUPPORT_H
#define BB_TEST_TRANSACTION_SUPPORT_H

#include "client_double.h"
#include "runner_support.h"

extern "C" {
#include <librdkafka/rdkafka_mock.h>
}

enum { PRODUCE = 0, INIT_PRODUCER = 22, END_TRANSACTION = 26, TRANSACTION_OFFSETS = 28 };

class Cluster : public Broker
{
  public:
    Cluster() : Broker("")
    {
        char reason[256];
        carrier_ = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), reason, sizeof reason);
        EXPECT_TRUE(carrier_) << reason;
        cluster_ = rd_kafka_mock_cluster_new(carrier_, 1);
        EXPECT_TRUE(cluster_);
        bootstrap = rd_kafka_mock_cluster_bootstraps(cluster_);
    }
    ~Cluster()
    {
        rd_kafka_mock_cluster_destroy(cluster_);
        rd_kafka_destroy(carrier_);
    }
    Cluster(const Cluster &) = delete;
    void add_topic(const char *name, int partitions)
    {
        EXPECT_EQ(RD_KAFKA_RESP_ERR_NO_ERROR,
                  rd_kafka_mock_topic_create(cluster_, name, partitions, 1));
    }
    /* For the next test. */
    void recover()
    {
        for (int kind : {PRODUCE, INIT_PRODUCER, END_TRANSACTION, TRANSACTION_OFFSETS})
            rd_kafka_mock_clear_request_errors(cluster_, (int16_t)kind);
        rd_kafka_mock_broker_set_up(cluster_, 1);
    }
    /* The next request of the kind gets this answer. */
    void refuse(int kind, rd_kafka_resp_err_t code)
    {
        rd_kafka_mock_push_request_errors(cluster_, (int16_t)kind, 1, code);
    }
    void set_down()
    {
        rd_kafka_mock_broker_set_down(cluster_, 1);
    }
    /* The values in the topic; records of aborted transactions too: the cluster hides none. */
    std::multiset<std::string> values(const std::string &topic) const
    {
        std::multiset<std::string> found;
        for (const Record &record : read_all(topic, 1))
            found.insert(record.value.value_or(""));
        return found;
    }

  private:
    rd_kafka_t *carrier_ = nullptr;
    rd_kafka_mock_cluster_t *cluster_ = nullptr;
};

#endif
