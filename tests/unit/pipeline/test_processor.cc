// The stages before handle: what each answer of contract and plugin comes to, keys and metadata.
#include <cstring>
#include <functional>
#include <memory>
#include <regex>
#include <string>
#include <vector>

#include <gtest/gtest.h>

extern "C" {
#include "base/clock.h"
#include "base/error.h"
#include "pipeline/processor.h"
}

namespace
{

const char contract_text[] = R"({
  "type": "object",
  "properties": {
    "id": {"type": "string"},
    "table": {"type": "string"},
    "count": {"type": "integer"},
    "note": {"type": ["string", "null"], "default": "none"},
    "made_at": {"type": "string", "x-busbar-generate": "now"},
    "who": {"type": "string", "x-busbar-lax": "uuid"}
  },
  "required": ["id"],
  "x-busbar-key": "{id}"
})";

// The part of the services that the fake plugin needs; core/plugin has the real ones.
int32_t host_fail(busbar_call *call, uint32_t index, int32_t verdict, uint32_t scope,
                  busbar_bytes pointer, busbar_bytes text)
{
    auto *own = reinterpret_cast<bb_call *>(call);
    EXPECT_LT(index, own->statement_count);
    own->statements[index] = {verdict, scope,
                              bb_arena_copy(own->scratch, pointer.data, pointer.size),
                              bb_arena_copy(own->scratch, text.data, text.size)};
    return verdict;
}

const busbar_host *host()
{
    static busbar_host table;
    table.struct_size = sizeof(table);
    table.fail = host_fail;
    return &table;
}

// A plugin in the process: what it does is set by the test.
struct Plugin {
    std::function<int32_t(busbar_call *)> create;
    std::function<int32_t(busbar_call *, const busbar_event *)> validate;
    std::function<int32_t(busbar_call *, busbar_event *)> enrich;
    int created = 0, destroyed = 0;
};

Plugin *current;

int32_t plugin_create(busbar_call *call, busbar_bytes, void **ret_self)
{
    current->created++;
    *ret_self = current;
    return current->create ? current->create(call) : static_cast<int32_t>(BUSBAR_PASS);
}

void plugin_destroy(void *self)
{
    static_cast<Plugin *>(self)->destroyed++;
}

int32_t plugin_validate(void *self, busbar_call *call, const busbar_event *event)
{
    auto *plugin = static_cast<Plugin *>(self);
    return plugin->validate ? plugin->validate(call, event) : static_cast<int32_t>(BUSBAR_PASS);
}

int32_t plugin_enrich(void *self, busbar_call *call, busbar_event *event)
{
    auto *plugin = static_cast<Plugin *>(self);
    return plugin->enrich ? plugin->enrich(call, event) : static_cast<int32_t>(BUSBAR_PASS);
}

char name_full[] = "shop.order", name_domain[] = "shop", name_event[] = "order",
     name_topic[] = "orders", name_plugin[] = "fake", name_version[] = "7.1";

class Processor : public testing::Test
{
  protected:
    void SetUp() override
    {
        current = &plugin;
        g_autoptr(GError) error = nullptr;
        bb_contract_options options = {};
        options.source = "test";
        type.contract = bb_contract_compile(contract_text, strlen(contract_text), &options, &error);
        ASSERT_NE(type.contract, nullptr) << error->message;
        settings = bb_event_settings_new("order");
        type.full_name = name_full;
        type.domain = name_domain;
        type.name = name_event;
        type.topic = name_topic;
        type.plugin = name_plugin;
        type.plugin_version = name_version;
        type.ops.struct_size = sizeof(type.ops);
        type.ops.validate = plugin_validate;
        type.ops.enrich = plugin_enrich;
        type.create = plugin_create;
        type.destroy = plugin_destroy;
        type.host = host();
        type.wire.key = bb_wire::BB_WIRE_KEY_RAW;
        type.wire.metadata = bb_wire::BB_WIRE_METADATA_NONE;
        type.settings = settings;
        set_key("{id}");
    }
    void TearDown() override
    {
        bb_processor_free(processor);
        bb_event_settings_free(settings);
        bb_contract_unref(type.contract);
    }
    void set_key(const char *text)
    {
        key_template = text;
        type.key_template = key_template.empty() ? nullptr : key_template.data();
    }
    void start(bb_process_mode mode, guint max_failures = 1)
    {
        g_autoptr(GError) error = nullptr;
        bb_processor_free(processor);
        processor = bb_processor_new(&type, mode, max_failures, nullptr, &error);
        ASSERT_NE(processor, nullptr) << error->message;
    }
    busbar_event *run(const std::string &text, const busbar_origin *origin = nullptr)
    {
        texts.push_back(std::make_unique<std::string>(text));
        return bb_processor_run(processor, texts.back()->data(), texts.back()->size(), origin,
                                &result);
    }
    static std::string str(busbar_bytes bytes)
    {
        return bytes.data ? std::string(bytes.data, bytes.size) : "(null)";
    }
    static std::string json(busbar_event *event)
    {
        return event ? str(bb_event_json(event)) : "(no event)";
    }
    std::string key(const std::string &text)
    {
        busbar_event *event = run(text);
        return event ? str(bb_processor_key(processor, event)) : "(no event)";
    }

    Plugin plugin;
    bb_event_type type = {};
    bb_event_settings *settings = nullptr;
    bb_processor *processor = nullptr;
    bb_result result = {};
    std::string key_template;
    std::vector<std::unique_ptr<std::string>> texts;
};

} // namespace

TEST_F(Processor, GoodEventsPassEveryStage)
{
    start(BB_PROCESS_PUBLISH);
    busbar_event *event = run(R"({"id":"a"})");
    ASSERT_NE(event, nullptr) << result.message;
    EXPECT_EQ(result.verdict, BUSBAR_PASS);
    EXPECT_EQ(result.stage, static_cast<uint32_t>(BUSBAR_STAGE_ENRICH));
    EXPECT_STREQ(result.message, "");
    EXPECT_NE(json(event).find(R"("note":"none")"), std::string::npos) << json(event);
}

TEST_F(Processor, MalformedTextIsNamedByLineColumnAndByte)
{
    start(BB_PROCESS_PUBLISH);
    EXPECT_EQ(run("{\"id\":\n  tru}"), nullptr);
    EXPECT_EQ(result.verdict, BUSBAR_REJECT);
    EXPECT_EQ(result.stage, static_cast<uint32_t>(BUSBAR_STAGE_PARSE));
    EXPECT_STREQ(result.keyword, "malformed");
    EXPECT_STREQ(result.pointer, "");
    EXPECT_NE(strstr(result.message, "line 2, column "), nullptr) << result.message;
    EXPECT_NE(strstr(result.message, "byte "), nullptr) << result.message;
    EXPECT_EQ(result.failure_count, 1u);
}

TEST_F(Processor, EmptyAndNullValuesAreToldApartWhileConsuming)
{
    start(BB_PROCESS_CONSUME);
    EXPECT_EQ(run(""), nullptr);
    EXPECT_EQ(result.verdict, BUSBAR_REJECT);
    EXPECT_STREQ(result.keyword, "empty");
    EXPECT_NE(strstr(result.message, "empty (0 bytes)"), nullptr);
    EXPECT_EQ(bb_processor_run(processor, nullptr, 0, nullptr, &result), nullptr);
    EXPECT_STREQ(result.keyword, "empty");
    EXPECT_NE(strstr(result.message, "no value (null)"), nullptr);
}

TEST_F(Processor, AnEmptyLineIsMalformedWhilePublishing)
{
    start(BB_PROCESS_PUBLISH);
    EXPECT_EQ(bb_processor_run(processor, nullptr, 0, nullptr, &result), nullptr);
    EXPECT_STREQ(result.keyword, "malformed");
}

TEST_F(Processor, ContractFailuresAreCollectedUpToTheLimit)
{
    start(BB_PROCESS_VALIDATE, 10);
    EXPECT_EQ(run(R"({"count":"x","table":3})"), nullptr);
    EXPECT_EQ(result.verdict, BUSBAR_REJECT);
    EXPECT_EQ(result.stage, static_cast<uint32_t>(BUSBAR_STAGE_VALIDATE));
    EXPECT_EQ(result.failure_count, 3u);
    EXPECT_STREQ(result.pointer, result.failures[0].pointer);
    EXPECT_STREQ(result.message, result.failures[0].message);
    start(BB_PROCESS_PUBLISH, 1);
    EXPECT_EQ(run(R"({"count":"x","table":3})"), nullptr);
    EXPECT_EQ(result.failure_count, 1u);
}

TEST_F(Processor, TheContractComesBeforeThePlugin)
{
    bool asked = false;
    plugin.validate = [&](busbar_call *, const busbar_event *) {
        asked = true;
        return BUSBAR_PASS;
    };
    start(BB_PROCESS_PUBLISH);
    EXPECT_EQ(run("{}"), nullptr);
    EXPECT_FALSE(asked);
}

struct Answer {
    int32_t given;
    int32_t expected;
    const char *message;
};

TEST_F(Processor, AnswersOfThePluginAreJudged)
{
    const Answer answers[] = {
        {BUSBAR_DROP, BUSBAR_DROP, "answered DROP from validate and gave no reason"},
        {BUSBAR_REJECT, BUSBAR_REJECT, "answered REJECT from validate and gave no reason"},
        {BUSBAR_RETRY, BUSBAR_RETRY, "answered RETRY"},
        {BUSBAR_FATAL, BUSBAR_FATAL, "answered FATAL"},
        {0, BUSBAR_RETRY, "plugin fake 7.1 is at fault: its validate answered 0"},
        {6, BUSBAR_RETRY, "answered 6, which is no verdict"},
        {-1, BUSBAR_RETRY, "answered -1"},
    };
    start(BB_PROCESS_PUBLISH);
    for (const Answer &answer : answers) {
        plugin.validate = [&](busbar_call *, const busbar_event *) { return answer.given; };
        EXPECT_EQ(run(R"({"id":"a"})"), nullptr);
        EXPECT_EQ(result.verdict, answer.expected) << answer.given;
        EXPECT_EQ(result.stage, static_cast<uint32_t>(BUSBAR_STAGE_VALIDATE));
        EXPECT_STREQ(result.keyword, "plugin");
        EXPECT_NE(strstr(result.message, answer.message), nullptr) << result.message;
    }
}

TEST_F(Processor, TheReasonOfThePluginIsKept)
{
    plugin.enrich = [](busbar_call *call, busbar_event *) {
        return busbar_unavailable(call, "store %d is down", 3);
    };
    start(BB_PROCESS_PUBLISH);
    EXPECT_EQ(run(R"({"id":"a"})"), nullptr);
    EXPECT_EQ(result.verdict, BUSBAR_RETRY);
    EXPECT_EQ(result.stage, static_cast<uint32_t>(BUSBAR_STAGE_ENRICH));
    EXPECT_EQ(result.scope, static_cast<uint32_t>(BUSBAR_SCOPE_INFRASTRUCTURE));
    EXPECT_STREQ(result.pointer, "");
    EXPECT_STREQ(result.message, "store 3 is down");
}

TEST_F(Processor, AReasonOfTheLastEventIsNotThatOfTheNext)
{
    int calls = 0;
    plugin.validate = [&](busbar_call *call, const busbar_event *) {
        return calls++ ? static_cast<int32_t>(BUSBAR_REJECT)
                       : busbar_fail_at(call, BUSBAR_REJECT, "/id", "first");
    };
    start(BB_PROCESS_PUBLISH);
    run(R"({"id":"a"})");
    EXPECT_STREQ(result.message, "first");
    EXPECT_STREQ(result.pointer, "/id");
    run(R"({"id":"a"})");
    EXPECT_NE(strstr(result.message, "gave no reason"), nullptr) << result.message;
    EXPECT_STREQ(result.pointer, "");
}

TEST_F(Processor, AnInstanceThatCannotBeMadeIsAnError)
{
    plugin.create = [](busbar_call *call) {
        EXPECT_EQ(call->stage, static_cast<uint32_t>(BUSBAR_STAGE_SETUP));
        return busbar_fail(call, BUSBAR_FATAL, "no licence");
    };
    g_autoptr(GError) error = nullptr;
    EXPECT_EQ(bb_processor_new(&type, BB_PROCESS_PUBLISH, 1, nullptr, &error), nullptr);
    ASSERT_NE(error, nullptr);
    EXPECT_TRUE(g_error_matches(error, BB_ERROR, BB_ERROR_PLUGIN));
    EXPECT_STREQ(error->message, "plugin fake cannot serve shop.order: no licence");
    EXPECT_EQ(plugin.destroyed, 0);
}

TEST_F(Processor, TheInstanceEndsWithTheProcessor)
{
    start(BB_PROCESS_CONSUME);
    EXPECT_EQ(bb_processor_self(processor), &plugin);
    bb_processor_free(processor);
    processor = nullptr;
    EXPECT_EQ(plugin.created, 1);
    EXPECT_EQ(plugin.destroyed, 1);
}

TEST_F(Processor, ABatchStaysAliveUntilReset)
{
    start(BB_PROCESS_CONSUME);
    std::vector<busbar_event *> events;
    for (int i = 0; i < 100; i++)
        events.push_back(run("{\"id\":\"" + std::to_string(i) + "\",\"table\":\"t\"}"));
    bb_result rejected = {};
    const char *broken = R"({"count":1.5})";
    EXPECT_EQ(bb_processor_run(processor, broken, strlen(broken), nullptr, &rejected), nullptr);
    std::string message = rejected.message;
    run(R"({"table":7})");
    EXPECT_EQ(message, rejected.message) << "texts of a failure must outlive the next event";
    for (size_t i = 0; i < events.size(); i++) {
        busbar_value value;
        ASSERT_NE(events[i], nullptr);
        bb_event_get(events[i], 0, &value);
        EXPECT_EQ(str(value.json), std::to_string(i));
    }
    bb_processor_reset(processor);
    EXPECT_EQ(bb_arena_used(bb_processor_arena(processor)), 0u);
}

TEST_F(Processor, ViewsAreReleasedWithTheBatch)
{
    static int released;
    released = 0;
    start(BB_PROCESS_CONSUME);
    busbar_event *event = run(R"({"id":"a"})");
    event->view = &released;
    event->release_view = [](void *view) { ++*static_cast<int *>(view); };
    bb_processor_reset(processor);
    EXPECT_EQ(released, 1);
}

TEST_F(Processor, ConsumingFillsFromTheRecordSoThatTwiceIsTheSame)
{
    busbar_origin origin = {};
    origin.struct_size = sizeof(origin);
    origin.topic = busbar_text("orders");
    origin.partition = 2;
    origin.offset = 77;
    origin.timestamp_ms = 1741944413123;
    settings->enrich = TRUE;
    start(BB_PROCESS_CONSUME);
    std::string first = json(run(R"({"id":"a"})", &origin));
    EXPECT_NE(first.find("2025-03-14T09:26:53.123"), std::string::npos) << first;
    bb_processor_reset(processor);
    EXPECT_EQ(json(run(R"({"id":"a"})", &origin)), first);
}

TEST_F(Processor, ConsumingWithoutEnrichKeepsTheBytes)
{
    const char text[] = R"({"id":"a","who":"{0F8FAD5B-D9CB-469F-A165-70867728950E}"})";
    settings->enrich = TRUE;
    start(BB_PROCESS_CONSUME);
    EXPECT_NE(json(run(text)).find("\"0f8fad5b-d9cb-469f-a165-70867728950e\""), std::string::npos);
    settings->enrich = FALSE;
    plugin.enrich = [](busbar_call *, busbar_event *) {
        ADD_FAILURE() << "enrich was called";
        return BUSBAR_PASS;
    };
    start(BB_PROCESS_CONSUME);
    EXPECT_EQ(json(run(text)), text);
    EXPECT_EQ(result.stage, static_cast<uint32_t>(BUSBAR_STAGE_VALIDATE));
}

TEST_F(Processor, ValidatingDoesNotEnrich)
{
    plugin.enrich = [](busbar_call *, busbar_event *) {
        ADD_FAILURE() << "enrich was called";
        return BUSBAR_PASS;
    };
    start(BB_PROCESS_VALIDATE);
    EXPECT_EQ(json(run(R"({"id":"a"})")), R"({"id":"a"})");
}

TEST_F(Processor, KeysAreTheTextOfTheirMembers)
{
    const struct {
        const char *key, *text, *expected;
    } cases[] = {
        {"{id}", R"({"id":"a"})", "a"},
        {"{id}", R"({"id":"a\u00e9\n\"b"})", "a\xc3\xa9\n\"b"},
        {"{id}", R"({"id":""})", "(null)"},
        {"{table}", R"({"id":"a"})", "(null)"},
        {"{count}", R"({"id":"a","count":12})", "12"},
        {"{note}", R"({"id":"a","note":null})", "(null)"},
        {"{table}_{id}", R"({"id":"2025-01-02","table":"users"})", "users_2025-01-02"},
        {"{table}_{id}", R"({"id":"a"})", "(null)"},
        {"{table}{id}", R"({"id":"","table":""})", "(null)"},
        {"{table}{id}", R"({"id":"x","table":""})", "x"},
        {"all", R"({"id":"a"})", "all"},
        {"{who}", R"({"id":"a","who":"0F8FAD5BD9CB469FA16570867728950E"})",
         "0f8fad5b-d9cb-469f-a165-70867728950e"},
        {"", R"({"id":"a"})", "(null)"},
    };
    for (const auto &c : cases) {
        set_key(c.key);
        start(BB_PROCESS_PUBLISH);
        EXPECT_EQ(key(c.text), c.expected) << c.key << " of " << c.text << " " << result.message;
    }
}

TEST_F(Processor, JsonKeysAreThoseOfPythonsJson)
{
    type.wire.key = bb_wire::BB_WIRE_KEY_JSON;
    start(BB_PROCESS_PUBLISH);
    EXPECT_EQ(key(R"({"id":"plain"})"), R"("plain")");
    EXPECT_EQ(key(R"({"id":"a\"b\\c\/d"})"), R"("a\"b\\c/d")");
    EXPECT_EQ(key(R"({"id":"\b\f\n\r\t\u0001\u007f"})"), R"("\b\f\n\r\t\u0001\u007f")");
    EXPECT_EQ(key("{\"id\":\"\xc3\xa9\xe4\xb8\xad\xf0\x9f\x9a\x80\"}"),
              R"("\u00e9\u4e2d\ud83d\ude80")");
    EXPECT_EQ(key(R"({"id":""})"), "(null)");
}

TEST_F(Processor, AKeyOfUnknownMembersIsRefused)
{
    const struct {
        const char *key, *expected;
    } cases[] = {{"{tabel}", "did you mean 'table'?"},
                 {"{id", "without its partner at character 1"},
                 {"x}", "without its partner at character 2"},
                 {"{i{d}", "without its partner"}};
    for (const auto &c : cases) {
        g_autoptr(GError) error = nullptr;
        set_key(c.key);
        EXPECT_EQ(bb_processor_new(&type, BB_PROCESS_PUBLISH, 1, nullptr, &error), nullptr);
        ASSERT_NE(error, nullptr);
        EXPECT_TRUE(g_error_matches(error, BB_ERROR, BB_ERROR_USAGE));
        EXPECT_NE(strstr(error->message, c.expected), nullptr) << error->message;
    }
}

TEST_F(Processor, MetadataInTheBodyComesLast)
{
    type.wire.metadata = bb_wire::BB_WIRE_METADATA_BODY;
    type.wire.producer = "OrderProducer";
    plugin.validate = nullptr;
    start(BB_PROCESS_PUBLISH);
    const std::regex form(
        R"(^\{.*,"_metadata":\{"produced_at":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?","producer":"OrderProducer","version":"1\.0"\}\}$)");
    std::string text = json(run(R"({"id":"a"})"));
    EXPECT_TRUE(std::regex_match(text, form)) << text;
    text = json(run(R"({"_metadata":{"producer":"old"},"id":"a"})"));
    EXPECT_TRUE(std::regex_match(text, form)) << text;
    EXPECT_EQ(text.find("old"), std::string::npos) << text;
    const busbar_header *headers;
    EXPECT_EQ(bb_processor_headers(processor, &headers), 0u);
}

TEST_F(Processor, MetadataThatTheContractDeclaresIsReplacedToo)
{
    const char declared[] = R"({"properties":{"_metadata":{"type":"object"},"id":{}}})";
    bb_contract_options options = {};
    options.source = "test";
    bb_contract_unref(type.contract);
    type.contract = bb_contract_compile(declared, strlen(declared), &options, nullptr);
    ASSERT_NE(type.contract, nullptr);
    type.wire.metadata = bb_wire::BB_WIRE_METADATA_BODY;
    start(BB_PROCESS_PUBLISH);
    for (const char *line : {R"({"_metadata":{"producer":"old"},"id":1})",
                             R"({"id":1,"_metadata":{"producer":"old"}})", R"({"id":1})"}) {
        std::string text = json(run(line));
        EXPECT_EQ(text.find(R"({"id":1,"_metadata":{"produced_at":)"), 0u) << text;
        EXPECT_EQ(text.find("old"), std::string::npos) << text;
    }
}

TEST_F(Processor, MetadataInHeadersLeavesTheBodyAlone)
{
    type.wire.metadata = bb_wire::BB_WIRE_METADATA_HEADERS;
    type.wire.producer = "p";
    type.wire.version = "2.5";
    start(BB_PROCESS_PUBLISH);
    EXPECT_EQ(json(run(R"({"id":"a","note":null,"made_at":"x"})")),
              R"({"id":"a","note":null,"made_at":"x"})");
    const busbar_header *headers;
    ASSERT_EQ(bb_processor_headers(processor, &headers), 3u);
    EXPECT_EQ(str(headers[0].name), "busbar.produced_at");
    EXPECT_TRUE(std::regex_match(str(headers[0].value),
                                 std::regex(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z)")))
        << str(headers[0].value);
    EXPECT_EQ(str(headers[1].name), "busbar.producer");
    EXPECT_EQ(str(headers[1].value), "p");
    EXPECT_EQ(str(headers[2].name), "busbar.version");
    EXPECT_EQ(str(headers[2].value), "2.5");
}

TEST_F(Processor, ConsumingAddsNoMetadata)
{
    type.wire.metadata = bb_wire::BB_WIRE_METADATA_BODY;
    settings->enrich = TRUE;
    start(BB_PROCESS_CONSUME);
    EXPECT_EQ(json(run(R"({"id":"a"})")).find("_metadata"), std::string::npos);
}
