/* A child process with pipes to its three standard streams. */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { IN, OUT, ERR, STATUS, PIPES };

/* What a child that could not become the program says of itself. */
typedef struct trouble {
    int error;
    int step;
} trouble;

static const char *const steps[] = {"changing into `cwd`", "starting the program"};

static void close_fd(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd); /* pipes: nothing can be lost here */
    *fd = -1;
}

/* Ends 0 to 2 are kept free for the child's own streams, also where the host has closed its. */
static int make_pipe(int ends[2])
{
    if (pipe2(ends, O_CLOEXEC) != 0)
        return errno;
    for (int i = 0; i < 2; i++) {
        int lifted = ends[i] > STDERR_FILENO ? ends[i] : fcntl(ends[i], F_DUPFD_CLOEXEC, 3);
        if (lifted < 0)
            return errno;
        if (lifted != ends[i])
            (void)close(ends[i]);
        ends[i] = lifted;
    }
    return 0;
}

static void report(int fd, int step)
{
    const trouble found = {errno, step};
    if (write(fd, &found, sizeof(found)) < 0)
        _exit(126);
    _exit(127);
}

/* In the child, between fork and exec: system calls only. */
static void become(const exec_settings *settings, int pipes[PIPES][2], pid_t parent)
{
    sigset_t none;
    sigemptyset(&none);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(127); /* the host died in between */
    (void)setpgid(0, 0);
    (void)signal(SIGPIPE, SIG_DFL);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    int status = pipes[STATUS][1];
    if (dup2(pipes[IN][0], STDIN_FILENO) < 0 || dup2(pipes[OUT][1], STDOUT_FILENO) < 0 ||
        dup2(pipes[ERR][1], STDERR_FILENO) < 0)
        report(status, 1);
    /* what a library of the host opened without O_CLOEXEC is no business of the child's */
    (void)close_range(3, (unsigned)status - 1, 0);
    (void)close_range((unsigned)status + 1, ~0u, 0);
    if (settings->cwd && chdir(settings->cwd) != 0)
        report(status, 0);
    (void)execve(settings->program, settings->command, settings->environment);
    report(status, 1);
}

static int fork_child(exec_child *child, const exec_settings *settings, int pipes[PIPES][2],
                      const char **ret_step)
{
    trouble found = {0, 1};
    pid_t parent = getpid(), pid = fork();
    if (pid == 0)
        become(settings, pipes, parent);
    if (pid < 0)
        return errno;
    close_fd(&pipes[STATUS][1]);
    ssize_t got;
    do
        got = read(pipes[STATUS][0], &found, sizeof(found)); /* nothing: exec has closed it */
    while (got < 0 && errno == EINTR);
    if (got == (ssize_t)sizeof(found)) {
        (void)waitpid(pid, NULL, 0);
        *ret_step = steps[found.step];
        return found.error;
    }
    child->pid = pid;
    return 0;
}

static int keep_end(int *kept, int *end)
{
    *kept = *end;
    *end = -1;
    return fcntl(*kept, F_SETFL, O_NONBLOCK) == 0 ? 0 : errno;
}

int exec_child_start(exec_child *child, const exec_settings *settings, const char **ret_step)
{
    int pipes[PIPES][2] = {{-1, -1}, {-1, -1}, {-1, -1}, {-1, -1}};
    int status = 0;
    *child = (exec_child){0, -1, -1, -1};
    *ret_step = "making its pipes";
    for (int i = 0; i < PIPES && !status; i++)
        status = make_pipe(pipes[i]);
    if (!status) {
        *ret_step = steps[1];
        status = fork_child(child, settings, pipes, ret_step);
    }
    if (!status)
        status = keep_end(&child->in, &pipes[IN][1]);
    if (!status)
        status = keep_end(&child->out, &pipes[OUT][0]);
    if (!status)
        status = keep_end(&child->err, &pipes[ERR][0]);
    for (int i = 0; i < PIPES; i++) {
        close_fd(&pipes[i][0]);
        close_fd(&pipes[i][1]);
    }
    if (status && child->pid)
        (void)exec_child_kill(child);
    return status;
}

static int64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail for this clock */
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Reads what it still says; true while there is a stream open. */
static bool discard(exec_child *child, int wait_ms)
{
    char waste[4096];
    int *const streams[2] = {&child->out, &child->err};
    struct pollfd polls[2] = {{child->out, POLLIN, 0}, {child->err, POLLIN, 0}};
    if (poll(polls, 2, wait_ms) < 0)
        return true;
    for (int i = 0; i < 2; i++) {
        if (polls[i].revents && read(polls[i].fd, waste, sizeof(waste)) == 0)
            close_fd(streams[i]);
    }
    return child->out >= 0 || child->err >= 0;
}

bool exec_child_wait(exec_child *child, int64_t wait_ms, int *ret_status)
{
    const struct timespec nap = {0, 2000000};
    int64_t end = now_ms() + wait_ms;
    for (;;) {
        pid_t got = waitpid(child->pid, ret_status, WNOHANG);
        if (got == child->pid || (got < 0 && errno == ECHILD)) {
            child->pid = 0;
            return true;
        }
        if (now_ms() >= end)
            return false;
        if (!discard(child, 2))
            (void)nanosleep(&nap, NULL);
    }
}

static int end_with(exec_child *child, int status)
{
    close_fd(&child->in);
    close_fd(&child->out);
    close_fd(&child->err);
    child->pid = 0;
    return status;
}

int exec_child_kill(exec_child *child)
{
    int status = 0;
    if (child->pid) {
        (void)kill(-child->pid, SIGKILL);
        (void)kill(child->pid, SIGKILL); /* should it not have come to its group yet */
        while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR)
            continue;
    }
    return end_with(child, status);
}

int exec_child_end(exec_child *child, int64_t stop_ms)
{
    int status = 0;
    if (!child->pid)
        return end_with(child, 0);
    close_fd(&child->in);
    if (exec_child_wait(child, stop_ms, &status))
        return end_with(child, status);
    (void)kill(-child->pid, SIGTERM);
    if (exec_child_wait(child, stop_ms, &status))
        return end_with(child, status);
    return exec_child_kill(child);
}

ssize_t exec_child_write(int fd, const char *data, size_t size)
{
    const struct timespec at_once = {0, 0};
    sigset_t pipe_only, before, pending;
    sigemptyset(&pipe_only);
    sigaddset(&pipe_only, SIGPIPE);
    (void)sigpending(&pending);
    (void)pthread_sigmask(SIG_BLOCK, &pipe_only, &before);
    ssize_t written = write(fd, data, size);
    int error = errno;
    if (written < 0 && error == EPIPE && !sigismember(&pending, SIGPIPE))
        (void)sigtimedwait(&pipe_only, NULL, &at_once); /* the one that this write has raised */
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = error;
    return written;
}
