/* Numbers: exact integers and doubles, in any locale. */
#include <clocale>
#include <cmath>
#include <limits>
#include <optional>

#include "support.h"

namespace
{

bb_token Number(const std::string &text)
{
    bb_token token = {};
    token.size = static_cast<uint32_t>(text.size());
    token.type = BB_NUMBER;
    return token;
}

std::optional<int64_t> Integer(const std::string &text)
{
    bb_token token = Number(text);
    int64_t value = 0;
    return bb_token_integer(text.data(), &token, &value) ? std::optional<int64_t>(value)
                                                         : std::nullopt;
}

std::optional<double> Double(const std::string &text)
{
    bb_token token = Number(text);
    double value = 0;
    return bb_token_double(text.data(), &token, &value) ? std::optional<double>(value)
                                                        : std::nullopt;
}

} // namespace

TEST(Number, Integers)
{
    const std::pair<const char *, int64_t> cases[] = {
        {"0", 0},
        {"-0", 0},
        {"7", 7},
        {"-7", -7},
        {"123456789012345678", 123456789012345678},
        {"1234567890123456789", 1234567890123456789},
        {"9223372036854775807", INT64_MAX},
        {"-9223372036854775808", INT64_MIN},
        {"1.0", 1},
        {"1e2", 100},
        {"-1E+2", -100},
        {"1.5e1", 15},
        {"100e-2", 1},
        {"0.0", 0},
        {"-0.0e5", 0},
        {"0e999999999999", 0},
        {"10.000", 10},
        {"1.50e+03", 1500},
        {"9223372036854775.807e3", INT64_MAX},
        {"922337203685477580700e-2", INT64_MAX},
        {"1e18", 1000000000000000000},
        {"12345678901234567890000e-4", 1234567890123456789},
        {"0.000000000000000000001e21", 1},
    };
    for (const auto &[text, value] : cases)
        EXPECT_EQ(value, Integer(text)) << text;
}

TEST(Number, NotIntegers)
{
    for (const char *text :
         {"1.5", "1e-1", "0.1", "9223372036854775808", "-9223372036854775809", "1e19", "1e400",
          "18446744073709551616", "99e18", "99999999999999999999", "123456789012345678901234567890",
          "1e999999999999999999999", "1e-999999999999999999999", "0.10000000000000000000000001"})
        EXPECT_EQ(std::nullopt, Integer(text)) << text;
    bb_token text = {};
    text.type = BB_STRING;
    int64_t value = 0;
    EXPECT_FALSE(bb_token_integer("1", &text, &value));
}

TEST(Number, ExponentsMeetAsManyDigits)
{
    EXPECT_EQ(1, Integer("0." + std::string(99999, '0') + "1e100000"));
    EXPECT_EQ(1, Integer("1" + std::string(100000, '0') + "e-100000"));
    EXPECT_EQ(1.0, Double("0." + std::string(99999, '0') + "1e100000"));
}

TEST(Number, Doubles)
{
    const std::pair<const char *, double> cases[] = {
        {"0", 0.0},
        {"1.5", 1.5},
        {"-2.25", -2.25},
        {"0.1", 0.1},
        {"123456789012345", 123456789012345.0},
        {"9007199254740993", 9007199254740992.0},
        {"9007199254740993.0000000000000000000001", 9007199254740994.0},
        {"1e22", 1e22},
        {"1e23", 1e23},
        {"1e-22", 1e-22},
        {"8.5e-7", 8.5e-7},
        {"2.2250738585072011e-308", 2.2250738585072011e-308},
        {"2.2250738585072014e-308", std::numeric_limits<double>::min()},
        {"4.9e-324", std::numeric_limits<double>::denorm_min()},
        {"1e-400", 0.0},
        {"1.7976931348623157e308", std::numeric_limits<double>::max()},
        {"12345678901234567890", 12345678901234567890.0},
    };
    for (const auto &[text, value] : cases)
        EXPECT_EQ(value, Double(text)) << text;
    EXPECT_TRUE(std::signbit(*Double("-0.0")));
}

TEST(Number, InfinityIsNoDouble)
{
    for (const char *text : {"1e309", "-1e309", "1e999999999999", "1.7976931348623159e308"})
        EXPECT_EQ(std::nullopt, Double(text)) << text;
    EXPECT_EQ(std::nullopt, Double(std::string(400, '9')));
}

TEST(Number, AgreesWithTheCompilerOnManyTexts)
{
    Random random(42);
    for (int i = 0; i < 20000; i++) {
        char text[64];
        uint64_t digits = random.next() >> random.below(60);
        snprintf(text, sizeof(text), "%s%llu.%03llue%d", random.below(2) ? "-" : "",
                 static_cast<unsigned long long>(digits / 1000),
                 static_cast<unsigned long long>(digits % 1000),
                 static_cast<int>(random.below(60)) - 30);
        EXPECT_EQ(strtod(text, nullptr), Double(text)) << text;
    }
}

TEST(Number, NoLocaleChangesIt)
{
    const char *before = setlocale(LC_NUMERIC, nullptr);
    std::string kept = before ? before : "C";
    bool comma = false;
    for (const char *name : {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "ru_RU.UTF-8"})
        comma = comma || setlocale(LC_NUMERIC, name);
    EXPECT_EQ(1.25, Double("1.25"));
    EXPECT_EQ(1.2345678901234567e300, Double("1.2345678901234567e300"));
    setlocale(LC_NUMERIC, kept.c_str());
    if (!comma)
        GTEST_SKIP() << "no locale with a decimal comma is installed";
}
