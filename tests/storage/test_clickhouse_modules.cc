// Modules of handler_clickhouse without a host of its own and without a server.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <string>
#include <vector>

extern "C" {
#include "encode.h"
#include "fault.h"
#include "native.h"
#include "type.h"
#include "wire.h"
}

namespace
{
// The services that encoders use, for values without escapes.
int32_t text_of(busbar_call *, const busbar_event *, const busbar_value *value, busbar_bytes *text)
{
    *text = value->json;
    return 1;
}

int32_t integer_of(const busbar_value *value, int64_t *number)
{
    std::string text(value->json.data, value->json.size);
    char *end = nullptr;
    errno = 0;
    *number = strtoll(text.c_str(), &end, 10);
    return value->type == BUSBAR_NUMBER && errno == 0 && *end == '\0';
}

int32_t number_of(const busbar_value *value, double *number)
{
    *number = strtod(std::string(value->json.data, value->json.size).c_str(), nullptr);
    return value->type == BUSBAR_NUMBER && std::isfinite(*number);
}

busbar_value value_of(const std::string &json)
{
    busbar_value value = {BUSBAR_NUMBER, 0, {json.data(), json.size()}};
    if (json.empty() || json == "null")
        value.type = BUSBAR_NULL;
    else if (json == "true" || json == "false")
        value.type = json == "true" ? BUSBAR_TRUE : BUSBAR_FALSE;
    else if (json[0] == '"')
        value = {BUSBAR_STRING, 0, {json.data() + 1, json.size() - 2}};
    else if (json[0] == '[' || json[0] == '{')
        value.type = json[0] == '[' ? BUSBAR_ARRAY : BUSBAR_OBJECT;
    return value;
}

// The bytes in hexadecimal, or "!" and the problem.
std::string encoded(const char *type_text, const std::string &json)
{
    busbar_host host = {};
    host.text = text_of;
    host.integer = integer_of;
    host.number = number_of;
    busbar_call call = {};
    call.host = &host;
    handler_buffer out = {};
    ch_cell cell = {};
    cell.call = &call;
    cell.out = &out;
    ch_type type;
    EXPECT_TRUE(ch_type_read(&type, type_text)) << type_text;
    busbar_value value = value_of(json);
    std::string text;
    if (ch_encode(&cell, &type, &value)) {
        for (size_t i = 0; i < out.size; i++) {
            char hex[3];
            snprintf(hex, sizeof(hex), "%02x", (unsigned char)out.data[i]);
            text += hex;
        }
    } else {
        text = std::string("!") + cell.problem;
    }
    ch_type_clear(&type);
    handler_buffer_clear(&out);
    return text;
}

TEST(ClickhouseEncode, ValuesAreWhatRowBinarySays)
{
    struct Case {
        const char *type, *json, *expected;
    };
    const Case cases[] = {
        {"String", "\"abc\"", "03616263"},
        {"String", "[1, \"x\"]", "085b312c202278225d"},
        {"String", "null", "00"},
        {"LowCardinality(String)", "\"a\"", "0161"},
        {"FixedString(3)", "\"a\"", "610000"},
        {"Bool", "true", "01"},
        {"UInt8", "true", "01"},
        {"UInt8", "255", "ff"},
        {"UInt16", "258", "0201"},
        {"UInt64", "18446744073709551615", "ffffffffffffffff"},
        {"Int8", "-128", "80"},
        {"Int64", "-1", "ffffffffffffffff"},
        {"Int32", "null", "00000000"},
        {"Nullable(Int8)", "null", "01"},
        {"Nullable(Int8)", "1", "0001"},
        {"Float32", "1.5", "0000c03f"},
        {"Float64", "-2", "00000000000000c0"},
        {"Decimal(9, 2)", "1.005", "65000000"},
        {"Decimal(9, 2)", "-1.005", "9bffffff"},
        {"Decimal(9, 2)", "12e-1", "78000000"},
        {"Decimal(18, 0)", "1.5e3", "dc05000000000000"},
        {"Decimal(18, 3)", "0", "0000000000000000"},
        {"Decimal(9, 2)", "0.004", "00000000"},
        {"Decimal(9, 2)", "0.0004e1", "00000000"},
        {"Date", "\"1970-01-02\"", "0100"},
        {"Date", "\"2149-06-06\"", "ffff"},
        {"Date", "\"2026-11-24T23:30:00-05:00\"", "2d51"},
        {"Date32", "\"1900-01-01\"", "219cffff"},
        {"DateTime", "\"1970-01-01T00:01:00.999Z\"", "3c000000"},
        {"DateTime('Asia/Tokyo')", "\"1970-01-01T09:00:00+09:00\"", "00000000"},
        {"DateTime64(3)", "\"1969-12-31T23:59:59.999Z\"", "ffffffffffffffff"},
        {"DateTime64(9, 'UTC')", "\"1970-01-01T00:00:00.000001Z\"", "e803000000000000"},
        {"UUID", "\"00112233-4455-6677-8899-aabbccddeeff\"", "7766554433221100ffeeddccbbaa9988"},
        {"UUID", "null", "00000000000000000000000000000000"},
        {"IPv4", "\"1.2.3.4\"", "04030201"},
        {"IPv6", "\"1.2.3.4\"", "00000000000000000000ffff01020304"},
        {"Enum8('a' = -1, 'b\\'c' = 2)", "\"b'c\"", "02"},
        {"Enum8('a' = -1, 'b' = 2)", "null", "ff"},
        {"Enum16('a' = 300)", "\"a\"", "2c01"},
        {"Array(UInt8)", "[1, 2]", "020102"},
        {"Array(String)", "[\"a,]\",\"\"]", "0203612c5d00"},
        {"Array(String)", "[[1],{\"b\":2}]", "02035b315d077b2262223a327d"},
        {"Array(UInt8)", "null", "00"},
    };
    for (const Case &at : cases)
        EXPECT_EQ(encoded(at.type, at.json), at.expected) << at.type << " " << at.json;
}

// A block of rows, each a text of the values of the columns in JSON, from `first` on.
std::string block_of(const std::vector<const char *> &types,
                     const std::vector<std::vector<std::string>> &rows, size_t first)
{
    std::vector<ch_column> columns(types.size());
    std::vector<ch_row> list;
    ch_rows some = {};
    for (size_t i = 0; i < types.size(); i++) {
        EXPECT_TRUE(ch_type_read(&columns[i].type, types[i])) << types[i];
        columns[i].name = const_cast<char *>("c");
        columns[i].native_type = ch_type_in_full(types[i]);
    }
    busbar_host host = {};
    host.text = text_of;
    host.integer = integer_of;
    busbar_call call = {};
    call.host = &host;
    ch_cell cell = {};
    cell.call = &call;
    cell.out = &some.data;
    for (const auto &row : rows) {
        list.push_back({some.data.size, 0, 0});
        for (size_t i = 0; i < types.size(); i++) {
            const busbar_value value = value_of(row[i]);
            EXPECT_TRUE(ch_encode(&cell, &columns[i].type, &value)) << row[i];
        }
    }
    some.list = list.data();
    some.count = list.size();
    ch_mapping mapping = {};
    mapping.columns = columns.data();
    mapping.count = columns.size();
    ch_native native = {};
    EXPECT_TRUE(ch_native_write(&native, &mapping, &some, first, rows.size() - first));
    std::string block(native.block.data, native.block.size);
    ch_native_clear(&native);
    handler_buffer_clear(&some.data);
    for (ch_column &column : columns) {
        ch_type_clear(&column.type);
        free(column.native_type);
    }
    return block;
}

TEST(ClickhouseNative, RowsBecomeColumns)
{
    using namespace std::string_literals;
    EXPECT_EQ(block_of({"String", "UInt16"}, {{"\"ab\"", "1"}, {"\"\"", "258"}}, 0),
              "\x02\x02\x01"
              "c\x06String\x02"
              "ab\x00\x01"
              "c\x06UInt16\x01\x00\x02\x01"s);
    EXPECT_EQ(block_of({"Nullable(UInt16)", "LowCardinality(Nullable(String))"},
                       {{"1", "null"}, {"null", "\"x\""}}, 0),
              "\x02\x02\x01"
              "c\x10Nullable(UInt16)\x00\x01\x01\x00\x00\x00\x01"
              "c\x10Nullable(String)\x01\x00\x00\x01x"s);
    EXPECT_EQ(block_of({"Array(UInt8)", "Array(LowCardinality(String))"},
                       {{"[1, 2]", "[\"a\"]"}, {"[]", "[\"b\", \"cd\"]"}}, 0),
              "\x02\x02\x01"
              "c\x0c"
              "Array(UInt8)\x02\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\x01\x02\x01"
              "c\x0d"
              "Array(String)\x01\0\0\0\0\0\0\0\x03\0\0\0\0\0\0\0\x01"
              "a\x01"
              "b\x02"
              "cd"s);
}

TEST(ClickhouseNative, SomeRowsOfManyAndLongTexts)
{
    const std::string text(300, 'x');
    const std::string block =
        block_of({"String", "Int8"}, {{"\"no\"", "1"}, {"\"" + text + "\"", "2"}}, 1);
    EXPECT_EQ(block, "\x02\x01\x01"
                     "c\x06String\xac\x02" +
                         text +
                         "\x01"
                         "c\x04Int8\x02");
}

TEST(ClickhouseType, ListsOfNullsAreRefused)
{
    for (const char *text : {"Array(Nullable(String))", "Array(LowCardinality(Nullable(String)))",
                             "Array(Array(String))"}) {
        ch_type type;
        EXPECT_FALSE(ch_type_read(&type, text)) << text;
        ch_type_clear(&type);
    }
}

TEST(ClickhouseEncode, WhatDoesNotFitSaysWhatWasExpectedAndFound)
{
    struct Case {
        const char *type, *json, *expected;
    };
    const Case cases[] = {
        {"UInt16", "65536", "!expected 0 to 65535, found 65536"},
        {"UInt64", "-1", "!expected 0 to 18446744073709551615, found -1"},
        {"UInt64", "18446744073709551616",
         "!expected a whole number of at most 64 bits, found 1844"},
        {"Int8", "128", "!expected -128 to 127, found 128"},
        {"UInt8", "\"1\"", "!expected a whole number of at most 64 bits, found 1"},
        {"Float32", "1e39", "!1e+39 is beyond the range of Float32"},
        {"Decimal(4, 2)", "100", "!expected a number that the Decimal has room for, found 100"},
        {"Decimal(18, 18)", "1e300", "!expected a number that the Decimal has room for"},
        {"Date", "\"1969-12-31\"", "!expected a date from 1970-01-01 to 2149-06-06"},
        {"Date", "\"2026-02-29\"", "!expected a date as 2026-11-24, found 2026-02-29"},
        {"DateTime", "\"1969-12-31T23:59:59Z\"", "!expected 1970-01-01 to 2106-02-07"},
        {"FixedString(2)", "\"abc\"", "!3 bytes where at most 2 fit"},
        {"Enum8('a' = 1)", "\"b\"", "!expected a label of the enumeration, found b"},
        {"IPv4", "\"::1\"", "!expected an IPv4 address, found ::1"},
        {"UUID", "\"0\"", "!expected a UUID, found 0"},
        {"Bool", "1", "!expected true or false, found 1"},
        {"Array(UInt8)", "[1,300]", "!expected 0 to 255, found 300"},
        {"Array(UInt8)", "1", "!expected a list, found 1"},
    };
    for (const Case &at : cases)
        EXPECT_EQ(encoded(at.type, at.json).substr(0, strlen(at.expected)), at.expected) << at.type;
    std::string longest = encoded("UUID", "\"" + std::string(59, 'x') + "\u00e9\u00e9\"");
    EXPECT_EQ(longest,
              "!expected a UUID, found " + std::string(59, 'x') + "..."); // no half character
}

TEST(ClickhouseType, WhatCannotBeFilledIsSaid)
{
    for (const char *text :
         {"Map(String, String)", "Tuple(a String)", "Int128", "Decimal(38, 2)", "JSON",
          "Array(Array(String))", "Array(Nullable(String))", "Enum8()", "", "DateTime64(12)"}) {
        ch_type type;
        EXPECT_FALSE(ch_type_read(&type, text)) << text;
        ch_type_clear(&type);
    }
}

TEST(ClickhouseFault, CodesDecideWhatFollows)
{
    for (int code : {159, 202, 209, 210, 241, 242, 243, 252, 319, 999})
        EXPECT_EQ(ch_fault_kind(code), CH_FAULT_PASSING) << code;
    for (int code : {6, 27, 53, 72, 469, 691})
        EXPECT_EQ(ch_fault_kind(code), CH_FAULT_DATA) << code;
    for (int code : {16, 60, 62, 81, 497, 516})
        EXPECT_EQ(ch_fault_kind(code), CH_FAULT_LASTING) << code;
}

TEST(ClickhouseFault, AnswersBecomeOneSentence)
{
    struct Case {
        long status;
        int code;
        const char *body;
        int kind, expected_code;
        const char *text, *column;
    };
    const Case cases[] = {
        {500, 241,
         "Code: 241. DB::Exception: Memory limit exceeded. (MEMORY) (version 26.9.2.1)\nmore",
         CH_FAULT_PASSING, 241, "Memory limit exceeded. (MEMORY)", ""},
        {404, 0, "Code: 60. DB::Exception: no table", CH_FAULT_LASTING, 60, "no table", ""},
        {503, 0, "<html>", CH_FAULT_PASSING, 0, "HTTP status 503", ""},
        {429, 0, "", CH_FAULT_PASSING, 0, "HTTP status 429", ""},
        {400, 0, "what", CH_FAULT_LASTING, 0, "HTTP status 400", ""},
        {500, 469,
         "Code: 469. DB::Exception: Constraint `c` is violated at row 1. Column values: size = 0, "
         "b = 1.",
         CH_FAULT_DATA, 469, "Constraint `c` is violated at row 1. Column values: size = 0, b = 1.",
         "size"},
    };
    for (const Case &at : cases) {
        ch_fault fault;
        ch_fault_from_answer(&fault, at.status, at.code, at.body, strlen(at.body));
        EXPECT_EQ(fault.kind, at.kind) << at.body;
        EXPECT_EQ(fault.code, at.expected_code);
        EXPECT_STREQ(fault.text, at.text);
        EXPECT_STREQ(fault.column, at.column);
    }
}

TEST(ClickhouseWire, NamesAndTextsAreQuoted)
{
    handler_buffer out = {};
    ch_add_table(&out, "a`b", "c\\d");
    ch_add_literal(&out, "it's\\\0", 6);
    EXPECT_STREQ(ch_sql(&out), "`a\\`b`.`c\\\\d`'it\\'s\\\\\\0'");
    handler_buffer_clear(&out);
    ch_add_length(&out, 300);
    EXPECT_EQ(std::string(out.data, out.size), std::string("\xac\x02"));
    handler_buffer_clear(&out);
}
} // namespace
