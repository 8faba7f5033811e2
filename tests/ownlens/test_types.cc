/* What each plugin says of its event types, and what an event looks like on the wire. */
#include "ownlens.hh"

namespace
{

class Types : public testing::TestWithParam<Facts>
{
};

TEST_P(Types, StateWhatTheContractsDocumentStates)
{
    const Facts &facts = GetParam();
    const bb_event_type *type = load(facts.name);
    uint32_t slots = 0;
    (void)bb_contract_slots(type->contract, &slots);
    EXPECT_EQ(slots, facts.fields + 1);
    EXPECT_STREQ(type->topic, facts.topic);
    EXPECT_STREQ(type->group, facts.group);
    EXPECT_STREQ(type->key_template, facts.key);
    EXPECT_STREQ(type->wire.producer, facts.producer);
    EXPECT_STREQ(type->wire.version, "1.0");
    EXPECT_EQ(type->wire.key, bb_wire::BB_WIRE_KEY_JSON);
    EXPECT_EQ(type->wire.metadata, bb_wire::BB_WIRE_METADATA_BODY);
}

std::vector<std::string> keys_of(const std::string &json)
{
    std::vector<std::string> keys;
    Json event = parse(json);
    const char *name;
    json_t *value;
    json_object_foreach(event.get(), name, value) keys.push_back(name);
    return keys;
}

/* Every example passes, has all fields and `_metadata` last, and is left as it is when it is read
 * back. */
void check_examples(const Facts &facts, const std::string &path, size_t least)
{
    Processor publish(facts.name, BB_PROCESS_PUBLISH);
    Processor consume(facts.name, BB_PROCESS_CONSUME);
    std::vector<std::string> lines = lines_of(path);
    EXPECT_GE(lines.size(), least) << path;
    for (const std::string &line : lines) {
        Outcome sent = publish.run(line);
        ASSERT_EQ(sent.verdict, BUSBAR_PASS) << sent.pointer << " " << sent.message << "\n" << line;
        std::vector<std::string> keys = keys_of(sent.json);
        EXPECT_EQ(keys.size(), facts.fields + 1) << sent.json;
        EXPECT_EQ(keys.empty() ? "" : keys.back(), "_metadata") << sent.json;
        EXPECT_GT(sent.key.size(), 2u);
        EXPECT_EQ(sent.key.front(), '"');
        EXPECT_EQ(sent.key.back(), '"');
        Outcome read = consume.run(sent.json);
        EXPECT_EQ(read.verdict, BUSBAR_PASS) << read.pointer << " " << read.message;
        EXPECT_EQ(read.json, sent.json);
    }
}

TEST_P(Types, ExamplesOfTheProjectGoThrough)
{
    const Facts &facts = GetParam();
    std::string name = std::string(facts.domain) + "." + facts.name + ".jsonl";
    check_examples(facts, std::string(BB_SOURCE_DIR "/tests/data/ownlens/examples/") + name, 3);
}

TEST_P(Types, ExamplesOfTheContractsDocumentGoThrough)
{
    const Facts &facts = GetParam();
    std::string path = std::string(BB_SOURCE_DIR "/../shared/contracts/examples/") + facts.domain +
                       "." + facts.name + ".jsonl";
    if (!g_file_test(path.c_str(), G_FILE_TEST_EXISTS))
        GTEST_SKIP() << "the contracts document is not beside the project";
    check_examples(facts, path, 3);
}

INSTANTIATE_TEST_SUITE_P(Ownlens, Types, testing::ValuesIn(all_facts), name_of);

TEST(Key, IsTheJsonTextOfTheCanonicalId)
{
    Processor processor("user_event", BB_PROCESS_PUBLISH);
    Outcome outcome =
        processor.run(R"({"company_id":"c1d5a8e2-3f40-4b6a-9d17-52e8a0b7c614",)"
                      R"("brand_id":"4e9b27f0-8a13-47cd-b5f2-0d6c91e3a758","event_type":"search",)"
                      R"("user_id":"{4B9DEFD4-73F4-4027-AF07-FD6B69C5294B}",)"
                      R"("session_id":"1a41de736e06477c84d312f3578ff2ee"})");
    ASSERT_EQ(outcome.verdict, BUSBAR_PASS) << outcome.message;
    EXPECT_EQ(outcome.key, R"("4b9defd4-73f4-4027-af07-fd6b69c5294b")");
}

TEST(Key, IsMadeAfterTheIdWasGenerated)
{
    Processor processor("audit_log", BB_PROCESS_PUBLISH);
    Outcome outcome = processor.run(
        R"({"company_id":"c1d5a8e2-3f40-4b6a-9d17-52e8a0b7c614",)"
        R"("brand_id":"4e9b27f0-8a13-47cd-b5f2-0d6c91e3a758","action":"read",)"
        R"("resource_type":"role","success":"yes","event_date":"2025-03-14","log_id":null})");
    ASSERT_EQ(outcome.verdict, BUSBAR_PASS) << outcome.message;
    Json event = parse(outcome.json);
    std::string id = json_string_value(json_object_get(event.get(), "log_id"));
    EXPECT_EQ(outcome.key, "\"" + id + "\"");
    EXPECT_STREQ(json_string_value(json_object_get(event.get(), "action")), "READ");
    EXPECT_TRUE(json_is_true(json_object_get(event.get(), "success")));
}

TEST(Key, OfQualityMetricsJoinsTableAndDate)
{
    Processor processor("quality_metric", BB_PROCESS_PUBLISH);
    Outcome outcome = processor.run(
        R"({"company_id":"c1d5a8e2-3f40-4b6a-9d17-52e8a0b7c614",)"
        R"("brand_id":"4e9b27f0-8a13-47cd-b5f2-0d6c91e3a758","table_name":"audit_logs",)"
        R"("metric_date":"2025-03-14 00:00:00"})");
    ASSERT_EQ(outcome.verdict, BUSBAR_PASS) << outcome.message;
    EXPECT_EQ(outcome.key, R"("audit_logs_2025-03-14")");
}

} // namespace
