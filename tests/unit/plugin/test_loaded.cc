// Plugins as built: loaded from their file, with the real host, through the processor.
#include <cstring>
#include <string>

#include <gtest/gtest.h>

extern "C" {
#include "base/error.h"
#include "pipeline/processor.h"
#include "plugin/registry.h"
}

namespace
{

// Event type `index` of a fixture, as the registry would make it.
class Loaded : public testing::Test
{
  protected:
    void load(const char *name, const char *settings = nullptr)
    {
        g_autoptr(GError) error = nullptr;
        std::string path = std::string(BB_FIXTURES) + "/" + name + ".so";
        const bb_plugin *plugin = bb_plugin_load(path.c_str(), &error);
        ASSERT_NE(plugin, nullptr) << error->message;
        busbar_event_type brought;
        bb_copy_event_type(plugin->descriptor.event_types[0], &brought, &type.ops);
        bb_contract_options options = {};
        options.source = name;
        type.contract =
            bb_contract_compile(brought.contract.data, brought.contract.size, &options, &error);
        ASSERT_NE(type.contract, nullptr) << error->message;
        type.full_name = full_name;
        type.plugin = plugin_name;
        type.topic = topic;
        type.create = brought.create;
        type.destroy = brought.destroy;
        type.host = bb_host_table();
        type.config = const_cast<char *>(settings);
        type.wire.metadata = bb_wire::BB_WIRE_METADATA_NONE;
        metrics = bb_metrics_new();
    }
    void start()
    {
        g_autoptr(GError) error = nullptr;
        processor = bb_processor_new(&type, BB_PROCESS_PUBLISH, 1, metrics, &error);
        ASSERT_NE(processor, nullptr) << error->message;
    }
    void TearDown() override
    {
        bb_processor_free(processor);
        bb_contract_unref(type.contract);
        bb_metrics_free(metrics);
    }
    int32_t run(const char *line)
    {
        event = bb_processor_run(processor, line, strlen(line), nullptr, &result);
        return result.verdict;
    }
    char full_name[16] = "shop.sample", plugin_name[16] = "fixture", topic[16] = "samples";
    bb_event_type type = {};
    bb_metrics *metrics = nullptr;
    bb_processor *processor = nullptr;
    busbar_event *event = nullptr;
    bb_result result = {};
};

} // namespace

TEST_F(Loaded, ADomainAnswersThroughTheBoundary)
{
    load("fixture_good");
    start();
    EXPECT_EQ(run(R"({"id":"a\u00e9"})"), BUSBAR_PASS) << result.message;
    busbar_bytes json = bb_event_json(event);
    EXPECT_NE(std::string(json.data, json.size).find("\"label\":\"a\xc3\xa9\""), std::string::npos);
    EXPECT_EQ(run(R"({"id":"a","do":"reject"})"), BUSBAR_REJECT);
    EXPECT_STREQ(result.pointer, "/do");
    EXPECT_STREQ(result.message, "do is 'reject'");
    EXPECT_EQ(run(R"({"id":"a","do":"drop"})"), BUSBAR_DROP);
    EXPECT_EQ(run(R"({"id":"a","do":"silent"})"), BUSBAR_REJECT);
    EXPECT_NE(strstr(result.message, "gave no reason"), nullptr);
    EXPECT_EQ(run(R"({"id":"a","do":"nothing"})"), BUSBAR_RETRY);
    EXPECT_NE(strstr(result.message, "is at fault"), nullptr);
    EXPECT_EQ(run(R"({"id":"a","do":"retry"})"), BUSBAR_RETRY);
    EXPECT_EQ(result.scope, static_cast<uint32_t>(BUSBAR_SCOPE_INFRASTRUCTURE));
    EXPECT_STREQ(result.message, "the other side is down");
    EXPECT_EQ(run(R"({"do":"reject"})"), BUSBAR_REJECT);
    EXPECT_STREQ(result.keyword, "required");
}

TEST_F(Loaded, SettingsReachCreate)
{
    load("fixture_good", R"({"mode":"refuse"})");
    g_autoptr(GError) error = nullptr;
    EXPECT_EQ(bb_processor_new(&type, BB_PROCESS_PUBLISH, 1, nullptr, &error), nullptr);
    ASSERT_TRUE(g_error_matches(error, BB_ERROR, BB_ERROR_PLUGIN));
    EXPECT_NE(strstr(error->message, "settings say refuse"), nullptr) << error->message;
}

TEST_F(Loaded, TheJsonExtensionCrossesTheBoundary)
{
    load("fixture_json");
    start();
    EXPECT_EQ(run(R"({"a":9})"), BUSBAR_PASS) << result.message;
    EXPECT_EQ(run(R"({"a":10})"), BUSBAR_REJECT);
    EXPECT_STREQ(result.pointer, "/a");
}
