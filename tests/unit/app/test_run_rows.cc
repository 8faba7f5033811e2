// The counts of a run: over the deaths of a worker, and as they are told.
#include <gtest/gtest.h>

#include <string>

extern "C" {
#include "app/contain.h"
#include "app/run_rows.h"
}

namespace
{

std::string summary(const bb_run_counts &counts, bool json)
{
    const bb_run_row row = {"a.b", "topic", counts};
    g_autoptr(GString) text = g_string_new(nullptr);
    bb_run_rows_summary(&row, 1, 1.5, 0, json, text);
    return text->str;
}

} // namespace

TEST(RunRows, WhatAWorkerHadLostBeforeItDiedStaysCounted)
{
    bb_contain *contain = bb_contain_new();
    ASSERT_TRUE(contain);
    bb_run_counts counts = {};
    counts.consumed = 10;
    counts.handled = 7;
    counts.lost = 3;
    counts.in_flight = 3;
    bb_contain_count(contain, "a.b", "topic", &counts);
    bb_contain_carry(contain);
    EXPECT_EQ(7u, contain->rows[0].before.consumed);
    EXPECT_EQ(3u, contain->rows[0].before.lost);
    EXPECT_EQ(0u, contain->rows[0].counts.lost);
    bb_contain_count(contain, "a.b", "topic", &counts);
    bb_contain_carry(contain);
    EXPECT_EQ(6u, contain->rows[0].before.lost);
    bb_contain_free(contain);
}

TEST(RunRows, LostRecordsAreToldBesideThoseThatBalance)
{
    bb_run_counts counts = {};
    counts.consumed = counts.handled = 7;
    EXPECT_EQ(std::string::npos, summary(counts, false).find("lost"));
    counts.lost = 3;
    EXPECT_NE(std::string::npos, summary(counts, false).find("It balances.\n3 more are lost: "));
    EXPECT_NE(std::string::npos, summary(counts, true).find("\"lost\":3,\"balances\":true"));
}
