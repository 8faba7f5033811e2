/* The table of librdkafka's versions: ranges, and that the document has it. */
#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>

#include "support.h"

extern "C" {
#include "kafka/gates.h"
}

namespace
{

int version(int major, int minor, int patch)
{
    return major << 24 | minor << 16 | patch << 8 | 0xff;
}

std::string owned(char *text)
{
    std::string copy = text;
    g_free(text);
    return copy;
}

} // namespace

TEST(KafkaGates, EveryRowIsWhole)
{
    std::set<std::string> names;
    for (int i = 0; i < BB_GATE_COUNT; i++) {
        const bb_gate *gate = bb_gate_get(static_cast<bb_gate_id>(i));
        ASSERT_NE(nullptr, gate->name) << i;
        EXPECT_TRUE(names.insert(gate->name).second) << gate->name;
        for (const char *text : {gate->reason, gate->action, gate->source}) {
            ASSERT_NE(nullptr, text) << gate->name;
            EXPECT_EQ(nullptr, strchr(text, '|')) << gate->name; /* would break the table */
            EXPECT_LT(4U, strlen(text)) << gate->name;
        }
        EXPECT_TRUE(gate->until == 0 || gate->from < gate->until) << gate->name;
    }
}

TEST(KafkaGates, RangesBeginWithTheFirstAndEndBeforeTheLast)
{
    struct {
        bb_gate_id id;
        int version;
        bool active;
    } const cases[] = {
        {BB_GATE_NO_FETCH_BACKOFF, version(2, 0, 2), true},
        {BB_GATE_NO_FETCH_BACKOFF, version(2, 1, 1), true},
        {BB_GATE_NO_FETCH_BACKOFF, version(2, 2, 0), false},
        {BB_GATE_UNSAFE_COOPERATIVE, version(2, 8, 0), true},
        {BB_GATE_UNSAFE_COOPERATIVE, version(2, 10, 0), false},
        {BB_GATE_NO_CONSUMER_PROTOCOL, version(2, 11, 1), true},
        {BB_GATE_NO_CONSUMER_PROTOCOL, version(2, 12, 0), false},
        {BB_GATE_PUSH_METRICS, version(2, 4, 0), false},
        {BB_GATE_PUSH_METRICS, version(2, 5, 0), true},
        {BB_GATE_PUSH_METRICS, version(2, 5, 3), false},
        {BB_GATE_METADATA_RACE, version(2, 10, 0), true},
        {BB_GATE_METADATA_RACE, version(2, 10, 1), false},
        {BB_GATE_HELD_OBJECTS, version(2, 0, 2), true},
        {BB_GATE_HELD_OBJECTS, version(2, 16, 1), true},
        {BB_GATE_NO_BROKERS, version(2, 9, 0), false},
        {BB_GATE_NO_BROKERS, version(2, 10, 0), true},
        /* release candidates are of their release */
        {BB_GATE_NO_FETCH_BACKOFF, (version(2, 2, 0) & ~0xff) | 0x01, false},
    };
    for (const auto &one : cases)
        EXPECT_EQ(one.active, bb_gate_active_at(one.id, one.version) != FALSE)
            << bb_gate_get(one.id)->name << " at " << std::hex << one.version;
}

TEST(KafkaGates, TheRunningLibraryDecides)
{
    for (int i = 0; i < BB_GATE_COUNT; i++) {
        auto id = static_cast<bb_gate_id>(i);
        EXPECT_EQ(bb_gate_active_at(id, rd_kafka_version()), bb_gate_active(id));
    }
}

TEST(KafkaGates, RangesReadWell)
{
    EXPECT_EQ("before 2.2.0", owned(bb_gate_range(BB_GATE_NO_FETCH_BACKOFF)));
    EXPECT_EQ("2.10.0 to before 2.10.1", owned(bb_gate_range(BB_GATE_METADATA_RACE)));
    EXPECT_EQ("all", owned(bb_gate_range(BB_GATE_HELD_OBJECTS)));
}

TEST(KafkaGates, TheDocumentHasTheTable)
{
    std::ifstream file(BB_SOURCE_DIR "/docs/librdkafka.md");
    std::stringstream text;
    text << file.rdbuf();
    std::string table = owned(bb_gates_markdown());
    EXPECT_NE(std::string::npos, text.str().find("\n" + table + "\n"))
        << "docs/librdkafka.md differs from core/kafka/gates.c; `busbar _docs gates` prints:\n"
        << table;
}
