/* The log sink. */
#include "base/log.h"

#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"

static pthread_mutex_t sink_lock = PTHREAD_MUTEX_INITIALIZER;
static gint sink_level = 6;
static gboolean sink_json;
static void (*sink_hook)(gboolean before);

void bb_log_set_level(int level)
{
    g_atomic_int_set(&sink_level, level);
}

void bb_log_set_json(gboolean json)
{
    sink_json = json;
}

void bb_log_set_hook(void (*hook)(gboolean before))
{
    (void)pthread_mutex_lock(&sink_lock);
    sink_hook = hook;
    (void)pthread_mutex_unlock(&sink_lock);
}

static const char *level_name(int level)
{
    return level <= 3 ? "error" : level == 4 ? "warning" : level <= 6 ? "info" : "debug";
}

static GString *format_line(int level, const char *text)
{
    g_autoptr(GDateTime) now = g_date_time_new_from_unix_utc(bb_clock_wall_us() / 1000000);
    g_autofree char *time = g_date_time_format(now, "%Y-%m-%dT%H:%M:%SZ");
    GString *line = g_string_new(NULL);
    if (!sink_json) {
        g_string_printf(line, "%s %-7s %s\n", time, level_name(level), text);
        return line;
    }
    g_string_printf(line, "{\"time\":\"%s\",\"level\":\"%s\",\"message\":", time,
                    level_name(level));
    bb_text_append_json(line, text, strlen(text));
    g_string_append(line, "}\n");
    return line;
}

void bb_log(int level, const char *format, ...)
{
    if (level > g_atomic_int_get(&sink_level))
        return;
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    GString *line = format_line(level, text);
    (void)pthread_mutex_lock(&sink_lock);
    if (sink_hook)
        sink_hook(TRUE);
    (void)!write(STDERR_FILENO, line->str, line->len); /* nowhere to report a failure to */
    if (sink_hook)
        sink_hook(FALSE);
    (void)pthread_mutex_unlock(&sink_lock);
    g_string_free(line, TRUE);
}
