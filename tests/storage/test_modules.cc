// Modules of handler_postgresql without a host and without a server.
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

extern "C" {
#include "annotation.h"
#include "detour.h"
#include "encode.h"
#include "fault.h"
#include "mapping.h"
#include "ranges.h"
#include "settings.h"
}

namespace
{
std::string written(const handler_ranges &ranges)
{
    pg_buffer out = {};
    pg_ranges_write(&ranges, &out);
    std::string text(out.data, out.size);
    pg_buffer_clear(&out);
    return text;
}

TEST(Ranges, TouchingAndOverlappingBecomeOne)
{
    struct Case {
        std::vector<handler_range> added;
        const char *expected;
    };
    const Case cases[] = {
        {{}, "{}"},
        {{{5, 5}}, "{5,5}"},
        {{{1, 1}, {2, 2}, {3, 3}}, "{1,3}"},
        {{{3, 3}, {1, 1}, {2, 2}}, "{1,3}"},
        {{{1, 1}, {3, 3}, {5, 5}}, "{1,1,3,3,5,5}"},
        {{{5, 5}, {3, 3}, {1, 1}}, "{1,1,3,3,5,5}"},
        {{{10, 20}, {12, 15}}, "{10,20}"},
        {{{10, 20}, {30, 40}, {50, 60}, {15, 55}}, "{10,60}"},
        {{{10, 20}, {30, 40}, {21, 29}}, "{10,40}"},
        {{{10, 20}, {22, 29}, {0, 8}}, "{0,8,10,20,22,29}"},
        {{{INT64_MIN, 0}, {1, INT64_MAX}}, "{-9223372036854775808,9223372036854775807}"},
        {{{INT64_MAX, INT64_MAX}, {0, 1}}, "{0,1,9223372036854775807,9223372036854775807}"},
    };
    for (const Case &at : cases) {
        handler_ranges ranges = {};
        for (const handler_range &range : at.added)
            ASSERT_TRUE(handler_ranges_add(&ranges, range.first, range.last));
        EXPECT_EQ(written(ranges), at.expected);
        handler_ranges_clear(&ranges);
    }
}

TEST(Ranges, AgreeWithASetOfNumbers)
{
    unsigned state = 1;
    for (int round = 0; round < 200; round++) {
        handler_ranges ranges = {}, read = {};
        std::set<int64_t> wanted;
        for (int i = 0; i < 40; i++) {
            state = state * 1103515245u + 12345u;
            int64_t first = (state >> 8) % 100, last = first + (state >> 20) % 4;
            ASSERT_TRUE(handler_ranges_add(&ranges, first, last));
            for (int64_t n = first; n <= last; n++)
                wanted.insert(n);
        }
        ASSERT_TRUE(pg_ranges_read(&read, written(ranges).c_str()));
        for (int64_t n = -2; n < 110; n++) {
            ASSERT_EQ(handler_ranges_has(&ranges, n), wanted.count(n) == 1) << n << written(ranges);
            ASSERT_EQ(handler_ranges_has(&read, n), wanted.count(n) == 1) << n;
        }
        for (size_t i = 1; i < ranges.count; i++)
            ASSERT_GT(ranges.list[i].first, ranges.list[i - 1].last + 1);
        handler_ranges_clear(&ranges);
        handler_ranges_clear(&read);
    }
}

TEST(Ranges, RefuseWhatIsNoListOfThem)
{
    for (const char *text : {"", "{", "{1", "{1,", "{1}", "{1,2", "{1,2,}", "{1,2,3}", "{2,1}",
                             "{a,b}", "{1,2}x", "1,2", "{1,2;3,4}", "{1,99999999999999999999}"}) {
        handler_ranges ranges = {};
        EXPECT_FALSE(pg_ranges_read(&ranges, text)) << text;
        handler_ranges_clear(&ranges);
    }
}

TEST(Fault, FollowsFromTheClass)
{
    for (const char *state : {"08006", "40001", "40P01", "53100", "53300", "55P03", "57014",
                              "57P01", "25P03", "25006", "58030"})
        EXPECT_EQ(pg_fault_kind(state), PG_FAULT_PASSING) << state;
    for (const char *state : {"22001", "22003", "22P02", "22P05", "23502", "23503", "23505",
                              "23514", "21000", "44000", "P0001", "40002"})
        EXPECT_EQ(pg_fault_kind(state), PG_FAULT_DATA) << state;
    for (const char *state : {"42P01", "42703", "42501", "28P01", "3D000", "0A000", "42804"})
        EXPECT_EQ(pg_fault_kind(state), PG_FAULT_LASTING) << state;
    EXPECT_EQ(pg_fault_kind(nullptr), PG_FAULT_PASSING);
}

std::string columns_of(const char *contract)
{
    std::string text;
    json_t *tree = json_loads(contract, 0, nullptr);
    const json_t *annotation =
        json_object_get(json_object_get(tree, "x-busbar-storage"), "postgresql");
    pg_annotation_columns(
        tree, annotation,
        [](const pg_wanted *wanted, void *user) {
            auto *out = static_cast<std::string *>(user);
            *out += std::string(wanted->name) + " " + wanted->type + (wanted->not_null ? "!" : "") +
                    ";";
        },
        &text);
    json_decref(tree);
    return text;
}

TEST(Annotation, TypesFollowFromTheContract)
{
    EXPECT_EQ(columns_of(R"({"required": ["a", "b"], "properties": {
        "a": {"type": "string", "format": "uuid"}, "b": {"type": ["string", "null"], "maxLength": 50},
        "c": {"type": "string"}, "d": {"type": ["null", "integer"]}, "e": {"type": "number"}, "f": {"type": "boolean"},
        "g": {"type": "object"}, "h": {"type": "array", "items": {"type": "string", "format": "date"}},
        "i": {"type": "array", "items": {"type": ["string", "null"]}}, "j": {"type": ["string", "integer"]}, "k": true,
        "l": {"type": "string", "format": "date-time"}, "m": {"type": "string", "format": "ipv4"},
        "n": {"type": "array"}, "_metadata": true}})"),
              "a uuid!;b varchar(50);c text;d bigint;e double precision;f boolean;g jsonb;h "
              "date[];i jsonb;j jsonb;k jsonb;"
              "l timestamptz;m inet;n jsonb;");
    EXPECT_EQ(columns_of(R"({"properties": {"a": {"type": "integer"}, "b": {"type": "string"}},
        "x-busbar-storage": {"postgresql": {"columns": {"b": {"not_null": true}, "a": {"type": "smallint"}}}}})"),
              "b text!;a smallint;");
}

std::string settings_of(const char *config, const char *contract)
{
    pg_settings settings;
    const char *problem = pg_settings_read(&settings, config, strlen(config), "shop.order", 10,
                                           contract, strlen(contract));
    char *key = json_dumps(settings.key, JSON_COMPACT);
    std::string text = problem ? problem
                               : std::string(settings.table) + " " + std::to_string(settings.mode) +
                                     " " + (key ? key : "none");
    free(key);
    pg_settings_clear(&settings);
    return text;
}

TEST(Settings, EventBeforeHandlerBeforeContract)
{
    const char *bare = R"({"properties": {"x": {"type": "string"}}})";
    const char *made = R"({"properties": {"id": {"x-busbar-generate": {"value": "uuid4"}}}})";
    const char *annotated =
        R"({"x-busbar-storage": {"postgresql": {"table": "orders", "mode": "upsert", "primary_key": ["id"]}}})";
    EXPECT_EQ(settings_of("{}", bare), "shop_order 3 none");
    EXPECT_EQ(settings_of("{}", made), "shop_order 1 [\"id\"]");
    EXPECT_EQ(settings_of("{}", annotated), "orders 2 [\"id\"]");
    EXPECT_EQ(settings_of(R"({"table": "all_{domain}_{event}s", "mode": "append"})", annotated),
              "all_shop_orders 3 [\"id\"]");
    EXPECT_EQ(
        settings_of(R"({"table": "a", "events": {"shop.order": {"table": "b", "key": ["k"]}}})",
                    annotated),
        "b 2 [\"k\"]");
    EXPECT_EQ(settings_of(R"({"events": {"shop.other": {"table": "b"}}})", annotated),
              "orders 2 [\"id\"]");
    EXPECT_EQ(settings_of(R"({"mode": "upsert"})", bare),
              "mode upsert needs `key`: the columns by which a row is known");
    EXPECT_EQ(settings_of("{}", R"({"x-busbar-storage": {"postgresql": {"partition": {}}}})"),
              "\"partition\" of x-busbar-storage needs \"by\": a column");
}

// A host that knows texts and numbers as they are written.
int32_t text_of(busbar_call *, const busbar_event *, const busbar_value *value,
                busbar_bytes *ret_text)
{
    *ret_text = value->json;
    return value->type == BUSBAR_STRING;
}

// "-" for a refusal, else the bytes behind the length.
std::string encoded(Oid type, int modifier, uint32_t kind, const std::string &json)
{
    busbar_host host = {};
    busbar_call call = {};
    pg_buffer out = {};
    host.text = text_of;
    call.host = &host;
    pg_cell cell = {&call, nullptr, &out, type, modifier, {}};
    const busbar_value value = {kind, 0, {json.data(), json.size()}};
    bool good = pg_encoder_of(type, 'b')(&cell, &value);
    std::string text;
    for (size_t i = 4; good && i < out.size; i++) {
        char hex[3];
        snprintf(hex, sizeof(hex), "%02x", static_cast<unsigned char>(out.data[i]));
        text += hex;
    }
    EXPECT_TRUE(good || cell.problem[0]) << json;
    if (good) {
        EXPECT_EQ(static_cast<unsigned char>(out.data[3]), out.size - 4);
    }
    pg_buffer_clear(&out);
    return good ? text : "-";
}

// numeric(5,4): the precision and the scale as the server keeps them.
constexpr int numeric_5_4 = ((5 << 16) | 4) + 4;

TEST(Encode, Decimals)
{
    // groups, weight, sign, scale, digits of base 10000
    EXPECT_EQ(encoded(PG_NUMERIC, -1, BUSBAR_NUMBER, "0"), "0000000000000000");
    EXPECT_EQ(encoded(PG_NUMERIC, -1, BUSBAR_NUMBER, "-0.0"), "0000000000000001");
    EXPECT_EQ(encoded(PG_NUMERIC, -1, BUSBAR_NUMBER, "1"), "00010000000000000001");
    EXPECT_EQ(encoded(PG_NUMERIC, -1, BUSBAR_NUMBER, "-12345.678"), "000300014000000300010929"
                                                                    "1a7c");
    EXPECT_EQ(encoded(PG_NUMERIC, -1, BUSBAR_NUMBER, "1e4"), "00010001000000000001");
    EXPECT_EQ(encoded(PG_NUMERIC, -1, BUSBAR_NUMBER, "0.00012"), "0002ffff000000050001"
                                                                 "07d0");
    EXPECT_EQ(encoded(PG_NUMERIC, numeric_5_4, BUSBAR_NUMBER, "9.9999"), "000200000000000400"
                                                                         "09270f");
    EXPECT_EQ(encoded(PG_NUMERIC, numeric_5_4, BUSBAR_NUMBER, "10"), "-");
    EXPECT_EQ(encoded(PG_NUMERIC, numeric_5_4, BUSBAR_STRING, "1"), "-");
    EXPECT_EQ(encoded(PG_NUMERIC, -1, BUSBAR_NUMBER, "1e99999999999999999999"), "-");
    EXPECT_EQ(encoded(PG_NUMERIC, -1, BUSBAR_NUMBER, "1e-99999999999999999999"), "-");
}

TEST(Encode, DatesAndInstants)
{
    EXPECT_EQ(encoded(PG_DATE, -1, BUSBAR_STRING, "2000-01-01"), "00000000");
    EXPECT_EQ(encoded(PG_DATE, -1, BUSBAR_STRING, "2000-03-01T23:00:00-05:00"), "0000003c");
    EXPECT_EQ(encoded(PG_DATE, -1, BUSBAR_STRING, "1999-12-31"), "ffffffff");
    EXPECT_EQ(encoded(PG_TIMESTAMPTZ, -1, BUSBAR_STRING, "2000-01-01T00:00:00.000001Z"),
              "0000000000000001");
    EXPECT_EQ(encoded(PG_TIMESTAMPTZ, -1, BUSBAR_STRING, "2000-01-01T01:00:00+01:00"),
              "0000000000000000");
    for (const char *text : {"", "2000", "2000-1-01", "2000-13-01", "2001-02-29", "2000-01-00",
                             "0000-01-01", "2000-01-01x", "2000-01-01T", "2000-01-01T00:00",
                             "2000-01-01T24:00:00Z", "2000-01-01T00:00:00+1", "x000-01-01"})
        for (Oid type : {PG_DATE, PG_TIMESTAMPTZ})
            EXPECT_EQ(encoded(type, -1, BUSBAR_STRING, text), "-") << text;
}

TEST(Encode, AddressesIdsAndTexts)
{
    EXPECT_EQ(encoded(PG_INET, -1, BUSBAR_STRING, "10.1.2.3"), "022000040a010203");
    EXPECT_EQ(encoded(PG_INET, -1, BUSBAR_STRING, "10.0.0.0/8"), "020800040a000000");
    EXPECT_EQ(encoded(PG_INET, -1, BUSBAR_STRING, "::1"), "03800010"
                                                          "00000000000000000000000000000001");
    for (const char *text : {"", "10", "10.1.2", "10.1.2.3/33", "10.1.2.3/", "10.1.2.3/8x",
                             "::1/129", "999.1.1.1", "host"})
        EXPECT_EQ(encoded(PG_INET, -1, BUSBAR_STRING, text), "-") << text;
    EXPECT_EQ(encoded(PG_UUID, -1, BUSBAR_STRING, "A01e7e08-9fba-46e5-88a5-b27d1f4c43df"),
              "a01e7e089fba46e588a5b27d1f4c43df");
    for (const char *text :
         {"", "a01e7e08", "a01e7e08-9fba-46e5-88a5-b27d1f4c43d",
          "a01e7e08-9fba-46e5-88a5-b27d1f4c43dff", "a01e7e0-89fba-46e5-88a5-b27d1f4c43df",
          "g01e7e08-9fba-46e5-88a5-b27d1f4c43df"})
        EXPECT_EQ(encoded(PG_UUID, -1, BUSBAR_STRING, text), "-") << text;
    EXPECT_EQ(encoded(PG_VARCHAR, 4 + 2, BUSBAR_STRING, "\xc3\xa9\xc3\xa9"), "c3a9c3a9");
    EXPECT_EQ(encoded(PG_VARCHAR, 4 + 2, BUSBAR_STRING, "abc"), "-");
    EXPECT_EQ(encoded(PG_TEXT, -1, BUSBAR_STRING, std::string("a\0b", 3)), "-");
    EXPECT_EQ(encoded(PG_JSONB, -1, BUSBAR_STRING, "a"), "01226122");
    EXPECT_EQ(encoded(PG_JSON, -1, BUSBAR_ARRAY, "[1]"), "5b315d");
}

TEST(Detour, GrowsWithConflictsAndShrinksWithoutThem)
{
    pg_detour detour = {};
    for (unsigned length : {1u, 2u, 4u, 8u}) { // a conflict in each flush that goes straight
        EXPECT_EQ(detour.left, 0u);
        pg_detour_take(&detour);
        for (unsigned i = 0; i < length; i++) {
            EXPECT_GT(detour.left, 0u) << length;
            pg_detour_flushed(&detour);
        }
    }
    for (int i = 0; i < 4; i++)
        pg_detour_flushed(&detour);
    pg_detour_take(&detour);
    EXPECT_EQ(detour.left, 1u);
    pg_detour_take_longest(&detour);
    EXPECT_EQ(detour.left, (unsigned)PG_DETOUR_MAX);
    pg_detour_take(&detour);
    EXPECT_EQ(detour.left, (unsigned)PG_DETOUR_MAX);
}

// The statements for a table with the columns id (the key), name and, where asked for, a CIDR.
struct Statements {
    std::string direct, stage, staged;
};

Statements statements_of(const char *mode, bool direct, bool with_cidr)
{
    std::string config =
        std::string(R"({"table": "things", "key": ["id"], "mode": ")") + mode + "\"}";
    pg_settings settings;
    EXPECT_EQ(pg_settings_read(&settings, config.data(), config.size(), "shop.order", 10, "{}", 2),
              nullptr);
    const Oid cidr = 650;
    char id[] = "id", name[] = "na\"me", net[] = "net", uuid[] = "uuid", text[] = "text",
         cidr_name[] = "cidr";
    pg_catalog_column columns[] = {{id, uuid, PG_UUID, 0, -1, 'b', true, false, false},
                                   {name, text, PG_TEXT, 0, -1, 'b', false, false, false},
                                   {net, cidr_name, cidr, 0, -1, 'b', false, false, false}};
    handler_member list[] = {{id, 0}, {name, 1}, {net, 2}};
    const handler_members members = {3, list};
    const pg_catalog catalog = {true, with_cidr ? 3u : 2u, columns};
    pg_mapping mapping;
    pg_fault fault;
    EXPECT_TRUE(pg_mapping_make(&mapping, &settings, &members, &catalog, direct, &fault));
    auto text_of = [](const char *from) { return std::string(from ? from : "none"); };
    Statements all = {text_of(mapping.direct_sql), text_of(mapping.stage_sql),
                      text_of(mapping.staged_sql)};
    pg_mapping_clear(&mapping);
    pg_settings_clear(&settings);
    return all;
}

TEST(Mapping, StraightAndByTheStagingTable)
{
    const char *straight = "RELEASE SAVEPOINT busbar;SAVEPOINT busbar;COPY \"public\".\"things\" "
                           "(\"id\", \"na\"\"me\") FROM STDIN (FORMAT binary)";
    Statements insert = statements_of("insert", true, false);
    EXPECT_EQ(insert.direct, straight);
    EXPECT_EQ(insert.staged,
              "RELEASE SAVEPOINT busbar;TRUNCATE pg_temp.busbar_stage;SAVEPOINT busbar;COPY "
              "pg_temp.busbar_stage (\"id\", \"na\"\"me\") FROM STDIN (FORMAT binary)");
    EXPECT_NE(insert.stage.find("ORDER BY \"id\" ON CONFLICT (\"id\") DO NOTHING"),
              std::string::npos);
    Statements upsert = statements_of("upsert", true, false);
    EXPECT_EQ(upsert.direct, straight);
    EXPECT_NE(upsert.stage.find("ORDER BY \"id\", busbar_row DESC ON CONFLICT (\"id\") DO UPDATE"),
              std::string::npos);
    Statements append = statements_of("append", true, false);
    EXPECT_EQ(append.direct, straight);
    EXPECT_EQ(append.stage, "none");
}

TEST(Mapping, OnlyByTheStagingTable)
{
    for (const char *mode : {"insert", "upsert", "append"}) {
        EXPECT_EQ(statements_of(mode, false, false).direct, "none")
            << mode;                                       // the table is of no such kind
        Statements read = statements_of(mode, true, true); // the server is to read a column
        EXPECT_EQ(read.direct, "none") << mode;
        EXPECT_NE(read.stage.find("\"net\"::cidr"), std::string::npos) << mode;
        EXPECT_NE(read.staged.find("busbar_stage"), std::string::npos) << mode;
    }
}
} // namespace
