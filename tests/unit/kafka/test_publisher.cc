/* Publishing on the mock cluster: outcomes, their order, keys and partitions, and every way to
 * fail. */
#include <gtest/gtest.h>

#include "support.h"

#include <librdkafka/rdkafka_mock.h>

extern "C" {
#include "base/clock.h"
#include "kafka/publisher.h"
}

namespace
{

const char contract_text[] = R"({
  "type": "object",
  "x-busbar-key": "{id}",
  "x-busbar-wire": { "key": "json", "metadata": "none" },
  "properties": { "id": { "type": "string" }, "n": { "type": "integer" } },
  "required": ["id"]
})";

/* An event type made by hand, as the registry would. */
class Type
{
  public:
    explicit Type(const char *topic)
    {
        GError *error = nullptr;
        bb_contract_options options = {};
        options.source = "test";
        contract_ = bb_contract_compile(contract_text, sizeof contract_text - 1, &options, &error);
        EXPECT_NE(nullptr, contract_) << take(&error);
        topic_ = topic;
        type_.full_name = const_cast<char *>("test.event");
        type_.domain = const_cast<char *>("test");
        type_.name = const_cast<char *>("event");
        type_.plugin = const_cast<char *>("generic");
        type_.topic = &topic_[0];
        type_.contract = contract_;
        type_.wire = *bb_contract_wire(contract_);
        type_.key_template = const_cast<char *>(bb_contract_key_template(contract_));
    }
    ~Type()
    {
        bb_contract_unref(contract_);
    }
    Type(const Type &) = delete;
    const bb_event_type *get() const
    {
        return &type_;
    }

  private:
    bb_contract *contract_;
    std::string topic_;
    bb_event_type type_ = {};
};

/* A mock cluster that the test can make fail. */
class Cluster
{
  public:
    Cluster()
    {
        rd_kafka_conf_t *conf = rd_kafka_conf_new();
        rd_kafka_conf_set_log_cb(conf, nullptr);
        handle_ = rd_kafka_new(RD_KAFKA_PRODUCER, conf, nullptr, 0);
        cluster_ = rd_kafka_mock_cluster_new(handle_, 1);
    }
    ~Cluster()
    {
        rd_kafka_mock_cluster_destroy(cluster_);
        rd_kafka_destroy(handle_);
    }
    Cluster(const Cluster &) = delete;
    rd_kafka_mock_cluster_t *get() const
    {
        return cluster_;
    }
    std::string bootstrap() const
    {
        return rd_kafka_mock_cluster_bootstraps(cluster_);
    }

  private:
    rd_kafka_t *handle_;
    rd_kafka_mock_cluster_t *cluster_;
};

struct Outcome {
    int status;
    gsize tag;
    int partition;
    gint64 offset;
    bool retriable;
    std::string pointer, keyword, message;
};

void record(const bb_outcome *outcome, void *user)
{
    auto text = [](const char *value) { return std::string(value ? value : ""); };
    static_cast<std::vector<Outcome> *>(user)->push_back(
        {outcome->status, GPOINTER_TO_SIZE(outcome->opaque), outcome->partition, outcome->offset,
         outcome->retriable != FALSE, text(outcome->pointer), text(outcome->keyword),
         text(outcome->message)});
}

/* A publisher and the outcomes that came. */
class Publishing
{
  public:
    explicit Publishing(const Settings &settings, bb_metrics *metrics = nullptr)
    {
        GError *error = nullptr;
        publisher = bb_publisher_new(settings.get(), metrics, record, &outcomes, &error);
        EXPECT_NE(nullptr, publisher) << take(&error);
    }
    ~Publishing()
    {
        bb_publisher_free(publisher);
    }
    Publishing(const Publishing &) = delete;
    void publish(const Type &type, const std::string &text)
    {
        GError *error = nullptr;
        EXPECT_TRUE(bb_publisher_publish(publisher, type.get(), text.data(), text.size(),
                                         GSIZE_TO_POINTER(next++), &error))
            << take(&error);
    }
    void close()
    {
        bb_publisher_free(publisher);
        publisher = nullptr;
    }
    std::vector<Outcome> outcomes;
    bb_publisher *publisher = nullptr;
    gsize next = 0;
};

std::string event(const std::string &id)
{
    return "{\"id\": \"" + id + "\"}";
}

} // namespace

TEST(Publisher, DeliversWithPartitionAndOffset)
{
    Cluster cluster;
    Settings settings(cluster.bootstrap());
    Type type("t");
    Publishing run(settings);
    for (int i = 0; i < 3; i++)
        run.publish(type, event("same"));
    EXPECT_EQ(0u, bb_publisher_flush(run.publisher, 20000));
    ASSERT_EQ(3u, run.outcomes.size());
    for (gsize i = 0; i < 3; i++) {
        EXPECT_EQ(BB_DELIVERED, run.outcomes[i].status) << run.outcomes[i].message;
        EXPECT_EQ(i, run.outcomes[i].tag);
        EXPECT_EQ(static_cast<gint64>(i), run.outcomes[i].offset);
        EXPECT_EQ(run.outcomes[0].partition, run.outcomes[i].partition);
    }
}

/* Computed with an independent murmur2 (tests/integration/kit.py) over the key with its quotes. */
TEST(Publisher, KeysGoWhereTheJavaClientPutsThem)
{
    struct {
        const char *key;
        int partition;
    } table[] = {
        {"a", 5},
        {"user-1", 4},
        {"user-2", 1},
        {"4b9defd4-73f4-4027-af07-fd6b69c5294b", 4},
        {"f0b89d44-91c0-4e27-87a8-ee8fa6cb0ffd", 1},
        {"846b370d-5435-44a0-844a-b737f210ed4e", 3},
        {"0123456789abcdef", 3},
        {"x y/z", 4},
    };
    Cluster cluster;
    Settings settings(cluster.bootstrap());
    ASSERT_EQ(RD_KAFKA_RESP_ERR_NO_ERROR, rd_kafka_mock_topic_create(cluster.get(), "t", 6, 1));
    Type type("t");
    Publishing run(settings);
    for (const auto &row : table)
        run.publish(type, event(row.key));
    ASSERT_EQ(0u, bb_publisher_flush(run.publisher, 20000));
    for (gsize i = 0; i < G_N_ELEMENTS(table); i++)
        EXPECT_EQ(table[i].partition, run.outcomes[i].partition) << table[i].key;
}

TEST(Publisher, OutcomesComeInTheOrderOfTheInput)
{
    Cluster cluster;
    Settings settings(cluster.bootstrap());
    Type type("t"), other("other");
    Publishing run(settings);
    for (int i = 0; i < 3000; i++) {
        if (i % 7 == 3)
            run.publish(type, "{\"id\": " + std::to_string(i) + "}");
        else if (i % 11 == 5)
            run.publish(type, "{\"id\": \"unfinished");
        else
            run.publish(i % 2 ? type : other, event("k" + std::to_string(i % 50)));
    }
    EXPECT_EQ(0u, bb_publisher_flush(run.publisher, 30000));
    ASSERT_EQ(3000u, run.outcomes.size());
    for (gsize i = 0; i < 3000; i++) {
        const Outcome &outcome = run.outcomes[i];
        ASSERT_EQ(i, outcome.tag);
        if (i % 7 == 3) {
            ASSERT_EQ(BB_REJECTED, outcome.status);
            ASSERT_EQ("/id", outcome.pointer);
            ASSERT_EQ("type", outcome.keyword);
            ASSERT_EQ(-1, outcome.offset);
        } else if (i % 11 == 5) {
            ASSERT_EQ(BB_REJECTED, outcome.status);
            ASSERT_EQ("malformed", outcome.keyword);
        } else {
            ASSERT_EQ(BB_DELIVERED, outcome.status) << outcome.message;
        }
    }
}

TEST(Publisher, RefusedFromOutsideKeepsItsPlace)
{
    Cluster cluster;
    Settings settings(cluster.bootstrap());
    Type type("t");
    Publishing run(settings);
    GError *error = nullptr;
    run.publish(type, event("a"));
    EXPECT_TRUE(bb_publisher_refuse(run.publisher, type.get(), "size", "too long",
                                    GSIZE_TO_POINTER(run.next++), &error))
        << take(&error);
    run.publish(type, event("b"));
    EXPECT_EQ(0u, bb_publisher_flush(run.publisher, 20000));
    ASSERT_EQ(3u, run.outcomes.size());
    EXPECT_EQ(BB_DELIVERED, run.outcomes[0].status);
    EXPECT_EQ(BB_REJECTED, run.outcomes[1].status);
    EXPECT_EQ("size", run.outcomes[1].keyword);
    EXPECT_EQ(BB_DELIVERED, run.outcomes[2].status);
}

TEST(Publisher, EventsThatAreTooLargeAreRejected)
{
    Cluster cluster;
    Settings settings(cluster.bootstrap());
    settings.add("message.max.bytes", "1000");
    Type type("t");
    Publishing run(settings);
    run.publish(type, event(std::string(2000, 'x')));
    run.publish(type, event("fits"));
    EXPECT_EQ(0u, bb_publisher_flush(run.publisher, 20000));
    ASSERT_EQ(2u, run.outcomes.size());
    EXPECT_EQ(BB_REJECTED, run.outcomes[0].status);
    EXPECT_EQ("size", run.outcomes[0].keyword);
    EXPECT_NE(std::string::npos, run.outcomes[0].message.find("message.max.bytes"));
    EXPECT_EQ(BB_DELIVERED, run.outcomes[1].status);
}

TEST(Publisher, PermanentErrorsOfTheBrokerFailTheEventWithAReason)
{
    struct {
        rd_kafka_resp_err_t code;
        const char *text;
    } table[] = {
        {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, "not authorised for topic t: "},
        {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, "too large for topic t: "},
        {RD_KAFKA_RESP_ERR_INVALID_REQUIRED_ACKS, "topic t: "},
    };
    for (const auto &row : table) {
        Cluster cluster;
        Settings settings(cluster.bootstrap());
        settings.add("enable.idempotence",
                     "false"); /* such an error is fatal to an idempotent one */
        Type type("t");
        Publishing run(settings);
        run.publish(type, event("a"));
        ASSERT_EQ(0u, bb_publisher_flush(run.publisher, 20000));
        rd_kafka_mock_push_request_errors(cluster.get(), 0, 1, row.code);
        run.publish(type, event("a"));
        run.publish(type, "{}");
        EXPECT_EQ(0u, bb_publisher_flush(run.publisher, 20000));
        ASSERT_EQ(3u, run.outcomes.size());
        EXPECT_EQ(BB_FAILED, run.outcomes[1].status) << row.text;
        EXPECT_FALSE(run.outcomes[1].retriable) << row.text;
        EXPECT_EQ(0u, run.outcomes[1].message.find(row.text)) << run.outcomes[1].message;
        EXPECT_EQ(BB_REJECTED, run.outcomes[2].status);
    }
}

TEST(Publisher, KafkaDownLeavesEventsPendingThenFailed)
{
    Settings settings("127.0.0.1:1");
    Type type("t");
    Publishing run(settings);
    for (int i = 0; i < 3; i++)
        run.publish(type, event("a"));
    run.publish(type, "no json");
    EXPECT_EQ(4u, bb_publisher_flush(run.publisher, 50));
    EXPECT_EQ(4u, bb_publisher_pending(run.publisher));
    EXPECT_TRUE(run.outcomes.empty());
    run.close();
    ASSERT_EQ(4u, run.outcomes.size());
    for (gsize i = 0; i < 3; i++) {
        EXPECT_EQ(BB_FAILED, run.outcomes[i].status);
        EXPECT_TRUE(run.outcomes[i].retriable);
        EXPECT_EQ(i, run.outcomes[i].tag);
    }
    EXPECT_EQ(BB_REJECTED, run.outcomes[3].status);
}

TEST(Publisher, StopEndsTheWaitForRoom)
{
    Settings settings("127.0.0.1:1");
    settings.add("queue.buffering.max.messages", "10");
    Type type("t");
    Publishing run(settings);
    gint stop = 1;
    bb_publisher_set_stop(run.publisher, &stop);
    for (int i = 0; i < 12; i++)
        run.publish(type, event("a"));
    run.close();
    ASSERT_EQ(12u, run.outcomes.size());
    EXPECT_NE(std::string::npos, run.outcomes[11].message.find("stopped"))
        << run.outcomes[11].message;
    EXPECT_EQ(std::string::npos, run.outcomes[0].message.find("stopped"));
    EXPECT_TRUE(run.outcomes[11].retriable);
}

TEST(Publisher, StopRefusesToTakeWhatHasNoPlace)
{
    Settings settings("127.0.0.1:1");
    settings.add("queue.buffering.max.messages", "10");
    Type type("t");
    Publishing run(settings);
    gint stop = 1;
    bb_publisher_set_stop(run.publisher, &stop);
    GError *error = nullptr;
    gsize taken = 0;
    std::string text = event("a");
    while (taken < 1000000 && bb_publisher_publish(run.publisher, type.get(), text.data(),
                                                   text.size(), nullptr, &error))
        taken++;
    ASSERT_NE(nullptr, error);
    EXPECT_EQ(BB_ERROR_KAFKA, error->code);
    EXPECT_EQ(taken, bb_publisher_pending(run.publisher));
    g_clear_error(&error);
    run.close();
    EXPECT_EQ(taken, run.outcomes.size());
}

TEST(Publisher, AFatalErrorLosesNothingInSilence)
{
    Cluster cluster;
    Settings settings(cluster.bootstrap());
    ASSERT_EQ(RD_KAFKA_RESP_ERR_NO_ERROR, rd_kafka_mock_topic_create(cluster.get(), "t", 4, 1));
    Type type("t");
    Publishing run(settings);
    run.publish(type, event("before"));
    ASSERT_EQ(0u, bb_publisher_flush(run.publisher, 20000));
    const rd_kafka_resp_err_t errors[] = {RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH,
                                          RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER};
    rd_kafka_mock_push_request_errors_array(cluster.get(), 0, 2, errors);
    for (int i = 0; i < 500; i++)
        run.publish(type, event("k" + std::to_string(i)));
    EXPECT_EQ(0u, bb_publisher_flush(run.publisher, 30000));
    ASSERT_EQ(501u, run.outcomes.size());
    gsize delivered = 0;
    for (gsize i = 0; i < run.outcomes.size(); i++) {
        EXPECT_EQ(i, run.outcomes[i].tag);
        delivered += run.outcomes[i].status == BB_DELIVERED;
        if (run.outcomes[i].status != BB_DELIVERED) {
            EXPECT_TRUE(run.outcomes[i].retriable) << run.outcomes[i].message;
        }
    }
    EXPECT_GT(delivered, 1u);
    run.publish(type, event("after"));
    ASSERT_EQ(0u, bb_publisher_flush(run.publisher, 30000));
    EXPECT_EQ(BB_DELIVERED, run.outcomes.back().status) << run.outcomes.back().message;
}

TEST(Publisher, BrokerThatGoesAwayInBetweenDoesNotDuplicate)
{
    Cluster cluster;
    Settings settings(cluster.bootstrap());
    ASSERT_EQ(RD_KAFKA_RESP_ERR_NO_ERROR, rd_kafka_mock_topic_create(cluster.get(), "t", 1, 1));
    Type type("t");
    Publishing run(settings);
    run.publish(type, event("first"));
    ASSERT_EQ(0u, bb_publisher_flush(run.publisher, 20000));
    rd_kafka_mock_push_request_errors(cluster.get(), 0, 3, RD_KAFKA_RESP_ERR__TRANSPORT,
                                      RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
                                      RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT);
    for (int i = 0; i < 100; i++)
        run.publish(type, event("k"));
    EXPECT_EQ(0u, bb_publisher_flush(run.publisher, 30000));
    ASSERT_EQ(101u, run.outcomes.size());
    for (gsize i = 0; i < run.outcomes.size(); i++) {
        ASSERT_EQ(BB_DELIVERED, run.outcomes[i].status) << run.outcomes[i].message;
        ASSERT_EQ(static_cast<gint64>(i), run.outcomes[i].offset);
    }
}

TEST(Publisher, CountsByOutcome)
{
    Cluster cluster;
    Settings settings(cluster.bootstrap());
    Type type("t");
    g_autoptr(bb_metrics) metrics = bb_metrics_new();
    Publishing run(settings, metrics);
    run.publish(type, event("a"));
    run.publish(type, "[]");
    run.publish(type, event("b"));
    EXPECT_EQ(0u, bb_publisher_flush(run.publisher, 20000));
    auto value = [&](const char *outcome) {
        std::string labels = std::string("event=\"test.event\",outcome=\"") + outcome + "\"";
        return bb_metric_value(
            bb_metrics_get(metrics, 1, "busbar_published_events_total", labels.c_str(), "again"));
    };
    EXPECT_EQ(2, value("delivered"));
    EXPECT_EQ(1, value("rejected"));
    EXPECT_EQ(0, value("failed"));
}
