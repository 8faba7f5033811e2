/* The domains' reaction on the consuming side: every event passes, and is counted. */
#include "ownlens.hh"

extern "C" {
#include "base/metrics.h"
#include "pipeline/plugin_call.h"
}

namespace
{

/* Handles `texts` as one batch with the built plugin and returns its metrics. */
std::string handle(const std::string &name, const std::vector<std::string> &texts)
{
    const bb_event_type *type = load(name);
    GError *error = nullptr;
    bb_metrics *metrics = bb_metrics_new();
    bb_processor *processor = bb_processor_new(type, BB_PROCESS_CONSUME, 1, metrics, &error);
    EXPECT_NE(processor, nullptr) << error->message;
    std::vector<busbar_event *> events;
    for (const std::string &text : texts) {
        bb_result result = {};
        events.push_back(bb_processor_run(processor, text.data(), text.size(), nullptr, &result));
        EXPECT_NE(events.back(), nullptr) << result.pointer << " " << result.message;
    }
    std::vector<bb_statement> statements(texts.size());
    std::vector<int32_t> verdicts(texts.size());
    bb_arena *scratch = bb_arena_new(0);
    bb_call call = {};
    bb_call_init(&call, type, scratch, statements.data(), metrics);
    bb_call_begin(&call, BUSBAR_STAGE_HANDLE);
    busbar_batch batch = {sizeof(batch), (uint32_t)events.size(), events.data()};
    EXPECT_EQ(type->ops.handle(bb_processor_self(processor), &call.base, &batch, verdicts.data()),
              BUSBAR_PASS);
    for (int32_t verdict : verdicts)
        EXPECT_EQ(verdict, BUSBAR_PASS);
    GString *text = bb_metrics_text(metrics);
    std::string copy(text->str, text->len);
    g_string_free(text, TRUE);
    bb_arena_free(scratch);
    bb_processor_free(processor);
    bb_metrics_free(metrics);
    return copy;
}

/* Whether a line says that the counter whose name ends so has the value. */
bool counts(const std::string &metrics, const std::string &name, const std::string &value)
{
    size_t at = 0;
    while ((at = metrics.find(name, at)) != std::string::npos) {
        size_t end = metrics.find('\n', at);
        std::string line = metrics.substr(at, end - at);
        if (line.size() > value.size() &&
            line.substr(line.size() - value.size() - 1) == " " + value)
            return true;
        at++;
    }
    return false;
}

const std::string head = R"({"company_id":"c1d5a8e2-3f40-4b6a-9d17-52e8a0b7c614",)"
                         R"("brand_id":"4e9b27f0-8a13-47cd-b5f2-0d6c91e3a758")";

std::string user_event(const std::string &type)
{
    return head +
           R"(,"user_id":"4b9defd4-73f4-4027-af07-fd6b69c5294b",)"
           R"("session_id":"1a41de73-6e06-477c-84d3-12f3578ff2ee","event_type":")" +
           type + "\"}";
}

TEST(Handle, UserEventsAreCountedByType)
{
    std::string metrics = handle(
        "user_event", {user_event("search"), user_event("scroll"), user_event("\\u0073earch")});
    EXPECT_TRUE(counts(metrics, "user_events_search_total", "2")) << metrics;
    EXPECT_TRUE(counts(metrics, "user_events_scroll_total", "1")) << metrics;
    EXPECT_TRUE(counts(metrics, "user_events_share_total", "0")) << metrics;
}

TEST(Handle, SecurityEventsAreCountedBySeverity)
{
    std::string rest = R"(,"event_type":"LOGOUT","success":true,"event_date":"2025-03-14",)"
                       R"("event_severity":)";
    std::string metrics =
        handle("security_event", {head + rest + "\"critical\"}", head + rest + "\"INFO\"}"});
    EXPECT_TRUE(counts(metrics, "security_events_critical_total", "1")) << metrics;
    EXPECT_TRUE(counts(metrics, "security_events_info_total", "1")) << metrics;
}

TEST(Handle, SessionsAddUpTheirSeconds)
{
    std::string rest = R"(,"user_id":"4b9defd4-73f4-4027-af07-fd6b69c5294b")";
    std::string metrics =
        handle("session", {head + rest + R"(,"session_duration_sec":40})",
                           head + rest + R"(,"session_duration_sec":"2"})", head + rest + "}"});
    EXPECT_TRUE(counts(metrics, "session_seconds_total", "42")) << metrics;
    EXPECT_TRUE(counts(metrics, "sessions_timed_total", "2")) << metrics;
}

} // namespace
