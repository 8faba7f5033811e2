// The official JSON-Schema-Test-Suite, draft 2020-12, through compiler and evaluator.
#include <gtest/gtest.h>

#include <dirent.h>

#include <algorithm>
#include <string>
#include <vector>

extern "C" {
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

// A file of the suite as text and tape, so that numbers reach busbar digit by digit as they stand.
struct Document {
    std::string text;
    std::vector<bb_token> tokens;

    uint32_t member(uint32_t object, const std::string &name) const
    {
        for (uint32_t i = object + 1; i < tokens[object].next; i = tokens[i + 1].next) {
            if (bb_token_equals(text.data(), &tokens[i], name.data(), name.size()))
                return i + 1;
        }
        return 0;
    }
    std::string json(uint32_t token) const
    {
        const bb_token &at = tokens[token];
        const uint32_t quote = at.type == BB_STRING ? 1 : 0;
        return text.substr(at.start - quote, at.size + 2 * quote);
    }
};

bool read_document(const std::string &path, Document *document)
{
    g_autofree char *content = nullptr;
    gsize size = 0;
    g_autoptr(bb_parser) parser = bb_parser_new(nullptr);
    bb_tape tape;
    bb_parse_error wrong;
    bb_parser_allow_nul(parser, true);
    if (!g_file_get_contents(path.c_str(), &content, &size, nullptr))
        return false;
    document->text.assign(content, size);
    if (!bb_parse(parser, document->text.data(), size, &tape, &wrong))
        return false;
    document->tokens.assign(tape.tokens, tape.tokens + tape.count);
    return true;
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

void run_test(const Document &file, uint32_t test, const bb_contract *contract,
              const std::string &title, Counts *counts)
{
    g_autoptr(bb_evaluator) evaluator = bb_evaluator_new();
    const std::string text = file.json(file.member(test, "data"));
    const bool expected = file.tokens[file.member(test, "valid")].type == BB_TRUE;
    std::string reason = "accepted";
    const bool valid = evaluate(contract, evaluator, text, &reason);
    EXPECT_EQ(valid, expected) << title << " / " << file.json(file.member(test, "description"))
                               << ": " << text << ": " << reason;
    counts->cases++;
    counts->passed += valid == expected;
}

void run_group(const Document &file, uint32_t group, const bb_contract_options *options,
               Counts *counts)
{
    const std::string title = file.json(file.member(group, "description"));
    const std::string schema = file.json(file.member(group, "schema"));
    const uint32_t tests = file.member(group, "tests");
    g_autoptr(GError) error = nullptr;
    g_autoptr(bb_contract) contract =
        bb_contract_compile(schema.data(), schema.size(), options, &error);
    for (uint32_t i = tests + 1; i < file.tokens[tests].next; i = file.tokens[i].next) {
        if (contract)
            run_test(file, i, contract, title, counts);
        else
            counts->cases++;
    }
    if (!contract)
        ADD_FAILURE() << title << ": " << error->message;
}

void run_file(const std::string &path, bool annotate, const std::string &remotes, Counts *counts)
{
    const char *resolve[] = {"http://localhost:1234/", remotes.c_str(), nullptr};
    const bb_contract_options options = {path.c_str(), annotate, resolve};
    Document file;
    ASSERT_TRUE(read_document(path, &file)) << path;
    for (uint32_t i = 1; i < file.tokens[0].next; i = file.tokens[i].next)
        run_group(file, i, &options, counts);
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
