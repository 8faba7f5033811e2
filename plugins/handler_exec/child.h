/* A child process with pipes to its three standard streams. */
#ifndef EXEC_CHILD_H
#define EXEC_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "settings.h"

typedef struct exec_child {
    pid_t pid; /* 0: there is none */
    int in;    /* its standard input, our end; all three do not block; -1: closed */
    int out;
    int err;
} exec_child;

/* Starts the program in a process group of its own; it dies with the calling thread's process.
 * Returns 0, or an errno value and in `ret_step` what failed. */
int exec_child_start(exec_child *child, const exec_settings *settings, const char **ret_step);

/* Ends it: closes its input, waits `stop_ms`, SIGTERM, waits as long again, SIGKILL. Its output is
 * read and thrown away meanwhile, so that it cannot block on it. Returns the status of waitpid. */
int exec_child_end(exec_child *child, int64_t stop_ms);
/* Ends it at once, with all of its process group. */
int exec_child_kill(exec_child *child);
/* Waits up to `wait_ms` for a child that has closed its output. True with its status when it has
 * ended. */
bool exec_child_wait(exec_child *child, int64_t wait_ms, int *ret_status);

/* write() that makes EPIPE of a closed pipe, whatever the host does about SIGPIPE. */
ssize_t exec_child_write(int fd, const char *data, size_t size);

#endif
