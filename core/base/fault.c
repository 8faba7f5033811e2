/* Fault points, of test builds only. Without GLib, so that a library to be preloaded can have them
 * too. */
#include "base/fault.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#ifdef BUSBAR_FAULTS

enum { MAX_FAULTS = 16, POINT_SIZE = 40, BAD_EXIT = 2 };

typedef enum { DO_KILL, DO_PARENT, DO_STOP, DO_DELAY, DO_ERRNO, DO_SHORT } action;

typedef struct fault {
    char point[POINT_SIZE];
    long nth;
    bool every; /* from the nth on */
    action what;
    int number; /* milliseconds or errno */
    long reached;
} fault;

/* Of the process, because the environment is; a release has none of this. */
static fault faults[MAX_FAULTS];
static int fault_count;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static int errno_by_name(const char *name)
{
    static const struct {
        const char *name;
        int number;
    } known[] = {{"EIO", EIO},         {"ENOSPC", ENOSPC},         {"EAGAIN", EAGAIN},
                 {"EINTR", EINTR},     {"ECONNRESET", ECONNRESET}, {"ETIMEDOUT", ETIMEDOUT},
                 {"ENOBUFS", ENOBUFS}, {"ENOMEM", ENOMEM},         {"EACCES", EACCES}};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (strcmp(name, known[i].name) == 0)
            return known[i].number;
    return 0;
}

static bool parse_action(fault *into, const char *text)
{
    static const char delay[] = "delay:", error[] = "errno:";
    if (strcmp(text, "kill") == 0)
        into->what = DO_KILL;
    else if (strcmp(text, "parent") == 0)
        into->what = DO_PARENT;
    else if (strcmp(text, "stop") == 0)
        into->what = DO_STOP;
    else if (strcmp(text, "short") == 0)
        into->what = DO_SHORT;
    else if (strncmp(text, delay, sizeof(delay) - 1) == 0)
        into->what = DO_DELAY, into->number = atoi(text + sizeof(delay) - 1);
    else if (strncmp(text, error, sizeof(error) - 1) == 0)
        into->what = DO_ERRNO, into->number = errno_by_name(text + sizeof(error) - 1);
    else
        return false;
    return into->number > 0 || (into->what != DO_DELAY && into->what != DO_ERRNO);
}

static bool parse(fault *into, char *text)
{
    char *nth = strchr(text, ':');
    char *what = nth ? strchr(nth + 1, ':') : NULL;
    if (!what || (size_t)(nth - text) >= sizeof(into->point))
        return false;
    memcpy(into->point, text, (size_t)(nth - text));
    into->nth = strtol(nth + 1, &nth, 10);
    into->every = *nth == '+';
    return into->nth > 0 && nth + into->every == what && parse_action(into, what + 1);
}

static void parse_all(void)
{
    char text[1024], *rest = text, *part;
    const char *given = getenv("BB_FAULT");
    (void)snprintf(text, sizeof(text), "%s", given ? given : "");
    while ((part = strsep(&rest, ";"))) {
        if (!*part)
            continue;
        if (fault_count < MAX_FAULTS && parse(&faults[fault_count], part)) {
            fault_count++;
            continue;
        }
        (void)fprintf(stderr,
                      "BB_FAULT: `%s` is not POINT:NTH:ACTION with an action of kill, parent, "
                      "stop, delay:MS, errno:NAME, short\n",
                      given);
        _exit(BAD_EXIT);
    }
}

/* FALSE when another process had this fault already. */
static bool is_first(const fault *what)
{
    char path[4096];
    const char *folder = getenv("BB_FAULT_NOTES");
    if (!folder || what->every)
        return true;
    (void)snprintf(path, sizeof(path), "%s/%s.%ld", folder, what->point, what->nth);
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (file < 0)
        return false;
    (void)close(file);
    return true;
}

/* Never a shell or a test that started this process. */
static void kill_parent(void)
{
    char path[64], own[4096], other[4096];
    pid_t parent = getppid();
    (void)snprintf(path, sizeof(path), "/proc/%d/exe", (int)parent);
    ssize_t size = readlink(path, other, sizeof(other));
    if (size > 0 && readlink("/proc/self/exe", own, sizeof(own)) == size &&
        memcmp(own, other, (size_t)size) == 0)
        (void)kill(parent, SIGKILL);
}

static int happen(const fault *what)
{
    struct timespec wait = {what->number / 1000, (what->number % 1000) * 1000000L};
    switch (what->what) {
    case DO_KILL:
        (void)kill(getpid(), SIGKILL);
        for (;;)
            (void)pause(); /* not one instruction further */
    case DO_PARENT:
        kill_parent();
        return 0;
    case DO_STOP:
        (void)kill(getpid(), SIGSTOP);
        return 0;
    case DO_DELAY:
        (void)nanosleep(&wait, NULL);
        return 0;
    case DO_ERRNO:
        return what->number;
    case DO_SHORT:
        break;
    }
    return 0;
}

/* The fault that is to happen now; NULL: none. All that name the point count. */
static const fault *find_due(const char *point)
{
    const fault *due = NULL;
    (void)pthread_once(&once, parse_all);
    for (int i = 0; i < fault_count; i++) {
        fault *at = &faults[i];
        if (strcmp(at->point, point) != 0)
            continue;
        long reached = __atomic_add_fetch(&at->reached, 1, __ATOMIC_RELAXED);
        if (!due && (reached == at->nth || (at->every && reached > at->nth)) && is_first(at))
            due = at;
    }
    return due;
}

int bb_fault_reach(const char *point)
{
    const fault *due = find_due(point);
    return due ? happen(due) : 0;
}

size_t bb_fault_part(const char *point, size_t size, int *ret_errno)
{
    const fault *due = find_due(point);
    *ret_errno = due ? happen(due) : 0;
    return due && due->what == DO_SHORT && size > 1 ? size / 2 : size;
}

#endif
