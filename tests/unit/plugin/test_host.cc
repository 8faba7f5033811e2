// The services of the host, as a plugin in the process sees them.
#include <cmath>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

extern "C" {
#include "base/clock.h"
#include "pipeline/processor.h"
#include "plugin/registry.h"
#include <busbar/json.h>
#include <busbar/source.h>
#include <busbar/storage.h>
}

namespace
{

const char contract_text[] = R"({
  "type": "object",
  "properties": {
    "id": {"type": "string"},
    "count": {"type": "number"},
    "who": {"type": "string", "x-busbar-lax": "uuid"},
    "extra": {"type": "object"}
  }
})";

std::string str(busbar_bytes bytes)
{
    return bytes.data ? std::string(bytes.data, bytes.size) : "(null)";
}

busbar_bytes bytes(const std::string &text)
{
    return {text.data(), text.size()};
}

using Check = std::function<int32_t(busbar_call *, busbar_event *)>;
Check *validate_check, *enrich_check;
std::function<void(busbar_call *)> *create_check;

int32_t create(busbar_call *call, busbar_bytes, void **ret_self)
{
    *ret_self = nullptr;
    if (create_check && *create_check)
        (*create_check)(call);
    return BUSBAR_PASS;
}

int32_t validate(void *, busbar_call *call, const busbar_event *event)
{
    return *validate_check ? (*validate_check)(call, const_cast<busbar_event *>(event))
                           : static_cast<int32_t>(BUSBAR_PASS);
}

int32_t enrich(void *, busbar_call *call, busbar_event *event)
{
    return *enrich_check ? (*enrich_check)(call, event) : static_cast<int32_t>(BUSBAR_PASS);
}

char name_full[] = "shop.order", name_topic[] = "orders", name_plugin[] = "fake";

struct Emitter {
    bb_emitter base;
    std::vector<std::string> sent;
    int32_t answer;
};

int32_t send(bb_emitter *base, const busbar_record *record, char **ret_reason)
{
    auto *emitter = reinterpret_cast<Emitter *>(base);
    if (emitter->answer != BUSBAR_PASS) {
        *ret_reason = g_strdup("queue is full");
        return emitter->answer;
    }
    emitter->sent.push_back(str(record->topic) + "=" + str(record->value));
    return BUSBAR_PASS;
}

class Host : public testing::Test
{
  protected:
    void SetUp() override
    {
        g_autoptr(GError) error = nullptr;
        bb_contract_options options = {};
        options.source = "test";
        type.contract = bb_contract_compile(contract_text, strlen(contract_text), &options, &error);
        ASSERT_NE(type.contract, nullptr) << error->message;
        type.full_name = name_full;
        type.topic = name_topic;
        type.plugin = name_plugin;
        type.ops = {sizeof(type.ops), 0, validate, enrich, nullptr};
        type.create = create;
        type.host = bb_host_table();
        type.wire.metadata = bb_wire::BB_WIRE_METADATA_NONE;
        validate_check = &on_validate;
        enrich_check = &on_enrich;
        create_check = &on_create;
        metrics = bb_metrics_new();
    }
    void TearDown() override
    {
        bb_processor_free(processor);
        bb_metrics_free(metrics);
        bb_contract_unref(type.contract);
    }
    // Runs one event through validate and enrich; both must have been asked.
    busbar_event *run(const std::string &line, const busbar_origin *origin = nullptr)
    {
        text = line;
        if (!processor)
            processor = bb_processor_new(&type, BB_PROCESS_PUBLISH, 1, metrics, nullptr);
        return bb_processor_run(processor, text.data(), text.size(), origin, &result);
    }
    // A call as the lanes make it.
    bb_call call_of(uint32_t stage, std::vector<bb_statement> &statements)
    {
        bb_call call = {};
        call.base = {sizeof(busbar_call), stage, bb_host_table(), 0};
        call.type = &type;
        call.who = name_plugin;
        call.scratch = bb_processor_arena(processor);
        call.statements = statements.data();
        call.statement_count = static_cast<uint32_t>(statements.size());
        call.metrics = metrics;
        return call;
    }
    bb_event_type type = {};
    bb_processor *processor = nullptr;
    bb_metrics *metrics = nullptr;
    bb_result result = {};
    std::string text;
    Check on_validate, on_enrich;
    std::function<void(busbar_call *)> on_create;
};

} // namespace

TEST_F(Host, TheTableIsCompleteAndSaysItsVersion)
{
    const busbar_host *host = bb_host_table();
    EXPECT_EQ(host->struct_size, sizeof(busbar_host));
    EXPECT_EQ(host->abi_major, BUSBAR_ABI_MAJOR);
    EXPECT_EQ(host->abi_minor, BUSBAR_ABI_MINOR);
    void *members[(sizeof(busbar_host) - offsetof(busbar_host, version)) / sizeof(void *)];
    memcpy(members, &host->version, sizeof(members));
    for (void *member : members)
        EXPECT_NE(member, nullptr);
}

TEST_F(Host, FieldsAreResolvedInCreateOnly)
{
    busbar_field id = -9, unknown = -9, late = -9;
    on_create = [&](busbar_call *call) {
        id = busbar_field_of(call, "count");
        unknown = busbar_field_of(call, "nobody");
    };
    on_validate = [&](busbar_call *call, busbar_event *) {
        late = busbar_field_of(call, "count");
        return BUSBAR_PASS;
    };
    ASSERT_NE(run(R"({"id":"a"})"), nullptr);
    EXPECT_EQ(id, 1);
    EXPECT_LT(unknown, 0);
    EXPECT_LT(late, 0);
}

TEST_F(Host, GetIsCanonicalAndGetOriginalIsNot)
{
    std::string current, original;
    uint32_t absent = 99, bad = 99, negative = 99;
    on_validate = [&](busbar_call *call, busbar_event *event) {
        busbar_value value;
        EXPECT_EQ(call->host->get(event, 2, &value), static_cast<uint32_t>(BUSBAR_STRING));
        current = str(value.json);
        EXPECT_EQ(call->host->get_original(event, 2, &value), static_cast<uint32_t>(BUSBAR_STRING));
        original = str(value.json);
        absent = call->host->get(event, 0, &value);
        EXPECT_EQ(value.type, static_cast<uint32_t>(BUSBAR_ABSENT));
        bad = call->host->get(event, 400, &value);
        negative = call->host->get(event, -1, &value);
        return BUSBAR_PASS;
    };
    ASSERT_NE(run(R"({"who":"0F8FAD5BD9CB469FA16570867728950E"})"), nullptr);
    EXPECT_EQ(current, "0f8fad5b-d9cb-469f-a165-70867728950e");
    EXPECT_EQ(original, "0F8FAD5BD9CB469FA16570867728950E");
    EXPECT_EQ(absent, static_cast<uint32_t>(BUSBAR_ABSENT));
    EXPECT_EQ(bad, static_cast<uint32_t>(BUSBAR_ABSENT));
    EXPECT_EQ(negative, static_cast<uint32_t>(BUSBAR_ABSENT));
}

TEST_F(Host, ValuesAreDecoded)
{
    std::string decoded;
    int64_t integer = 0;
    double number = 0;
    on_validate = [&](busbar_call *call, busbar_event *event) {
        busbar_value value;
        busbar_bytes out;
        call->host->get(event, 0, &value);
        EXPECT_EQ(call->host->text(call, event, &value, &out), 1);
        decoded = str(out);
        EXPECT_EQ(call->host->integer(&value, &integer), 0);
        EXPECT_EQ(call->host->number(&value, &number), 0);
        call->host->get(event, 1, &value);
        EXPECT_EQ(call->host->text(call, event, &value, &out), 0);
        EXPECT_EQ(call->host->integer(&value, &integer), 1);
        EXPECT_EQ(call->host->number(&value, &number), 1);
        return BUSBAR_PASS;
    };
    ASSERT_NE(run(R"({"id":"a\u00e9\n","count":-12})"), nullptr) << result.message;
    EXPECT_EQ(decoded, "a\xc3\xa9\n");
    EXPECT_EQ(integer, -12);
    EXPECT_EQ(number, -12.0);
}

TEST_F(Host, FindGoesByPointer)
{
    std::string found;
    on_validate = [&](busbar_call *call, busbar_event *event) {
        busbar_value value;
        EXPECT_EQ(call->host->find(event, busbar_text("/extra/a~1b/1"), &value),
                  static_cast<uint32_t>(BUSBAR_NUMBER));
        found = str(value.json);
        EXPECT_EQ(call->host->find(event, busbar_text("/extra/x"), &value),
                  static_cast<uint32_t>(BUSBAR_ABSENT));
        return BUSBAR_PASS;
    };
    ASSERT_NE(run(R"({"extra":{"a/b":[1,22]}})"), nullptr);
    EXPECT_EQ(found, "22");
}

TEST_F(Host, EnrichSetsMembersAndReadsThemBack)
{
    on_enrich = [](busbar_call *call, busbar_event *event) {
        const busbar_host *host = call->host;
        std::string name = "id", json = "[1, {\"a\":2}]";
        EXPECT_EQ(host->set_text(call, event, bytes(name), busbar_text("new \"id\"")), 1);
        EXPECT_EQ(host->set_json(call, event, busbar_text("added"), bytes(json)), 1);
        name.assign("xx"); // what was handed over is the plugin's again
        json.assign(json.size(), 'x');
        busbar_value value;
        busbar_bytes decoded;
        host->get(event, 0, &value);
        EXPECT_EQ(host->text(call, event, &value, &decoded), 1);
        EXPECT_EQ(str(decoded), "new \"id\"");
        EXPECT_EQ(host->set_json(call, event, busbar_text("count"), busbar_text("1")), 1);
        EXPECT_EQ(host->set_json(call, event, busbar_text("count"), busbar_text("2")), 1);
        return BUSBAR_PASS;
    };
    busbar_event *event = run(R"({"id":"a"})");
    ASSERT_NE(event, nullptr);
    EXPECT_EQ(str(bb_event_json(event)), R"({"id":"new \"id\"","added":[1, {"a":2}],"count":2})");
}

TEST_F(Host, SetRefusesWhatIsNotOneValue)
{
    on_enrich = [](busbar_call *call, busbar_event *event) {
        for (const char *json :
             {"", "1 2", "{", "tru", "\"a", "[1,]", "\"\xff\"", "NaN", "01", "{\"a\":1,\"a\":2}"})
            EXPECT_EQ(call->host->set_json(call, event, busbar_text("id"), busbar_text(json)), 0)
                << json;
        EXPECT_EQ(call->host->set_json(call, event, busbar_text("id"), busbar_text(nullptr)), 0);
        EXPECT_EQ(call->host->set_text(call, event, busbar_text("id"), busbar_text("\xff")), 0);
        EXPECT_EQ(call->host->set_text(call, event, busbar_text("id"), {"a\0b", 3}), 0);
        EXPECT_EQ(call->host->set_text(call, event, busbar_text("i\xff"), busbar_text("x")), 0);
        EXPECT_EQ(call->host->set_text(call, event, busbar_text("empty"), {nullptr, 0}), 1);
        return BUSBAR_PASS;
    };
    busbar_event *event = run(R"({"id":"a"})");
    ASSERT_NE(event, nullptr);
    EXPECT_EQ(str(bb_event_json(event)), R"({"id":"a","empty":""})");
}

TEST_F(Host, SetWorksInEnrichOnly)
{
    on_validate = [](busbar_call *call, busbar_event *event) {
        EXPECT_EQ(call->host->set_text(call, event, busbar_text("id"), busbar_text("x")), 0);
        EXPECT_EQ(call->host->set_json(call, event, busbar_text("id"), busbar_text("1")), 0);
        return BUSBAR_PASS;
    };
    busbar_event *event = run(R"({"id":"a"})");
    ASSERT_NE(event, nullptr);
    EXPECT_EQ(str(bb_event_json(event)), R"({"id":"a"})");
}

TEST_F(Host, JsonAndOriginShowTheEvent)
{
    busbar_origin given = {};
    given.struct_size = sizeof(given);
    given.offset = 5;
    const busbar_origin *seen = nullptr;
    on_enrich = [&](busbar_call *call, busbar_event *event) {
        EXPECT_EQ(call->host->set_json(call, event, busbar_text("b"), busbar_text("1")), 1);
        EXPECT_EQ(str(call->host->json(call, event)), R"({"id":"a","b":1})");
        seen = call->host->origin(event);
        return BUSBAR_PASS;
    };
    ASSERT_NE(run(R"({"id":"a"})", &given), nullptr);
    EXPECT_EQ(seen, &given);
    ASSERT_NE(run(R"({"id":"a"})"), nullptr);
    ASSERT_NE(seen, nullptr);
    EXPECT_EQ(seen->struct_size, sizeof(*seen));
    EXPECT_EQ(seen->partition, -1);
    EXPECT_EQ(seen->offset, -1);
    EXPECT_EQ(str(seen->topic), "orders");
    EXPECT_EQ(str(seen->value), R"({"id":"a"})");
}

TEST_F(Host, TheLastReasonWinsAndIsCutAndCleaned)
{
    on_validate = [](busbar_call *call, busbar_event *) {
        busbar_fail(call, BUSBAR_REJECT, "first");
        std::string euros;
        for (int i = 0; i < 400; i++)
            euros += "\xe2\x82\xac";
        call->host->fail(call, 7, BUSBAR_REJECT, 0, busbar_text("/x"), busbar_text("elsewhere"));
        return call->host->fail(call, 0, BUSBAR_REJECT, 0, busbar_text("/id"),
                                bytes("two\nlines " + euros));
    };
    EXPECT_EQ(run(R"({"id":"a"})"), nullptr);
    EXPECT_STREQ(result.pointer, "/id");
    EXPECT_EQ(result.scope, static_cast<uint32_t>(BUSBAR_SCOPE_RECORD));
    EXPECT_EQ(std::string(result.message).substr(0, 10), "two lines ");
    EXPECT_LE(strlen(result.message), 1000u);
    EXPECT_TRUE(g_utf8_validate(result.message, -1, nullptr));
}

TEST_F(Host, EmitIsForHandleAndFlush)
{
    ASSERT_NE(run("{}"), nullptr);
    Emitter emitter = {{send}, {}, BUSBAR_PASS};
    busbar_record record = {};
    record.struct_size = sizeof(record);
    record.topic = busbar_text("out");
    record.value = busbar_text("v");
    for (uint32_t stage : {BUSBAR_STAGE_HANDLE, BUSBAR_STAGE_SINK, BUSBAR_STAGE_FLUSH}) {
        std::vector<bb_statement> statements(2);
        bb_call call = call_of(stage, statements);
        call.emitter = &emitter.base;
        EXPECT_EQ(call.base.host->emit(&call.base, &record), BUSBAR_PASS);
        EXPECT_EQ(statements[0].verdict, 0);
    }
    EXPECT_EQ(emitter.sent.size(), 3u);
    for (uint32_t stage : {BUSBAR_STAGE_VALIDATE, BUSBAR_STAGE_ENRICH, BUSBAR_STAGE_SETUP}) {
        std::vector<bb_statement> statements(2);
        bb_call call = call_of(stage, statements);
        call.emitter = &emitter.base;
        EXPECT_EQ(call.base.host->emit(&call.base, &record), BUSBAR_FATAL);
        EXPECT_EQ(statements[1].verdict, BUSBAR_FATAL);
        EXPECT_NE(strstr(statements[1].text, "outside of handle and flush"), nullptr);
    }
    EXPECT_EQ(emitter.sent.size(), 3u);
}

TEST_F(Host, EmitSaysWhyItCannot)
{
    ASSERT_NE(run("{}"), nullptr);
    Emitter emitter = {{send}, {}, BUSBAR_RETRY};
    busbar_record record = {};
    record.struct_size = sizeof(record);
    std::vector<bb_statement> statements(1);
    bb_call call = call_of(BUSBAR_STAGE_HANDLE, statements);
    EXPECT_EQ(call.base.host->emit(&call.base, &record), BUSBAR_FATAL);
    EXPECT_NE(strstr(statements[0].text, "no Kafka"), nullptr) << statements[0].text;
    call.emitter = &emitter.base;
    statements[0] = {};
    EXPECT_EQ(call.base.host->emit(&call.base, &record), BUSBAR_FATAL);
    EXPECT_NE(strstr(statements[0].text, "names no topic"), nullptr) << statements[0].text;
    record.topic = busbar_text("out");
    statements[0] = {};
    EXPECT_EQ(call.base.host->emit(&call.base, &record), BUSBAR_RETRY);
    EXPECT_STREQ(statements[0].text, "queue is full");
    EXPECT_EQ(statements[0].scope, static_cast<uint32_t>(BUSBAR_SCOPE_INFRASTRUCTURE));
}

TEST_F(Host, MetricsAreNumberedAndCarryTheEventType)
{
    int32_t counter = -1, again = -1, taken = 0, bad = 0, empty = 0;
    on_create = [&](busbar_call *call) {
        const busbar_host *host = call->host;
        busbar_bytes help = busbar_text("help");
        counter = host->metric(call, BUSBAR_COUNTER, busbar_text("seen_total"), help);
        again = host->metric(call, BUSBAR_COUNTER, busbar_text("seen_total"), help);
        taken = host->metric(call, BUSBAR_GAUGE, busbar_text("seen_total"), help);
        bad = host->metric(call, BUSBAR_COUNTER, busbar_text("No Good"), help);
        empty = host->metric(call, BUSBAR_COUNTER, busbar_text(""), help);
    };
    on_validate = [&](busbar_call *call, busbar_event *) {
        call->host->record_metric(call, counter, 2);
        call->host->record_metric(call, -1, 5);
        call->host->record_metric(call, 100000, 5);
        return BUSBAR_PASS;
    };
    ASSERT_NE(run("{}"), nullptr);
    EXPECT_GE(counter, 0);
    EXPECT_EQ(again, counter);
    EXPECT_LT(taken, 0);
    EXPECT_LT(bad, 0);
    EXPECT_LT(empty, 0);
    GString *out = bb_metrics_text(metrics);
    EXPECT_NE(strstr(out->str, "busbar_plugin_seen_total{plugin=\"fake\",event=\"shop.order\"} 2"),
              nullptr)
        << out->str;
    g_string_free(out, TRUE);
}

TEST_F(Host, MemoryAndClocks)
{
    on_validate = [](busbar_call *call, busbar_event *) {
        const busbar_host *host = call->host;
        void *small = host->alloc(call, 100), *large = host->alloc(call, 64u * 1024 * 1024);
        EXPECT_NE(small, nullptr);
        EXPECT_NE(large, nullptr);
        memset(small, 1, 100);
        EXPECT_EQ(host->alloc(call, 65u * 1024 * 1024), nullptr);
        EXPECT_LE(host->now_ms(), bb_clock_monotonic_ms());
        EXPECT_LT(std::abs(static_cast<double>(host->wall_us() - bb_clock_wall_us())), 60e6);
        return BUSBAR_PASS;
    };
    EXPECT_NE(run("{}"), nullptr);
}

TEST_F(Host, AnUnknownExtensionIsNull)
{
    EXPECT_EQ(bb_host_table()->get_extension("busbar.json/2"), nullptr);
    EXPECT_EQ(bb_host_table()->get_extension(nullptr), nullptr);
    EXPECT_NE(bb_host_table()->get_extension(BUSBAR_JSON_EXTENSION), nullptr);
}

TEST_F(Host, ACallSaysWhichEventTypeItIsAbout)
{
    auto *source = static_cast<const busbar_source_v1 *>(
        bb_host_table()->get_extension(BUSBAR_SOURCE_EXTENSION));
    ASSERT_NE(source, nullptr);
    EXPECT_EQ(source->struct_size, sizeof(*source));
    bb_call call = {};
    EXPECT_EQ(source->event_name(&call.base).size, 0u);
    call.type = &type;
    EXPECT_EQ(str(source->event_name(&call.base)), "shop.order");
}

TEST_F(Host, TheJsonViewIsMadeOnceAndFollowsChanges)
{
    auto *json =
        static_cast<const busbar_json_v1 *>(bb_host_table()->get_extension(BUSBAR_JSON_EXTENSION));
    on_enrich = [&](busbar_call *call, busbar_event *event) {
        json_t *first = json->view(call, event);
        EXPECT_NE(first, nullptr);
        EXPECT_EQ(json->view(call, event), first);
        EXPECT_STREQ(json_string_value(json_object_get(first, "id")), "\xc3\xa9\n");
        EXPECT_EQ(json_integer_value(json_array_get(json_object_get(first, "list"), 1)),
                  9007199254740993);
        EXPECT_TRUE(json_is_real(json_object_get(first, "count")));
        EXPECT_TRUE(json_is_real(json_object_get(first, "big")));
        EXPECT_TRUE(json_is_true(json_object_get(first, "yes")));
        EXPECT_TRUE(json_is_null(json_object_get(first, "no")));
        call->host->set_json(call, event, busbar_text("count"), busbar_text("3"));
        EXPECT_EQ(json_integer_value(json_object_get(json->view(call, event), "count")), 3);
        return BUSBAR_PASS;
    };
    ASSERT_NE(run(R"({"id":"\u00e9\n","list":[1,9007199254740993],"count":2.0,)"
                  R"("big":123456789012345678901234567890,"yes":true,"no":null})"),
              nullptr)
        << result.message;
}

TEST_F(Host, ThousandsOfEventsTakeNoMoreMemoryThanTheFirst)
{
    on_enrich = [](busbar_call *call, busbar_event *event) {
        busbar_value value;
        busbar_bytes decoded;
        call->host->get(event, 0, &value);
        call->host->text(call, event, &value, &decoded);
        return call->host->set_text(call, event, busbar_text("label"), decoded)
                   ? static_cast<int32_t>(BUSBAR_PASS)
                   : static_cast<int32_t>(BUSBAR_FATAL);
    };
    ASSERT_NE(run(R"({"id":"a\u0041"})"), nullptr);
    size_t used = bb_arena_used(bb_processor_arena(processor));
    for (int i = 0; i < 1000; i++)
        ASSERT_NE(run(R"({"id":"a\u0041"})"), nullptr);
    EXPECT_EQ(bb_arena_used(bb_processor_arena(processor)), used);
}

const busbar_storage_v1 *storage_extension()
{
    return static_cast<const busbar_storage_v1 *>(
        bb_host_table()->get_extension(BUSBAR_STORAGE_EXTENSION));
}

TEST_F(Host, AHandlerLearnsWhatItWorksFor)
{
    std::vector<bb_statement> statements(1);
    ASSERT_NE(run(R"({"id":"a"})"), nullptr) << result.message;
    bb_call call = call_of(BUSBAR_STAGE_SETUP, statements);
    char group[] = "group";
    bb_event_settings *settings = bb_event_settings_new("order");
    settings->concurrency = 3;
    type.settings = settings;
    type.group = group;
    busbar_binding binding = {};
    binding.struct_size = sizeof(binding);
    ASSERT_EQ(storage_extension()->binding(&call.base, &binding), 1);
    EXPECT_EQ(str(binding.event), "shop.order");
    EXPECT_EQ(str(binding.topic), "orders");
    EXPECT_EQ(str(binding.group), "group");
    EXPECT_EQ(str(binding.handler), "fake");
    EXPECT_EQ(str(binding.contract), contract_text);
    EXPECT_EQ(binding.process.size, 16u);
    EXPECT_EQ(binding.lanes, 3u);
    // an older plugin has a shorter struct: nothing behind it is touched
    busbar_binding shorter = {};
    shorter.struct_size = offsetof(busbar_binding, topic);
    ASSERT_EQ(storage_extension()->binding(&call.base, &shorter), 1);
    EXPECT_EQ(str(shorter.handler), "fake");
    EXPECT_EQ(shorter.topic.data, nullptr);
    call.type = nullptr;
    EXPECT_EQ(storage_extension()->binding(&call.base, &binding), 0);
    type.settings = nullptr;
    bb_event_settings_free(settings);
}

TEST_F(Host, AHandlerLearnsWhereARecordStands)
{
    std::vector<bb_statement> statements(2);
    ASSERT_NE(run(R"({"id":"a"})"), nullptr) << result.message;
    bb_call call = call_of(BUSBAR_STAGE_SINK, statements);
    bb_item first = {}, second = {};
    first.epoch = 3;
    first.done_from = 10;
    first.done_below = 15;
    second.epoch = 4;
    second.done_from = 20;
    second.done_below = -1;
    bb_item *items[] = {&first, &second};
    busbar_position position = {};
    position.struct_size = sizeof(position);
    EXPECT_EQ(storage_extension()->position(&call.base, 0, &position), 0) << "no records here";
    call.items = items;
    call.lost_before = 4;
    ASSERT_EQ(storage_extension()->position(&call.base, 0, &position), 1);
    EXPECT_EQ(position.assignment, 3);
    EXPECT_EQ(position.finished_from, 10);
    EXPECT_EQ(position.finished_below, 15);
    EXPECT_NE(position.lost, 0u);
    ASSERT_EQ(storage_extension()->position(&call.base, 1, &position), 1);
    EXPECT_EQ(position.assignment, 4);
    EXPECT_EQ(position.finished_below, -1);
    EXPECT_EQ(position.lost, 0u);
    EXPECT_EQ(storage_extension()->position(&call.base, 2, &position), 0);
}
