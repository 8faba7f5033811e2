// The modules of handler_s3 that need neither a host nor a server: signatures, credentials, names,
// lists in XML.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <string>

extern "C" {
#include "credentials.h"
#include "delta_actions.h"
#include "object.h"
#include "../../plugins/handler_common/sha256.h"
#include "sign.h"
}

namespace
{

const char *const kEmpty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

std::string signature(const char *query, const char *host, const char *token = nullptr)
{
    char hash[HANDLER_SHA256_TEXT], stamp[S3_STAMP_SIZE], authorization[S3_AUTHORIZATION_SIZE];
    EXPECT_TRUE(handler_sha256("", 0, hash));
    EXPECT_STREQ(hash, kEmpty);
    // keys, host and instant of the examples in AWS's "Authenticating Requests (Signature Version
    // 4)" for S3
    const s3_signing request = {"AKIAIOSFODNN7EXAMPLE",
                                "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
                                token,
                                "us-east-1",
                                "GET",
                                host,
                                "/",
                                query,
                                hash,
                                1369353600};
    EXPECT_TRUE(s3_sign(&request, stamp, authorization));
    EXPECT_STREQ(stamp, "20130524T000000Z");
    return authorization;
}

TEST(S3Sign, AgreesWithTheExamplesOfAws)
{
    const std::string head =
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
        "SignedHeaders=host;x-amz-content-sha256;x-amz-date,Signature=";
    EXPECT_EQ(signature("lifecycle=", "examplebucket.s3.amazonaws.com"),
              head + "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
    EXPECT_EQ(signature("max-keys=2&prefix=J", "examplebucket.s3.amazonaws.com"),
              head + "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

TEST(S3Sign, ATokenIsSigned)
{
    EXPECT_NE(signature("", "h", "token").find("x-amz-date;x-amz-security-token,"),
              std::string::npos);
    EXPECT_NE(signature("", "h", "token"), signature("", "h", "other"));
}

TEST(S3Sign, PartsThatAreTooLongAreRefused)
{
    const std::string secret(400, 'x');
    char stamp[S3_STAMP_SIZE], authorization[S3_AUTHORIZATION_SIZE];
    const s3_signing request = {"a", secret.c_str(), nullptr, "r", "GET", "h", "/", "", kEmpty, 0};
    EXPECT_FALSE(s3_sign(&request, stamp, authorization));
}

TEST(S3Sign, EncodesWhatIsNotPlain)
{
    const struct {
        const char *text;
        bool slashes;
        const char *expected;
    } cases[] = {{"a/b-c_d.e~f", false, "a/b-c_d.e~f"},
                 {"a/b", true, "a%2Fb"},
                 {"x=1&y+z %", false, "x%3D1%26y%2Bz%20%25"},
                 {"Zo\xc3\xab", false, "Zo%C3%AB"}};
    for (const auto &c : cases) {
        handler_buffer out = {};
        ASSERT_TRUE(s3_sign_encode(&out, c.text, c.slashes));
        EXPECT_EQ(std::string(out.data, out.size), c.expected);
        handler_buffer_clear(&out);
    }
}

TEST(S3Credentials, OneProfileOfAFileIsRead)
{
    char path[] = "/tmp/busbar-credentials-XXXXXX", trouble[512];
    int fd = mkstemp(path);
    ASSERT_GE(fd, 0);
    const std::string text =
        "# comment\n[default]\naws_access_key_id = a\naws_secret_access_key=b\n[lake]\n"
        "aws_access_key_id=c\n aws_secret_access_key = d==\naws_session_token = e\n[none]\n";
    ASSERT_EQ(write(fd, text.data(), text.size()), static_cast<ssize_t>(text.size()));
    close(fd);
    s3_credentials found = {};
    EXPECT_TRUE(s3_credentials_read_file(&found, path, "lake", trouble));
    EXPECT_STREQ(found.access_key, "c");
    EXPECT_STREQ(found.secret_key, "d==");
    EXPECT_STREQ(found.token, "e");
    EXPECT_TRUE(s3_credentials_read_file(&found, path, "default", trouble));
    EXPECT_STREQ(found.secret_key, "b");
    EXPECT_STREQ(found.token, "");
    EXPECT_FALSE(s3_credentials_read_file(&found, path, "none", trouble));
    EXPECT_NE(std::string(trouble).find("[none]"), std::string::npos);
    unlink(path);
    EXPECT_FALSE(s3_credentials_read_file(&found, path, "default", trouble));
}

TEST(S3Credentials, TheAnswerOfARoleIsRead)
{
    const std::string answer =
        R"({"Code":"Success","AccessKeyId":"a","SecretAccessKey":"b","Token":"c",)"
        R"("Expiration":"2026-01-02T03:04:05Z"})";
    s3_credentials found = {};
    EXPECT_TRUE(s3_credentials_read_answer(&found, answer.data(), answer.size()));
    EXPECT_STREQ(found.token, "c");
    EXPECT_EQ(found.expires_s, 1767323045);
    EXPECT_FALSE(s3_credentials_read_answer(&found, "{}", 2));
    EXPECT_FALSE(s3_credentials_read_answer(&found, "<html>", 6));
}

TEST(S3Credentials, OfARoleCountUntilTheyEndWhenTheServiceIsAway)
{
    (void)setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:1/nobody", 1);
    (void)setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere", 1);
    s3_settings settings = {};
    s3_credentials held = {};
    (void)snprintf(held.access_key, sizeof(held.access_key), "a");
    held.source = "role";
    held.expires_s = 1000;
    char trouble[512] = "";
    bool lasting = true;
    EXPECT_TRUE(s3_credentials_get(&held, &settings, 900, trouble, &lasting));
    EXPECT_STREQ(held.access_key, "a");
    EXPECT_GT(held.again_s, 900); /* not asked for each request */
    EXPECT_TRUE(s3_credentials_get(&held, &settings, 999, trouble, &lasting));
    EXPECT_EQ(held.again_s, 1000);
    EXPECT_FALSE(s3_credentials_get(&held, &settings, 1000, trouble, &lasting));
    EXPECT_FALSE(lasting);
    EXPECT_NE(std::string(trouble).find("no credentials"), std::string::npos);
    (void)unsetenv("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    (void)unsetenv("AWS_SHARED_CREDENTIALS_FILE");
}

TEST(S3Object, DatesAreWhatTextsBeginWith)
{
    char date[S3_DATE_SIZE];
    EXPECT_TRUE(s3_date_of("2026-01-02T03:04:05Z", 20, date));
    EXPECT_STREQ(date, "2026-01-02");
    EXPECT_FALSE(s3_date_of("2026-1-2", 8, date));
    EXPECT_FALSE(s3_date_of("2026/01/02", 10, date));
    EXPECT_FALSE(s3_date_of("", 0, date));
}

struct Settings {
    s3_settings settings = {};
    const char *problem;
    explicit Settings(const std::string &config, const std::string &contract = "{}")
    {
        problem = s3_settings_read(&settings, config.data(), config.size(), "customer.user_event",
                                   contract.data(), contract.size());
    }
    ~Settings()
    {
        s3_settings_clear(&settings);
    }
};

TEST(S3Object, NamesSayTopicPartitionAndFirstOffset)
{
    Settings read(
        R"({"bucket":"b","path":"/lake/{domain}/{event}/","partition":{"column":"event_date"}})");
    ASSERT_EQ(read.problem, nullptr);
    s3_object object = {};
    object.partition = 3;
    object.first = 42;
    ASSERT_TRUE(s3_date_of("2026-01-02", 10, object.date));
    ASSERT_TRUE(s3_object_name(&object, &read.settings, "events", 7, ".jsonl.zst"));
    EXPECT_STREQ(object.key, "lake/customer/user_event/event_date=2026-01-02/"
                             "events-00003-00000000000000000042-00000000000000000007.jsonl.zst");
    object.date[0] = '\0';
    ASSERT_TRUE(s3_object_name(&object, &read.settings, "events", 0, ".jsonl"));
    EXPECT_STREQ(object.key, "lake/customer/user_event/event_date=__HIVE_DEFAULT_PARTITION__/"
                             "events-00003-00000000000000000042.jsonl");
    EXPECT_FALSE(s3_object_name(&object, &read.settings, std::string(1000, 'x').c_str(), 0, ""));
}

TEST(S3Object, RowsGoToTheirObjectUntilItIsFull)
{
    Settings read(R"({"bucket":"b","max_rows":2})");
    s3_objects objects = {&read.settings, nullptr, nullptr};
    s3_object *one = s3_objects_get(&objects, 0, "2026-01-01"),
              *other = s3_objects_get(&objects, 1, "2026-01-01");
    EXPECT_NE(one, other);
    EXPECT_TRUE(s3_objects_added(&objects, one, 5));
    EXPECT_EQ(s3_objects_get(&objects, 0, "2026-01-01"), one);
    EXPECT_TRUE(s3_objects_added(&objects, one, 6));
    EXPECT_NE(s3_objects_get(&objects, 0, "2026-01-01"), one);
    EXPECT_EQ(one->first, 5);
    s3_objects_clear(&objects);
}

TEST(S3Settings, WhatIsWrongIsSaid)
{
    const struct {
        const char *config, *words;
    } cases[] = {{R"({})", "`bucket`"},
                 {R"({"bucket":"b","path":"a//b"})", "`path`"},
                 {R"({"bucket":"b","path":"{date}"})", "placeholder"},
                 {R"({"bucket":"b","endpoint":"http://h/x"})", "`endpoint`"},
                 {R"({"bucket":"b","access_key":"a"})", "belong together"},
                 {R"({"bucket":"b","format":"lines","compression":"snappy"})", "compression"},
                 {R"({"bucket":"b","partition":{"column":"a/b"}})", "column"}};
    for (const auto &c : cases) {
        Settings read(c.config);
        ASSERT_NE(read.problem, nullptr) << c.config;
        EXPECT_NE(std::string(read.problem).find(c.words), std::string::npos) << read.problem;
    }
}

TEST(S3Settings, TheContractSaysWhatTheConfigurationDoesNot)
{
    const std::string contract =
        R"({"x-busbar-storage":{"s3":{"path":"lake/x","format":"delta","partition":)"
        R"({"column":"d","from":["a","b"]}}}})";
    Settings read(R"({"bucket":"b"})", contract);
    ASSERT_EQ(read.problem, nullptr);
    EXPECT_STREQ(read.settings.path, "lake/x");
    EXPECT_EQ(read.settings.format, S3_DELTA);
    EXPECT_EQ(read.settings.from_count, 2u);
    Settings own(
        R"({"bucket":"b","events":{"customer.user_event":{"format":"lines","partition":null}}})",
        contract);
    ASSERT_EQ(own.problem, nullptr);
    EXPECT_EQ(own.settings.format, S3_LINES);
    EXPECT_EQ(own.settings.column, nullptr);
}

arrow_parquet_column TypeOf(const char *schema)
{
    json_t *tree = json_loads(schema, 0, nullptr);
    arrow_parquet_column column = {};
    s3_cells_type(tree, &column);
    json_decref(tree);
    return column;
}

TEST(S3Cells, TypesFollowFromTheSchema)
{
    const struct {
        const char *schema;
        int type;
        bool list;
    } cases[] = {{R"({"type":"string"})", ARROW_PARQUET_TEXT, false},
                 {R"({"type":["string","null"],"format":"date"})", ARROW_PARQUET_DATE, false},
                 {R"({"type":"string","format":"date-time"})", ARROW_PARQUET_INSTANT, false},
                 {R"({"type":"string","format":"uuid"})", ARROW_PARQUET_TEXT, false},
                 {R"({"type":"integer"})", ARROW_PARQUET_INT64, false},
                 {R"({"type":["number","null"]})", ARROW_PARQUET_DOUBLE, false},
                 {R"({"type":"boolean"})", ARROW_PARQUET_BOOL, false},
                 {R"({"type":["integer","string"]})", ARROW_PARQUET_TEXT, false},
                 {R"({"type":"object"})", ARROW_PARQUET_TEXT, false},
                 {R"({"type":"array","items":{"type":"number"}})", ARROW_PARQUET_DOUBLE, true},
                 {R"({"type":"array","items":{"type":"object"}})", ARROW_PARQUET_TEXT, false},
                 {R"({"type":"array"})", ARROW_PARQUET_TEXT, false},
                 {R"({})", ARROW_PARQUET_TEXT, false}};
    for (const auto &c : cases) {
        const arrow_parquet_column column = TypeOf(c.schema);
        EXPECT_EQ(column.type, c.type) << c.schema;
        EXPECT_EQ(column.is_list != 0, c.list) << c.schema;
    }
}

// A table with a column of texts, one of dates for its directories, and a log to apply.
struct Table {
    Settings read{R"({"bucket":"b","path":"lake","partition":{"column":"day"}})"};
    arrow_parquet_column column = {};
    s3_cells cells = {};
    s3_delta delta = {};

    Table()
    {
        busbar_binding binding = {};
        binding.group = busbar_text("g");
        binding.handler = busbar_text("h");
        binding.topic = busbar_text("t");
        column.name = "a";
        column.type = ARROW_PARQUET_TEXT;
        cells.count = cells.own = 1;
        cells.columns = &column;
        EXPECT_TRUE(s3_delta_init(&delta, &read.settings, &cells, nullptr, &binding));
    }
    ~Table()
    {
        s3_delta_clear(&delta);
    }
    bool Apply(const std::string &line)
    {
        return s3_delta_apply(&delta, line.data(), line.size());
    }
};

bool apply(void *table, const char *line, size_t size)
{
    return static_cast<Table *>(table)->Apply(std::string(line, size));
}

TEST(S3Delta, OffsetsAreThoseOfItsOwnApplication)
{
    Table table;
    EXPECT_EQ(s3_delta_offset(&table.delta, 3), -1);
    EXPECT_TRUE(table.Apply(R"({"txn":{"appId":"busbar/g/h/t/3","version":41}})"));
    EXPECT_TRUE(table.Apply(R"({"txn":{"appId":"busbar/g/h/t/3","version":42}})"));
    EXPECT_TRUE(table.Apply(R"({"txn":{"appId":"busbar/g/h/t/3x","version":50}})"));
    EXPECT_TRUE(table.Apply(R"({"txn":{"appId":"busbar/other/h/t/3","version":51}})"));
    EXPECT_TRUE(table.Apply(R"({"txn":{"appId":"busbar/g/h/t/4","version":7}})"));
    EXPECT_TRUE(table.Apply(R"({"somethingNew":{}})"));
    EXPECT_FALSE(table.Apply(R"({"txn":)"));
    EXPECT_EQ(s3_delta_offset(&table.delta, 3), 42);
    EXPECT_EQ(s3_delta_offset(&table.delta, 4), 7);
}

TEST(S3Delta, ATableThatItMakesFits)
{
    Table table;
    char text[512];
    handler_buffer lines = {};
    ASSERT_TRUE(s3_delta_add_creation(&lines, &table.delta, 1767323045000));
    ASSERT_TRUE(s3_delta_lines(lines.data, lines.size, apply, &table));
    EXPECT_EQ(s3_delta_check(&table.delta, text), nullptr);
    const std::string made(lines.data, lines.size);
    EXPECT_NE(made.find(R"("minReaderVersion":1,"minWriterVersion":2)"), std::string::npos);
    EXPECT_NE(made.find(R"("partitionColumns":["day"])"), std::string::npos);
    handler_buffer_clear(&lines);
}

TEST(S3Delta, ATableThatDoesNotFitIsToldBy)
{
    const std::string good =
        R"({"metaData":{"partitionColumns":["day"],"schemaString":"{\"fields\":[)"
        R"({\"name\":\"a\",\"type\":\"string\"},{\"name\":\"day\",\"type\":\"date\"}]}"}})";
    const struct {
        const char *from, *to, *words;
    } cases[] = {{R"(\"a\")", R"(\"b\")", "column a is not there"},
                 {R"(\"string\")", R"(\"long\")", "column a is \"long\""},
                 {R"(["day"])", R"([])", "partition"},
                 {R"(["day"])", R"(["day","x"])", "partition"},
                 {R"(\"fields\")", R"(\"delta.invariants\":1,\"fields\")", "invariants"}};
    char text[512];
    Table table;
    ASSERT_TRUE(table.Apply(R"({"protocol":{"minReaderVersion":1,"minWriterVersion":2}})"));
    ASSERT_TRUE(table.Apply(good));
    ASSERT_EQ(s3_delta_check(&table.delta, text), nullptr);
    for (const auto &c : cases) {
        std::string line = good;
        line.replace(line.find(c.from), std::string(c.from).size(), c.to);
        ASSERT_TRUE(table.Apply(line));
        const char *problem = s3_delta_check(&table.delta, text);
        ASSERT_NE(problem, nullptr) << line;
        EXPECT_NE(std::string(problem).find(c.words), std::string::npos) << problem;
    }
    ASSERT_TRUE(table.Apply(good));
    ASSERT_TRUE(table.Apply(R"({"protocol":{"minReaderVersion":3,"minWriterVersion":7}})"));
    EXPECT_NE(std::string(s3_delta_check(&table.delta, text)).find("version 7"), std::string::npos);
}

TEST(S3Delta, FilesAndOffsetsAreActions)
{
    Table table;
    s3_object object = {};
    object.rows = 5;
    object.body.size = 99;
    ASSERT_TRUE(s3_date_of("2026-01-02", 10, object.date));
    ASSERT_TRUE(s3_object_name(&object, &table.read.settings, "t", 0, "-w.parquet"));
    handler_buffer lines = {};
    ASSERT_TRUE(s3_delta_add_file(&lines, &table.delta, &object, 1) &&
                s3_delta_add_txn(&lines, &table.delta, 3, 42, 1));
    EXPECT_EQ(
        std::string(lines.data, lines.size),
        R"({"add":{"path":"day=2026-01-02/t-00000-00000000000000000000-w.parquet","partitionValues":)"
        R"({"day":"2026-01-02"},"size":99,"modificationTime":1,"dataChange":true,"stats":"{\"numRecords\":5}"}})"
        "\n"
        R"({"txn":{"appId":"busbar/g/h/t/3","version":42,"lastUpdated":1}})"
        "\n");
    lines.size = 0;
    object.date[0] = '\0';
    ASSERT_TRUE(s3_delta_add_file(&lines, &table.delta, &object, 1));
    EXPECT_NE(std::string(lines.data, lines.size).find(R"("partitionValues":{"day":null})"),
              std::string::npos);
    handler_buffer_clear(&lines);
}

} // namespace
