// The official JSON-Schema-Test-Suite, draft 2020-12, through compiler and evaluator.
#include <gtest/gtest.h>

#include <dirent.h>

#include <algorithm>
#include <string>
#include <vector>

extern "C" {
#include <jansson.h>

#include "contract/contract.h"
}

namespace
{

struct Counts {
    unsigned cases = 0;
    unsigned passed = 0;
};

std::string suites_folder()
{
    const char *given = g_getenv("BUSBAR_SUITES");
    return given ? given : std::string(BB_SOURCE_DIR) + "/../shared/suites";
}

std::vector<std::string> list_files(const std::string &folder)
{
    std::vector<std::string> names;
    DIR *open = opendir(folder.c_str());
    while (open) {
        const struct dirent *entry = readdir(open);
        if (!entry)
            break;
        std::string name = entry->d_name;
        if (name.size() > 5 && name.substr(name.size() - 5) == ".json")
            names.push_back(name);
    }
    if (open)
        closedir(open);
    std::sort(names.begin(), names.end());
    return names;
}

std::string dump(const json_t *value)
{
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(15));
    std::string copy = text ? text : "";
    free(text);
    return copy;
}

// Verdict of the evaluator, or an explanation when the instance cannot even be read.
bool evaluate(const bb_contract *contract, bb_evaluator *evaluator, const std::string &text,
              std::string *reason)
{
    const bb_limits limits = {1u << 20, 128, 1u << 16};
    g_autoptr(bb_parser) parser = bb_parser_new(&limits);
    g_autoptr(bb_arena) arena = bb_arena_new(0);
    bb_tape tape;
    bb_parse_error wrong;
    bb_parser_allow_nul(parser, true);
    if (!bb_parse(parser, text.data(), text.size(), &tape, &wrong)) {
        *reason = wrong.reason;
        return false;
    }
    uint32_t count = 0;
    const bb_slot_name *slots = bb_contract_slots(contract, &count);
    busbar_event event;
    bb_event_init(&event, arena, text.data(), text.size(), &tape, slots, count);
    bool valid = bb_contract_evaluate(contract, evaluator, &event);
    guint failures = 0;
    const bb_failure *list = bb_evaluator_failures(evaluator, &failures);
    EXPECT_EQ(valid, failures == 0) << text;
    if (failures)
        *reason = std::string(list[0].pointer) + " " + list[0].keyword + " " + list[0].message;
    bb_event_release(&event);
    return valid;
}

void run_group(const json_t *group, const bb_contract_options *options, Counts *counts)
{
    const std::string title = json_string_value(json_object_get(group, "description"));
    const std::string schema = dump(json_object_get(group, "schema"));
    const json_t *tests = json_object_get(group, "tests");
    g_autoptr(GError) error = nullptr;
    g_autoptr(bb_contract) contract =
        bb_contract_compile(schema.data(), schema.size(), options, &error);
    g_autoptr(bb_evaluator) evaluator = bb_evaluator_new();
    counts->cases += json_array_size(tests);
    if (!contract) {
        ADD_FAILURE() << title << ": " << error->message;
        return;
    }
    for (size_t i = 0; i < json_array_size(tests); i++) {
        const json_t *test = json_array_get(tests, i);
        const std::string text = dump(json_object_get(test, "data"));
        const bool expected = json_is_true(json_object_get(test, "valid"));
        std::string reason = "accepted";
        const bool valid = evaluate(contract, evaluator, text, &reason);
        EXPECT_EQ(valid, expected)
            << title << " / " << json_string_value(json_object_get(test, "description")) << ": "
            << text << ": " << reason;
        counts->passed += valid == expected;
    }
}

void run_file(const std::string &path, bool annotate, const std::string &remotes, Counts *counts)
{
    const char *resolve[] = {"http://localhost:1234/", remotes.c_str(), nullptr};
    const bb_contract_options options = {path.c_str(), annotate, resolve};
    json_error_t wrong;
    json_t *groups = json_load_file(path.c_str(), JSON_DECODE_ANY | JSON_ALLOW_NUL, &wrong);
    ASSERT_NE(groups, nullptr) << path << ": " << wrong.text;
    for (size_t i = 0; i < json_array_size(groups); i++)
        run_group(json_array_get(groups, i), &options, counts);
    json_decref(groups);
}

} // namespace

TEST(SchemaSuite, EveryCaseOfDraft202012Passes)
{
    const std::string folder = suites_folder() + "/json-schema-2020-12";
    const std::vector<std::string> names = list_files(folder);
    if (names.empty())
        GTEST_SKIP() << "the JSON-Schema-Test-Suite is not in " << folder;
    Counts counts;
    for (const std::string &name : names)
        run_file(folder + "/" + name, name == "format.json",
                 suites_folder() + "/json-schema-remotes", &counts);
    std::printf("JSON-Schema-Test-Suite 2020-12: %u cases, %u passed\n", counts.cases,
                counts.passed);
    EXPECT_EQ(counts.cases, counts.passed);
}
