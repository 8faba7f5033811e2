/* The public JSON parsing suite, and texts made from it by mutation: against the suite's verdicts,
 * against the portable parser, and against jansson. */
#include <set>

#include "support.h"

namespace
{

/* RFC 8259 allows `\u0000`; busbar refuses it, since databases and C texts cannot hold it. The RFC
 * also only advises against a name given twice; busbar refuses it, since readers differ in which
 * one counts. */
const std::set<std::string> kRefusedOnPurpose = {
    "y_object_escaped_null_in_key.json", "y_string_null_escape.json",
    "y_object_duplicated_key.json", "y_object_duplicated_key_and_value.json"};

/* Where RFC 8259 leaves the choice: numbers of any size are numbers, and nesting has a limit;
 * everything that is not clean Unicode is refused. */
bool AcceptedByChoice(const std::string &name)
{
    return name.rfind("i_number_", 0) == 0;
}

/* Texts like events, for where the suite is not there. */
std::vector<std::string> Seeds()
{
    std::vector<std::string> seeds = {
        R"({"company_id": "c1d5a8e2-3f40-4b6a-9d17-52e8a0b7c614", "metadata": {"app": "4.2.1"}})",
        R"({"a":1,"b":-2.50e+3,"c":[true,false,null,[],{}],"d":"\u00e9\ud83d\ude00\n","a\n":""})",
        "{\"t\xc3\xadtulo\": \"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\", \"x\" :\t[ 1 , 2 ] }\n",
        R"({"engagement_metrics":{"scroll_depth":78,"time":143,"played":false},"n":0,"z":1e400})",
        R"([[[[{"a":{"a":{"a":"a"}}}]]],"\\\"\/\b\f\n\r\t",12345678901234567890,0.1,1E2])"};
    for (const SuiteFile &file : LoadSuite())
        if (file.text.size() < 4096)
            seeds.push_back(file.text);
    return seeds;
}

void MutateOnce(Random &random, const std::vector<std::string> &seeds, std::string &text)
{
    static const std::string alphabet =
        "{}[]\",:\\/ \t\n0123456789-+.eEtrufalsn\x01\x7f\x80\xc3\xa9"
        "\xed\xa0\xf0";
    size_t at = random.below(text.size() + 1);
    size_t span = random.below(std::min<size_t>(text.size() - at, 24) + 1);
    switch (random.below(6)) {
    case 0:
        text.insert(at, 1, alphabet[random.below(alphabet.size())]);
        break;
    case 1:
        text.erase(at, span);
        break;
    case 2:
        text.insert(at, text.substr(at, span));
        break;
    case 3: {
        const std::string &other = seeds[random.below(seeds.size())];
        text.insert(at, other.substr(random.below(other.size() + 1), 24));
        break;
    }
    case 4:
        if (at < text.size())
            text[at] = alphabet[random.below(alphabet.size())];
        break;
    default:
        if (at < text.size())
            text[at] = static_cast<char>(text[at] ^ 1 << random.below(8));
    }
}

std::string Shown(const std::string &text)
{
    return ::testing::PrintToString(text);
}

} // namespace

TEST(JsonSuite, VerdictsAreThoseOfTheSuite)
{
    std::vector<SuiteFile> suite = LoadSuite();
    if (suite.empty())
        GTEST_SKIP() << "no json-parsing suite beside the project or in $BUSBAR_SUITES";
    Parser parser;
    int accepted = 0, refused = 0, chosen = 0;
    for (const SuiteFile &file : suite) {
        bool ok = parser.parse(file.text);
        bool expected = file.name[0] == 'y'   ? kRefusedOnPurpose.count(file.name) == 0
                        : file.name[0] == 'n' ? false
                                              : AcceptedByChoice(file.name);
        EXPECT_EQ(expected, ok) << file.name << (ok ? "" : parser.error.reason);
        (file.name[0] == 'i' ? chosen : ok ? accepted : refused)++;
    }
    printf("json-parsing suite: %d accepted, %d refused, %d by choice, %zu files\n", accepted,
           refused, chosen, suite.size());
    EXPECT_GT(accepted, 90);
    EXPECT_GT(refused, 180);
}

TEST(JsonSuite, PortableCodeAgrees)
{
    std::vector<SuiteFile> suite = LoadSuite();
    if (suite.empty())
        GTEST_SKIP() << "no json-parsing suite beside the project or in $BUSBAR_SUITES";
    Parser wide, portable;
    for (const SuiteFile &file : suite) {
        ExactText text(file.text);
        const char *difference =
            oracle_check_portable(wide.get(), portable.get(), text.data(), text.size());
        EXPECT_EQ(nullptr, difference) << file.name << ": " << difference;
    }
}

TEST(JsonMutations, PortableCodeAndJanssonAgree)
{
    std::vector<std::string> seeds = Seeds();
    Parser wide, portable;
    Random random(0x5eed);
    int valid = 0;
    for (int i = 0; i < 40000; i++) {
        std::string mutated = seeds[random.below(seeds.size())];
        for (size_t n = random.below(4); n-- > 0;)
            MutateOnce(random, seeds, mutated);
        ExactText text(mutated);
        const char *difference =
            oracle_check_portable(wide.get(), portable.get(), text.data(), text.size());
        ASSERT_EQ(nullptr, difference) << difference << ": " << Shown(mutated);
        difference = oracle_check(wide.get(), text.data(), text.size());
        ASSERT_EQ(nullptr, difference) << difference << ": " << Shown(mutated);
        valid += wide.parse(mutated);
    }
    printf("mutations: %d of 40000 valid\n", valid);
    EXPECT_GT(valid, 1000);
    EXPECT_LT(valid, 39000);
}
