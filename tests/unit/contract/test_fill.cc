/* Filling of absent members: defaults, times and UUIDs. */
#include <gtest/gtest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <set>
#include <string>

extern "C" {
#include "contract/contract.h"
#include "contract/derived.h"
#include "contract/format.h"
#include "contract/random.h"
}

namespace
{

const char *const kSchema = R"({
  "type": "object",
  "properties": {
    "id": {"type": ["string", "null"], "x-busbar-generate": {"value": "uuid4", "when": ["absent", "null"]}},
    "other_id": {"type": "string", "x-busbar-generate": {"value": "uuid4", "when": ["absent"]}},
    "created": {"type": ["string", "null"], "x-busbar-generate": {"value": "now", "when": ["absent"]}},
    "updated": {"type": ["string", "null"], "default": null,
                "x-busbar-generate": {"value": "now", "when": ["null"]}},
    "status": {"type": "string", "default": "new"},
    "tags": {"type": "array", "default": ["a", {"b": 1}]},
    "name": {"type": "string"}
  }
})";

/* A contract, an evaluator and one event at a time. */
class Fill : public testing::Test
{
  protected:
    void SetUp() override
    {
        g_autoptr(GError) error = nullptr;
        contract_ = bb_contract_compile(kSchema, strlen(kSchema), nullptr, &error);
        ASSERT_NE(contract_, nullptr) << error->message;
    }

    void TearDown() override
    {
        bb_arena_free(arena_);
        bb_parser_free(parser_);
        bb_evaluator_free(evaluator_);
        bb_contract_unref(contract_);
    }

    std::string Run(const std::string &json, const bb_fill_context &context)
    {
        text_ = json;
        bb_tape tape;
        bb_parse_error parse_error;
        uint32_t count = 0;
        if (!bb_parse(parser_, text_.data(), text_.size(), &tape, &parse_error))
            return parse_error.reason;
        const bb_slot_name *names = bb_contract_slots(contract_, &count);
        busbar_event event;
        bb_event_init(&event, arena_, text_.data(), text_.size(), &tape, names, count);
        bb_contract_fill(contract_, evaluator_, &event, &context);
        busbar_bytes filled = bb_event_json(&event);
        std::string result(filled.data, filled.size);
        bb_event_release(&event);
        return result;
    }

    std::string Member(const std::string &json, const std::string &name)
    {
        size_t at = json.find("\"" + name + "\":");
        if (at == std::string::npos)
            return "";
        at += name.size() + 3;
        return json.substr(at, json.find_first_of(",}", at) - at);
    }

    bb_contract *contract_ = nullptr;
    bb_evaluator *evaluator_ = bb_evaluator_new();
    bb_arena *arena_ = bb_arena_new(0);
    bb_parser *parser_ = bb_parser_new(nullptr);
    std::string text_;
};

const bb_fill_context kPublishing = {INT64_C(1741944413120000), nullptr, 0, 0};
const bb_fill_context kConsuming = {INT64_C(1741944413000000), "user-events", 3, 42};

bool IsUuid(const std::string &quoted, char version)
{
    return quoted.size() == 38 && quoted[0] == '"' && quoted[37] == '"' &&
           bb_format_find("uuid")(quoted.data() + 1, 36) && quoted[15] == version &&
           strchr("89ab", quoted[20]);
}

} // namespace

TEST_F(Fill, AbsentMembersGetDefaultsAndGeneratedValues)
{
    std::string json = Run("{}", kPublishing);
    EXPECT_TRUE(IsUuid(Member(json, "id"), '4')) << json;
    EXPECT_TRUE(IsUuid(Member(json, "other_id"), '4')) << json;
    EXPECT_NE(Member(json, "id"), Member(json, "other_id"));
    EXPECT_EQ(Member(json, "created"), "\"2025-03-14T09:26:53.120000Z\"");
    EXPECT_EQ(Member(json, "updated"), "null");
    EXPECT_EQ(Member(json, "status"), "\"new\"");
    EXPECT_NE(json.find(R"("tags":["a", {"b": 1}])"), std::string::npos) << json;
    EXPECT_EQ(json.find("\"name\""), std::string::npos) << json;
    EXPECT_EQ(json.find("\"id\""), 1u) << "in the order of the contract: " << json;
    EXPECT_LT(json.find("\"status\""), json.find("\"tags\""));
}

TEST_F(Fill, NullIsReplacedOnlyWhereAsked)
{
    std::string json =
        Run(R"({"id":null,"created":null,"updated":null,"status":null})", kPublishing);
    EXPECT_TRUE(IsUuid(Member(json, "id"), '4')) << json;
    EXPECT_EQ(Member(json, "created"), "null");
    EXPECT_EQ(Member(json, "updated"), "\"2025-03-14T09:26:53.120000Z\"");
    EXPECT_EQ(Member(json, "status"), "null");
}

TEST_F(Fill, GivenMembersStay)
{
    const char *json = R"({"name":"x","tags":[],"status":"","updated":"u","created":"c",)"
                       R"("other_id":"o","id":"i"})";
    EXPECT_EQ(Run(json, kPublishing), json);
}

TEST_F(Fill, OnlyObjectsAreFilled)
{
    for (const char *json : {"[]", "null", "\"x\"", "1", "[{}]"})
        EXPECT_EQ(Run(json, kPublishing), json);
}

TEST_F(Fill, SameRecordSameIds)
{
    std::string first = Run("{}", kConsuming);
    EXPECT_EQ(Run("{}", kConsuming), first);
    EXPECT_TRUE(IsUuid(Member(first, "id"), '8')) << first;
    EXPECT_NE(Member(first, "id"), Member(first, "other_id"));
    EXPECT_EQ(Member(first, "created"), "\"2025-03-14T09:26:53Z\"");
    EXPECT_EQ(Member(Run(R"({"id":null})", kConsuming), "id"), Member(first, "id"));
}

TEST_F(Fill, OtherRecordOtherIds)
{
    std::set<std::string> ids;
    for (const char *topic : {"a", "b", "ab", "user-events", "user-eventt"}) {
        for (int partition = 0; partition < 4; partition++) {
            for (int64_t offset = 0; offset < 50; offset++) {
                std::string json = Run("{}", {0, topic, partition, offset});
                ids.insert(Member(json, "id"));
                ids.insert(Member(json, "other_id"));
            }
        }
    }
    EXPECT_EQ(ids.size(), 5u * 4 * 50 * 2);
}

TEST_F(Fill, RandomIdsNeverRepeat)
{
    std::set<std::string> ids;
    for (int i = 0; i < 2000; i++)
        ids.insert(Member(Run("{}", kPublishing), "id"));
    EXPECT_EQ(ids.size(), 2000u);
}

/* Known answers of a second implementation of the form that derived.h describes: the ids of old
 * records must come out of every later version. */
TEST(Derivation, KeepsItsForm)
{
    struct {
        const char *topic;
        int32_t partition;
        int64_t offset;
        const char *name;
        const char *uuid;
    } cases[] = {
        {"user-events", 3, INT64_C(42), "id", "d93f38b7-2200-8d84-b89f-ff1aaa94d6cb"},
        {"user-events", 3, INT64_C(42), "event_id", "6b3d439b-69b0-8954-bfd5-26fb1b81bc2f"},
        {"t", 0, INT64_C(0), "id", "d2c5349e-0422-8005-a5a2-a0200a2fddc9"},
        {"", -1, INT64_C(-1), "", "3a03e768-a78a-8565-8739-0d2b4f62c029"},
        {"exactly8", 2147483647, INT64_C(9223372036854775807), "sixteen-bytes-16",
         "724df76c-eace-82f7-836f-67cf59f043f1"},
        {"a-topic-with-a-long-name.of-some-domain.v1-and-more-and-more-and-more-and-more-and-more-"
         "and-more-and-more-and-more-and-more-and-more-and-more-and-more-and-more-and-more-and-"
         "more-and-more-and-more-and-more-and-more-and-more-and-more-and-more-249",
         11, INT64_C(123456789), "session_id", "e2ee2d55-55f9-81e8-9af6-f7fe9b510ac4"},
    };
    for (const auto &test : cases) {
        bb_derivation derivation;
        uint8_t bytes[16];
        char text[36];
        bb_derivation_init(&derivation, test.topic, test.partition, test.offset);
        bb_derivation_uuid(&derivation, test.name, strlen(test.name), bytes);
        bb_uuid_write(bytes, text);
        EXPECT_EQ(std::string(text, 36), test.uuid) << test.topic << " " << test.name;
    }
}

TEST(Derivation, WritesEveryByte)
{
    uint8_t bytes[16];
    char text[36];
    for (int i = 0; i < 16; i++)
        bytes[i] = static_cast<uint8_t>(i * 17);
    bb_uuid_write(bytes, text);
    EXPECT_EQ(std::string(text, 36), "00112233-4455-6677-8899-aabbccddeeff");
    for (int i = 0; i < 16; i++)
        bytes[i] = static_cast<uint8_t>(0xF0 - i * 15);
    bb_uuid_write(bytes, text);
    EXPECT_EQ(std::string(text, 36), "f0e1d2c3-b4a5-9687-7869-5a4b3c2d1e0f");
}

TEST(Random, ChildOfForkHasItsOwn)
{
    g_autoptr(bb_random) random = bb_random_new();
    uint8_t bytes[BB_RANDOM_BYTES];
    bb_random_take(random, bytes); /* a block is in memory now */
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    pid_t child = fork();
    ASSERT_GE(child, 0);
    bb_random_take(random, bytes);
    if (child == 0)
        _exit(write(ends[1], bytes, sizeof bytes) == static_cast<ssize_t>(sizeof bytes) ? 0 : 1);
    uint8_t theirs[BB_RANDOM_BYTES];
    EXPECT_EQ(read(ends[0], theirs, sizeof theirs), static_cast<ssize_t>(sizeof theirs));
    int status = 0;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    EXPECT_NE(memcmp(bytes, theirs, sizeof bytes), 0);
    close(ends[0]);
    close(ends[1]);
}
