/* Client configuration from the settings, waiting for a broker. */
#include <gtest/gtest.h>

#include <atomic>
#include <mutex>

#include "transaction_support.h"

TEST(KafkaClient, SettingsThenExtraDecide)
{
    Settings settings("127.0.0.1:1");
    settings.add("linger.ms", "7");
    settings.add("client.id", "mine");
    const char *const extra[] = {"linger.ms", "9", "group.id", "g", nullptr};
    GError *error = nullptr;
    rd_kafka_conf_t *conf = bb_kafka_conf_new(settings.get(), extra, &error);
    ASSERT_NE(nullptr, conf) << take(&error);
    EXPECT_EQ("127.0.0.1:1", conf_value(conf, "bootstrap.servers"));
    EXPECT_EQ("9", conf_value(conf, "linger.ms"));
    EXPECT_EQ("mine", conf_value(conf, "client.id"));
    EXPECT_EQ("g", conf_value(conf, "group.id"));
    rd_kafka_conf_destroy(conf);
}

TEST(KafkaClient, ClientIdIsBusbarByDefault)
{
    Settings settings("127.0.0.1:1");
    rd_kafka_conf_t *conf = bb_kafka_conf_new(settings.get(), nullptr, nullptr);
    ASSERT_NE(nullptr, conf);
    EXPECT_EQ("busbar", conf_value(conf, "client.id"));
    rd_kafka_conf_destroy(conf);
}

TEST(KafkaClient, DefaultGivesWayToTheUserUnderAnyName)
{
    Settings settings("127.0.0.1:1");
    settings.add("queue.buffering.max.ms", "77"); /* the older name of linger.ms */
    rd_kafka_conf_t *conf = bb_kafka_conf_new(settings.get(), nullptr, nullptr);
    ASSERT_NE(nullptr, conf);
    EXPECT_TRUE(bb_kafka_conf_default(conf, settings.get(), "linger.ms", "5", nullptr));
    EXPECT_TRUE(bb_kafka_conf_default(conf, settings.get(), "compression.type", "snappy", nullptr));
    EXPECT_EQ("77", conf_value(conf, "linger.ms"));
    EXPECT_EQ("snappy", conf_value(conf, "compression.type"));
    rd_kafka_conf_destroy(conf);
}

TEST(KafkaClient, UnknownPropertyIsNamedWithTheLibrarysVersion)
{
    Settings settings("127.0.0.1:1");
    settings.add("linger.msec", "7");
    GError *error = nullptr;
    EXPECT_EQ(nullptr, bb_kafka_conf_new(settings.get(), nullptr, &error));
    ASSERT_NE(nullptr, error);
    EXPECT_EQ(BB_ERROR_USAGE, error->code);
    std::string text = take(&error);
    EXPECT_NE(std::string::npos, text.find("linger.msec")) << text;
    EXPECT_NE(std::string::npos, text.find(rd_kafka_version_str())) << text;
}

TEST(KafkaClient, SecretsStayOutOfMessages)
{
    Settings open_settings("127.0.0.1:1"), secret_settings("127.0.0.1:1");
    open_settings.add("security.protocol", "hunter2");
    secret_settings.add("security.protocol", "hunter2", true);
    GError *error = nullptr;
    EXPECT_EQ(nullptr, bb_kafka_conf_new(open_settings.get(), nullptr, &error));
    std::string shown = take(&error);
    EXPECT_NE(std::string::npos, shown.find("hunter2")) << shown;
    EXPECT_EQ(nullptr, bb_kafka_conf_new(secret_settings.get(), nullptr, &error));
    std::string hidden = take(&error);
    EXPECT_EQ(std::string::npos, hidden.find("hunter2")) << hidden;
    EXPECT_NE(std::string::npos, hidden.find("security.protocol")) << hidden;
}

TEST(KafkaClient, ContradictionsAreReported)
{
    Settings settings("127.0.0.1:1");
    settings.add("enable.idempotence", "true");
    settings.add("acks", "0");
    GError *error = nullptr;
    rd_kafka_conf_t *conf = bb_kafka_conf_new(settings.get(), nullptr, &error);
    ASSERT_NE(nullptr, conf) << take(&error);
    EXPECT_EQ(nullptr, bb_kafka_new(RD_KAFKA_PRODUCER, conf, &error));
    ASSERT_NE(nullptr, error);
    EXPECT_EQ(BB_ERROR_USAGE, error->code);
    take(&error);
}

TEST(KafkaClient, WaitGivesUpAndSaysWhatItTried)
{
    Settings settings("127.0.0.1:1");
    GError *error = nullptr;
    rd_kafka_conf_t *conf = bb_kafka_conf_new(settings.get(), nullptr, &error);
    ASSERT_NE(nullptr, conf);
    rd_kafka_t *client = bb_kafka_new(RD_KAFKA_PRODUCER, conf, &error);
    ASSERT_NE(nullptr, client);
    EXPECT_FALSE(bb_kafka_wait(client, 300, nullptr, &error));
    ASSERT_NE(nullptr, error);
    EXPECT_EQ(BB_ERROR_KAFKA, error->code);
    std::string text = take(&error);
    EXPECT_NE(std::string::npos, text.find("(127.0.0.1:1)")) << text;
    EXPECT_NE(std::string::npos, text.find("Kafka at 127.0.0.1:1 is not reachable")) << text;
    EXPECT_NE(std::string::npos, text.find("Connection refused")) << text;
    rd_kafka_destroy(client);
}

TEST(KafkaClient, WaitStopsWhenAsked)
{
    Settings settings("127.0.0.1:1");
    rd_kafka_conf_t *conf = bb_kafka_conf_new(settings.get(), nullptr, nullptr);
    rd_kafka_t *client = bb_kafka_new(RD_KAFKA_PRODUCER, conf, nullptr);
    ASSERT_NE(nullptr, client);
    gint stop = 1;
    GError *error = nullptr;
    EXPECT_FALSE(bb_kafka_wait(client, -1, &stop, &error));
    std::string text = take(&error);
    EXPECT_NE(std::string::npos, text.find("stopped")) << text;
    rd_kafka_destroy(client);
}

namespace
{

/* Holds up the end of a client until the test lets go. */
struct Gate {
    std::mutex lock;
    std::atomic<bool> passed{false};
};

rd_kafka_resp_err_t wait_at_gate(rd_kafka_t *, void *opaque)
{
    auto *gate = static_cast<Gate *>(opaque);
    gate->lock.lock();
    gate->passed = true;
    gate->lock.unlock();
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

rd_kafka_resp_err_t put_gate(rd_kafka_t *client, const rd_kafka_conf_t *, void *opaque, char *,
                             size_t)
{
    return rd_kafka_interceptor_add_on_destroy(client, "gate", wait_at_gate, opaque);
}

} // namespace

TEST(KafkaClient, TheEndIsBounded)
{
    static Gate gate; /* the client outlives the test for a moment */
    Settings settings("127.0.0.1:1");
    rd_kafka_conf_t *conf = bb_kafka_conf_new(settings.get(), nullptr, nullptr);
    ASSERT_EQ(0, rd_kafka_conf_interceptor_add_on_new(conf, "gate", put_gate, &gate));
    GError *error = nullptr;
    rd_kafka_t *client = bb_kafka_new(RD_KAFKA_PRODUCER, conf, &error);
    ASSERT_NE(nullptr, client) << take(&error);
    gate.lock.lock();
    EXPECT_FALSE(bb_kafka_end(client, 50));
    EXPECT_FALSE(gate.passed);
    gate.lock.unlock();
    for (int i = 0; i < 5000 && !gate.passed; i++)
        g_usleep(1000);
    EXPECT_TRUE(gate.passed);
}

TEST(KafkaClient, AnEndThatIsDue)
{
    Settings settings("127.0.0.1:1");
    GError *error = nullptr;
    rd_kafka_t *client = bb_kafka_new(RD_KAFKA_PRODUCER,
                                      bb_kafka_conf_new(settings.get(), nullptr, nullptr), &error);
    ASSERT_NE(nullptr, client) << take(&error);
    EXPECT_TRUE(bb_kafka_end(client, 20000));
}

namespace
{

/* What a client tells of itself, ten times a second. */
struct Told {
    std::string statistics;
    static int take(rd_kafka_t *, char *json, size_t size, void *opaque)
    {
        static_cast<Told *>(opaque)->statistics.assign(json, size);
        return 0;
    }
    bool until_cut_off(rd_kafka_t *client, bool wanted)
    {
        for (int i = 0; i < 300; i++) {
            rd_kafka_poll(client, 100);
            if (!statistics.empty() && (bb_kafka_is_cut_off(statistics.c_str()) != FALSE) == wanted)
                return true;
        }
        return false;
    }
};

} // namespace

TEST(KafkaClient, TheLibrarysStatisticsTellAClientThatIsCutOff)
{
    Cluster cluster;
    Told told;
    Settings settings(cluster.bootstrap);
    settings.add("statistics.interval.ms", "100");
    rd_kafka_conf_t *conf = bb_kafka_conf_new(settings.get(), nullptr, nullptr);
    rd_kafka_conf_set_opaque(conf, &told);
    rd_kafka_conf_set_stats_cb(conf, Told::take);
    GError *error = nullptr;
    rd_kafka_t *client = bb_kafka_new(RD_KAFKA_PRODUCER, conf, &error);
    ASSERT_NE(nullptr, client) << ::take(&error);
    ASSERT_TRUE(bb_kafka_wait(client, 20000, nullptr, &error)) << ::take(&error);
    EXPECT_TRUE(told.until_cut_off(client, false)) << told.statistics;
    cluster.set_down();
    EXPECT_TRUE(told.until_cut_off(client, true)) << told.statistics;
    rd_kafka_destroy(client);
}
