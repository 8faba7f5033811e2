// The exec handler's modules: answers of a child, its chatter, and events as lines.
#include <string>
#include <vector>

#include <gtest/gtest.h>

extern "C" {
#include "../../plugins/handler_common/envelope.h"
#include "../../plugins/handler_exec/answer.h"
#include "../../plugins/handler_exec/chatter.h"
}

namespace
{
struct Parsed {
    bool good;
    int32_t verdict;
    uint32_t scope;
    std::string reason, pointer, problem;
    int64_t offset;
};

Parsed parse(const std::string &line)
{
    exec_answer answer;
    const char *problem = "";
    bool good = exec_answer_parse(line.data(), line.size(), &answer, &problem);
    Parsed parsed = {good,    answer.said.verdict, answer.said.scope, "", "",
                     problem, answer.said.offset};
    if (good) {
        parsed.reason = answer.said.reason;
        parsed.pointer = answer.said.pointer;
    }
    exec_answer_clear(&answer);
    return parsed;
}

std::vector<std::string> logged;
int64_t now;

void log_line(busbar_call *, int32_t, busbar_bytes text)
{
    logged.emplace_back(text.data, text.size);
}

int64_t now_ms()
{
    return now;
}

std::string text_of(handler_buffer *buffer)
{
    std::string text(buffer->data ? buffer->data : "", buffer->size);
    handler_buffer_clear(buffer);
    return text;
}
} // namespace

TEST(ExecAnswer, WordsAndObjects)
{
    EXPECT_EQ(parse("pass").verdict, BUSBAR_PASS);
    EXPECT_EQ(parse("retry\r").verdict, BUSBAR_RETRY);
    EXPECT_EQ(parse("{\"verdict\":\"drop\"}").verdict, BUSBAR_DROP);
    Parsed parsed = parse("{\"verdict\":\"reject\",\"reason\":\"r\",\"pointer\":\"/a\"}");
    EXPECT_EQ(parsed.verdict, BUSBAR_REJECT);
    EXPECT_EQ(parsed.scope, static_cast<uint32_t>(BUSBAR_SCOPE_RECORD));
    EXPECT_EQ(parsed.reason + parsed.pointer, "r/a");
    EXPECT_EQ(parsed.offset, -1);
    EXPECT_EQ(parse("{\"verdict\":\"pass\",\"offset\":7}").offset, 7);
    EXPECT_EQ(parse("{\"verdict\":\"retry\",\"scope\":\"infrastructure\"}").scope,
              static_cast<uint32_t>(BUSBAR_SCOPE_INFRASTRUCTURE));
}

TEST(ExecAnswer, NonsenseIsNamed)
{
    EXPECT_NE(parse("").problem.find("neither"), std::string::npos);
    EXPECT_NE(parse("PASS").problem.find("neither"), std::string::npos);
    EXPECT_NE(parse("[1]").problem.find("neither"), std::string::npos);
    EXPECT_NE(parse("{}").problem.find("no member `verdict`"), std::string::npos);
    EXPECT_NE(parse("{\"verdict\":\"ok\"}").problem.find("none of"), std::string::npos);
    EXPECT_NE(parse("{\"verdict\":1}").problem.find("none of"), std::string::npos);
    EXPECT_NE(parse("{\"verdict\":\"retry\",\"scope\":\"x\"}").problem.find("scope"),
              std::string::npos);
    for (const char *line : {"", "PASS", "[1]", "{}", "{\"verdict\":\"ok\"}", "{\"verdict\":1}",
                             "{\"verdict\":\"pass\",\"verdict\":\"drop\"}", "pass pass"})
        EXPECT_FALSE(parse(line).good) << line;
}

TEST(ExecAnswer, AFlushIsAnsweredByItsNumber)
{
    const std::string line = "{\"flushed\": 7}";
    EXPECT_TRUE(exec_answer_is_flushed(line.data(), line.size(), 7));
    EXPECT_FALSE(exec_answer_is_flushed(line.data(), line.size(), 8));
    EXPECT_FALSE(exec_answer_is_flushed("pass", 4, 7));
    EXPECT_FALSE(exec_answer_is_flushed("[]", 2, 0));
}

TEST(ExecChatter, SoManyLinesASecondAndEachIsCut)
{
    busbar_host host = {};
    host.log = log_line;
    host.now_ms = now_ms;
    busbar_call call = {};
    call.host = &host;
    exec_chatter chatter = {};
    chatter.lines_per_second = 2;
    now = 5000;
    const std::string lines = "a\n\nb\nc\nd\n" + std::string(3000, 'x');
    logged.clear();
    exec_chatter_take(&chatter, &call, lines.data(), lines.size());
    ASSERT_EQ(logged.size(), 3u);
    EXPECT_EQ(logged[1], "child: b");
    EXPECT_NE(logged[2].find("more than 2 lines a second"), std::string::npos);
    now = 6000;
    exec_chatter_end(&chatter, &call);
    ASSERT_EQ(logged.size(), 4u);
    EXPECT_EQ(logged[3].size(), strlen("child: ") + EXEC_CHATTER_LINE);
}

TEST(HandlerEnvelope, AnEventWithItsPlace)
{
    handler_buffer buffer = {};
    busbar_origin origin = {};
    origin.topic = busbar_text("orders");
    origin.partition = 3;
    origin.offset = 12;
    origin.timestamp_ms = 1741944413120;
    origin.attempt = 2;
    origin.key = busbar_text("k\"1");
    ASSERT_TRUE(handler_add_envelope(&buffer, busbar_text("shop.order"), &origin,
                                     busbar_text("{\n\"a\":\r\n1}")));
    EXPECT_EQ(
        text_of(&buffer),
        "{\"event\":\"shop.order\",\"topic\":\"orders\",\"partition\":3,\"offset\":12,"
        "\"key\":\"k\\\"1\",\"timestamp\":1741944413120,\"attempt\":2,\"value\":{ \"a\":  1}}");
    origin.key = {"\xff\x00z", 3};
    ASSERT_TRUE(
        handler_add_envelope(&buffer, busbar_text("shop.order"), &origin, busbar_text("{}")));
    EXPECT_NE(text_of(&buffer).find(",\"key_base64\":\"/wB6\",\"timestamp\""), std::string::npos);
    origin.key = {nullptr, 0};
    ASSERT_TRUE(handler_add_envelope(&buffer, busbar_text(nullptr), &origin, busbar_text("{}")));
    EXPECT_NE(text_of(&buffer).find(",\"key\":null,\"timestamp\""), std::string::npos);
}

TEST(HandlerEnvelope, Base64HasItsPadding)
{
    const std::pair<const char *, const char *> cases[] = {
        {"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}};
    for (const auto &[plain, coded] : cases) {
        handler_buffer buffer = {};
        ASSERT_TRUE(handler_add_base64(&buffer, busbar_text(plain)));
        EXPECT_EQ(text_of(&buffer), coded);
    }
}
