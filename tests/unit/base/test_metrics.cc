// The registry of metrics and its Prometheus text.
#include <cmath>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

extern "C" {
#include "base/metrics.h"
}

static std::string text(bb_metrics *metrics)
{
    GString *out = bb_metrics_text(metrics);
    std::string result(out->str, out->len);
    g_string_free(out, TRUE);
    return result;
}

TEST(Metrics, SameNameKindAndLabelsGiveTheSameSeries)
{
    g_autoptr(bb_metrics) metrics = bb_metrics_new();
    bb_metric *first = bb_metrics_get(metrics, 1, "events_total", "topic=\"a\"", "Events");
    EXPECT_NE(first, nullptr);
    EXPECT_EQ(bb_metrics_get(metrics, 1, "events_total", "topic=\"a\"", "Events"), first);
    EXPECT_NE(bb_metrics_get(metrics, 1, "events_total", "topic=\"b\"", "Events"), first);
    EXPECT_EQ(bb_metrics_get(metrics, 2, "events_total", "topic=\"a\"", "Events"), nullptr);
}

TEST(Metrics, RefusesBadNames)
{
    g_autoptr(bb_metrics) metrics = bb_metrics_new();
    for (const char *name : {"", "1st", "Upper", "with-dash", "with space"})
        EXPECT_EQ(bb_metrics_get(metrics, 1, name, nullptr, nullptr), nullptr) << name;
    EXPECT_EQ(bb_metrics_get(metrics, 4, "kind", nullptr, nullptr), nullptr);
    bb_metric_record(nullptr, 1); // a metric that could not be registered is ignored
}

TEST(Metrics, NumbersThatAreNoneAreWrittenAsPrometheusReadsThem)
{
    g_autoptr(bb_metrics) metrics = bb_metrics_new();
    bb_metric *gauge = bb_metrics_get(metrics, 2, "lag", nullptr, "Lag");
    for (auto [value, shown] : {std::pair{NAN, "lag NaN\n"}, std::pair{INFINITY, "lag +Inf\n"},
                                std::pair{-INFINITY, "lag -Inf\n"}, std::pair{1.5f, "lag 1.5\n"}}) {
        bb_metric_record(gauge, value);
        EXPECT_NE(text(metrics).find(shown), std::string::npos) << text(metrics);
    }
}

TEST(Metrics, TextFollowsTheExpositionFormat)
{
    g_autoptr(bb_metrics) metrics = bb_metrics_new();
    bb_metric_record(bb_metrics_get(metrics, 1, "events_total", "topic=\"a\"", "Events"), 2);
    bb_metric_record(bb_metrics_get(metrics, 2, "lag", nullptr, "Records behind"), 7);
    bb_metric_record(bb_metrics_get(metrics, 2, "lag", nullptr, "Records behind"), 5);
    bb_metric *latency = bb_metrics_get(metrics, 3, "latency_seconds", nullptr, "Latency");
    bb_metric_record(latency, 0.00390625);
    bb_metric_record(latency, 8);
    std::string out = text(metrics);
    EXPECT_NE(out.find("# HELP events_total Events\n# TYPE events_total "
                       "counter\nevents_total{topic=\"a\"} 2\n"),
              std::string::npos)
        << out;
    EXPECT_NE(out.find("# TYPE lag gauge\nlag 5\n"), std::string::npos) << out;
    EXPECT_NE(
        out.find(
            "latency_seconds_bucket{le=\"0.0025\"} 0\nlatency_seconds_bucket{le=\"0.005\"} 1\n"),
        std::string::npos)
        << out;
    EXPECT_NE(out.find("latency_seconds_bucket{le=\"+Inf\"} 2\nlatency_seconds_sum "
                       "8.00390625\nlatency_seconds_count 2\n"),
              std::string::npos)
        << out;
}

TEST(Metrics, ManyThreadsLoseNothing)
{
    g_autoptr(bb_metrics) metrics = bb_metrics_new();
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; i++)
        threads.emplace_back([&metrics] {
            bb_metric *metric = bb_metrics_get(metrics, 1, "events_total", nullptr, "Events");
            for (int n = 0; n < 10000; n++)
                bb_metric_record(metric, 1);
        });
    for (auto &thread : threads)
        thread.join();
    EXPECT_EQ(bb_metric_value(bb_metrics_get(metrics, 1, "events_total", nullptr, "Events")),
              40000);
}
