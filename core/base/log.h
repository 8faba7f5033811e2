/* The log: one line per message on standard error, level and time first. The only mutable global of
 * the core. Any thread may log. `base` below this file and the pure modules never do. */
#ifndef BB_LOG_H
#define BB_LOG_H

#include <glib.h>
#include <stdint.h>

/* Levels as in busbar/plugin.h (BUSBAR_LOG_*): 3 error, 4 warning, 6 info, 7 debug. */
void bb_log_set_level(int level);
/* JSON lines instead of text. */
void bb_log_set_json(gboolean json);
/* Called before and after each line, so that a live table can step aside; NULL for none. */
void bb_log_set_hook(void (*hook)(gboolean before));

void bb_log(int level, const char *format, ...) G_GNUC_PRINTF(2, 3);

#define bb_log_error(...) bb_log(3, __VA_ARGS__)
#define bb_log_warning(...) bb_log(4, __VA_ARGS__)
#define bb_log_info(...) bb_log(6, __VA_ARGS__)
#define bb_log_debug(...) bb_log(7, __VA_ARGS__)

#endif
