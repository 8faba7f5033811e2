// Settings: what a good configuration comes to, and what is said about a bad one.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

extern "C" {
#include "config/settings.h"
}

namespace
{

const std::string data_folder = std::string(BB_SOURCE_DIR) + "/tests/data/config/";

// A folder of configuration files that goes away with the test.
class Folder
{
  public:
    Folder()
    {
        path_ = g_dir_make_tmp("busbar-XXXXXX", nullptr);
    }
    ~Folder()
    {
        (void)std::system(("rm -rf '" + std::string(path_) + "'").c_str()), g_free(path_);
    }
    std::string Write(const std::string &name, const std::string &text) const
    {
        std::string whole = std::string(path_) + "/" + name;
        g_autofree char *folder = g_path_get_dirname(whole.c_str());
        g_mkdir_with_parents(folder, 0700);
        std::ofstream(whole, std::ios::binary) << text;
        return whole;
    }
    std::string path() const
    {
        return path_;
    }

  private:
    char *path_;
};

struct Loaded {
    bb_settings *settings = nullptr;
    std::vector<std::string> problems;
    ~Loaded()
    {
        bb_settings_free(settings);
    }
};

std::string Without(std::string text, const std::string &part)
{
    for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at))
        text.erase(at, part.size());
    return text;
}

void Load(Loaded *loaded, const std::string &path, std::vector<const char *> overrides = {})
{
    GPtrArray *problems = g_ptr_array_new_with_free_func(bb_config_problem_free);
    overrides.push_back(nullptr);
    g_autofree char *folder = g_path_get_dirname(path.c_str());
    loaded->settings = bb_settings_load(path.c_str(), overrides.data(), problems);
    for (guint i = 0; i < problems->len; i++) {
        auto *problem = static_cast<bb_config_problem *>(g_ptr_array_index(problems, i));
        g_autofree char *text = bb_config_problem_text(problem);
        loaded->problems.push_back(Without(text, std::string(folder) + "/"));
    }
    EXPECT_EQ(loaded->settings == nullptr, problems->len > 0);
    g_ptr_array_unref(problems);
}

void LoadText(Loaded *loaded, const std::string &text, std::vector<const char *> overrides = {})
{
    Folder folder;
    Load(loaded, folder.Write("busbar.yaml", text), std::move(overrides));
}

// The only problem of `text`.
std::string ProblemOf(const std::string &text, std::vector<const char *> overrides = {})
{
    Loaded loaded;
    LoadText(&loaded, text, std::move(overrides));
    EXPECT_EQ(loaded.problems.size(), 1u);
    for (size_t i = 1; i < loaded.problems.size(); i++)
        ADD_FAILURE() << loaded.problems[i];
    return loaded.problems.empty() ? "" : loaded.problems[0];
}

const bb_domain_settings *DomainOf(const bb_settings *settings, const char *name)
{
    for (guint i = 0; i < settings->domains->len; i++) {
        auto *domain = static_cast<bb_domain_settings *>(g_ptr_array_index(settings->domains, i));
        if (std::string(domain->name) == name)
            return domain;
    }
    return nullptr;
}

const bb_event_settings *EventOf(const bb_settings *settings, const char *domain, const char *name)
{
    const bb_domain_settings *found = DomainOf(settings, domain);
    for (guint i = 0; found && i < found->events->len; i++) {
        auto *event = static_cast<bb_event_settings *>(g_ptr_array_index(found->events, i));
        if (std::string(event->name) == name)
            return event;
    }
    return nullptr;
}

const bb_kafka_property *PropertyOf(const bb_settings *settings, const char *name)
{
    for (guint i = 0; i < settings->kafka->len; i++) {
        auto *property = static_cast<bb_kafka_property *>(g_ptr_array_index(settings->kafka, i));
        if (std::string(property->name) == name)
            return property;
    }
    return nullptr;
}

class Good : public testing::Test
{
  protected:
    void SetUp() override
    {
        g_unsetenv("BUSBAR_TEST_BROKERS");
        Load(&loaded, data_folder + "good/busbar.yaml");
        for (const auto &problem : loaded.problems)
            ADD_FAILURE() << problem;
        ASSERT_NE(loaded.settings, nullptr);
    }
    Loaded loaded;
};

TEST_F(Good, KafkaPropertiesKeepTheirText)
{
    const bb_settings *settings = loaded.settings;
    EXPECT_STREQ(settings->bootstrap, "broker-1:9092,broker-2:9092");
    ASSERT_NE(PropertyOf(settings, "client.id"), nullptr);
    EXPECT_STREQ(PropertyOf(settings, "client.id")->value, "0123");
    EXPECT_STREQ(PropertyOf(settings, "socket.keepalive.enable")->value, "true");
    EXPECT_FALSE(PropertyOf(settings, "sasl.username")->secret);
    EXPECT_TRUE(PropertyOf(settings, "sasl.password")->secret);
    EXPECT_STREQ(PropertyOf(settings, "ssl.key.password")->value, "hunter2");
    EXPECT_EQ(PropertyOf(settings, "bootstrap.servers"), nullptr);
}

TEST_F(Good, EventIsBuiltFromDefaultsDomainAndItself)
{
    const bb_event_settings *event = EventOf(loaded.settings, "customer", "user_event");
    ASSERT_NE(event, nullptr);
    EXPECT_TRUE(event->enabled);
    EXPECT_STREQ(event->topic, "other-topic");
    EXPECT_STREQ(event->group, "my-group");
    EXPECT_EQ(event->order, BB_ORDER_PARTITION);
    EXPECT_EQ(event->concurrency, 4u);
    EXPECT_EQ(event->in_flight_bytes, 64u << 20);
    EXPECT_EQ(event->flush_interval_ms, 250);
    EXPECT_EQ(event->retry_attempts, 7u);
    EXPECT_EQ(event->retry_initial_ms, 1000);
    EXPECT_EQ(event->retry_max_ms, 10000);
    EXPECT_STREQ(event->dead_letter_topic, "graveyard");
    EXPECT_FALSE(event->dead_letter_create);
    EXPECT_TRUE(event->enrich);
    EXPECT_STREQ(event->offset_reset, "latest");
    EXPECT_EQ(event->key_form, BB_KEY_RAW);
    EXPECT_EQ(event->metadata, BB_META_HEADERS);
    EXPECT_STREQ(event->key_template, "{user_id}");
    EXPECT_STREQ(event->producer, "me");
    ASSERT_EQ(event->handlers->len, 2u);
    EXPECT_EQ(json_integer_value(json_object_get(event->plugin_config, "limit")), 5);
    EXPECT_EQ(event->place.line, 24u);
    EXPECT_EQ(event->place.column, 7u);
}

TEST_F(Good, DomainLayerHoldsForEventsThatAreNotNamed)
{
    const bb_domain_settings *domain = DomainOf(loaded.settings, "customer");
    ASSERT_NE(domain, nullptr);
    EXPECT_EQ(domain->defaults->concurrency, 3u);
    EXPECT_EQ(domain->defaults->order, BB_ORDER_PARTITION);
    ASSERT_EQ(domain->defaults->handlers->len, 1u);
    EXPECT_STREQ(static_cast<char *>(g_ptr_array_index(domain->defaults->handlers, 0)), "archive");
    EXPECT_EQ(EventOf(loaded.settings, "customer", "session")->concurrency, 3u);
    EXPECT_EQ(EventOf(loaded.settings, "editorial", "article")->concurrency, 2u);
}

TEST_F(Good, OneWordSwitchesDomainsAndEvents)
{
    EXPECT_FALSE(DomainOf(loaded.settings, "audit")->enabled);
    EXPECT_STREQ(DomainOf(loaded.settings, "audit")->plugin, "audit");
    EXPECT_FALSE(EventOf(loaded.settings, "editorial", "article")->enabled);
    EXPECT_FALSE(DomainOf(loaded.settings, "editorial")->only_listed);
    EXPECT_TRUE(DomainOf(loaded.settings, "customer")->only_listed);
}

TEST_F(Good, DropInWithASchemaIsAGenericDomain)
{
    const bb_event_settings *order = EventOf(loaded.settings, "shop", "order");
    ASSERT_NE(order, nullptr);
    EXPECT_STREQ(DomainOf(loaded.settings, "shop")->plugin, "generic");
    EXPECT_EQ(std::string(order->schema), data_folder + "good/schemas/order.json");
    EXPECT_STREQ(order->topic, "shop-orders");
    EXPECT_EQ(loaded.settings->files->len, 2u);
}

TEST_F(Good, PathsAreRelativeToTheirFile)
{
    EXPECT_EQ(std::string(DomainOf(loaded.settings, "local")->plugin),
              data_folder + "good/plugins/local.so");
    ASSERT_GE(loaded.settings->plugin_path->len, 2u);
    EXPECT_EQ(std::string(static_cast<char *>(g_ptr_array_index(loaded.settings->plugin_path, 0))),
              data_folder + "good/plugins");
}

TEST_F(Good, HandlerKeepsItsOwnKeys)
{
    ASSERT_EQ(loaded.settings->handlers->len, 2u);
    auto *handler =
        static_cast<bb_handler_settings *>(g_ptr_array_index(loaded.settings->handlers, 1));
    EXPECT_STREQ(handler->name, "warehouse");
    EXPECT_STREQ(handler->plugin, "postgresql");
    EXPECT_STREQ(handler->handler, "rows");
    EXPECT_EQ(json_object_size(handler->config), 2u);
    EXPECT_STREQ(json_string_value(json_object_get(handler->config, "dsn")),
                 "postgresql://me:hunter2@db:5432/events");
    auto *archive =
        static_cast<bb_handler_settings *>(g_ptr_array_index(loaded.settings->handlers, 0));
    EXPECT_STREQ(json_string_value(json_object_get(archive->config, "path")),
                 "out/{topic}/${date}.jsonl");
}

TEST_F(Good, TreeShowsNoSecret)
{
    char *text = json_dumps(loaded.settings->tree, JSON_COMPACT);
    EXPECT_EQ(std::string(text).find("hunter2"), std::string::npos);
    EXPECT_NE(std::string(text).find("\"sasl.password\":\"********\""), std::string::npos);
    EXPECT_NE(std::string(text).find("postgresql://me:********@db"), std::string::npos);
    free(text);
}

TEST_F(Good, PlacesAreKept)
{
    bb_setting_place place =
        bb_settings_place(loaded.settings, "/domains/customer/events/user_event/topic");
    EXPECT_EQ(place.line, 25u);
    EXPECT_EQ(place.column, 16u);
    EXPECT_EQ(bb_settings_place(loaded.settings, "/domains/nobody").file, nullptr);
}

TEST_F(Good, LogAndDrain)
{
    EXPECT_EQ(loaded.settings->log_level, 7);
    EXPECT_TRUE(loaded.settings->log_json);
    EXPECT_EQ(loaded.settings->drain_ms, 90000);
}

// What `admin_listen` comes to; "" when there is no admin port.
static std::string AdminOf(const std::string &text, std::vector<const char *> overrides = {})
{
    Loaded loaded;
    LoadText(&loaded, text, std::move(overrides));
    if (!loaded.settings)
        return "refused";
    return loaded.settings->admin_listen ? loaded.settings->admin_listen : "";
}

TEST(Settings, TheAdminPortIsThereWhenItIsAskedFor)
{
    EXPECT_EQ(AdminOf(""), "");
    EXPECT_EQ(AdminOf("admin: false"), "");
    EXPECT_EQ(AdminOf("admin: { enabled: false, listen: 127.0.0.1:1 }"), "");
    EXPECT_EQ(AdminOf("admin: true"), "127.0.0.1:9464");
    EXPECT_EQ(AdminOf("admin: {}"), "127.0.0.1:9464");
    EXPECT_EQ(AdminOf("admin: { listen: \"[::1]:0\" }"), "[::1]:0");
    EXPECT_EQ(AdminOf("", {"admin.listen=localhost:8080"}), "localhost:8080");
    EXPECT_EQ(AdminOf("admin: true", {"admin=false"}), "");
    EXPECT_EQ(ProblemOf("admin: { listen: \"9464\" }"),
              "busbar.yaml:1:18: `listen` is the text `9464`; expected an address and port such as "
              "127.0.0.1:9464 or [::1]:9464 (port 0: a free one)");
    EXPECT_EQ(AdminOf("admin: { port: 9464 }"), "refused");
    EXPECT_EQ(AdminOf("admin: loopback"), "refused");
}

TEST(Settings, DefaultsWithoutAnything)
{
    Loaded loaded;
    LoadText(&loaded, "");
    ASSERT_NE(loaded.settings, nullptr);
    EXPECT_STREQ(loaded.settings->bootstrap, "localhost:9092");
    EXPECT_EQ(loaded.settings->domains->len, 0u);
    EXPECT_EQ(loaded.settings->drain_ms, 30000);
    EXPECT_EQ(loaded.settings->log_level, 6);
    bb_event_settings *event = bb_event_settings_new("x");
    EXPECT_EQ(event->batch_records, 500u);
    EXPECT_EQ(event->in_flight_bytes, 32u << 20);
    EXPECT_EQ(event->in_flight_records, 10000u);
    EXPECT_EQ(event->concurrency, 1u);
    EXPECT_EQ(event->order, BB_ORDER_KEY);
    EXPECT_EQ(event->flush_interval_ms, 500);
    EXPECT_EQ(event->commit_interval_ms, 1000);
    EXPECT_STREQ(event->offset_reset, "earliest");
    EXPECT_EQ(event->retry_attempts, 5u);
    EXPECT_EQ(event->retry_initial_ms, 100);
    EXPECT_EQ(event->retry_max_ms, 30000);
    EXPECT_TRUE(event->enrich);
    EXPECT_EQ(event->on_reject, BB_ON_DEAD_LETTER);
    EXPECT_EQ(event->on_exhausted, BB_ON_DEAD_LETTER);
    EXPECT_EQ(event->on_fault, BB_ON_STOP);
    bb_event_settings_free(event);
}

TEST(Settings, WhatFollowsFromAFailureIsAChoice)
{
    Loaded loaded;
    LoadText(&loaded, "domains: { customer: { events: { user_event: { consume: { on_reject: drop, "
                      "on_exhausted: pause, on_fault: dead_letter } } } } }");
    ASSERT_NE(loaded.settings, nullptr);
    const bb_event_settings *event = EventOf(loaded.settings, "customer", "user_event");
    EXPECT_EQ(event->on_reject, BB_ON_DROP);
    EXPECT_EQ(event->on_exhausted, BB_ON_PAUSE);
    EXPECT_EQ(event->on_fault, BB_ON_DEAD_LETTER);
    Loaded refused;
    LoadText(&refused, "domains: { customer: { consume: { on_reject: pause, on_exhausted: skip, "
                       "on_fault: drop } } }");
    EXPECT_EQ(refused.settings, nullptr);
    EXPECT_EQ(refused.problems.size(), 3u);
}

// Every planted mistake is found in one pass, at its place, in the words that are expected.
TEST(Settings, PlantedMistakes)
{
    Loaded loaded;
    g_unsetenv("BUSBAR_TEST_UNSET");
    Load(&loaded, data_folder + "mistakes/busbar.yaml");
    std::vector<std::string> expected;
    std::ifstream file(data_folder + "mistakes/expected.txt");
    for (std::string line; std::getline(file, line);)
        expected.push_back(line);
    ASSERT_GE(expected.size(), 40u);
    for (size_t i = 0; i < std::max(expected.size(), loaded.problems.size()); i++)
        EXPECT_EQ(i < loaded.problems.size() ? loaded.problems[i] : "(nothing)",
                  i < expected.size() ? expected[i] : "(nothing)");
}

TEST(Settings, MissingFileIsNamed)
{
    Folder folder;
    Loaded loaded;
    Load(&loaded, folder.path() + "/none.yaml");
    ASSERT_EQ(loaded.problems.size(), 1u);
    EXPECT_EQ(loaded.problems[0], "none.yaml: cannot be read: no such file");
}

TEST(Settings, FolderIsRefused)
{
    Folder folder;
    Loaded loaded;
    Load(&loaded, folder.path());
    ASSERT_EQ(loaded.problems.size(), 1u);
    EXPECT_NE(loaded.problems[0].find("is not a regular file"), std::string::npos);
}

TEST(Settings, ScalarsFollowYaml12)
{
    struct {
        const char *text, *found; /* what is said when it stands where a boolean is expected */
    } cases[] = {
        {"yes", "`yes`; expected true or false; in YAML 1.2 `yes` is a text"},
        {"off", "`off`; expected true or false; in YAML 1.2 `off` is a text"},
        {"\"true\"", "the text `true`; expected true or false"},
        {"0x1F", "`0x1F`; expected true or false"},
        {"1.5", "`1.5`; expected true or false"},
        {"~", "nothing; expected true or false"},
    };
    for (const auto &test : cases)
        EXPECT_EQ(ProblemOf(std::string("defaults: { consume: { enrich: ") + test.text + " } }"),
                  std::string("busbar.yaml:1:32: `enrich` is ") + test.found);
    for (const char *good : {"true", "True", "FALSE", "!!bool true"}) {
        Loaded loaded;
        LoadText(&loaded, std::string("defaults: { consume: { enrich: ") + good + " } }");
        EXPECT_NE(loaded.settings, nullptr) << good;
    }
}

TEST(Settings, ExpansionTakesTheKindThatIsAskedFor)
{
    Loaded loaded, plain;
    g_setenv("BUSBAR_TEST_N", "7", TRUE);
    LoadText(&loaded, "domains: { a: { consume: { concurrency: \"${BUSBAR_TEST_N}\" } } }");
    ASSERT_NE(loaded.settings, nullptr);
    EXPECT_EQ(DomainOf(loaded.settings, "a")->defaults->concurrency, 7u);
    LoadText(&plain, "domains:\n  a:\n    consume:\n      group: ${BUSBAR_TEST_N}");
    ASSERT_NE(plain.settings, nullptr);
    EXPECT_STREQ(DomainOf(plain.settings, "a")->defaults->group, "7");
    g_setenv("BUSBAR_TEST_N", "seven", TRUE);
    EXPECT_EQ(ProblemOf("defaults:\n  consume:\n    concurrency: ${BUSBAR_TEST_N}"),
              "busbar.yaml:3:18: `concurrency` is a text that is not shown; expected a number of "
              "lanes from 0 to 256");
    g_unsetenv("BUSBAR_TEST_N");
}

TEST(Settings, ExpansionNeverChangesTheStructure)
{
    Loaded loaded;
    g_setenv("BUSBAR_TEST_N", "x\nlog: {level: debug}\n", TRUE);
    LoadText(&loaded, "kafka:\n  client.id: ${BUSBAR_TEST_N}");
    ASSERT_NE(loaded.settings, nullptr);
    EXPECT_STREQ(PropertyOf(loaded.settings, "client.id")->value, "x\nlog: {level: debug}\n");
    EXPECT_EQ(loaded.settings->log_level, 6);
    g_unsetenv("BUSBAR_TEST_N");
}

TEST(Settings, ExpansionMistakes)
{
    EXPECT_EQ(ProblemOf("kafka:\n  client.id: a${x"),
              "busbar.yaml:2:14: ${ without its }; write $${ for the two characters themselves");
    EXPECT_EQ(ProblemOf("kafka:\n  client.id: ${1x}"),
              "busbar.yaml:2:14: ${1x} is not understood; write ${NAME}, ${NAME:-default}, "
              "${file:path}, or $${ for the two characters themselves");
}

TEST(Settings, AliasesAreBounded)
{
    std::string text = "a: &a [x,x,x,x,x,x,x,x,x,x]\n";
    for (char name = 'b'; name < 'k'; name++) {
        text += std::string(1, name) + ": &" + name + " [";
        for (int i = 0; i < 10; i++)
            text += std::string(i ? ",*" : "*") + static_cast<char>(name - 1);
        text += "]\n";
    }
    EXPECT_NE(ProblemOf(text).find("more than 100,000 values"), std::string::npos);
}

TEST(Settings, DepthIsBounded)
{
    EXPECT_NE(ProblemOf("kafka: " + std::string(5000, '[')).find("nested more than 64"),
              std::string::npos);
}

TEST(Settings, IntegersInEveryForm)
{
    struct {
        const char *text;
        guint value;
    } cases[] = {{"7", 7}, {"+7", 7}, {"007", 7}, {"0x1f", 31}, {"0o17", 15}, {"!!int 9", 9}};
    for (const auto &test : cases) {
        Loaded loaded;
        LoadText(&loaded,
                 std::string("domains: { a: { consume: { concurrency: ") + test.text + " } } }");
        ASSERT_NE(loaded.settings, nullptr) << test.text;
        EXPECT_EQ(DomainOf(loaded.settings, "a")->defaults->concurrency, test.value) << test.text;
    }
    for (const char *bad : {"257", "-1", "1.5", "99999999999999999999", ".inf", ".nan", "[]"}) {
        Loaded loaded;
        LoadText(&loaded, std::string("defaults: { consume: { concurrency: ") + bad + " } }");
        ASSERT_EQ(loaded.problems.size(), 1u) << bad;
        EXPECT_NE(loaded.problems[0].find("expected a number of lanes from 0 to 256"),
                  std::string::npos);
    }
}

TEST(Settings, LargeFilesAreRefused)
{
    EXPECT_EQ(ProblemOf("# " + std::string(5 << 20, 'x')), "busbar.yaml: is larger than 4 MiB");
}

TEST(Settings, JsonIsYaml)
{
    Loaded loaded;
    LoadText(&loaded, "{\"kafka\": {\"bootstrap.servers\": \"a:1\"}, \"drain\": 5}");
    ASSERT_NE(loaded.settings, nullptr);
    EXPECT_STREQ(loaded.settings->bootstrap, "a:1");
    EXPECT_EQ(loaded.settings->drain_ms, 5);
}

TEST(Settings, BytesThatAreNotTextAreRefused)
{
    EXPECT_NE(ProblemOf("kafka: \xff\xfe").find("not readable as text"), std::string::npos);
    EXPECT_NE(ProblemOf("kafka: { client.id: \"a\\0b\" }").find("NUL"), std::string::npos);
}

TEST(Settings, OverridesWinAndNameThemselves)
{
    Loaded loaded;
    LoadText(&loaded, "kafka: { bootstrap.servers: a:1 }\ndomains: { customer: true }",
             {"kafka.bootstrap.servers=b:2",
              "domains.customer.events.session.consume.concurrency=9",
              "domains.customer.events.session.publish.key_template={user_id}", "drain=2s"});
    ASSERT_NE(loaded.settings, nullptr);
    EXPECT_STREQ(loaded.settings->bootstrap, "b:2");
    EXPECT_EQ(EventOf(loaded.settings, "customer", "session")->concurrency, 9u);
    EXPECT_STREQ(EventOf(loaded.settings, "customer", "session")->key_template, "{user_id}");
    EXPECT_EQ(loaded.settings->drain_ms, 2000);
    EXPECT_EQ(ProblemOf("", {"nonsense"}), "--set nonsense: takes the form key.path=value, as "
                                           "kafka.bootstrap.servers=localhost:9092");
    EXPECT_EQ(ProblemOf("", {"log.level=loud"}),
              "--set log.level: `level` is `loud`; expected error, warning, info or debug");
}

TEST(Settings, SameValueInTwoFilesIsNoConflict)
{
    Folder folder;
    Loaded loaded;
    folder.Write("conf.d/a.yaml", "log: { level: debug }\ndomains: { shop: { plugin: x } }");
    folder.Write("conf.d/b.yaml", "domains: { shop: false }");
    folder.Write("conf.d/.hidden.yaml", "nonsense");
    folder.Write("conf.d/README", "nonsense");
    Load(&loaded, folder.Write("busbar.yaml", "log: { level: debug }"));
    ASSERT_NE(loaded.settings, nullptr);
    EXPECT_FALSE(DomainOf(loaded.settings, "shop")->enabled);
    EXPECT_STREQ(DomainOf(loaded.settings, "shop")->plugin, "x");
    EXPECT_EQ(loaded.settings->files->len, 3u);
}

TEST(Settings, SchemaIsJson)
{
    gsize size = 0;
    const char *text = bb_settings_schema(&size);
    json_t *schema = json_loadb(text, size, 0, nullptr);
    ASSERT_NE(schema, nullptr);
    EXPECT_NE(json_object_get(json_object_get(schema, "properties"), "domains"), nullptr);
    json_decref(schema);
}

} // namespace
