/* Derived values: dates that follow timestamps, durations that follow their two ends. */
#include "ownlens.hh"

namespace
{

const std::string head = R"({"company_id":"c1d5a8e2-3f40-4b6a-9d17-52e8a0b7c614",)"
                         R"("brand_id":"4e9b27f0-8a13-47cd-b5f2-0d6c91e3a758",)"
                         R"("user_id":"4b9defd4-73f4-4027-af07-fd6b69c5294b")";

std::string user_event(const std::string &more)
{
    return head + R"(,"session_id":"1a41de73-6e06-477c-84d3-12f3578ff2ee","event_type":"search")" +
           more + "}";
}

std::string session(const std::string &more)
{
    return head + more + "}";
}

std::string member(const std::string &json, const char *name)
{
    Json event = parse(json);
    const json_t *value = json_object_get(event.get(), name);
    if (json_is_string(value))
        return json_string_value(value);
    if (json_is_integer(value))
        return std::to_string(json_integer_value(value));
    return value ? json_is_null(value) ? "null" : "other" : "absent";
}

struct DateCase {
    const char *members;
    const char *date;
};

TEST(Date, FollowsItsTimestampInTheTimestampsOwnOffset)
{
    static const DateCase cases[] = {
        {R"(,"event_timestamp":"2025-03-14T23:30:00-05:00")", "2025-03-14"},
        {R"(,"event_timestamp":"2025-03-14T00:30:00+09:00")", "2025-03-14"},
        {R"(,"event_timestamp":"2025-03-14 00:30:00")", "2025-03-14"},
        {R"(,"event_timestamp":"2024-02-29")", "2024-02-29"},
        {R"(,"event_timestamp":"\u00320251231T00:00:00Z")", nullptr},
        {R"(,"event_timestamp":"\u0032025-12-31T00:00:00Z")", "2025-12-31"},
        {R"(,"event_timestamp":1741944413)", "2025-03-14"},
        {R"(,"event_timestamp":-1)", "1969-12-31"},
        {R"(,"event_timestamp":"2025-03-14T23:30:00Z","event_date":null)", "2025-03-14"},
        {R"(,"event_timestamp":null)", "null"},
        {R"(,"event_timestamp":null,"event_date":null)", "null"},
        {R"(,"event_timestamp":null,"event_date":"2020-01-02")", "2020-01-02"},
    };
    Processor processor("user_event", BB_PROCESS_PUBLISH);
    for (const DateCase &test : cases) {
        Outcome outcome = processor.run(user_event(test.members));
        EXPECT_EQ(outcome.verdict, test.date ? BUSBAR_PASS : BUSBAR_REJECT) << test.members;
        if (test.date) {
            EXPECT_EQ(member(outcome.json, "event_date"), test.date) << test.members;
        }
    }
}

TEST(Date, GivenOneIsKeptEvenWhenItDiffers)
{
    Processor processor("user_event", BB_PROCESS_PUBLISH);
    Outcome outcome = processor.run(
        user_event(R"(,"event_timestamp":"2025-03-14T09:26:53Z","event_date":"2025-03-13")"));
    EXPECT_EQ(outcome.verdict, BUSBAR_PASS) << outcome.message;
    EXPECT_EQ(member(outcome.json, "event_date"), "2025-03-13");
}

TEST(Date, FollowsTheGeneratedTimestampWhenNoneIsGiven)
{
    Processor processor("user_event", BB_PROCESS_PUBLISH);
    Outcome outcome = processor.run(user_event(""));
    ASSERT_EQ(outcome.verdict, BUSBAR_PASS) << outcome.message;
    EXPECT_EQ(member(outcome.json, "event_date"),
              member(outcome.json, "event_timestamp").substr(0, 10));
}

TEST(Date, OfContentEventsToo)
{
    Processor processor("content_event", BB_PROCESS_PUBLISH);
    Outcome outcome = processor.run(
        head + R"(,"article_id":"1a41de73-6e06-477c-84d3-12f3578ff2ee","event_type":"Like",)"
               R"("event_timestamp":"2025-03-14T23:30:00-05:00"})");
    ASSERT_EQ(outcome.verdict, BUSBAR_PASS) << outcome.message;
    EXPECT_EQ(member(outcome.json, "event_date"), "2025-03-14");
    EXPECT_EQ(member(outcome.json, "event_type"), "like");
}

struct DurationCase {
    const char *members;
    const char *duration; /* NULL: refused */
};

TEST(Duration, IsTheWholeSecondsBetweenTheEnds)
{
    static const DurationCase cases[] = {
        {R"(,"session_start":"2025-03-14T09:00:00Z","session_end":"2025-03-14T09:10:00Z")", "600"},
        {R"(,"session_start":"2025-03-14T09:00:00Z","session_end":"2025-03-14T09:10:00Z",)"
         R"("session_duration_sec":null)",
         "600"},
        {R"(,"session_start":"2025-03-14T09:00:00.900Z","session_end":"2025-03-14T09:00:02.800Z")",
         "1"},
        {R"(,"session_start":"2025-03-14T09:00:00Z","session_end":"2025-03-14T09:00:00Z")", "0"},
        {R"(,"session_start":"2025-03-14T09:00:00.5Z","session_end":"2025-03-14T09:00:00Z")", "0"},
        {R"(,"session_start":"2025-03-14T10:00:00+02:00","session_end":"2025-03-14T09:00:00Z")",
         "3600"},
        {R"(,"session_start":"2025-03-14T23:59:59-01:30","session_end":"2025-03-15T01:30:00Z")",
         "1"},
        {R"(,"session_start":"2024-02-28T00:00:00Z","session_end":"2024-03-01T00:00:00Z")",
         "172800"},
        {R"(,"session_start":"0001-01-01T00:00:00Z","session_end":"9999-12-31T23:59:59Z")",
         "315537897599"},
        {R"(,"session_start":"2025-03-14 09:00:00","session_end":"2025-03-14 09:10")", "600"},
        {R"(,"session_start":1741944413,"session_end":"2025-03-14T09:27:53Z")", "60"},
        {R"(,"session_start":"1741944413","session_end":"1741944414")", "1"},
        {R"(,"session_start":"2025-03-14T09:00:00Z","session_end":null)", "null"},
        {R"(,"session_start":null,"session_end":"2025-03-14T09:00:00Z")", "null"},
        {R"(,"session_start":"2025-03-14T09:00:00Z")", "null"},
        {R"(,"session_start":"2025-03-14T09:10:00Z","session_end":"2025-03-14T09:00:00Z",)"
         R"("session_duration_sec":7)",
         "7"},
        {R"(,"session_start":"2025-03-14T09:10:00","session_end":"2025-03-14T09:00:00Z",)"
         R"("session_duration_sec":7)",
         "7"},
    };
    Processor processor("session", BB_PROCESS_PUBLISH);
    for (const DurationCase &test : cases) {
        Outcome outcome = processor.run(session(test.members));
        EXPECT_EQ(outcome.verdict, BUSBAR_PASS) << test.members << ": " << outcome.message;
        EXPECT_EQ(member(outcome.json, "session_duration_sec"), test.duration) << test.members;
    }
}

TEST(Duration, NegativeOneIsRefused)
{
    static const char *const cases[] = {
        R"(,"session_start":"2025-03-14T09:00:01Z","session_end":"2025-03-14T09:00:00Z")",
        (R"(,"session_start":"2025-03-14T09:00:01Z","session_end":"2025-03-14T09:00:00Z",)"
         R"("session_duration_sec":null)"),
        R"(,"session_start":"2025-03-14T09:00:00Z","session_end":"2025-03-14T10:00:00+02:00")",
    };
    for (bb_process_mode mode : {BB_PROCESS_VALIDATE, BB_PROCESS_PUBLISH, BB_PROCESS_CONSUME}) {
        Processor processor("session", mode);
        for (const char *members : cases) {
            Outcome outcome = processor.run(session(members));
            EXPECT_EQ(outcome.verdict, BUSBAR_REJECT) << members;
            EXPECT_EQ(outcome.pointer, "/session_end");
            EXPECT_NE(outcome.message.find("must not be before session_start"), std::string::npos)
                << outcome.message;
        }
    }
}

TEST(Duration, NegativeOneFromAGeneratedStartIsRefused)
{
    Processor processor("session", BB_PROCESS_PUBLISH);
    Outcome outcome = processor.run(session(R"(,"session_end":"2001-01-01T00:00:00Z")"));
    EXPECT_EQ(outcome.verdict, BUSBAR_REJECT);
    EXPECT_EQ(outcome.pointer, "/session_end");
    outcome = processor.run(session(R"(,"session_end":"2999-01-01T00:00:00Z")"));
    ASSERT_EQ(outcome.verdict, BUSBAR_PASS) << outcome.message;
    EXPECT_GT(std::stoll(member(outcome.json, "session_duration_sec")), 1000000000);
}

TEST(Duration, EndsWithAndWithoutOffsetAreRefused)
{
    static const char *const cases[] = {
        R"(,"session_start":"2025-03-14T09:00:00","session_end":"2025-03-14T09:10:00Z")",
        R"(,"session_start":"2025-03-14T09:00:00Z","session_end":"2025-03-14T09:10:00")",
        R"(,"session_start":"2025-03-14T09:00:00-03:00","session_end":"2025-03-14 13:10")",
        R"(,"session_start":"2025-03-14","session_end":1741944413)",
        R"(,"session_start":"2025-03-14","session_end":"1741944413")",
        R"(,"session_start":"2025\u002d03-14","session_end":"2025-03-14T09:10:00\u005a")",
    };
    Processor processor("session", BB_PROCESS_VALIDATE);
    for (const char *members : cases) {
        Outcome outcome = processor.run(session(members));
        EXPECT_EQ(outcome.verdict, BUSBAR_REJECT) << members;
        EXPECT_NE(outcome.message.find("offset"), std::string::npos) << outcome.message;
    }
}

} // namespace
