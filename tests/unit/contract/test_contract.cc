// Contracts that hold: verdicts, failures, canonical forms and what a contract says of itself.
#include <gtest/gtest.h>

#include <string>
#include <vector>

extern "C" {
#include "contract/contract.h"
}

namespace
{

struct Failure {
    std::string pointer, keyword, message;
};

struct Outcome {
    bool valid = false;
    std::string json; // with all edits
    std::vector<Failure> failures;
};

bb_contract *compile(const std::string &schema)
{
    g_autoptr(GError) error = nullptr;
    bb_contract *contract = bb_contract_compile(schema.data(), schema.size(), nullptr, &error);
    EXPECT_NE(contract, nullptr) << (error ? error->message : "");
    return contract;
}

Outcome evaluate(const bb_contract *contract, const std::string &text, guint max_failures = 1,
                 bool with_slots = true)
{
    Outcome outcome;
    g_autoptr(bb_parser) parser = bb_parser_new(nullptr);
    g_autoptr(bb_arena) arena = bb_arena_new(0);
    g_autoptr(bb_evaluator) evaluator = bb_evaluator_new();
    bb_tape tape;
    bb_parse_error wrong;
    EXPECT_TRUE(bb_parse(parser, text.data(), text.size(), &tape, &wrong)) << wrong.reason;
    uint32_t count = 0;
    const bb_slot_name *slots = bb_contract_slots(contract, &count);
    busbar_event event;
    bb_event_init(&event, arena, text.data(), text.size(), &tape, with_slots ? slots : nullptr,
                  with_slots ? count : 0);
    bb_evaluator_set_max_failures(evaluator, max_failures);
    outcome.valid = bb_contract_evaluate(contract, evaluator, &event);
    guint failures = 0;
    const bb_failure *list = bb_evaluator_failures(evaluator, &failures);
    for (guint i = 0; i < failures; i++)
        outcome.failures.push_back({list[i].pointer, list[i].keyword, list[i].message});
    const busbar_bytes json = bb_event_json(&event);
    outcome.json.assign(json.data, json.size);
    bb_event_release(&event);
    return outcome;
}

Outcome evaluate(const std::string &schema, const std::string &text, guint max_failures = 1)
{
    g_autoptr(bb_contract) contract = compile(schema);
    return evaluate(contract, text, max_failures);
}

struct Broken {
    const char *name, *schema, *event, *pointer, *keyword, *message;
};

// clang-format off
const Broken broken[] = {
    {"Type", R"({"properties":{"a":{"type":"string"}}})", R"({"a":12})", "/a", "type", "expected a string, found 12"},
    {"Types", R"({"properties":{"a":{"type":["string","integer","null"]}}})", R"({"a":1.5})", "/a", "type", "expected an integer, a string or null, found 1.5"},
    {"Root", R"({"type":"object"})", "[]", "", "type", "expected an object, found []"},
    {"Required", R"({"properties":{"b":{"required":["c","d"]}}})", R"({"b":{"c":1}})", "/b", "required", "member \"d\" is missing"},
    {"RequiredAtRoot", R"({"properties":{"b":true},"required":["b"]})", "{}", "", "required", "member \"b\" is missing"},
    {"Undeclared", R"({"properties":{"user_id":true},"additionalProperties":false})", R"({"user_id":1,"user_idd":1})", "/user_idd", "additionalProperties", "member \"user_idd\" is not declared; did you mean \"user_id\"?"},
    {"UndeclaredFar", R"({"properties":{"user_id":true},"additionalProperties":false})", R"({"zzz":1})", "/zzz", "additionalProperties", "member \"zzz\" is not declared"},
    {"Enum", R"({"properties":{"a":{"enum":["x","y"]}}})", R"({"a":"z"})", "/a", "enum", "expected one of [\"x\",\"y\"], found \"z\""},
    {"Const", R"({"const":{"a":1}})", R"({"a":2})", "", "const", "expected {\"a\":1}, found {\"a\":2}"},
    {"MaxLength", R"({"maxLength":2})", R"("äöü")", "", "maxLength", "expected at most 2 characters, there are 3, found \"\\xc3\\xa4\\xc3\\xb6\\xc3\\xbc\""},
    {"MinLength", R"({"minLength":2})", R"("\ud83d\udca9")", "", "minLength", "expected at least 2 characters, there are 1, found \"\\xf0\\x9f\\x92\\xa9\""},
    {"Pattern", R"({"pattern":"^a+$"})", R"("b")", "", "pattern", "expected a match of ^a+$, found \"b\""},
    {"Minimum", R"({"minimum":10})", "9.5", "", "minimum", "expected a number of at least 10, found 9.5"},
    {"Maximum", R"({"maximum":1e2})", "101", "", "maximum", "expected a number of at most 1e2, found 101"},
    {"ExclusiveMinimum", R"({"exclusiveMinimum":0})", "0", "", "exclusiveMinimum", "expected a number above 0, found 0"},
    {"ExclusiveMaximum", R"({"exclusiveMaximum":0})", "-0", "", "exclusiveMaximum", "expected a number below 0, found -0"},
    {"MultipleOf", R"({"multipleOf":0.01})", "0.015", "", "multipleOf", "expected a number that is a multiple of 0.01, found 0.015"},
    {"Items", R"({"properties":{"a":{"items":{"type":"integer"}}}})", R"({"a":[1,2,"x"]})", "/a/2", "type", "expected an integer, found \"x\""},
    {"MinItems", R"({"minItems":2})", "[1]", "", "minItems", "expected at least 2 elements, there are 1, found [1]"},
    {"MaxItems", R"({"maxItems":1})", "[1,2]", "", "maxItems", "expected at most 1 elements, there are 2, found [1,2]"},
    {"UniqueItems", R"({"uniqueItems":true})", R"([1,"1",1.0])", "/2", "uniqueItems", "expected no element twice, found 1.0"},
    {"Contains", R"({"contains":{"const":1}})", "[2]", "", "contains", "expected at least 1 fitting elements, there are 0, found [2]"},
    {"MinProperties", R"({"minProperties":1})", "{}", "", "minProperties", "expected at least 1 members, there are 0, found {}"},
    {"MaxProperties", R"({"maxProperties":0})", R"({"a":1})", "", "maxProperties", "expected at most 0 members, there are 1, found {\"a\":1}"},
    {"PropertyNames", R"({"propertyNames":{"maxLength":1}})", R"({"ab":1})", "/ab", "maxLength", "expected at most 1 characters, there are 2, found the member name \"ab\""},
    {"DependentRequired", R"({"dependentRequired":{"a":["b"]}})", R"({"a":1})", "", "dependentRequired", "member \"b\" is missing; \"a\" needs it"},
    {"AnyOf", R"({"anyOf":[{"const":1},{"const":2}]})", "3", "", "anyOf", "expected a value that fits one of 2 alternatives, found 3"},
    {"OneOf", R"({"oneOf":[true,true]})", "3", "", "oneOf", "expected a value that fits only one of 2 alternatives, found 3"},
    {"Not", R"({"not":{"type":"null"}})", "null", "", "not", "expected a value that does not fit the schema under \"not\", found null"},
    {"False", R"({"properties":{"a":false}})", R"({"a":null})", "/a", "false", "nothing is allowed here, found null"},
    {"UnevaluatedProperties", R"({"allOf":[{"properties":{"a":true}}],"unevaluatedProperties":false})", R"({"a":1,"b/c":2})", "/b~1c", "unevaluatedProperties", "no other part of the contract allows this, found 2"},
    {"UnevaluatedItems", R"({"prefixItems":[true],"unevaluatedItems":false})", "[1,2]", "/1", "unevaluatedItems", "no other part of the contract allows this, found 2"},
    {"LaxUuid", R"({"properties":{"a":{"x-busbar-lax":"uuid"}}})", R"({"a":"12"})", "/a", "x-busbar-lax", "expected a UUID, found \"12\""},
    {"LaxNull", R"({"properties":{"a":{"x-busbar-lax":"uuid"}}})", R"({"a":null})", "/a", "x-busbar-lax", "expected a UUID, found null"},
    {"EmptyNotNull", R"({"properties":{"a":{"type":"string","x-busbar-empty":"null"}}})", R"({"a":""})", "/a", "type", "expected a string, found an empty string, which the contract reads as null"},
    {"Endless", R"({"$ref":"#"})", "1", "", "$ref", "the contract refers to itself without end"},
    {"EndlessInNot", R"({"not":{"$ref":"#/not"}})", "1", "", "$ref", "the contract refers to itself without end"},
};

struct Rewritten {
    const char *name, *schema, *event, *expected;
};

const Rewritten rewritten[] = {
    {"Uuid", R"({"type":"string","format":"uuid","x-busbar-lax":"uuid"})", R"("{12345678-ABCD-4234-8234-123456789ABC}")", R"("12345678-abcd-4234-8234-123456789abc")"},
    {"UuidSame", R"({"x-busbar-lax":"uuid"})", R"("12345678-abcd-4234-8234-123456789abc")", R"("12345678-abcd-4234-8234-123456789abc")"},
    {"NullStays", R"({"type":["string","null"],"x-busbar-lax":"uuid"})", "null", "null"},
    {"Timestamp", R"({"type":"string","format":"date-time","x-busbar-lax":"timestamp"})", R"("2025-03-14 09:26:53")", R"("2025-03-14T09:26:53Z")"},
    {"TimestampUnix", R"({"type":"string","x-busbar-lax":"timestamp"})", "0", R"("1970-01-01T00:00:00Z")"},
    {"Integer", R"({"type":"integer","x-busbar-lax":"integer"})", R"("12")", "12"},
    {"IntegerBounds", R"({"type":"integer","maximum":12,"x-busbar-lax":"integer"})", R"("12")", "12"},
    {"Boolean", R"({"type":"boolean","x-busbar-lax":"boolean"})", R"("yes")", "true"},
    {"BooleanEnum", R"({"const":true,"x-busbar-lax":"boolean"})", "1", "true"},
    {"Lower", R"({"x-busbar-case":"lower","enum":["abc"]})", R"("aBC")", R"("abc")"},
    {"LowerEscaped", R"({"x-busbar-case":"lower"})", R"("\u0041\"B\n")", R"("a\"b\n")"},
    {"LowerUnicode", R"({"x-busbar-case":"lower"})", R"("ÄB")", R"("äb")"},
    {"Upper", R"({"x-busbar-case":"upper","maxLength":2,"pattern":"^[A-Z]{2}$"})", R"("de")", R"("DE")"},
    {"CaseOfNumbers", R"({"x-busbar-case":"upper"})", "12", "12"},
    {"Trim", R"({"x-busbar-trim":true})", R"("  a b\t ")", R"("a b")"},
    {"TrimAll", R"({"x-busbar-trim":true})", R"("   ")", R"("")"},
    {"TrimAfterMatch", R"({"x-busbar-trim":true,"pattern":"^ a$"})", R"(" a")", R"("a")"},
    {"TrimUnicode", R"({"x-busbar-trim":true})", R"("\u00a0a\u2003")", R"("a")"},
    {"Empty", R"({"type":["string","null"],"x-busbar-empty":"null","minLength":3})", R"("")", "null"},
    {"EmptyLax", R"({"type":["string","null"],"x-busbar-empty":"null","x-busbar-lax":"uuid"})", R"("")", "null"},
    {"Items", R"({"items":{"x-busbar-lax":"integer"}})", R"([1,"2",3.0])", "[1,2,3]"},
    {"Nested", R"({"properties":{"b":{"x-busbar-case":"upper"}}})", R"({"b":"x"})", R"({"b":"X"})"},
    {"ThroughRef", R"({"$ref":"#/$defs/id","enum":["ab"]})", R"("AB")", R"("ab")"},
    {"ThroughAllOf", R"({"allOf":[{"$ref":"#/$defs/id"},{"const":"ab"}]})", R"("AB")", R"("ab")"},
};
// clang-format on

template <typename Row> std::string name_of(const testing::TestParamInfo<Row> &row)
{
    return row.param.name;
}

class BrokenEvent : public testing::TestWithParam<Broken>
{
};
class RewrittenEvent : public testing::TestWithParam<Rewritten>
{
};

} // namespace

TEST_P(BrokenEvent, NamesPointerKeywordAndWhatWasFound)
{
    const Broken &row = GetParam();
    const Outcome outcome = evaluate(row.schema, row.event);
    EXPECT_FALSE(outcome.valid);
    ASSERT_EQ(outcome.failures.size(), 1u);
    EXPECT_EQ(outcome.failures[0].pointer, row.pointer);
    EXPECT_EQ(outcome.failures[0].keyword, row.keyword);
    EXPECT_EQ(outcome.failures[0].message, row.message);
}

INSTANTIATE_TEST_SUITE_P(Table, BrokenEvent, testing::ValuesIn(broken), name_of<Broken>);

// As a root member with slots, as a root member without, and deep inside.
TEST_P(RewrittenEvent, IsSplicedIn)
{
    const Rewritten &row = GetParam();
    const std::string defs = R"(,"$defs":{"id":{"x-busbar-case":"lower"}}})";
    const std::string member = std::string(R"({"properties":{"m":)") + row.schema + "}";
    const std::string deep = std::string(R"({"properties":{"n":{"items":)") + row.schema + "}}";
    g_autoptr(bb_contract) flat = compile(member + defs);
    g_autoptr(bb_contract) nested = compile(deep + defs);
    const std::string event = std::string(R"({"x":1,"m":)") + row.event + R"(,"y":2})";
    const std::string expected = std::string(R"({"x":1,"m":)") + row.expected + R"(,"y":2})";
    const Outcome slots = evaluate(flat, event);
    EXPECT_TRUE(slots.valid) << (slots.failures.empty() ? "" : slots.failures[0].message);
    EXPECT_EQ(slots.json, expected);
    EXPECT_EQ(evaluate(flat, event, 1, /* with_slots= */ false).json, expected);
    EXPECT_EQ(evaluate(nested, std::string(R"({"n":[)") + row.event + "]}").json,
              std::string(R"({"n":[)") + row.expected + "]}");
}

INSTANTIATE_TEST_SUITE_P(Table, RewrittenEvent, testing::ValuesIn(rewritten), name_of<Rewritten>);

TEST(Contract, AnEventThatFitsIsNotTouched)
{
    const char *schema = R"({"type":"object","required":["id"],"additionalProperties":false,
        "properties":{"id":{"type":"string","x-busbar-lax":"uuid"},"n":{"type":"integer"},
        "_metadata":true}})";
    const std::string event =
        R"({"n":3,"_metadata":{"x":[1]},"id":"12345678-abcd-4234-8234-123456789abc"})";
    const Outcome outcome = evaluate(schema, event);
    EXPECT_TRUE(outcome.valid);
    EXPECT_EQ(outcome.json, event);
}

TEST(Contract, CollectsFailuresUpToTheLimit)
{
    const char *schema = R"({"required":["x","y"],"properties":{"a":{"type":"string"},
        "b":{"minimum":5,"multipleOf":2},"c":{"items":{"const":1}}},"additionalProperties":false})";
    const char *event = R"({"a":1,"b":3,"c":[1,2,3],"d":4})";
    const Outcome all = evaluate(schema, event, 100);
    ASSERT_EQ(all.failures.size(), 7u);
    EXPECT_EQ(all.failures[0].pointer, "/a");
    EXPECT_EQ(all.failures[1].pointer, "/b");
    EXPECT_EQ(all.failures[2].pointer, "/c/1");
    EXPECT_EQ(all.failures[3].pointer, "/c/2");
    EXPECT_EQ(all.failures[4].message, "member \"x\" is missing");
    EXPECT_EQ(all.failures[5].message, "member \"y\" is missing");
    EXPECT_EQ(all.failures[6].pointer, "/d");
    EXPECT_EQ(evaluate(schema, event, 3).failures.size(), 3u);
    EXPECT_EQ(evaluate(schema, event, 1).failures.size(), 1u);
}

TEST(Contract, AnEvaluatorForgetsTheEventBefore)
{
    g_autoptr(bb_contract) contract = compile(R"({"type":"integer"})");
    g_autoptr(bb_evaluator) evaluator = bb_evaluator_new();
    g_autoptr(bb_parser) parser = bb_parser_new(nullptr);
    g_autoptr(bb_arena) arena = bb_arena_new(0);
    for (const std::string text : {"\"a\"", "1", "\"b\"", "2"}) {
        bb_tape tape;
        bb_parse_error wrong;
        busbar_event event;
        guint count = 9;
        ASSERT_TRUE(bb_parse(parser, text.data(), text.size(), &tape, &wrong));
        bb_event_init(&event, arena, text.data(), text.size(), &tape, nullptr, 0);
        const bool valid = bb_contract_evaluate(contract, evaluator, &event);
        bb_evaluator_failures(evaluator, &count);
        EXPECT_EQ(valid, text[0] != '"');
        EXPECT_EQ(count, valid ? 0u : 1u);
    }
}

TEST(Contract, SaysWhatItDeclares)
{
    g_autoptr(bb_contract) contract = compile(R"({"title":"orders","$id":"urn:orders",
        "x-busbar-key":"{shop}-{id}",
        "x-busbar-wire":{"key":"json","metadata":"body","producer":"P","version":"2.1"},
        "required":["other"],
        "properties":{"id":true,"shop":{"x-busbar-pii":true},"n\u00e4me":{"x-busbar-pii":true}}})");
    uint32_t count = 0;
    guint personal = 0;
    const bb_slot_name *slots = bb_contract_slots(contract, &count);
    ASSERT_EQ(count, 3u);
    EXPECT_EQ(std::string(slots[2].name.data, slots[2].name.size), "näme");
    EXPECT_EQ(std::string(slots[2].quoted.data, slots[2].quoted.size), "\"näme\"");
    EXPECT_EQ(slots[1].hash, bb_name_hash("shop", 4));
    EXPECT_EQ(bb_contract_slot(contract, "shop", 4), 1u);
    EXPECT_EQ(bb_contract_slot(contract, "other", 5), BB_NO_SLOT);
    EXPECT_STREQ(bb_contract_title(contract), "orders");
    EXPECT_STREQ(bb_contract_key_template(contract), "{shop}-{id}");
    EXPECT_EQ(bb_contract_wire(contract)->key, bb_wire::BB_WIRE_KEY_JSON);
    EXPECT_EQ(bb_contract_wire(contract)->metadata, bb_wire::BB_WIRE_METADATA_BODY);
    EXPECT_STREQ(bb_contract_wire(contract)->producer, "P");
    EXPECT_STREQ(bb_contract_wire(contract)->version, "2.1");
    const uint32_t *list = bb_contract_personal(contract, &personal);
    ASSERT_EQ(personal, 2u);
    EXPECT_EQ(list[0], 1u);
    EXPECT_EQ(list[1], 2u);
}

TEST(Contract, SaysNothingWhereNothingIsDeclared)
{
    for (const char *schema : {"true", "{}", R"({"items":true})"}) {
        g_autoptr(bb_contract) contract = compile(schema);
        uint32_t count = 9;
        guint personal = 9;
        bb_contract_slots(contract, &count);
        bb_contract_personal(contract, &personal);
        EXPECT_EQ(count, 0u);
        EXPECT_EQ(personal, 0u);
        EXPECT_EQ(bb_contract_title(contract), nullptr);
        EXPECT_EQ(bb_contract_key_template(contract), nullptr);
        EXPECT_EQ(bb_contract_wire(contract)->key, bb_wire::BB_WIRE_KEY_RAW);
        EXPECT_EQ(bb_contract_wire(contract)->metadata, bb_wire::BB_WIRE_METADATA_HEADERS);
    }
}

TEST(Contract, SlotsComeThroughARootReference)
{
    g_autoptr(bb_contract) contract = compile(R"({"$ref":"#/$defs/order",
        "$defs":{"order":{"properties":{"id":{"x-busbar-case":"lower"},"b":true},
        "required":["b"]}}})");
    uint32_t count = 0;
    bb_contract_slots(contract, &count);
    EXPECT_EQ(count, 2u);
    EXPECT_EQ(evaluate(contract, R"({"id":"X","b":1})").json, R"({"id":"x","b":1})");
    EXPECT_FALSE(evaluate(contract, R"({"id":"X"})").valid);
}

TEST(Contract, EscapedMemberNamesAreFound)
{
    const char *schema = R"({"properties":{"a\"b":{"type":"integer"}},"required":["a\"b"],
        "additionalProperties":false})";
    EXPECT_TRUE(evaluate(schema, R"({"\u0061\"b":1})").valid);
    EXPECT_EQ(evaluate(schema, R"({"\u0061\"b":"x"})").failures[0].pointer, "/a\"b");
}

// Every rule of a leaf has a short way for root members; behind allOf there is none.
TEST(Contract, TheShortWayGivesTheVerdictOfTheLongOne)
{
    const char *const leaves[] = {
        R"({"type":"string"})",
        R"({"type":["string","null"]})",
        R"({"type":"integer"})",
        R"({"type":"number","minimum":1,"exclusiveMaximum":4})",
        R"({"minimum":2})",
        R"({"exclusiveMinimum":9223372036854775807})",
        R"({"multipleOf":2})",
        R"({"maximum":1.5})",
        R"({"minLength":2})",
        R"({"maxLength":1})",
        R"({"pattern":"^a"})",
        R"({"format":"date"})",
        R"({"enum":["a","ab",1,null]})",
        R"({"const":"a"})",
        R"({"const":3})",
        R"({"type":"boolean"})",
        R"({"type":"object"})",
        R"({"type":["array","integer"]})",
        R"({"type":"string","minLength":2,"maxLength":3,"pattern":"b$","enum":["ab","abb"]})"};
    const char *const values[] = {"null",
                                  "true",
                                  "1",
                                  "2",
                                  "3",
                                  "4",
                                  "-1",
                                  "-0",
                                  "1.0",
                                  "1.5",
                                  "1e0",
                                  "3.0",
                                  "9223372036854775807",
                                  "9223372036854775808",
                                  "123456789012345678901234567890",
                                  R"("")",
                                  R"("a")",
                                  R"("ab")",
                                  R"("abb")",
                                  R"("\u0061")",
                                  R"("\u0061b")",
                                  R"("ä")",
                                  R"("äö")",
                                  R"("😀")",
                                  R"("\ud83d\ude00")",
                                  R"("2025-03-14")",
                                  R"("2025-02-30")",
                                  "[]",
                                  "[1]",
                                  "{}"};
    unsigned accepted = 0;
    for (const char *leaf : leaves) {
        const std::string text = leaf;
        g_autoptr(bb_contract) quick = compile(R"({"properties":{"m":)" + text + "}}");
        g_autoptr(bb_contract) slow = compile(R"({"properties":{"m":{"allOf":[)" + text + "]}}}");
        for (const char *value : values) {
            const std::string event = std::string(R"({"m":)") + value + "}";
            const bool verdict = evaluate(quick, event).valid;
            EXPECT_EQ(verdict, evaluate(slow, event).valid) << leaf << " " << value;
            accepted += verdict;
        }
    }
    EXPECT_GT(accepted, 100u);
    EXPECT_LT(accepted, 19u * 30u - 100u);
}

TEST(Contract, ManyMembersAreFine)
{
    std::string schema = R"({"additionalProperties":false,"required":["m0","m99"],"properties":{)";
    std::string event = "{", turned = "}";
    for (int i = 0; i < 100; i++) {
        const std::string name = "\"m" + std::to_string(i) + "\":";
        schema += (i ? "," : "") + name + R"({"type":"integer","x-busbar-lax":"integer"})";
        event += (i ? "," : "") + name + std::to_string(i);
        turned = name + "\"" + std::to_string(i) + "\"" + (i ? "," : "") + turned;
    }
    g_autoptr(bb_contract) contract = compile(schema + "}}");
    event += "}";
    turned = "{" + turned;
    std::string plain = turned;
    for (size_t at; (at = plain.find(":\"")) != std::string::npos;) {
        plain.erase(at + 1, 1);
        plain.erase(plain.find('"', at), 1);
    }
    for (const bool slots : {true, false}) {
        EXPECT_EQ(evaluate(contract, event, 1, slots).json, event);
        EXPECT_TRUE(evaluate(contract, turned, 1, slots).valid);
        EXPECT_EQ(evaluate(contract, turned, 1, slots).json, plain);
        event.insert(1, "\"m100\":1,");
        EXPECT_EQ(evaluate(contract, event, 1, slots).failures.at(0).pointer, "/m100");
        event.erase(1, 9);
    }
}

TEST(Contract, AnEventWithEditsIsJudgedByWhatItCameWith)
{
    g_autoptr(bb_contract) contract =
        compile(R"({"required":["a"],"properties":{"a":{"type":"integer"},"b":true}})");
    const std::string text = R"({"a":1})";
    g_autoptr(bb_parser) parser = bb_parser_new(nullptr);
    g_autoptr(bb_arena) arena = bb_arena_new(0);
    g_autoptr(bb_evaluator) evaluator = bb_evaluator_new();
    bb_tape tape;
    bb_parse_error wrong;
    uint32_t count = 0;
    const bb_slot_name *slots = bb_contract_slots(contract, &count);
    busbar_event event;
    ASSERT_TRUE(bb_parse(parser, text.data(), text.size(), &tape, &wrong));
    bb_event_init(&event, arena, text.data(), text.size(), &tape, slots, count);
    bb_event_set_slot(&event, 0, busbar_text("\"x\""));
    bb_event_set_slot(&event, 1, busbar_text("2"));
    EXPECT_TRUE(bb_contract_evaluate(contract, evaluator, &event));
    bb_event_release(&event);
}

TEST(Contract, NumbersAreComparedExactly)
{
    struct {
        const char *schema, *value;
        bool valid;
    } const rows[] = {
        {R"({"const":9007199254740993})", "9007199254740992", false},
        {R"({"const":9007199254740993})", "9007199254740993.0", true},
        {R"({"const":1})", "1e0", true},
        {R"({"const":100})", "1E+2", true},
        {R"({"const":0})", "-0.0", true},
        {R"({"const":0.1})", "0.10", true},
        {R"({"enum":[1e400]})", "10e399", true},
        {R"({"minimum":123456789012345678901234567890})", "123456789012345678901234567889", false},
        {R"({"minimum":123456789012345678901234567890})", "123456789012345678901234567890", true},
        {R"({"maximum":-1e-400})", "0", false},
        {R"({"maximum":0})", "-1e-999999999999999999999", true},
        {R"({"minimum":1e999999999999999999999})", "5", false},
        {R"({"type":"integer"})", "1e300", true},
        {R"({"type":"integer"})", "1.5e1", true},
        {R"({"type":"integer"})", "1.55e1", false},
        {R"({"multipleOf":0.5})", "1e308", true},
        {R"({"multipleOf":0.01})", "1.13", true},
        {R"({"multipleOf":0.01})", "1.135", false},
        {R"({"multipleOf":3})", "111111111111111111111111111111", true},
        {R"({"multipleOf":3})", "111111111111111111111111111112", false},
        {R"({"multipleOf":1e-999999999})", "7", true},
        {R"({"multipleOf":1e10})", "1e9", false},
    };
    for (const auto &row : rows)
        EXPECT_EQ(evaluate(row.schema, row.value).valid, row.valid) << row.schema << row.value;
}

TEST(Contract, PatternsFollowEcma)
{
    struct {
        const char *pattern, *value;
        bool valid;
    } const rows[] = {
        {"^a$", R"("a\n")", false},
        {R"(^\\d$)", R"("٣")", false},
        {R"(^\\s$)", R"("\u00a0")", true},
        {R"(^\\S$)", R"("\u00a0")", false},
        {R"(^[\\s]$)", R"("\ufeff")", true},
        {R"(^\\u00e9$)", R"("é")", true},
        {R"(^\\ud83d\\ude00$)", R"("😀")", true},
        {R"(^\\u{1f600}$)", R"("😀")", true},
        {R"(^.$)", R"("😀")", true},
        {R"(^\\p{Letter}\\P{L}$)", R"("é1")", true},
        {R"(^\\p{Script=Greek}$)", R"("λ")", true},
        {R"(^[[]$)", R"("[")", true},
        {R"(^\\x41$)", R"("A")", true},
        {"b", R"("abc")", true},
        {R"(^[^\\s/]+$)", R"("a/b")", false},
    };
    for (const auto &row : rows)
        EXPECT_EQ(evaluate(std::string(R"({"pattern":")") + row.pattern + "\"}", row.value).valid,
                  row.valid)
            << row.pattern << " " << row.value;
}

TEST(Contract, NoPatternHangs)
{
    const std::string text = "\"" + std::string(100, 'a') + "b\"";
    const Outcome outcome = evaluate(R"({"pattern":"^(a+)+$"})", text);
    EXPECT_FALSE(outcome.valid);
    EXPECT_EQ(outcome.failures[0].keyword, "pattern");
}

TEST(Contract, NoContractHangs)
{
    std::string schema = R"({"$ref":"#/$defs/d0","$defs":{)";
    for (int i = 0; i < 60; i++) {
        const std::string next = R"({"$ref":"#/$defs/d)" + std::to_string(i + 1) + "\"}";
        schema += "\"d" + std::to_string(i) + R"(":{"allOf":[)" + next + "," + next + "]},";
    }
    schema += R"("d60":{"type":"integer"}}})";
    const Outcome outcome = evaluate(schema, "1");
    EXPECT_FALSE(outcome.valid);
    EXPECT_EQ(outcome.failures[0].message, "the contract takes too many steps on this event");
}

TEST(Contract, LongChainsOfReferencesCompile)
{
    std::string schema = R"({"$ref":"#/$defs/d0","$defs":{)";
    for (int i = 0; i < 1000; i++)
        schema +=
            "\"d" + std::to_string(i) + R"(":{"$ref":"#/$defs/d)" + std::to_string(i + 1) + "\"},";
    schema += R"("d1000":{"type":"integer"}}})";
    EXPECT_TRUE(evaluate(schema, "1").valid);
    EXPECT_FALSE(evaluate(schema, "1.5").valid);
}

TEST(Contract, LargeArraysAndObjectsAreComparedByHash)
{
    std::string list, object = "{", turned = "}";
    for (int i = 0; i < 3000; i++)
        list += std::to_string(i) + ",[" + std::to_string(i) + "],";
    EXPECT_TRUE(evaluate(R"({"uniqueItems":true})", "[" + list + "null]").valid);
    const Outcome twice = evaluate(R"({"uniqueItems":true})", "[" + list + "[1.7e1]]");
    EXPECT_FALSE(twice.valid);
    EXPECT_EQ(twice.failures[0].pointer, "/6000");
    for (int i = 0; i < 100; i++) {
        const std::string member = "\"k" + std::to_string(i) + "\":" + std::to_string(i);
        object += (i ? "," : "") + member;
        turned = member + (i ? "," : "") + turned;
    }
    object += "}";
    turned = "{" + turned;
    EXPECT_FALSE(evaluate(R"({"uniqueItems":true})", "[" + object + "," + turned + "]").valid);
    EXPECT_TRUE(evaluate(R"({"const":)" + object + "}", turned).valid);
}

TEST(Contract, FormatsAnnotateOnRequest)
{
    const std::string schema = R"({"format":"date"})";
    const bb_contract_options options = {nullptr, TRUE, nullptr};
    g_autoptr(bb_contract) annotating =
        bb_contract_compile(schema.data(), schema.size(), &options, nullptr);
    EXPECT_TRUE(evaluate(annotating, R"("x")").valid);
    EXPECT_FALSE(evaluate(schema, R"("x")").valid);
    EXPECT_TRUE(evaluate(R"({"format":"no-such-format"})", R"("x")").valid);
}

TEST(Contract, ADefaultOfAPlainSchemaMayBreakIt)
{
    g_autoptr(bb_contract) contract =
        compile(R"({"properties":{"a":{"type":"string","default":1}}})");
    EXPECT_TRUE(evaluate(contract, "{}").valid);
}

TEST(Contract, TheMetaschemaIsBuiltIn)
{
    const char *schema = R"({"$ref":"https://json-schema.org/draft/2020-12/schema"})";
    EXPECT_TRUE(evaluate(schema, R"({"properties":{"a":{"type":"string"}}})").valid);
    const Outcome outcome = evaluate(schema, R"({"properties":{"a":{"maxLength":-1}}})");
    EXPECT_EQ(outcome.failures.at(0).pointer, "/properties/a/maxLength");
}

TEST(Contract, IsSharedByReference)
{
    bb_contract *contract = compile("{}");
    bb_contract *same = bb_contract_ref(contract);
    bb_contract_unref(contract);
    EXPECT_TRUE(evaluate(same, "1").valid);
    bb_contract_unref(same);
    bb_contract_unref(nullptr);
    bb_evaluator_free(nullptr);
}
