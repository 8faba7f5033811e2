// Contracts that are wrong: each is refused with source, JSON pointer and reason.
#include <gtest/gtest.h>

#include <string>

extern "C" {
#include "base/error.h"
#include "contract/contract.h"
}

namespace
{

struct Refusal {
    const char *name;
    const char *schema;
    const char *pointer; // "the root" for the whole
    const char *reason;
};

// clang-format off
const Refusal refusals[] = {
    {"SchemaIsANumber", "12", "the root", "must be an object, true or false"},
    {"TypeUnknown", R"({"properties":{"a":{"type":"text"}}})", "/properties/a/type", "must be one of null"},
    {"TypeEmpty", R"({"type":[]})", "/type", "at least one type"},
    {"TypeNumber", R"({"type":7})", "/type", "must be one of null"},
    {"TypeInArray", R"({"type":["string",7]})", "/type/1", "must be one of null"},
    {"EnumNoArray", R"({"enum":"a"})", "/enum", "must be an array"},
    {"MaxLengthNegative", R"({"maxLength":-1})", "/maxLength", "at least 0"},
    {"MaxLengthFraction", R"({"maxLength":1.5})", "/maxLength", "at least 0"},
    {"MinLengthText", R"({"minLength":"1"})", "/minLength", "at least 0"},
    {"MinItemsNull", R"({"minItems":null})", "/minItems", "at least 0"},
    {"MinContainsText", R"({"minContains":"x"})", "/minContains", "at least 0"},
    {"MaxPropertiesText", R"({"maxProperties":"x"})", "/maxProperties", "at least 0"},
    {"PatternNumber", R"({"pattern":1})", "/pattern", "must be a string"},
    {"PatternBroken", R"({"properties":{"a/b":{"pattern":"(a"}}})", "/properties/a~1b/pattern", "bad regular expression"},
    {"PatternUnknownEscape", R"({"pattern":"\\Aa"})", "/pattern", "ECMA-262 does not know"},
    {"PatternVerb", R"({"pattern":"(*UCP)a"})", "/pattern", "nothing to repeat"},
    {"PatternShortEscape", R"({"pattern":"\\u12"})", "/pattern", "four hexadecimal digits"},
    {"PatternPropertyName", R"({"patternProperties":{"[":true}})", "/patternProperties/[", "bad regular expression"},
    {"FormatNumber", R"({"format":1})", "/format", "must be a string"},
    {"MinimumText", R"({"minimum":"1"})", "/minimum", "must be a number"},
    {"MultipleOfZero", R"({"multipleOf":0})", "/multipleOf", "above 0"},
    {"MultipleOfNegative", R"({"multipleOf":-2})", "/multipleOf", "above 0"},
    {"UniqueItemsText", R"({"uniqueItems":"yes"})", "/uniqueItems", "true or false"},
    {"PropertiesArray", R"({"properties":[]})", "/properties", "must be an object"},
    {"PropertyNull", R"({"properties":{"a":null}})", "/properties/a", "must be an object, true or false"},
    {"RequiredText", R"({"required":"a"})", "/required", "array of member names"},
    {"RequiredNumber", R"({"required":["a",1]})", "/required/1", "must be a member name"},
    {"RequiredTwice", R"({"required":["a","b","a"]})", "/required/2", "named twice"},
    {"DependentRequiredText", R"({"dependentRequired":{"a":"b"}})", "/dependentRequired/a", "array of member names"},
    {"DependentSchemasArray", R"({"dependentSchemas":[]})", "/dependentSchemas", "must be an object"},
    {"AdditionalText", R"({"additionalProperties":"no"})", "/additionalProperties", "must be an object, true or false"},
    {"ItemsArray", R"({"items":[{}]})", "/items", "must be an object, true or false"},
    {"PrefixItemsEmpty", R"({"prefixItems":[]})", "/prefixItems", "at least one schema"},
    {"AllOfObject", R"({"allOf":{}})", "/allOf", "at least one schema"},
    {"AnyOfMember", R"({"anyOf":[true,3]})", "/anyOf/1", "must be an object, true or false"},
    {"NotText", R"({"not":"x"})", "/not", "must be an object, true or false"},
    {"RefNumber", R"({"$ref":1})", "/$ref", "must be a string"},
    {"RefNowhere", R"({"properties":{"a":{"$ref":"#/$defs/x"}}})", "/properties/a/$ref", "there is no such place"},
    {"RefAnchorNowhere", R"({"$ref":"#x"})", "/$ref", "there is no such place"},
    {"RefBrokenEscape", R"({"$ref":"#/%zz"})", "/$ref", "there is no such place"},
    {"RefRemote", R"({"$ref":"https://example.com/x.json"})", "/$ref", "no folder is given"},
    {"RefNoSchema", R"({"$ref":"#/title","title":"x"})", "/title", "must be an object, true or false"},
    {"DynamicRefNowhere", R"({"$dynamicRef":"#x"})", "/$dynamicRef", "there is no such place"},
    {"IdFragment", R"({"$id":"https://example.com/#a"})", "/$id", "must not have a fragment"},
    {"IdTwice", R"({"$defs":{"a":{"$id":"urn:x"},"b":{"$id":"urn:x"}}})", "/$defs/b/$id", "another schema has the URI"},
    {"AnchorTwice", R"({"$defs":{"a":{"$anchor":"x"},"b":{"$anchor":"x"}}})", "/$defs/b/$anchor", "already taken"},
    {"AnchorDigit", R"({"$anchor":"1"})", "/$anchor", "must begin with a letter"},
    {"OtherDraft", R"({"$schema":"http://json-schema.org/draft-07/schema#"})", "/$schema", "draft 2020-12"},
    {"AnnotationUnknown", R"({"properties":{"a":{"x-busbar-laxx":"uuid"}}})", "/properties/a/x-busbar-laxx", "did you mean \"x-busbar-lax\""},
    {"LaxUnknown", R"({"properties":{"a":{"x-busbar-lax":"guid"}}})", "/properties/a/x-busbar-lax", "must be one of: uuid, uuid-any"},
    {"LaxWrongType", R"({"properties":{"a":{"type":"string","x-busbar-lax":"integer"}}})", "/properties/a/x-busbar-lax", "does not allow the canonical form"},
    {"LaxAtRoot", R"({"x-busbar-lax":"uuid"})", "the root", "belong to members"},
    {"LaxInAnyOf", R"({"properties":{"a":{"anyOf":[{"x-busbar-lax":"uuid"},true]}}})", "/properties/a/anyOf/0", "must not be reached through anyOf"},
    {"LaxInNot", R"({"properties":{"a":{"not":{"x-busbar-lax":"uuid"}}}})", "/properties/a/not", "must not be reached"},
    {"LaxInIf", R"({"if":{"properties":{"a":{"x-busbar-case":"lower"}}}})", "/if/properties/a", "must not be reached"},
    {"LaxInContains", R"({"properties":{"a":{"contains":{"x-busbar-trim":true}}}})", "/properties/a/contains", "must not be reached"},
    {"LaxBehindRef", R"({"$defs":{"u":{"x-busbar-lax":"uuid"}},"properties":{"a":{"oneOf":[{"$ref":"#/$defs/u"}]}}})", "/$defs/u", "must not be reached"},
    {"CaseUnknown", R"({"properties":{"a":{"x-busbar-case":"title"}}})", "/properties/a/x-busbar-case", "must be one of: lower, upper"},
    {"TrimText", R"({"properties":{"a":{"x-busbar-trim":"yes"}}})", "/properties/a/x-busbar-trim", "true or false"},
    {"EmptyUnknown", R"({"properties":{"a":{"x-busbar-empty":"absent"}}})", "/properties/a/x-busbar-empty", "must be one of: null"},
    {"GenerateUnknown", R"({"properties":{"a":{"x-busbar-generate":"uuid"}}})", "/properties/a/x-busbar-generate", "\"now\" or \"uuid4\""},
    {"GenerateWhen", R"({"properties":{"a":{"x-busbar-generate":{"value":"now","when":["never"]}}}})", "/properties/a/x-busbar-generate/when", "\"absent\" and \"null\""},
    {"GenerateExtra", R"({"properties":{"a":{"x-busbar-generate":{"value":"now","if":1}}}})", "/properties/a/x-busbar-generate", "\"value\" and"},
    {"GenerateNested", R"({"properties":{"a":{"properties":{"b":{"x-busbar-generate":"now"}}}}})", "/properties/a/properties/b", "belong to members of the root"},
    {"PersonalNumber", R"({"properties":{"a":{"x-busbar-pii":1}}})", "/properties/a/x-busbar-pii", "true or false"},
    {"KeyUndeclared", R"({"x-busbar-key":"{user}","properties":{"user_":true}})", "/x-busbar-key", "did you mean \"user_\""},
    {"KeyBraces", R"({"x-busbar-key":"{a","properties":{"a":true}})", "/x-busbar-key", "braces do not match"},
    {"KeyClosing", R"({"x-busbar-key":"a}","properties":{"a":true}})", "/x-busbar-key", "braces do not match"},
    {"KeyNumber", R"({"x-busbar-key":1})", "/x-busbar-key", "must be a string"},
    {"KeyNested", R"({"properties":{"a":{"x-busbar-key":"{a}"}}})", "/properties/a/x-busbar-key", "belongs to the root"},
    {"WireUnknown", R"({"x-busbar-wire":{"keys":"raw"}})", "/x-busbar-wire/keys", "did you mean \"key\""},
    {"WireKey", R"({"x-busbar-wire":{"key":"xml"}})", "/x-busbar-wire/key", "must be one of: raw, json"},
    {"WireMetadata", R"({"x-busbar-wire":{"metadata":"tail"}})", "/x-busbar-wire/metadata", "must be one of: headers, body, none"},
    {"WireText", R"({"x-busbar-wire":"raw"})", "/x-busbar-wire", "must be an object"},
    {"DefaultBreaks", R"({"properties":{"a":{"type":"string","default":1,"x-busbar-pii":true}}})", "/properties/a/default", "breaks its own schema: expected a string, found 1"},
    {"DefaultNotCanonical", R"({"properties":{"a":{"x-busbar-lax":"integer","default":"1"}}})", "/properties/a/default", "not in its canonical form"},
    {"UnusedDefinition", R"({"$defs":{"a":{"pattern":"("}}})", "/$defs/a/pattern", "bad regular expression"},
    {"TitleNumber", R"({"title":1})", "/title", "must be a string"},
};
// clang-format on

class RefusedContract : public testing::TestWithParam<Refusal>
{
};

} // namespace

TEST_P(RefusedContract, NamesSourcePointerAndReason)
{
    const Refusal &refusal = GetParam();
    const bb_contract_options options = {"orders.json", FALSE, nullptr};
    g_autoptr(GError) error = nullptr;
    g_autoptr(bb_contract) contract =
        bb_contract_compile(refusal.schema, strlen(refusal.schema), &options, &error);
    ASSERT_EQ(contract, nullptr);
    ASSERT_TRUE(g_error_matches(error, BB_ERROR, BB_ERROR_USAGE));
    const std::string message = error->message;
    const std::string head = std::string("orders.json: ") + refusal.pointer + " (line 1): ";
    EXPECT_EQ(message.substr(0, head.size()), head) << message;
    EXPECT_NE(message.find(refusal.reason, head.size() - 1), std::string::npos) << message;
}

INSTANTIATE_TEST_SUITE_P(Table, RefusedContract, testing::ValuesIn(refusals),
                         [](const testing::TestParamInfo<Refusal> &row) {
                             return std::string(row.param.name);
                         });

TEST(RefusedContract, MalformedJsonGivesLineAndColumn)
{
    const std::string text = "{\n  \"type\": \"string\",\n  \"title\": x\n}";
    const bb_contract_options options = {"orders.json", FALSE, nullptr};
    g_autoptr(GError) error = nullptr;
    EXPECT_EQ(bb_contract_compile(text.data(), text.size(), &options, &error), nullptr);
    EXPECT_EQ(std::string(error->message).substr(0, 20), "orders.json:3:12: ma");
}

TEST(RefusedContract, DuplicateMembersAreMalformed)
{
    const std::string text = R"({"type":"string","type":"number"})";
    g_autoptr(GError) error = nullptr;
    EXPECT_EQ(bb_contract_compile(text.data(), text.size(), nullptr, &error), nullptr);
    EXPECT_NE(std::string(error->message).find("duplicate"), std::string::npos) << error->message;
}

TEST(RefusedContract, PointsIntoTheRightLine)
{
    const std::string text = "{\n  \"type\": \"object\",\n  \"minProperties\": -1\n}";
    g_autoptr(GError) error = nullptr;
    EXPECT_EQ(bb_contract_compile(text.data(), text.size(), nullptr, &error), nullptr);
    EXPECT_STREQ(error->message,
                 "contract: /minProperties (line 3): must be an integer of at least 0");
}

TEST(RefusedContract, FileThatIsMissing)
{
    g_autoptr(GError) error = nullptr;
    EXPECT_EQ(bb_contract_compile_file("/nonexistent/contract.json", nullptr, &error), nullptr);
    EXPECT_NE(std::string(error->message).find("/nonexistent/contract.json"), std::string::npos);
}

TEST(RefusedContract, FileWithoutAnEnd)
{
    g_autoptr(GError) error = nullptr;
    EXPECT_EQ(bb_contract_compile_file("/dev/zero", nullptr, &error), nullptr);
    EXPECT_STREQ(error->message, "cannot read the contract /dev/zero: it is larger than 16 MiB");
}

TEST(RefusedContract, RemoteFoldersAreNotLeft)
{
    const std::string text = R"({"$ref":"http://schemas.test/a/../../../etc/passwd"})";
    const std::string encoded = R"({"$ref":"http://schemas.test/%2e%2e/etc/passwd"})";
    const std::string folder = std::string(BB_SOURCE_DIR) + "/tests";
    const char *const resolve[] = {"http://schemas.test/", folder.c_str(), nullptr};
    const bb_contract_options options = {nullptr, FALSE, resolve};
    for (const std::string &schema : {text, encoded}) {
        g_autoptr(GError) error = nullptr;
        EXPECT_EQ(bb_contract_compile(schema.data(), schema.size(), &options, &error), nullptr);
        EXPECT_NE(std::string(error->message).find("cannot resolve"), std::string::npos)
            << error->message;
        EXPECT_EQ(std::string(error->message).find("root:"), std::string::npos);
    }
}
