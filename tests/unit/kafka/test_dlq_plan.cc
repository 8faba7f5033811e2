// What becomes of a dead letter, and the headers it leaves with.
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

extern "C" {
#include "kafka/dlq_plan.h"
}

namespace
{

using Pairs = std::vector<std::pair<std::string, std::string>>;

rd_kafka_headers_t *make_headers(const Pairs &pairs)
{
    rd_kafka_headers_t *headers = rd_kafka_headers_new(pairs.size());
    for (const auto &pair : pairs)
        rd_kafka_header_add(headers, pair.first.data(), static_cast<ssize_t>(pair.first.size()),
                            pair.second.data(), static_cast<ssize_t>(pair.second.size()));
    return headers;
}

Pairs pairs_of(const rd_kafka_headers_t *headers)
{
    Pairs pairs;
    const char *name;
    const void *value;
    size_t size;
    for (size_t i = 0; !rd_kafka_header_get_all(headers, i, &name, &value, &size); i++)
        pairs.emplace_back(name, value ? std::string(static_cast<const char *>(value), size)
                                       : std::string("null"));
    return pairs;
}

// A record by hand, as bb_dlq_record_read would leave it.
class Letter
{
  public:
    explicit Letter(const char *topic = "orders", guint hops = 0)
    {
        for (const char *&field : record.fields)
            field = "";
        record.fields[BB_DLQ_STAGE] = "validate";
        record.fields[BB_DLQ_REASON] = "amount is missing";
        record.fields[BB_DLQ_KEYWORD] = "required";
        record.fields[BB_DLQ_PLUGIN] = "shop 1.2";
        record.fields[BB_DLQ_TOPIC] = topic;
        record.key = {"k1", 2};
        record.time_us = 1000;
        record.hops = hops;
    }
    bb_dlq_record record = {};
};

class Plan
{
  public:
    Plan()
    {
        plan.targets = g_hash_table_new(g_str_hash, g_str_equal);
        g_hash_table_add(plan.targets, const_cast<char *>("orders"));
    }
    ~Plan()
    {
        g_hash_table_unref(plan.targets);
    }
    Plan(const Plan &) = delete;
    bb_dlq_action decide(const Letter &letter)
    {
        why = "";
        return bb_dlq_decide(&plan, &letter.record, &why);
    }
    bb_dlq_plan plan = {};
    const char *why = "";
};

TEST(DlqPlan, EachRowOfTheTable)
{
    const struct {
        const char *topic;
        guint hops;
        bool matches, parks, park_refused;
        bb_dlq_action action;
        const char *why;
    } rows[] = {
        {"orders", 0, true, false, false, BB_DLQ_SEND_BACK, ""},
        {"orders", 1, true, false, false, BB_DLQ_SEND_BACK, ""},
        {"orders", 2, true, false, false, BB_DLQ_PARK, "twice"},
        {"orders", 3, true, false, true, BB_DLQ_PARK, "twice"},
        {"orders", 0, true, true, false, BB_DLQ_PARK, "dlq park"},
        {"other", 0, true, true, false, BB_DLQ_PARK, "dlq park"},
        {"other", 0, true, false, false, BB_DLQ_REFUSE, "enabled event type"},
        {"other", 2, true, false, false, BB_DLQ_REFUSE, "enabled event type"},
        {"other", 0, true, false, true, BB_DLQ_PARK, "enabled event type"},
        {"", 0, true, false, false, BB_DLQ_REFUSE, "no header busbar.topic"},
        {"", 0, true, false, true, BB_DLQ_PARK, "no header busbar.topic"},
        {"orders", 0, false, false, false, BB_DLQ_LEAVE, ""},
        {"other", 2, false, false, true, BB_DLQ_LEAVE, ""},
        {"orders", 0, false, true, false, BB_DLQ_LEAVE, ""},
    };
    for (const auto &row : rows) {
        Plan plan;
        plan.plan.parks = row.parks;
        plan.plan.park_refused = row.park_refused;
        plan.plan.filter.stage = row.matches ? "validate" : "handle";
        EXPECT_EQ(plan.decide(Letter(row.topic, row.hops)), row.action) << row.topic << row.hops;
        EXPECT_NE(std::string(plan.why).find(row.why), std::string::npos) << plan.why;
    }
}

bool matches(void (*set)(bb_dlq_filter *filter))
{
    bb_dlq_filter filter = {};
    Letter letter;
    EXPECT_TRUE(bb_dlq_filter_is_empty(&filter));
    EXPECT_TRUE(bb_dlq_filter_matches(&filter, &letter.record));
    set(&filter);
    EXPECT_FALSE(bb_dlq_filter_is_empty(&filter));
    return bb_dlq_filter_matches(&filter, &letter.record);
}

TEST(DlqPlan, FiltersAskForTheWholeTextExceptTheReason)
{
    EXPECT_TRUE(matches([](bb_dlq_filter *f) { f->stage = "validate"; }));
    EXPECT_FALSE(matches([](bb_dlq_filter *f) { f->stage = "valid"; }));
    EXPECT_TRUE(matches([](bb_dlq_filter *f) { f->keyword = "required"; }));
    EXPECT_FALSE(matches([](bb_dlq_filter *f) { f->keyword = "type"; }));
    EXPECT_TRUE(matches([](bb_dlq_filter *f) { f->reason = "is miss"; }));
    EXPECT_FALSE(matches([](bb_dlq_filter *f) { f->reason = "is there"; }));
    EXPECT_TRUE(matches([](bb_dlq_filter *f) { f->plugin = "shop"; }));
    EXPECT_TRUE(matches([](bb_dlq_filter *f) { f->plugin = "shop 1.2"; }));
    EXPECT_FALSE(matches([](bb_dlq_filter *f) { f->plugin = "sho"; }));
    EXPECT_FALSE(matches([](bb_dlq_filter *f) { f->plugin = "shop 1.2.3"; }));
    EXPECT_TRUE(matches([](bb_dlq_filter *f) { f->key = "k1"; }));
    EXPECT_FALSE(matches([](bb_dlq_filter *f) { f->key = "k"; }));
    EXPECT_FALSE(matches([](bb_dlq_filter *f) { f->key = "k12"; }));
}

TEST(DlqPlan, SinceIsIncludedAndUntilIsNot)
{
    EXPECT_TRUE(matches([](bb_dlq_filter *f) { f->since_us = 1000; }));
    EXPECT_FALSE(matches([](bb_dlq_filter *f) { f->since_us = 1001; }));
    EXPECT_TRUE(matches([](bb_dlq_filter *f) { f->until_us = 1001; }));
    EXPECT_FALSE(matches([](bb_dlq_filter *f) { f->until_us = 1000; }));
}

TEST(DlqPlan, ANullKeyIsNotAnEmptyOne)
{
    bb_dlq_filter filter = {};
    Letter letter;
    filter.key = "";
    letter.record.key = {nullptr, 0};
    EXPECT_FALSE(bb_dlq_filter_matches(&filter, &letter.record));
    letter.record.key = {"", 0};
    EXPECT_TRUE(bb_dlq_filter_matches(&filter, &letter.record));
}

TEST(DlqRecord, GoesBackWithTheHeadersItFirstHad)
{
    const std::string bytes("a\0\xff", 3);
    rd_kafka_headers_t *headers = make_headers({{"trace", bytes},
                                                {"busbar.producer", "web"},
                                                {"trace", ""},
                                                {"busbar.hops", "1"},
                                                {"busbar.stage", "parse"},
                                                {"busbar.reason", "bad"},
                                                {"busbar.topic", "orders"},
                                                {"busbar.parked", "why"}});
    bb_dlq_record record = {};
    record.headers = headers;
    rd_kafka_headers_t *back = bb_dlq_headers_back(&record, 2);
    EXPECT_EQ(
        pairs_of(back),
        (Pairs{{"trace", bytes}, {"busbar.producer", "web"}, {"trace", ""}, {"busbar.hops", "2"}}));
    rd_kafka_headers_destroy(back);
    rd_kafka_headers_t *parked = bb_dlq_headers_parked(&record, "by hand");
    Pairs expected = pairs_of(headers);
    expected.back().second = "by hand";
    EXPECT_EQ(pairs_of(parked), expected);
    rd_kafka_headers_destroy(parked);
    rd_kafka_headers_destroy(headers);
}

TEST(DlqRecord, WithoutHeadersThereIsOnlyTheCount)
{
    bb_dlq_record record = {};
    rd_kafka_headers_t *back = bb_dlq_headers_back(&record, 1);
    EXPECT_EQ(pairs_of(back), (Pairs{{"busbar.hops", "1"}}));
    rd_kafka_headers_destroy(back);
}

TEST(DlqRecord, TimesNeedAZone)
{
    gint64 time_us = 0;
    EXPECT_TRUE(bb_dlq_parse_time("1970-01-01T00:00:01.500Z", &time_us));
    EXPECT_EQ(time_us, 1500000);
    EXPECT_TRUE(bb_dlq_parse_time("1970-01-01T01:00:00+01:00", &time_us));
    EXPECT_EQ(time_us, 0);
    for (const char *text : {"", "2h", "1970-01-01", "1970-01-01T00:00:01", "soon"})
        EXPECT_FALSE(bb_dlq_parse_time(text, &time_us)) << text;
}

} // namespace
