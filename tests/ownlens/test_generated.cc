/* Generated events keep the contracts they are made from, and break them when they are told to. */
#include "ownlens.hh"

#include <map>
#include <set>

extern "C" {
#include "app/generate.h"
}

namespace
{

const guint64 seed = 7;

/* Text of an event from a generator that is kept. */
std::string generate(const std::string &name, guint64 index, gboolean bad)
{
    static std::map<std::string, std::unique_ptr<bb_generator, void (*)(bb_generator *)>> kept;
    auto found = kept.find(name);
    if (found == kept.end()) {
        gsize size = 0;
        const char *contract = bb_contract_text(load(name)->contract, &size);
        bb_generator *made = bb_generator_new(contract, size, seed, 0, nullptr);
        found = kept.emplace(name, decltype(kept)::mapped_type(made, bb_generator_free)).first;
    }
    GString *text = g_string_new(nullptr);
    bb_generator_event(found->second.get(), index, bad, text);
    std::string copy(text->str, text->len);
    g_string_free(text, TRUE);
    return copy;
}

/* Text of an event from a generator of its own. */
std::string generate_alone(const std::string &name, guint64 index, gboolean bad)
{
    GString *text = bb_generate_event(load(name), seed, index, bad);
    std::string copy(text->str, text->len);
    g_string_free(text, TRUE);
    return copy;
}

class Generated : public testing::TestWithParam<Facts>
{
};

TEST_P(Generated, GoodOnesPass)
{
    Processor processor(GetParam().name, BB_PROCESS_PUBLISH);
    for (guint64 i = 0; i < 300; i++) {
        std::string text = generate(GetParam().name, i, FALSE);
        Outcome outcome = processor.run(text);
        ASSERT_EQ(outcome.verdict, BUSBAR_PASS) << outcome.pointer << " " << outcome.message << "\n"
                                                << text;
    }
}

TEST_P(Generated, BadOnesAreRefusedForOneReason)
{
    Processor processor(GetParam().name, BB_PROCESS_VALIDATE);
    std::set<std::string> keywords;
    for (guint64 i = 0; i < 300; i++) {
        std::string text = generate(GetParam().name, i, TRUE);
        Outcome outcome = processor.run(text);
        ASSERT_EQ(outcome.verdict, BUSBAR_REJECT) << text;
        EXPECT_EQ(std::set<std::string>(outcome.pointers.begin(), outcome.pointers.end()).size(),
                  1u)
            << text;
        keywords.insert(outcome.keyword);
    }
    EXPECT_GE(keywords.size(), 4u);
    EXPECT_EQ(keywords.count("malformed"), 1u);
}

TEST_P(Generated, TheSameSeedAndIndexGiveTheSameText)
{
    for (guint64 i = 0; i < 20; i++) {
        EXPECT_EQ(generate(GetParam().name, i, i % 2), generate_alone(GetParam().name, i, i % 2));
        EXPECT_NE(generate(GetParam().name, i, FALSE), generate(GetParam().name, i + 1, FALSE));
    }
}

INSTANTIATE_TEST_SUITE_P(Ownlens, Generated, testing::ValuesIn(all_facts), name_of);

TEST(GeneratedKeys, Repeat)
{
    Processor processor("user_event", BB_PROCESS_PUBLISH);
    std::map<std::string, int> seen;
    for (guint64 i = 0; i < 1500; i++)
        seen[processor.run(generate("user_event", i, FALSE)).key]++;
    EXPECT_GT(seen.size(), 200u);
    EXPECT_LE(seen.size(), 1000u);
}

TEST(Generator, RefusesWhatIsNoContract)
{
    for (const char *text : {"", "[]", "true", "{\"type\":\"object\"}", "{\"properties\":3}"}) {
        GError *error = nullptr;
        EXPECT_EQ(bb_generator_new(text, strlen(text), 1, 0, &error), nullptr);
        ASSERT_NE(error, nullptr);
        EXPECT_EQ(error->code, BB_ERROR_USAGE);
        g_error_free(error);
    }
}

} // namespace
