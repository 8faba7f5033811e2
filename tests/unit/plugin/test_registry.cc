// The registry: event types from plugins and settings, and every finding with its place in the
// file.
#include <sys/stat.h>

#include <cstring>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

extern "C" {
#include "base/error.h"
#include "plugin/registry.h"
}

namespace
{

const char schema[] =
    R"({"type":"object","properties":{"id":{"type":"string"}},"required":["id"]})";

class Registry : public testing::Test
{
  protected:
    void SetUp() override
    {
        char name[] = "/tmp/busbar-registry-XXXXXX";
        ASSERT_NE(mkdtemp(name), nullptr);
        folder = name;
        problems = g_ptr_array_new_with_free_func(bb_config_problem_free);
        write("schema.json", schema);
    }
    void TearDown() override
    {
        bb_registry_free(registry);
        bb_settings_free(settings);
        g_ptr_array_unref(problems);
        std::string command = "rm -rf " + folder;
        EXPECT_EQ(system(command.c_str()), 0);
    }
    void write(const std::string &name, const std::string &text)
    {
        std::ofstream(folder + "/" + name) << text;
    }
    // Settings must be sound here; what the registry finds is in `problems`.
    void load(const std::string &yaml)
    {
        write("busbar.yaml", "plugins: { path: [" BB_FIXTURES "] }\n" + yaml);
        settings = bb_settings_load((folder + "/busbar.yaml").c_str(), nullptr, problems);
        if (!settings)
            throw std::runtime_error("the settings are not sound: " + found());
        registry = bb_registry_new(settings, metrics, problems);
        ASSERT_NE(registry, nullptr);
    }
    std::string found()
    {
        std::string all;
        for (guint i = 0; i < problems->len; i++) {
            g_autofree char *text =
                bb_config_problem_text(static_cast<bb_config_problem *>(problems->pdata[i]));
            all += std::string(text) + "\n";
        }
        return all;
    }
    // Exactly one problem, at `line`, with all parts.
    void expect_problem(guint line, const std::vector<std::string> &parts)
    {
        ASSERT_EQ(problems->len, 1u) << found();
        auto *problem = static_cast<bb_config_problem *>(problems->pdata[0]);
        EXPECT_EQ(problem->place.line, line) << found();
        ASSERT_NE(problem->place.file, nullptr);
        EXPECT_EQ(problem->place.file, folder + "/busbar.yaml");
        for (const auto &part : parts)
            EXPECT_NE(strstr(problem->message, part.c_str()), nullptr)
                << "'" << part << "' is not in: " << problem->message;
    }
    const bb_event_type *type(const char *name)
    {
        g_autoptr(GError) error = nullptr;
        const bb_event_type *event_type = bb_registry_find(registry, name, &error);
        EXPECT_NE(event_type, nullptr) << error->message << "\n" << found();
        return event_type;
    }
    std::string folder;
    GPtrArray *problems = nullptr;
    bb_settings *settings = nullptr;
    bb_registry *registry = nullptr;
    bb_metrics *metrics = nullptr;
};

} // namespace

TEST_F(Registry, APluginAloneBringsItsEventTypes)
{
    load("domains:\n  shop: { plugin: fixture_good }\n");
    EXPECT_EQ(problems->len, 0u) << found();
    ASSERT_EQ(bb_registry_count(registry), 2u);
    EXPECT_STREQ(bb_registry_at(registry, 0)->full_name, "shop.plain");
    EXPECT_STREQ(bb_registry_at(registry, 1)->full_name, "shop.sample");
    const bb_event_type *sample = type("shop.sample");
    ASSERT_NE(sample, nullptr);
    EXPECT_STREQ(sample->topic, "samples");
    EXPECT_STREQ(sample->group, "sample-group");
    EXPECT_STREQ(sample->dead_letter_topic, "samples.dlq");
    EXPECT_STREQ(sample->plugin, "fixture_good");
    EXPECT_STREQ(sample->plugin_version, "1.2.3");
    EXPECT_STREQ(sample->key_template, "{id}");
    EXPECT_NE(sample->ops.validate, nullptr);
    EXPECT_NE(sample->ops.handle, nullptr);
    EXPECT_NE(sample->create, nullptr);
    EXPECT_EQ(sample->host, bb_host_table());
    const bb_event_type *plain = type("shop.plain");
    ASSERT_NE(plain, nullptr);
    EXPECT_STREQ(plain->group, "shop.plain");
    EXPECT_EQ(plain->ops.validate, nullptr);
    EXPECT_EQ(plain->create, nullptr);
}

TEST_F(Registry, SettingsWinOverThePlugin)
{
    load("domains:\n"
         "  shop:\n"
         "    plugin: fixture_good\n"
         "    events:\n"
         "      sample:\n"
         "        topic: other\n"
         "        settings: { depth: 3 }\n"
         "        publish: { key: json, key_template: \"x-{label}\", metadata: body, producer: me "
         "}\n"
         "        consume: { group: mine, dead_letter: { topic: graves } }\n"
         "        handlers: [sink]\n"
         "handlers:\n"
         "  sink: { plugin: fixture, path: here }\n");
    EXPECT_EQ(problems->len, 0u) << found();
    ASSERT_EQ(bb_registry_count(registry), 1u) << "events that are not named stay off";
    const bb_event_type *sample = type("shop.sample");
    ASSERT_NE(sample, nullptr);
    EXPECT_STREQ(sample->topic, "other");
    EXPECT_STREQ(sample->group, "mine");
    EXPECT_STREQ(sample->dead_letter_topic, "graves");
    EXPECT_STREQ(sample->key_template, "x-{label}");
    EXPECT_EQ(sample->wire.key, bb_wire::BB_WIRE_KEY_JSON);
    EXPECT_EQ(sample->wire.metadata, bb_wire::BB_WIRE_METADATA_BODY);
    EXPECT_STREQ(sample->wire.producer, "me");
    EXPECT_STREQ(sample->config, R"({"depth":3})");
    ASSERT_EQ(sample->handlers->len, 1u);
    auto *binding = static_cast<bb_handler_binding *>(sample->handlers->pdata[0]);
    EXPECT_STREQ(binding->name, "sink");
    EXPECT_STREQ(binding->plugin, "handler_fixture");
    EXPECT_STREQ(binding->plugin_version, "2.0");
    EXPECT_STREQ(binding->config, R"({"path":"here"})");
    EXPECT_EQ(binding->capabilities, BUSBAR_IDEMPOTENT | BUSBAR_TRANSACTIONAL);
    EXPECT_NE(binding->ops.open, nullptr);
    EXPECT_EQ(binding->ops.flush, nullptr);
}

TEST_F(Registry, ASchemaAloneIsADomain)
{
    load("domains:\n  city:\n    events:\n      parked: { schema: schema.json }\n");
    EXPECT_EQ(problems->len, 0u) << found();
    const bb_event_type *parked = type("city.parked");
    ASSERT_NE(parked, nullptr);
    EXPECT_STREQ(parked->plugin, "generic");
    EXPECT_STREQ(parked->topic, "city.parked");
    EXPECT_STREQ(parked->group, "city.parked");
    EXPECT_EQ(parked->ops.validate, nullptr);
    EXPECT_EQ(parked->wire.key, bb_wire::BB_WIRE_KEY_RAW);
    EXPECT_EQ(parked->wire.metadata, bb_wire::BB_WIRE_METADATA_HEADERS);
}

TEST_F(Registry, ASchemaReplacesThePluginsContract)
{
    load("domains:\n  shop:\n    plugin: fixture_good\n    events:\n"
         "      sample: { schema: schema.json }\n");
    EXPECT_EQ(problems->len, 0u) << found();
    const bb_event_type *sample = type("shop.sample");
    ASSERT_NE(sample, nullptr);
    EXPECT_EQ(bb_contract_slot(sample->contract, "label", 5), BB_NO_SLOT);
    EXPECT_NE(sample->ops.validate, nullptr);
}

TEST_F(Registry, WhatIsSwitchedOffIsNotLoaded)
{
    load("domains:\n  shop: { plugin: no_such_plugin, enabled: false }\n"
         "  city:\n    plugin: fixture_good\n    events: { plain: { enabled: false } }\n");
    EXPECT_EQ(problems->len, 0u) << found();
    ASSERT_EQ(bb_registry_count(registry), 1u);
    EXPECT_STREQ(bb_registry_at(registry, 0)->full_name, "city.sample");
}

TEST_F(Registry, AnUnknownPluginIsAProblem)
{
    load("domains:\n  shop: { plugin: fixture_goood }\n");
    expect_problem(3, {"'fixture_goood' was not found", "did you mean 'fixture_good'?"});
    EXPECT_EQ(bb_registry_count(registry), 0u);
}

TEST_F(Registry, ARefusedPluginIsAProblem)
{
    load("domains:\n  shop: { plugin: " BB_FIXTURES "/bad_newer_minor.so }\n");
    expect_problem(3, {"bad_newer_minor.so", "contract 1.2", "host has 1.1"});
}

TEST_F(Registry, AHandlersPluginIsNoDomain)
{
    load("domains:\n  shop: { plugin: handler_fixture }\n");
    expect_problem(3, {"brings no event types"});
}

TEST_F(Registry, AnUnknownEventIsAProblem)
{
    load("domains:\n  shop:\n    plugin: fixture_good\n    events:\n      smaple: {}\n");
    expect_problem(6, {"no event type 'smaple'", "did you mean 'sample'?", "plain"});
}

TEST_F(Registry, ABrokenSchemaIsAProblem)
{
    write("schema.json", R"({"type":"objekt"})");
    load("domains:\n  city:\n    events:\n      parked:\n        schema: schema.json\n");
    expect_problem(6, {"schema.json", "/type", "must be one of"});
    EXPECT_EQ(bb_registry_count(registry), 0u);
}

TEST_F(Registry, AKeyOfUnknownMembersIsAProblem)
{
    load("domains:\n  city:\n    events:\n      parked:\n        schema: schema.json\n"
         "        publish: { key_template: \"{idd}\" }\n");
    expect_problem(7, {"city.parked", "'idd'", "did you mean 'id'?"});
}

TEST_F(Registry, AGenericDomainWithoutEventsIsAProblem)
{
    load("domains:\n  city: { plugin: generic }\n");
    expect_problem(3, {"'generic' and no events"});
}

TEST_F(Registry, ConfigurationOfHandlersIsCheckedAtItsPlace)
{
    load("domains:\n  shop: { plugin: fixture_good, handlers: [sink] }\n"
         "handlers:\n"
         "  sink:\n"
         "    plugin: fixture\n"
         "    path: here\n"
         "    limit: 0\n");
    expect_problem(8, {"handler 'sink'", "/limit"});
    EXPECT_EQ(bb_registry_count(registry), 2u);
}

TEST_F(Registry, AHandlerKeyThatIsMissingOrUnknownIsAProblem)
{
    load("domains:\n  shop: { plugin: fixture_good, handlers: [sink] }\n"
         "handlers:\n"
         "  sink: { plugin: fixture, pathh: here }\n");
    ASSERT_EQ(problems->len, 2u) << found();
    EXPECT_NE(found().find("path"), std::string::npos) << found();
    EXPECT_NE(found().find("pathh"), std::string::npos) << found();
}

TEST_F(Registry, AHandlerMustBeChosenAmongSeveral)
{
    load("domains:\n  shop: { plugin: fixture_good, handlers: [sink] }\n"
         "handlers:\n  sink: { plugin: fixture_pair }\n");
    expect_problem(5, {"2 handlers", "choose one with 'handler:'", "left, right"});
}

TEST_F(Registry, TheHandlerThatIsChosenMustExist)
{
    load("domains:\n  shop: { plugin: fixture_good, handlers: [sink] }\n"
         "handlers:\n  sink: { plugin: fixture_pair, handler: lefd }\n");
    expect_problem(5, {"no handler 'lefd'", "did you mean 'left'?"});
}

TEST_F(Registry, AChosenHandlerIsBound)
{
    load("domains:\n  shop: { plugin: fixture_good, handlers: [sink] }\n"
         "handlers:\n  sink: { plugin: fixture_pair, handler: right }\n");
    EXPECT_EQ(problems->len, 0u) << found();
    const bb_event_type *sample = type("shop.sample");
    ASSERT_NE(sample, nullptr);
    EXPECT_EQ(sample->handlers->len, 1u);
}

TEST_F(Registry, HandlersThatNobodyNamesAreNotLoaded)
{
    load("domains:\n  shop: { plugin: fixture_good }\nhandlers:\n  sink: { plugin: no_such }\n");
    EXPECT_EQ(problems->len, 0u) << found();
}

TEST_F(Registry, AHandlerThatIsNotDefinedIsAProblem)
{
    load("domains:\n  shop: { plugin: fixture_good, events: { sample: {} } }\n"
         "handlers:\n  sink: { plugin: fixture, path: here }\n");
    auto *domain = static_cast<bb_domain_settings *>(settings->domains->pdata[0]);
    auto *event = static_cast<bb_event_settings *>(domain->events->pdata[0]);
    g_ptr_array_add(event->handlers, g_strdup("snik"));
    bb_registry_free(registry);
    registry = bb_registry_new(settings, nullptr, problems);
    expect_problem(3, {"no handler 'snik'", "did you mean 'sink'?"});
}

TEST_F(Registry, TwoEventTypesMayNotShareTopicAndGroup)
{
    load("domains:\n"
         "  one: { plugin: fixture_good, events: { sample: {} } }\n"
         "  two: { plugin: fixture_good, events: { sample: {} } }\n");
    expect_problem(4, {"one.sample and two.sample", "topic 'samples'", "group 'sample-group'"});
}

TEST_F(Registry, TheSameTopicInAnotherGroupIsFine)
{
    load("domains:\n"
         "  one: { plugin: fixture_good, events: { sample: {} } }\n"
         "  two: { plugin: fixture_good, events: { sample: { consume: { group: g2 } } } }\n");
    EXPECT_EQ(problems->len, 0u) << found();
    EXPECT_EQ(bb_registry_count(registry), 2u);
}

TEST_F(Registry, AnUnknownNameIsAnsweredWithTheNearest)
{
    load("domains:\n  shop: { plugin: fixture_good }\n");
    g_autoptr(GError) error = nullptr;
    EXPECT_EQ(bb_registry_find(registry, "shop.smaple", &error), nullptr);
    ASSERT_TRUE(g_error_matches(error, BB_ERROR, BB_ERROR_USAGE));
    EXPECT_NE(strstr(error->message, "did you mean 'shop.sample'?"), nullptr) << error->message;
    EXPECT_NE(strstr(error->message, "shop.plain, shop.sample"), nullptr) << error->message;
}

TEST_F(Registry, EnabledEventTypesAreCounted)
{
    metrics = bb_metrics_new();
    load("domains:\n  shop: { plugin: fixture_good }\n");
    GString *text = bb_metrics_text(metrics);
    EXPECT_NE(strstr(text->str,
                     "busbar_event_type_enabled{event=\"shop.sample\",plugin=\"fixture_good\"} 1"),
              nullptr)
        << text->str;
    g_string_free(text, TRUE);
    bb_metrics_free(metrics);
}
