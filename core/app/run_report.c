/* What a worker tells its supervisor of a run, and the summary that comes of it. */
#include "app/run_report.h"

#include <stdio.h>

#include "app/command.h"
#include "app/run_rows.h"
#include "base/clock.h"

void bb_run_report_count(bb_runner *runner, const GPtrArray *types, bb_contain *contain)
{
    for (guint i = 0; i < types->len; i++) {
        const bb_event_type *type = g_ptr_array_index(types, i);
        bb_run_counts counts = bb_runner_counts(runner, type);
        bb_contain_count(contain, type->full_name, type->topic, &counts);
    }
}

int bb_run_report_fail(bb_contain *contain, GError *error)
{
    int exit_code = bb_error_exit_code(error);
    g_strlcpy(contain->error, error->message, sizeof(contain->error));
    g_error_free(error);
    return exit_code;
}

static GArray *rows_of(const bb_contain *const *workers, guint count)
{
    GArray *rows = g_array_new(FALSE, FALSE, sizeof(bb_run_row));
    for (guint i = 0; i < count; i++) {
        for (guint k = 0; k < workers[i]->row_count; k++) {
            const bb_contain_row *from = &workers[i]->rows[k];
            bb_run_row row = {from->event, from->topic, from->counts};
            row.counts.consumed += from->before.consumed;
            row.counts.handled += from->before.handled;
            row.counts.dropped += from->before.dropped;
            row.counts.dead_lettered += from->before.dead_lettered;
            row.counts.deferred += from->before.deferred;
            row.counts.retries += from->before.retries;
            row.counts.lost += from->before.lost;
            g_array_append_val(rows, row);
        }
    }
    return rows;
}

void bb_run_report_print(const bb_contain *const *workers, guint count, guint restarts,
                         gint64 started_ms, gboolean json)
{
    g_autoptr(GArray) rows = rows_of(workers, count);
    g_autoptr(GString) text = g_string_new(NULL);
    double seconds = (double)(bb_clock_monotonic_ms() - started_ms) / 1000;
    if (!rows->len)
        return; /* none got as far as consuming, and each has said why */
    bb_run_rows_summary((const bb_run_row *)(void *)rows->data, rows->len, seconds, restarts, json,
                        text);
    (void)fputs(text->str, json ? stdout : stderr);
    (void)fflush(NULL); /* nobody is left to be told when it fails */
    for (guint i = 0; i < count; i++) {
        if (*workers[i]->error)
            bb_app_error("%s", workers[i]->error);
    }
}
