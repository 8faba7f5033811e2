/* Lax forms against tables of what the original models' library accepts, and named differences. */
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

extern "C" {
#include "contract/canonical.h"
#include "contract/format.h"
#include "event/tape.h"
}

namespace
{

const char *const kFolder = BB_SOURCE_DIR "/tests/data/canonical/";

using Row = std::vector<std::string>;

std::vector<Row> ReadTable(const std::string &name)
{
    std::vector<Row> rows;
    std::ifstream file(kFolder + name);
    std::string line;
    while (std::getline(file, line)) {
        if (line.empty() || line[0] == '#')
            continue;
        Row row;
        std::stringstream cells(line);
        std::string cell;
        while (std::getline(cells, cell, '\t'))
            row.push_back(cell);
        rows.push_back(row);
    }
    return rows;
}

/* "refused", or the canonical JSON text; the input itself when it was canonical already. */
std::string Canonicalize(bb_lax lax, const std::string &json)
{
    g_autoptr(bb_parser) parser = bb_parser_new(nullptr);
    bb_tape tape;
    bb_parse_error error;
    if (!bb_parse(parser, json.data(), json.size(), &tape, &error))
        return std::string("malformed: ") + error.reason;
    bb_token token = tape.tokens[0];
    std::string text = json.substr(token.start, token.size);
    if (token.type == BB_STRING) {
        std::string decoded(text.size(), '\0');
        decoded.resize(bb_unescape(text.data(), text.size(), decoded.data()));
        text = decoded;
    }
    std::vector<char> out(std::max<size_t>(BB_CANONICAL_MAX, text.size() + 8));
    size_t size = 0;
    switch (bb_canonicalize(lax, token.type, text.data(), text.size(), out.data(), &size)) {
    case BB_CANONICAL_SAME:
        return json;
    case BB_CANONICAL_CHANGED:
        return std::string(out.data(), size);
    default:
        return "refused";
    }
}

bool Agree(bb_lax lax, const std::string &ours, const std::string &theirs)
{
    if (lax != BB_LAX_NUMBER || ours == "refused" || theirs == "refused")
        return ours == theirs;
    char *end = nullptr;
    double a = std::strtod(ours.c_str(), &end);
    return *end == '\0' && a == std::strtod(theirs.c_str(), nullptr);
}

} // namespace

class CanonicalForms : public testing::TestWithParam<const char *>
{
};

TEST_P(CanonicalForms, AgreeWithTheModelsExceptWhereNamed)
{
    bb_lax lax = bb_lax_find(GetParam());
    ASSERT_NE(lax, BB_LAX_NONE);
    std::map<std::string, std::string> differences;
    for (const Row &row : ReadTable("differences.tsv")) {
        ASSERT_EQ(row.size(), 4u);
        if (row[0] == GetParam())
            differences[row[1]] = row[2];
    }
    std::vector<Row> rows = ReadTable(std::string(GetParam()) + ".tsv");
    ASSERT_GT(rows.size(), 100u);
    for (const Row &row : rows) {
        ASSERT_EQ(row.size(), 2u) << row[0];
        std::string ours = Canonicalize(lax, row[0]);
        auto difference = differences.find(row[0]);
        if (difference == differences.end()) {
            EXPECT_TRUE(Agree(lax, ours, row[1]))
                << row[0] << " gives " << ours << ", the models: " << row[1];
            continue;
        }
        EXPECT_EQ(ours, difference->second) << row[0];
        EXPECT_FALSE(Agree(lax, ours, row[1])) << row[0] << " is no difference";
        differences.erase(difference);
    }
    for (const auto &difference : differences)
        ADD_FAILURE() << "not in the table: " << difference.first;
}

TEST_P(CanonicalForms, AreTheirOwnCanonicalForm)
{
    bb_lax lax = bb_lax_find(GetParam());
    for (const Row &row : ReadTable(std::string(GetParam()) + ".tsv")) {
        std::string ours = Canonicalize(lax, row[0]);
        if (ours != "refused") {
            EXPECT_EQ(Canonicalize(lax, ours), ours) << row[0];
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Types, CanonicalForms,
                         testing::Values("uuid", "uuid-any", "timestamp", "date", "integer",
                                         "number", "boolean"),
                         [](const auto &given) {
                             std::string name = given.param;
                             for (char &c : name)
                                 c = c == '-' ? '_' : c;
                             return name;
                         });

TEST(Canonical, SameIsOnlyTheCanonicalText)
{
    struct {
        bb_lax lax;
        int type;
        const char *text;
        bb_canonical expected;
    } cases[] = {
        {BB_LAX_TIMESTAMP, BB_STRING, "2025-03-14T09:26:53.120000Z", BB_CANONICAL_SAME},
        {BB_LAX_TIMESTAMP, BB_STRING, "2025-03-14T09:26:53Z", BB_CANONICAL_SAME},
        {BB_LAX_TIMESTAMP, BB_STRING, "2025-03-14T09:26:53+01:00", BB_CANONICAL_SAME},
        {BB_LAX_TIMESTAMP, BB_STRING, "2025-03-14T09:26:53.000001-23:59", BB_CANONICAL_SAME},
        {BB_LAX_TIMESTAMP, BB_STRING, "2025-03-14T09:26:53.12Z", BB_CANONICAL_CHANGED},
        {BB_LAX_TIMESTAMP, BB_STRING, "2025-03-14T09:26:53.000000Z", BB_CANONICAL_CHANGED},
        {BB_LAX_TIMESTAMP, BB_STRING, "2025-03-14T09:26:53,120000Z", BB_CANONICAL_CHANGED},
        {BB_LAX_TIMESTAMP, BB_STRING, "2025-03-14T09:26:53.120000", BB_CANONICAL_CHANGED},
        {BB_LAX_TIMESTAMP, BB_STRING, "2025-03-14T09:26:53.120000z", BB_CANONICAL_CHANGED},
        {BB_LAX_TIMESTAMP, BB_STRING, "2025-03-14t09:26:53.120000Z", BB_CANONICAL_CHANGED},
        {BB_LAX_TIMESTAMP, BB_STRING, "2025-03-14T09:26:53+00:00", BB_CANONICAL_CHANGED},
        {BB_LAX_TIMESTAMP, BB_STRING, "2025-03-14T09:26:53+0100", BB_CANONICAL_CHANGED},
        {BB_LAX_TIMESTAMP, BB_STRING, "2025-03-14T09:26Z", BB_CANONICAL_CHANGED},
        {BB_LAX_TIMESTAMP, BB_TRUE, "true", BB_CANONICAL_REFUSED},
        {BB_LAX_DATE, BB_STRING, "2025-03-14", BB_CANONICAL_SAME},
        {BB_LAX_DATE, BB_STRING, "1741910400", BB_CANONICAL_CHANGED},
        {BB_LAX_UUID, BB_STRING, "123e4567-e89b-12d3-a456-426614174000", BB_CANONICAL_SAME},
        {BB_LAX_UUID, BB_STRING, "123E4567-e89b-12d3-a456-426614174000", BB_CANONICAL_CHANGED},
        {BB_LAX_INTEGER, BB_NUMBER, "-12", BB_CANONICAL_SAME},
        {BB_LAX_INTEGER, BB_NUMBER, "12.0", BB_CANONICAL_CHANGED},
        {BB_LAX_INTEGER, BB_STRING, "12", BB_CANONICAL_CHANGED},
        {BB_LAX_NUMBER, BB_NUMBER, "1.50e1", BB_CANONICAL_SAME},
        {BB_LAX_BOOLEAN, BB_FALSE, "false", BB_CANONICAL_SAME},
        {BB_LAX_NONE, BB_STRING, "x", BB_CANONICAL_SAME},
    };
    for (const auto &test : cases) {
        char out[BB_CANONICAL_MAX];
        size_t size = 0;
        EXPECT_EQ(bb_canonicalize(test.lax, test.type, test.text, strlen(test.text), out, &size),
                  test.expected)
            << test.text;
    }
}

TEST(Canonical, FractionHasOnlyDigitsAtEveryPlace)
{
    const std::string good = "2025-03-14T09:26:53.000050Z";
    for (size_t i = 20; i < 26; i++) {
        for (int c = 0; c < 256; c++) {
            std::string text = good;
            text[i] = static_cast<char>(c);
            char out[BB_CANONICAL_MAX];
            size_t size = 0;
            bool digit = c >= '0' && c <= '9';
            bool zero = text.substr(20, 6) == "000000";
            ASSERT_EQ(
                bb_canonicalize(BB_LAX_TIMESTAMP, BB_STRING, text.data(), text.size(), out, &size),
                !digit ? BB_CANONICAL_REFUSED
                : zero ? BB_CANONICAL_CHANGED
                       : BB_CANONICAL_SAME)
                << i << " " << c;
        }
    }
}

TEST(Canonical, IntegersOfAnySizePass)
{
    std::string digits(5000, '7');
    EXPECT_EQ(Canonicalize(BB_LAX_INTEGER, digits), digits);
    EXPECT_EQ(Canonicalize(BB_LAX_INTEGER, "\"-" + digits + "\""), "-" + digits);
    EXPECT_EQ(Canonicalize(BB_LAX_INTEGER, "\"" + digits + ".0\""), digits);
}

TEST(Canonical, NumberTextsHaveABound)
{
    std::string long_text = "\"0." + std::string(BB_CANONICAL_MAX, '1') + "\"";
    EXPECT_EQ(Canonicalize(BB_LAX_NUMBER, long_text), "refused");
    std::string fits = "\"." + std::string(300, '1') + "\"";
    EXPECT_EQ(Canonicalize(BB_LAX_NUMBER, fits), "0." + std::string(300, '1'));
}

TEST(Canonical, NamesAndExpectations)
{
    EXPECT_EQ(bb_lax_find("datetime"), BB_LAX_NONE);
    EXPECT_EQ(bb_lax_find(""), BB_LAX_NONE);
    EXPECT_EQ(bb_lax_find("uuid-any"), BB_LAX_UUID_ANY);
    for (int lax = BB_LAX_NONE; lax <= BB_LAX_BOOLEAN; lax++)
        EXPECT_STRNE(bb_lax_expectation(static_cast<bb_lax>(lax)), "");
}

TEST(Canonical, RefusesWhatIsNoLaxType)
{
    char out[BB_CANONICAL_MAX];
    size_t size = 0;
    EXPECT_EQ(bb_canonicalize(static_cast<bb_lax>(99), BB_STRING, "1", 1, out, &size),
              BB_CANONICAL_REFUSED);
}

TEST(Instant, ReadsOffsetAndUtc)
{
    struct {
        const char *text;
        int64_t unix_us;
        int32_t offset_min;
        bool has_offset;
    } cases[] = {
        {"1970-01-01T00:00:00Z", 0, 0, true},
        {"2025-03-14T09:26:53", INT64_C(1741944413000000), 0, false},
        {"2025-03-14T09:26:53.5+01:30", INT64_C(1741939013500000), 90, true},
        {"2025-03-14 09:26:53-00:30", INT64_C(1741946213000000), -30, true},
        {"0001-01-01", INT64_C(-62135596800000000), 0, false},
        {"9999-12-31T23:59:59.999999Z", INT64_C(253402300799999999), 0, true},
        {"2000-02-29T12:00Z", INT64_C(951825600000000), 0, true},
        {"1741944413", INT64_C(1741944413000000), 0, true},
    };
    for (const auto &test : cases) {
        bb_instant instant;
        ASSERT_TRUE(bb_instant_parse(test.text, strlen(test.text), &instant)) << test.text;
        EXPECT_EQ(instant.unix_us, test.unix_us) << test.text;
        EXPECT_EQ(instant.offset_min, test.offset_min) << test.text;
        EXPECT_EQ(instant.has_offset, test.has_offset) << test.text;
    }
    bb_instant instant;
    for (const char *text : {"", "x", "2025-02-29T00:00:00Z", "0000-12-31", "1e9"})
        EXPECT_FALSE(bb_instant_parse(text, strlen(text), &instant)) << text;
}

TEST(Instant, FormatsWhatItRead)
{
    char out[32];
    auto format = [&out](int64_t us) { return std::string(out, bb_instant_format(us, out)); };
    EXPECT_EQ(format(0), "1970-01-01T00:00:00Z");
    EXPECT_EQ(format(-1), "1969-12-31T23:59:59.999999Z");
    EXPECT_EQ(format(INT64_C(1741944413120000)), "2025-03-14T09:26:53.120000Z");
    EXPECT_EQ(format(INT64_MIN), "0001-01-01T00:00:00Z");
    EXPECT_EQ(format(INT64_MAX), "9999-12-31T23:59:59.999999Z");
    EXPECT_EQ(std::string(out, bb_instant_format_naive(INT64_C(1741944413000000), out)),
              "2025-03-14T09:26:53");
    EXPECT_EQ(std::string(out, bb_instant_format_naive(INT64_C(1741944413000007), out)),
              "2025-03-14T09:26:53.000007");
}

TEST(Instant, EveryDayOfTheCalendarComesBack)
{
    const int64_t day_us = INT64_C(86400000000);
    const int64_t first = INT64_C(-62135596800000000);
    unsigned days = 0;
    char out[32];
    for (int64_t us = first; us < INT64_C(253402300800000000); us += day_us, days++) {
        size_t size = bb_instant_format(us, out);
        bb_instant instant;
        ASSERT_TRUE(bb_instant_parse(out, size, &instant)) << out;
        ASSERT_EQ(instant.unix_us, us) << out;
    }
    EXPECT_EQ(days, 3652059u); /* 9999 years, 2424 of them leap years */
}
