/* The tape: what it holds, what is refused and where, limits, names given twice. */
#include <chrono>

#include "support.h"

extern "C" {
#include "event/names.h"
}

namespace
{

struct Refusal {
    const char *text;
    const char *reason;
    uint32_t offset;
};

std::string Depths(size_t depth)
{
    return std::string(depth, '[') + std::string(depth, ']');
}

/* {"<prefix>0":0,...} with `count` members. */
std::string Members(size_t count, const std::string &prefix)
{
    std::string text = "{";
    for (size_t i = 0; i < count; i++)
        text += (i ? ",\"" : "\"") + prefix + std::to_string(i) + "\":0";
    return text + "}";
}

uint64_t Inverse(uint64_t odd)
{
    uint64_t inverse = odd;
    for (int i = 0; i < 6; i++)
        inverse *= 2 - odd * inverse;
    return inverse;
}

bool IsPlain(uint64_t bytes)
{
    for (int i = 0; i < 8; i++, bytes >>= 8)
        if ((bytes & 0xff) < 0x20 || (bytes & 0xff) > 0x7e || (bytes & 0xff) == '"' ||
            (bytes & 0xff) == '\\')
            return false;
    return true;
}

/* Names of 8 bytes with one and the same hash, found by running the hash backwards. */
std::vector<std::string> CraftedNames(size_t count)
{
    const uint64_t first = Inverse(BB_HASH_FIRST), second = Inverse(BB_HASH_SECOND);
    std::vector<std::string> names;
    for (uint64_t low = 0; names.size() < count; low++) {
        uint64_t state = ((uint64_t{0x12345678} << 32 | low) * second) ^ 8;
        uint64_t bytes = (state ^ state >> 32) * first;
        if (IsPlain(bytes))
            names.emplace_back(reinterpret_cast<const char *>(&bytes), sizeof(bytes));
    }
    return names;
}

/* Nanoseconds to parse, the best of some runs. */
int64_t Cost(Parser &parser, const std::string &text)
{
    int64_t best = INT64_MAX;
    for (int i = 0; i < 5; i++) {
        auto start = std::chrono::steady_clock::now();
        parser.parse(text);
        best = std::min<int64_t>(best, (std::chrono::steady_clock::now() - start).count());
    }
    return best;
}

} // namespace

TEST(Tape, HoldsTokensInOrderWithSpans)
{
    Parser parser;
    ASSERT_TRUE(parser.parse(R"( {"a":[1,"x\n"],"bé":{}, "c" : null} )"));
    struct {
        uint32_t start, size, next;
        uint8_t type, flags;
    } expected[] = {
        {1, 36, 9, BB_OBJECT, 0},
        {3, 1, 2, BB_STRING, BB_TOKEN_KEY},
        {6, 9, 5, BB_ARRAY, 0},
        {7, 1, 4, BB_NUMBER, 0},
        {10, 3, 5, BB_STRING, BB_TOKEN_ESCAPED},
        {17, 3, 6, BB_STRING, BB_TOKEN_KEY | BB_TOKEN_NON_ASCII},
        {22, 2, 7, BB_OBJECT, 0},
        {27, 1, 8, BB_STRING, BB_TOKEN_KEY},
        {32, 4, 9, BB_NULL, 0},
    };
    ASSERT_EQ(std::size(expected), parser.tape.count);
    for (size_t i = 0; i < std::size(expected); i++) {
        const bb_token &token = parser.tape.tokens[i];
        EXPECT_EQ(expected[i].start, token.start) << i;
        EXPECT_EQ(expected[i].size, token.size) << i;
        EXPECT_EQ(expected[i].next, token.next) << i;
        EXPECT_EQ(expected[i].type, token.type) << i;
        EXPECT_EQ(expected[i].flags, token.flags) << i;
        EXPECT_EQ((token.flags & BB_TOKEN_KEY) != 0, token.hash != 0) << i;
    }
    static_assert(sizeof(bb_token) == 16, "four tokens in a cache line");
}

TEST(Tape, NumberFlags)
{
    Parser parser;
    ASSERT_TRUE(parser.parse("[0,-1,1.5,-2e3,1E+2,-0]"));
    const int expected[] = {0,
                            BB_TOKEN_NEGATIVE,
                            BB_TOKEN_FRACTION,
                            BB_TOKEN_NEGATIVE | BB_TOKEN_FRACTION,
                            BB_TOKEN_FRACTION,
                            BB_TOKEN_NEGATIVE};
    for (size_t i = 0; i < std::size(expected); i++)
        EXPECT_EQ(expected[i], parser.tape.tokens[i + 1].flags) << i;
}

TEST(Tape, ScalarsAreTexts)
{
    Parser parser;
    for (const char *text : {"0", "-1.5e9", "true", " false\n", "null", "\"\"", "\"a b\"", "[]"})
        EXPECT_EQ("", parser.refusal(text)) << text;
}

TEST(Tape, RefusesWithReasonAndOffset)
{
    const Refusal refusals[] = {
        {"", "empty text", 0},
        {"  ", "unexpected end of the text", 2},
        {"\xef\xbb\xbf{}", "byte order mark", 0},
        {"{} x", "unexpected text behind the value", 3},
        {"[1 2]", "expected ',' or ']'", 3},
        {"{\"a\":1 \"b\":2}", "expected ',' or '}'", 7},
        {"{\"a\" 1}", "expected ':'", 5},
        {"{\"a\":}", "expected a value", 5},
        {"{\"a\":1,}", "expected a member name", 7},
        {"{,}", "expected a member name", 1},
        {"{1:2}", "expected a member name", 1},
        {"[1,]", "expected a value", 3},
        {"[", "unexpected end of the text", 1},
        {"[1", "unexpected end of the text", 2},
        {"{\"a\":", "unexpected end of the text", 5},
        {"{\"a\":[]", "unexpected end of the text", 7},
        {"{\"a\":[]  \n", "unexpected end of the text", 7},
        {"{\"a\":1 \n", "unexpected end of the text", 8},
        {"[\"abc", "unterminated string", 5},
        {"[\"abc]", "unterminated string", 6},
        {"\"abc\\", "unterminated string", 5},
        {"[1}", "expected ',' or ']'", 2},
        {"[nul]", "expected a value", 1},
        {"[nan]", "expected a value", 1},
        {"[NaN]", "expected a value", 1},
        {"[Infinity]", "expected a value", 1},
        {"[-Infinity]", "expected a digit", 2},
        {"[+1]", "expected a value", 1},
        {"[.5]", "expected a value", 1},
        {"[01]", "leading zero in a number", 2},
        {"[1.]", "expected a digit after the decimal point", 3},
        {"[1.e1]", "expected a digit after the decimal point", 3},
        {"[1e]", "expected a digit in the exponent", 3},
        {"[1e+]", "expected a digit in the exponent", 4},
        {"[\"a\nb\"]", "unescaped control character in a string", 3},
        {"[\"\\x\"]", "unknown escape in a string", 2},
        {"[\"\\u12g4\"]", "a \\u escape needs four hexadecimal digits", 2},
        {"[\"\\u0000\"]", "\\u0000 in a string", 2},
        {"{\"\\u0000\":1}", "\\u0000 in a string", 2},
        {"[\"\\ud800\"]", "lone surrogate in a string", 2},
        {"[\"\\udc00\"]", "lone surrogate in a string", 2},
        {"[\"\\ud800\\ud800\"]", "lone surrogate in a string", 2},
        {"[\"\\ud800 padding\"]", "lone surrogate in a string", 2},
        {"[\"\\ud800\\u12g4\"]", "a \\u escape needs four hexadecimal digits", 8},
        {"[\"\xff\"]", "bytes that are not UTF-8 in a string", 2},
        {"[\"\xc0\x80\"]", "bytes that are not UTF-8 in a string", 2},
        {"[\"\xe0\x9f\xbf\"]", "bytes that are not UTF-8 in a string", 2},
        {"[\"\xed\xa0\x80\"]", "bytes that are not UTF-8 in a string", 2},
        {"[\"\xf0\x8f\xbf\xbf\"]", "bytes that are not UTF-8 in a string", 2},
        {"[\"\xf4\x90\x80\x80\"]", "bytes that are not UTF-8 in a string", 2},
        {"[\"a\xe2\x82\"]", "bytes that are not UTF-8 in a string", 3},
        {"[\xc3\xa9]", "expected a value", 1},
        {"{\"a\":1,\"a\":2}", "duplicate member name", 7},
        {"[1\f]", "expected ',' or ']'", 2},
        {"\xc2\xa0[]", "expected a value", 0},
    };
    Parser parser;
    for (const Refusal &refusal : refusals) {
        EXPECT_EQ(refusal.reason, parser.refusal(refusal.text)) << refusal.text;
        EXPECT_EQ(refusal.offset, parser.error.offset) << refusal.text;
    }
}

TEST(Tape, ErrorNamesLineAndColumn)
{
    Parser parser;
    EXPECT_EQ("expected a value", parser.refusal("{\n  \"a\": [\n    1,\n    x\n  ]\n}"));
    EXPECT_EQ(4u, parser.error.line);
    EXPECT_EQ(5u, parser.error.column);
    EXPECT_FALSE(bb_parse(parser.get(), "x", 1, &parser.tape, nullptr));
}

TEST(Tape, StringsOfEveryLengthEndWhereTheyEnd)
{
    Parser parser;
    for (size_t length = 0; length < 70; length++) {
        std::string plain(length, 'x');
        for (const char *special : {"", "\\n", "\xc3\xa9", "\\ud83d\\ude00"}) {
            for (size_t at = 0; at <= length; at += 1 + length / 8) {
                std::string inner = plain;
                inner.insert(at, special);
                ASSERT_EQ("", parser.refusal("[\"" + inner + "\"]")) << inner;
                EXPECT_EQ(inner.size(), parser.tape.tokens[1].size);
                ASSERT_EQ("", parser.refusal("\"" + inner + "\"")) << inner;
                ASSERT_EQ("", parser.refusal("{\"" + inner + "\":1}")) << inner;
                std::string bad = inner;
                bad.insert(at, "\x1f");
                EXPECT_NE("", parser.refusal("[\"" + bad + "\"]"));
            }
        }
    }
}

TEST(Tape, NamesTwiceAreFoundDecodedAndPerObject)
{
    Parser parser;
    EXPECT_EQ("duplicate member name", parser.refusal(R"({"a":1,"\u0061":2})"));
    EXPECT_EQ("duplicate member name", parser.refusal(R"({"\u0061":1,"a":2})"));
    EXPECT_EQ("duplicate member name", parser.refusal(R"({"\n":1,"\u000a":2})"));
    EXPECT_EQ("duplicate member name", parser.refusal(R"({"":1,"":2})"));
    EXPECT_EQ("duplicate member name", parser.refusal(R"({"a":{"a":1},"b":[{"a":2}],"a":3})"));
    EXPECT_EQ("duplicate member name", parser.refusal(R"([{"x":{"y":1,"z":2,"y":3}}])"));
    EXPECT_EQ("", parser.refusal(R"({"a":{"a":{"a":1}},"b":[{"a":2},{"a":3}]})"));
    EXPECT_EQ("", parser.refusal(R"({"a":1,"A":2,"a ":3,"":4})"));
}

TEST(Tape, NamesTwiceAreFoundAmongMany)
{
    Parser parser;
    std::string prefix;
    for (size_t count : {10, 255, 256, 257, 1000, 70000}) {
        std::string text = Members(count, prefix);
        EXPECT_EQ("", parser.refusal(text)) << count;
        for (size_t twice : {size_t{0}, count / 2, count - 1}) {
            std::string again = text;
            again.insert(again.size() - 1, ",\"" + prefix + std::to_string(twice) + "\":1");
            EXPECT_EQ("duplicate member name", parser.refusal(again)) << count << " " << twice;
        }
        prefix += "longer_names_";
    }
}

TEST(Tape, NamesAreKeptWhenTheTableIsSwept)
{
    /* Many small objects inside open ones make the table drop what is complete; the names of the
     * open objects stay known. */
    std::string inner;
    for (int i = 0; i < 2000; i++)
        inner += R"(,{"a":1,"b":2,"c\n":3})";
    Parser parser;
    std::string text = R"({"first":0,"a":{"x":[0)" + inner + R"(],"y\t":0,"z":[0)" + inner + "]";
    EXPECT_EQ("", parser.refusal(text + "},\"last\":0}"));
    EXPECT_EQ("duplicate member name", parser.refusal(text + ",\"x\":0}}"));
    EXPECT_EQ("duplicate member name", parser.refusal(text + ",\"y\\t\":0}}"));
    EXPECT_EQ("duplicate member name", parser.refusal(text + "},\"first\":0}"));
    EXPECT_EQ("duplicate member name", parser.refusal(text + "},\"a\":0}"));
}

TEST(Tape, StampsSurviveManyTexts)
{
    /* A text with much room for tokens makes the 32-bit stamps run out after some 70,000 texts. */
    Parser parser;
    ASSERT_TRUE(parser.parse(std::string(130000, ' ') + "[]"));
    for (int i = 0; i < 150000; i++)
        ASSERT_TRUE(bb_parse(parser.get(), "{\"a\":1,\"b\":{\"a\":2}}", 19, &parser.tape, nullptr));
    EXPECT_EQ("duplicate member name", parser.refusal(R"({"a":1,"a":2})"));
}

TEST(Tape, NamesMadeToCollideStayCheap)
{
    std::vector<std::string> crafted = CraftedNames(4000);
    for (const std::string &name : crafted)
        ASSERT_EQ(bb_hash_wide(crafted[0].data(), 8), bb_hash_wide(name.data(), 8));
    std::string text = "{", plain = "{";
    for (size_t i = 0; i < crafted.size(); i++) {
        text += (i ? ",\"" : "\"") + crafted[i] + "\":0";
        plain += (i ? ",\"" : "\"") + std::to_string(10000000 + i) + "\":0";
    }
    Parser parser;
    EXPECT_EQ("", parser.refusal(text + "}"));
    EXPECT_EQ("duplicate member name", parser.refusal(text + ",\"" + crafted[7] + "\":0}"));
    EXPECT_EQ("", parser.refusal(plain + "}"));
    /* One chain of all names would take 2,000 steps a name. */
    EXPECT_LT(Cost(parser, text + "}"), 100 * Cost(parser, plain + "}"));
}

TEST(Tape, Limits)
{
    bb_limits limits = {100, 3, 5};
    Parser parser(&limits);
    EXPECT_EQ("", parser.refusal(std::string(97, ' ') + "[1]"));
    EXPECT_EQ("text larger than the limit", parser.refusal(std::string(98, ' ') + "[1]"));
    EXPECT_EQ("", parser.refusal("[[[]]]"));
    EXPECT_EQ("nested deeper than the limit", parser.refusal("[[[[]]]]"));
    EXPECT_EQ(3u, parser.error.offset);
    EXPECT_EQ("", parser.refusal("[1,2,3,4]"));
    EXPECT_EQ("more values than the limit", parser.refusal("[1,2,3,4,5]"));
    EXPECT_EQ("more values than the limit", parser.refusal("[1,2,3,[4]]"));
    EXPECT_EQ("more values than the limit", parser.refusal(R"({"a":1,"b":2,"c":3})"));
    EXPECT_EQ("more values than the limit", parser.refusal(R"([{"a":[0]},{"b":1}])"));
}

TEST(Tape, DefaultDepthAndHugeNesting)
{
    Parser parser;
    EXPECT_EQ("", parser.refusal(Depths(128)));
    EXPECT_EQ("nested deeper than the limit", parser.refusal(Depths(129)));
    EXPECT_EQ("nested deeper than the limit", parser.refusal(std::string(1000000, '[')));
    std::string objects;
    for (int i = 0; i < 128; i++)
        objects += "{\"\":";
    EXPECT_EQ("", parser.refusal(objects + "0" + std::string(128, '}')));
}

TEST(Tape, DenseTextsFitTheReserve)
{
    bb_limits shallow = {1u << 20, 2, 1u << 20};
    Parser parser(&shallow);
    for (size_t count : {1, 2, 1000, 5000}) {
        std::string text = "[0", objects = "[{}";
        for (size_t i = 1; i < count; i++) {
            text += ",0";
            objects += ",[]";
        }
        EXPECT_EQ("", parser.refusal(text + "]"));
        EXPECT_EQ(count + 1, parser.tape.count);
        EXPECT_EQ("", parser.refusal(objects + "]"));
    }
}

TEST(Tape, ReserveHoldsWhatIsNotClosedYet)
{
    /* Half as many tokens as bytes, and those of the open brackets on top. */
    Parser parser;
    std::string zeros = "0";
    for (int i = 1; i < 5000; i++)
        zeros += ",0";
    std::string open = std::string(128, '[') + zeros;
    EXPECT_EQ("unexpected end of the text", parser.refusal(open));
    EXPECT_EQ("", parser.refusal(open + std::string(128, ']')));
    EXPECT_EQ(5128u, parser.tape.count);
}

TEST(Tape, TokenLimitEndsThePassAtOnce)
{
    bb_limits limits = {1u << 20, 3, 5};
    Parser parser(&limits);
    std::string text = "[0";
    for (int i = 1; i < 20000; i++)
        text += ",0";
    EXPECT_EQ("more values than the limit", parser.refusal(text + "]"));
    EXPECT_EQ(8u, parser.error.offset);
}

TEST(Tape, CopyOutlivesTheParser)
{
    g_autoptr(bb_arena) arena = bb_arena_new(0);
    Parser parser;
    ASSERT_TRUE(parser.parse("[1,2]"));
    bb_tape copy = bb_tape_copy(&parser.tape, arena);
    ASSERT_TRUE(parser.parse("{\"other\":\"text\"}"));
    ASSERT_EQ(3u, copy.count);
    EXPECT_EQ(BB_ARRAY, copy.tokens[0].type);
    EXPECT_EQ(3u, copy.tokens[2].start);
}

TEST(Tape, NameHash)
{
    EXPECT_NE(0, bb_name_hash("", 0));
    std::string name;
    Parser parser;
    for (int i = 0; i < 60; i++) {
        name += static_cast<char>('a' + i % 26);
        for (const std::string &tail :
             {std::string(":1}"), ":1," + std::string(40, ' ') + "\"\":1}"}) {
            ASSERT_EQ("", parser.refusal("{\"" + name + "\"" + tail));
            EXPECT_EQ(bb_name_hash(name.data(), name.size()), parser.tape.tokens[1].hash);
        }
    }
    EXPECT_EQ("", parser.refusal(R"({"\u0061b":1})"));
    EXPECT_EQ(bb_name_hash("ab", 2), parser.tape.tokens[1].hash);
}

TEST(Tape, NulEscapesWhereTheyAreAllowed)
{
    Parser parser;
    bb_parser_allow_nul(parser.get(), true);
    ASSERT_EQ("", parser.refusal(R"({"a\u0000":"x\u0000y"})"));
    EXPECT_TRUE(bb_token_equals(parser.text(), &parser.tape.tokens[2], "x\0y", 3));
    EXPECT_FALSE(bb_token_equals(parser.text(), &parser.tape.tokens[2], "x", 1));
    EXPECT_EQ(3u, bb_token_code_points(parser.text(), &parser.tape.tokens[2]));
    EXPECT_EQ(bb_name_hash("a\0", 2), parser.tape.tokens[1].hash);
    EXPECT_EQ("duplicate member name", parser.refusal(R"({"\u0000":1,"\u0000":2})"));
    EXPECT_EQ("", parser.refusal(R"({"\u0000":1,"":2})"));
    EXPECT_EQ("unescaped control character in a string",
              parser.refusal(std::string("[\"\0\"]", 5)));
    bb_parser_allow_nul(parser.get(), false);
    EXPECT_EQ("\\u0000 in a string", parser.refusal(R"(["\u0000"])"));
}

TEST(Tape, TokenEqualsAndCodePoints)
{
    Parser parser;
    ASSERT_TRUE(parser.parse("[\"a\\u00e9\\ud83d\\ude00\\n\xc3\xa9\",\"plain\",7]"));
    const bb_token *tokens = parser.tape.tokens;
    std::string decoded = "a\xc3\xa9\xf0\x9f\x98\x80\n\xc3\xa9";
    EXPECT_TRUE(bb_token_equals(parser.text(), &tokens[1], decoded.data(), decoded.size()));
    EXPECT_FALSE(bb_token_equals(parser.text(), &tokens[1], decoded.data(), decoded.size() - 1));
    EXPECT_FALSE(
        bb_token_equals(parser.text(), &tokens[1], (decoded + "x").data(), decoded.size() + 1));
    EXPECT_EQ(5u, bb_token_code_points(parser.text(), &tokens[1]));
    EXPECT_TRUE(bb_token_equals(parser.text(), &tokens[2], "plain", 5));
    EXPECT_FALSE(bb_token_equals(parser.text(), &tokens[2], "plaid", 5));
    EXPECT_FALSE(bb_token_equals(parser.text(), &tokens[3], "7", 1));
}
