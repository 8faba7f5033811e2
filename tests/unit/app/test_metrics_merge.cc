/* Metrics of several workers as one text. */
#include <gtest/gtest.h>

#include <string>

extern "C" {
#include "app/metrics_merge.h"
}

namespace
{

std::string Merge(std::initializer_list<const char *> texts)
{
    g_autoptr(GPtrArray) list = g_ptr_array_new();
    for (const char *text : texts)
        g_ptr_array_add(list, const_cast<char *>(text));
    GString *out = bb_metrics_merge(list);
    std::string result(out->str, out->len);
    g_string_free(out, TRUE);
    return result;
}

TEST(MetricsMerge, OneTextStaysAsItIs)
{
    const char *text = "# HELP a_total Of a, and more\n# TYPE a_total counter\n"
                       "a_total{x=\"1 2\"} 3\na_total{x=\"}\"} 0.25\n"
                       "# HELP b B\n# TYPE b gauge\nb NaN\n";
    EXPECT_EQ(text, Merge({text}));
}

TEST(MetricsMerge, SamplesOfAFamilyComeTogether)
{
    EXPECT_EQ("# HELP a A\n# TYPE a counter\na{e=\"1\"} 1\na{e=\"2\"} 2\n"
              "# HELP b B\n# TYPE b counter\nb 5\n",
              Merge({"# HELP a A\n# TYPE a counter\na{e=\"1\"} 1\n"
                     "# HELP b B\n# TYPE b counter\nb 5\n",
                     "# HELP a A\n# TYPE a counter\na{e=\"2\"} 2\n"}));
}

TEST(MetricsMerge, CountersAddUpAndOfGaugesTheLargestStands)
{
    EXPECT_EQ("# HELP a A\n# TYPE a counter\na 3\n# HELP b B\n# TYPE b gauge\nb 1\n",
              Merge({"# HELP a A\n# TYPE a counter\na 1\n# HELP b B\n# TYPE b gauge\nb 1\n",
                     "# HELP a A\n# TYPE a counter\na 2\n# HELP b B\n# TYPE b gauge\nb NaN\n"}));
}

TEST(MetricsMerge, NothingIsNothing)
{
    EXPECT_EQ("", Merge({}));
    EXPECT_EQ("", Merge({"", "\n"}));
}

TEST(MetricsMerge, WhatIsNoMetricIsLeftOut)
{
    EXPECT_EQ("", Merge({"a 1\n#\n# HELP\nnonsense\n"}));
}

} // namespace
