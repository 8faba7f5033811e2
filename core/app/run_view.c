/* The table of a run. */
#include "app/run_view.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "app/command.h"
#include "app/run_rows.h"
#include "base/clock.h"
#include "base/log.h"
#include "pipeline/monitor.h"

enum { REDRAW_MS = 200, PROGRESS_MS = 5000, RATE_MS = 1000 };

struct bb_run_view {
    bb_runner *runner;
    const GPtrArray *types;
    gboolean live;
    gboolean progress;
    gboolean color;
    gint64 drawn_ms;
    gint64 rate_ms;
    guint64 rate_base;
    double rate;        /* finished records per second */
    bb_monitor monitor; /* the log's hook comes from any thread; guards what follows */
    GString *table;     /* what stands on the terminal; empty: nothing */
    guint lines;
};

/* The log's hook takes no argument, so the one table of the process hangs here. */
static bb_run_view *current;

static void wipe(const bb_run_view *view)
{
    if (view->table->len)
        (void)fprintf(stderr, "\033[%uA\033[J", view->lines);
}

static void step_aside(gboolean before)
{
    bb_run_view *view = current;
    if (!view)
        return;
    if (before) {
        bb_monitor_lock(&view->monitor);
        wipe(view);
    } else {
        (void)fputs(view->table->str, stderr);
        (void)fflush(stderr);
        bb_monitor_unlock(&view->monitor);
    }
}

bb_run_view *bb_run_view_new(bb_runner *runner, const GPtrArray *types, gboolean live,
                             gboolean progress)
{
    bb_run_view *view = g_new0(bb_run_view, 1);
    view->runner = runner;
    view->types = types;
    view->live = live;
    view->progress = progress;
    view->color = bb_app_color(STDERR_FILENO);
    view->drawn_ms = view->rate_ms = bb_clock_monotonic_ms();
    view->table = g_string_new(NULL);
    bb_monitor_init(&view->monitor);
    if (live) {
        current = view;
        bb_log_set_hook(step_aside);
    }
    return view;
}

static const bb_event_type *type_at(const bb_run_view *view, guint index)
{
    return g_ptr_array_index(view->types, index);
}

/* The counts of all event types; g_free. */
static bb_run_row *rows_of(const bb_run_view *view)
{
    bb_run_row *rows = g_new0(bb_run_row, view->types->len + 1);
    for (guint i = 0; i < view->types->len; i++) {
        const bb_event_type *type = type_at(view, i);
        rows[i] = (bb_run_row){type->full_name, type->topic, bb_runner_counts(view->runner, type)};
    }
    return rows;
}

static void update_rate(bb_run_view *view, const bb_run_counts *sum, gint64 now_ms)
{
    guint64 done = sum->handled + sum->dropped + sum->dead_lettered + sum->deferred;
    if (now_ms - view->rate_ms < RATE_MS)
        return;
    view->rate = (double)(done - view->rate_base) * 1000.0 / (double)(now_ms - view->rate_ms);
    view->rate_base = done;
    view->rate_ms = now_ms;
}

/* Cuts the table to the window: a line that wraps or scrolls away could not be taken back. Returns
 * the number of its lines. */
static guint fit(GString *table)
{
    struct winsize window = {.ws_row = 24, .ws_col = 80};
    (void)ioctl(STDERR_FILENO, TIOCGWINSZ, &window); /* else the usual size */
    g_auto(GStrv) lines = g_strsplit(table->str, "\n", -1);
    guint count = g_strv_length(lines) - 1; /* the last is empty */
    guint rows = window.ws_row ? window.ws_row : 24;
    gsize columns = window.ws_col ? window.ws_col : 80;
    guint skip = count >= rows ? count - rows + 1 : 0;
    g_string_truncate(table, 0);
    for (guint i = skip; i < count; i++) {
        gboolean bold = lines[i][0] == '\033';
        gsize limit = columns + (bold ? 4 : 0); /* bytes that take no place */
        g_string_append_len(table, lines[i], (gssize)MIN(strlen(lines[i]), limit));
        g_string_append(table, bold ? "\033[0m\n" : "\n");
    }
    return count - skip;
}

static void draw(bb_run_view *view, const bb_run_row *rows)
{
    bb_monitor_lock(&view->monitor);
    wipe(view);
    g_string_truncate(view->table, 0);
    bb_run_rows_table(rows, view->types->len, TRUE, view->color, view->table);
    g_string_append_printf(view->table, "  %.0f records/s; Ctrl-C drains and ends\n", view->rate);
    view->lines = fit(view->table);
    (void)fputs(view->table->str, stderr);
    (void)fflush(stderr); /* a table that nobody can see is no failure */
    bb_monitor_unlock(&view->monitor);
}

void bb_run_view_update(bb_run_view *view)
{
    gint64 now_ms = bb_clock_monotonic_ms();
    if (!view->live && !view->progress)
        return;
    if (now_ms - view->drawn_ms < (view->live ? REDRAW_MS : PROGRESS_MS))
        return;
    view->drawn_ms = now_ms;
    g_autofree bb_run_row *rows = rows_of(view);
    bb_run_counts sum = bb_run_rows_sum(rows, view->types->len);
    update_rate(view, &sum, now_ms);
    if (view->live)
        draw(view, rows);
    else
        bb_log_info("%" G_GUINT64_FORMAT " consumed, %" G_GUINT64_FORMAT
                    " handled, %" G_GUINT64_FORMAT " dropped, %" G_GUINT64_FORMAT
                    " dead-lettered, %" G_GUINT64_FORMAT " in flight, %.0f/s",
                    sum.consumed, sum.handled, sum.dropped, sum.dead_lettered, sum.in_flight,
                    view->rate);
}

void bb_run_view_end(bb_run_view *view)
{
    if (!view->live)
        return;
    bb_log_set_hook(NULL);
    bb_monitor_lock(&view->monitor);
    wipe(view);
    g_string_truncate(view->table, 0);
    (void)fflush(stderr);
    bb_monitor_unlock(&view->monitor);
    view->live = FALSE;
    current = NULL;
}

void bb_run_view_free(bb_run_view *view)
{
    if (!view)
        return;
    bb_run_view_end(view);
    bb_monitor_clear(&view->monitor);
    g_string_free(view->table, TRUE);
    g_free(view);
}
