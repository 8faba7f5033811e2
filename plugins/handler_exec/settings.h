/* The configuration of an `exec` handler, read once. */
#ifndef EXEC_SETTINGS_H
#define EXEC_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include <busbar/plugin.h>

typedef struct exec_settings {
    char **command;     /* argv, NULL behind the last */
    char **environment; /* as execve takes it */
    char *program;      /* the file that `command[0]` stands for */
    char *cwd;          /* or NULL */
    bool envelope;
    bool flush; /* the child makes durable when it is told to */
    int64_t timeout_ms;
    int64_t stop_ms;
    uint32_t stderr_lines; /* a second */
} exec_settings;

/* `config` has passed the handler's schema. PASS, or a failure that was stated; `settings` can be
 * cleared in any case. */
int32_t exec_settings_init(exec_settings *settings, busbar_call *call, busbar_bytes config);
void exec_settings_clear(exec_settings *settings);

#endif
