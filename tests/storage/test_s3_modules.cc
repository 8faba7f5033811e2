// The modules of handler_s3 that need neither a host nor a server: signatures, credentials, names,
// lists in XML.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <string>

extern "C" {
#include "credentials.h"
#include "object.h"
#include "sign.h"
}

namespace
{

const char *const kEmpty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

std::string signature(const char *query, const char *host, const char *token = nullptr)
{
    char hash[S3_HASH_SIZE], stamp[S3_STAMP_SIZE], authorization[S3_AUTHORIZATION_SIZE];
    s3_sign_hash("", 0, hash);
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

} // namespace
