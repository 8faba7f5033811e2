/* Tables of counts. */
#include "app/run_rows.h"

#include <string.h>

#include "base/text.h"

static void add(bb_run_counts *sum, const bb_run_counts *one)
{
    bb_run_counts_add(sum, one);
    sum->lag = sum->lag < 0 || one->lag < 0 ? -1 : sum->lag + one->lag;
}

bb_run_counts bb_run_rows_sum(const bb_run_row *rows, guint count)
{
    bb_run_counts sum = {0};
    for (guint i = 0; i < count; i++)
        add(&sum, &rows[i].counts);
    return sum;
}

static gboolean balances(const bb_run_counts *counts)
{
    return counts->in_flight == 0 && counts->consumed == counts->handled + counts->dropped +
                                                             counts->dead_lettered +
                                                             counts->deferred;
}

gboolean bb_run_rows_balance(const bb_run_row *rows, guint count)
{
    for (guint i = 0; i < count; i++) {
        if (!balances(&rows[i].counts))
            return FALSE;
    }
    return TRUE;
}

/* The columns that matter most come first: a narrow window shows no more than those. */
static void append_row(GString *out, const char *name, const bb_run_counts *counts, gboolean live)
{
    g_string_append_printf(out, "  %-27s", name);
    const guint64 columns[] = {counts->consumed, counts->handled, counts->dropped,
                               counts->dead_lettered};
    for (gsize i = 0; i < G_N_ELEMENTS(columns); i++)
        g_string_append_printf(out, " %8" G_GUINT64_FORMAT, columns[i]);
    if (live && counts->lag < 0)
        g_string_append_printf(out, " %8s %9" G_GUINT64_FORMAT, "-", counts->in_flight);
    else if (live)
        g_string_append_printf(out, " %8" G_GINT64_FORMAT " %9" G_GUINT64_FORMAT, counts->lag,
                               counts->in_flight);
    g_string_append_printf(out, " %8" G_GUINT64_FORMAT "\n", counts->retries);
}

void bb_run_rows_table(const bb_run_row *rows, guint count, gboolean live, gboolean color,
                       GString *out)
{
    g_string_append_printf(out, "%s  %-27s %8s %8s %8s %8s", color ? "\033[1m" : "", "event type",
                           "consumed", "handled", "dropped", "dead");
    if (live)
        g_string_append_printf(out, " %8s %9s", "lag", "in flight");
    g_string_append_printf(out, " %8s%s\n", "retries", color ? "\033[0m" : "");
    for (guint i = 0; i < count; i++)
        append_row(out, rows[i].event, &rows[i].counts, live);
    bb_run_counts sum = bb_run_rows_sum(rows, count);
    append_row(out, "all", &sum, live);
}

static void append_counts_json(GString *out, const bb_run_counts *counts)
{
    g_string_append_printf(out,
                           "\"consumed\":%" G_GUINT64_FORMAT ",\"handled\":%" G_GUINT64_FORMAT
                           ",\"dropped\":%" G_GUINT64_FORMAT ",\"dead_lettered\":%" G_GUINT64_FORMAT
                           ",\"deferred\":%" G_GUINT64_FORMAT ",\"retries\":%" G_GUINT64_FORMAT
                           ",\"lost\":%" G_GUINT64_FORMAT ",\"balances\":%s",
                           counts->consumed, counts->handled, counts->dropped,
                           counts->dead_lettered, counts->deferred, counts->retries, counts->lost,
                           balances(counts) ? "true" : "false");
}

static void append_json(const bb_run_row *rows, guint count, double seconds, guint restarts,
                        GString *out)
{
    bb_run_counts sum = bb_run_rows_sum(rows, count);
    g_string_append(out, "{\"events\":[");
    for (guint i = 0; i < count; i++) {
        g_string_append(out, i ? ",{\"event\":" : "{\"event\":");
        bb_text_append_json(out, rows[i].event, strlen(rows[i].event));
        g_string_append(out, ",\"topic\":");
        bb_text_append_json(out, rows[i].topic, strlen(rows[i].topic));
        g_string_append_c(out, ',');
        append_counts_json(out, &rows[i].counts);
        g_string_append_c(out, '}');
    }
    g_string_append(out, "],\"all\":{");
    append_counts_json(out, &sum);
    g_string_append_printf(out, "},\"restarts\":%u,\"seconds\":%.3f}\n", restarts, seconds);
}

void bb_run_rows_summary(const bb_run_row *rows, guint count, double seconds, guint restarts,
                         gboolean json, GString *out)
{
    bb_run_counts sum = bb_run_rows_sum(rows, count);
    if (json) {
        append_json(rows, count, seconds, restarts, out);
        return;
    }
    bb_run_rows_table(rows, count, FALSE, FALSE, out);
    g_autofree char *deferred =
        sum.deferred ? g_strdup_printf(" + %" G_GUINT64_FORMAT " in retry topics", sum.deferred)
                     : g_strdup("");
    g_string_append_printf(
        out,
        "%" G_GUINT64_FORMAT " consumed = %" G_GUINT64_FORMAT " handled + %" G_GUINT64_FORMAT
        " dropped + %" G_GUINT64_FORMAT " dead-lettered%s, in %.1f s. %s\n",
        sum.consumed, sum.handled, sum.dropped, sum.dead_lettered, deferred, seconds,
        bb_run_rows_balance(rows, count) ? "It balances." : "It does NOT balance.");
    if (sum.lost)
        g_string_append_printf(out,
                               "%" G_GUINT64_FORMAT " more are lost: their offsets are committed "
                               "and they were not handled (delivery: at_most_once).\n",
                               sum.lost);
    if (restarts)
        g_string_append_printf(out, "%u worker%s died and %s started again.\n", restarts,
                               restarts == 1 ? "" : "s", restarts == 1 ? "was" : "were");
}
