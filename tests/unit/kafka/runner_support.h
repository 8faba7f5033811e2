/* Topics on the embedded broker, what is in them, and runners over event types of the test. */
#ifndef BB_TEST_RUNNER_SUPPORT_H
#define BB_TEST_RUNNER_SUPPORT_H

#include <gtest/gtest.h>

#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "../pipeline/lane_support.h"
#include "support.h"

extern "C" {
#include <librdkafka/rdkafka.h>

#include "kafka/runner.h"
}

struct Record {
    std::optional<std::string> key, value;
    std::vector<std::pair<std::string, std::optional<std::string>>> headers;
    gint64 timestamp_ms = 0;
    int partition = 0;
    gint64 offset = -1;
    std::string header(const std::string &name) const
    {
        std::string found = "(none)";
        for (const auto &[key_, value_] : headers)
            if (key_ == name)
                found = value_.value_or("(null)");
        return found;
    }
};

/* The embedded broker with topics of unique names. */
class Broker
{
  public:
    Broker()
    {
        GError *error = nullptr;
        const char *list = bb_embedded_start(&error);
        EXPECT_TRUE(list) << take(&error);
        bootstrap = list ? list : "";
    }
    /* Another one, which is running. */
    explicit Broker(const std::string &bootstrap_) : bootstrap(bootstrap_)
    {
    }
    std::string bootstrap;

    std::string topic(int partitions)
    {
        static int number = 0;
        std::string name = "runner-test-" + std::to_string(++number);
        GError *error = nullptr;
        EXPECT_TRUE(bb_embedded_topic(name.c_str(), partitions, &error)) << take(&error);
        return name;
    }

    rd_kafka_t *client(rd_kafka_type_t kind, const std::string &group = "observer") const
    {
        char reason[256];
        rd_kafka_conf_t *conf = rd_kafka_conf_new();
        rd_kafka_conf_set(conf, "bootstrap.servers", bootstrap.c_str(), reason, sizeof reason);
        if (kind == RD_KAFKA_CONSUMER) {
            rd_kafka_conf_set(conf, "group.id", group.c_str(), reason, sizeof reason);
            rd_kafka_conf_set(conf, "enable.partition.eof", "true", reason, sizeof reason);
        }
        rd_kafka_t *made = rd_kafka_new(kind, conf, reason, sizeof reason);
        EXPECT_TRUE(made) << reason;
        return made;
    }

    /* Produces and waits for the confirmations. */
    void produce(const std::string &topic, const std::vector<Record> &records) const
    {
        rd_kafka_t *producer = client(RD_KAFKA_PRODUCER);
        for (const Record &record : records) {
            rd_kafka_headers_t *headers = rd_kafka_headers_new(4);
            for (const auto &[name, value] : record.headers)
                rd_kafka_header_add(headers, name.data(), (ssize_t)name.size(),
                                    value ? value->data() : nullptr,
                                    value ? (ssize_t)value->size() : 0);
            rd_kafka_vu_t parts[7] = {}; // the macros of rdkafka.h are GNU extensions
            parts[0].vtype = RD_KAFKA_VTYPE_TOPIC;
            parts[0].u.cstr = topic.c_str();
            parts[1].vtype = RD_KAFKA_VTYPE_PARTITION;
            parts[1].u.i32 = record.partition;
            parts[2].vtype = RD_KAFKA_VTYPE_KEY;
            if (record.key)
                parts[2].u.mem = {const_cast<char *>(record.key->data()), record.key->size()};
            parts[3].vtype = RD_KAFKA_VTYPE_VALUE;
            if (record.value)
                parts[3].u.mem = {const_cast<char *>(record.value->data()), record.value->size()};
            parts[4].vtype = RD_KAFKA_VTYPE_TIMESTAMP;
            parts[4].u.i64 = record.timestamp_ms;
            parts[5].vtype = RD_KAFKA_VTYPE_HEADERS;
            parts[5].u.headers = headers;
            parts[6].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
            parts[6].u.i = RD_KAFKA_MSG_F_COPY;
            rd_kafka_error_t *refused =
                rd_kafka_produceva(producer, parts, sizeof parts / sizeof *parts);
            rd_kafka_resp_err_t code = rd_kafka_error_code(refused);
            if (refused)
                rd_kafka_error_destroy(refused);
            EXPECT_EQ(RD_KAFKA_RESP_ERR_NO_ERROR, code) << rd_kafka_err2str(code);
        }
        EXPECT_EQ(RD_KAFKA_RESP_ERR_NO_ERROR, rd_kafka_flush(producer, 20000));
        rd_kafka_destroy(producer);
    }

    /* `count` events {"a":N} with numbers from `first` on, round robin over the partitions. */
    void produce_good(const std::string &topic, int first, int count, int partitions) const
    {
        std::vector<Record> records;
        for (int i = first; i < first + count; i++) {
            Record record;
            record.key = "key-" + std::to_string(i % 17);
            record.value = "{\"a\":" + std::to_string(i) + "}";
            record.partition = i % partitions;
            records.push_back(record);
        }
        produce(topic, records);
    }

    /* Everything in the topic. */
    std::vector<Record> read_all(const std::string &topic, int partitions) const
    {
        std::vector<Record> records;
        rd_kafka_t *consumer = client(RD_KAFKA_CONSUMER);
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partitions);
        for (int i = 0; i < partitions; i++)
            rd_kafka_topic_partition_list_add(list, topic.c_str(), i)->offset =
                RD_KAFKA_OFFSET_BEGINNING;
        rd_kafka_assign(consumer, list);
        rd_kafka_topic_partition_list_destroy(list);
        gint64 deadline = g_get_monotonic_time() + 20 * G_TIME_SPAN_SECOND;
        for (int ends = 0; ends < partitions && g_get_monotonic_time() < deadline;) {
            rd_kafka_message_t *message = rd_kafka_consumer_poll(consumer, 200);
            if (!message)
                continue;
            if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
                ends++;
            else if (!message->err)
                records.push_back(copy(message));
            rd_kafka_message_destroy(message);
        }
        rd_kafka_consumer_close(consumer);
        rd_kafka_destroy(consumer);
        return records;
    }

    /* Committed offset of every partition; -1001 where there is none. */
    std::vector<gint64> committed(const std::string &topic, int partitions,
                                  const std::string &group) const
    {
        rd_kafka_t *consumer = client(RD_KAFKA_CONSUMER, group);
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partitions);
        for (int i = 0; i < partitions; i++)
            rd_kafka_topic_partition_list_add(list, topic.c_str(), i);
        EXPECT_EQ(RD_KAFKA_RESP_ERR_NO_ERROR, rd_kafka_committed(consumer, list, 10000));
        std::vector<gint64> offsets;
        for (int i = 0; i < partitions; i++)
            offsets.push_back(list->elems[i].offset);
        rd_kafka_topic_partition_list_destroy(list);
        rd_kafka_destroy(consumer);
        return offsets;
    }

  private:
    static Record copy(const rd_kafka_message_t *message)
    {
        Record record;
        rd_kafka_timestamp_type_t kind;
        rd_kafka_headers_t *headers;
        if (message->key)
            record.key = std::string((const char *)message->key, message->key_len);
        if (message->payload)
            record.value = std::string((const char *)message->payload, message->len);
        record.timestamp_ms = rd_kafka_message_timestamp(message, &kind);
        record.partition = message->partition;
        record.offset = message->offset;
        if (rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR) {
            const char *name;
            const void *value;
            size_t size;
            for (size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &size) == 0; i++)
                record.headers.emplace_back(
                    name, value ? std::optional<std::string>(std::string((const char *)value, size))
                                : std::nullopt);
        }
        return record;
    }
};

/* An event type on a topic of the broker. */
class TopicType : public FakeType
{
  public:
    TopicType(const std::string &topic, const std::string &group)
        : topic_(topic), group_(group), dead_(topic + ".dlq")
    {
        type.topic = &topic_[0];
        type.group = &group_[0];
        type.dead_letter_topic = &dead_[0];
        settings->retry_initial_ms = 10;
        settings->retry_max_ms = 50;
        settings->flush_interval_ms = 50;
        settings->commit_interval_ms = 100;
    }

  private:
    std::string topic_, group_, dead_;
};

/* A handler for many lanes: notes every number "a" that passed. */
struct Tally {
    std::mutex lock;
    std::map<std::pair<int, gint64>, int> seen; /* partition, offset */
    std::map<std::string, std::vector<gint64>> order;
    bool after(FakeHandler &handler)
    {
        handler.verdict = [this](busbar_call *call, uint32_t, const busbar_event *event) {
            const busbar_origin *origin = call->host->origin(event);
            std::lock_guard<std::mutex> guard(lock);
            seen[{origin->partition, origin->offset}]++;
            order[std::string(origin->key.data ? origin->key.data : "", origin->key.size) + "/" +
                  std::to_string(origin->partition)]
                .push_back(origin->offset);
            return (int32_t)BUSBAR_PASS;
        };
        return true;
    }
};

/* A runner over event types. */
class RunnerUnderTest
{
  public:
    RunnerUnderTest(const std::string &bootstrap, std::vector<const bb_event_type *> types,
                    bool once, gint64 timeout_ms = 20000, gint64 drain_ms = 10000,
                    bb_metrics *metrics = nullptr)
        : settings_(bootstrap)
    {
        const_cast<bb_settings *>(settings_.get())->drain_ms = drain_ms;
        /* the embedded broker lets a group wait for members that have left until this is over */
        settings_.add("session.timeout.ms", "3000");
        settings_.add("heartbeat.interval.ms", "300");
        GPtrArray *list = g_ptr_array_new();
        for (const bb_event_type *type : types)
            g_ptr_array_add(list, const_cast<bb_event_type *>(type));
        bb_run_options options = {};
        options.once = once;
        options.connect_timeout_ms = timeout_ms;
        GError *error = nullptr;
        runner = bb_runner_new(settings_.get(), list, &options, metrics, &error);
        EXPECT_TRUE(runner) << take(&error);
        g_ptr_array_unref(list);
        EXPECT_TRUE(runner && bb_runner_start(runner, &error)) << take(&error);
    }
    ~RunnerUnderTest()
    {
        bb_runner_free(runner);
    }
    RunnerUnderTest(const RunnerUnderTest &) = delete;
    /* Waits for `condition`; false after a minute. */
    template <typename Condition> bool until(Condition condition)
    {
        gint64 deadline = g_get_monotonic_time() + 60 * G_TIME_SPAN_SECOND;
        while (!condition()) {
            if (g_get_monotonic_time() > deadline)
                return false;
            g_usleep(5000);
        }
        return true;
    }
    /* Waits for the end of its own accord; the error text, "" for none. */
    std::string join()
    {
        EXPECT_TRUE(until([this] { return bb_runner_done(runner); }));
        GError *error = nullptr;
        bb_runner_stop(runner);
        bool good = bb_runner_join(runner, &error);
        code = error ? error->code : 0;
        EXPECT_EQ(good, error == nullptr);
        return take(&error);
    }
    std::string stop()
    {
        bb_runner_stop(runner);
        return join();
    }
    bb_run_counts counts(const bb_event_type *type)
    {
        return bb_runner_counts(runner, type);
    }
    guint64 finished(const bb_event_type *type)
    {
        bb_run_counts now = counts(type);
        return now.handled + now.dropped + now.dead_lettered;
    }
    bb_runner *runner = nullptr;
    int code = 0;

  private:
    Settings settings_;
};

#endif
