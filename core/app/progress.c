/* The progress line. */
#include "app/progress.h"

#include <stdio.h>
#include <unistd.h>

#include "app/command.h"
#include "base/clock.h"
#include "base/log.h"
#include "pipeline/monitor.h"

enum { REDRAW_MS = 100 };

struct bb_progress {
    const char *verb;
    gboolean shown; /* standard error is a terminal */
    gint64 started_ms;
    gint64 drawn_ms;
    bb_monitor lock; /* the log hook comes from any thread */
    char *line;      /* what stands on the terminal now; NULL: nothing */
};

/* The log's hook takes no argument, so the one progress line of the process hangs here. */
static bb_progress *current;

static void wipe(bb_progress *progress)
{
    if (progress->line)
        (void)fputs("\r\033[K", stderr);
    (void)fflush(stderr);
}

/* Around a log line: away before it, back behind it. */
static void step_aside(gboolean before)
{
    bb_progress *progress = current;
    if (!progress)
        return;
    bb_monitor_lock(&progress->lock);
    if (before)
        wipe(progress);
    else if (progress->line)
        (void)fputs(progress->line, stderr);
    (void)fflush(stderr);
    bb_monitor_unlock(&progress->lock);
}

bb_progress *bb_progress_new(const char *verb)
{
    bb_progress *progress = g_new0(bb_progress, 1);
    progress->verb = verb;
    progress->shown = isatty(STDERR_FILENO) != 0;
    progress->started_ms = bb_clock_monotonic_ms();
    bb_monitor_init(&progress->lock);
    if (progress->shown) {
        current = progress;
        bb_log_set_hook(step_aside);
    }
    return progress;
}

static char *compose(const bb_progress *progress, gint64 now_ms, guint64 done, guint64 refused,
                     guint64 total)
{
    double seconds = (double)(now_ms - progress->started_ms) / 1000.0;
    GString *line = g_string_new(NULL);
    g_string_printf(line, "%s %" G_GUINT64_FORMAT, progress->verb, done);
    if (total > 0)
        g_string_append_printf(line, " of %" G_GUINT64_FORMAT " (%.0f %%)", total,
                               100.0 * (double)done / (double)total);
    if (refused > 0)
        g_string_append_printf(line, ", %" G_GUINT64_FORMAT " refused", refused);
    if (seconds > 0)
        g_string_append_printf(line, ", %.0f/s", (double)done / seconds);
    return g_string_free(line, FALSE);
}

void bb_progress_update(bb_progress *progress, guint64 done, guint64 refused, guint64 total)
{
    if (!progress || !progress->shown)
        return;
    gint64 now_ms = bb_clock_monotonic_ms();
    if (now_ms - progress->drawn_ms < REDRAW_MS)
        return;
    progress->drawn_ms = now_ms;
    char *line = compose(progress, now_ms, done, refused, total);
    bb_monitor_lock(&progress->lock);
    wipe(progress);
    g_free(progress->line);
    progress->line = line;
    (void)fputs(line, stderr);
    (void)fflush(stderr);
    bb_monitor_unlock(&progress->lock);
}

void bb_progress_free(bb_progress *progress)
{
    if (!progress)
        return;
    if (progress->shown) {
        bb_log_set_hook(NULL);
        wipe(progress);
        current = NULL;
    }
    bb_monitor_clear(&progress->lock);
    g_free(progress->line);
    g_free(progress);
}
