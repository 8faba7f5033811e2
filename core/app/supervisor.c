/* The life of the worker processes. */
#include "app/supervisor.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/command.h"
#include "app/supervisor_private.h"
#include "base/clock.h"
#include "base/log.h"

enum { TURN_MS = 100, BACKOFF_FIRST_MS = 100, BACKOFF_MAX_MS = 10000, STEADY_MS = 60000 };
/* So many deaths in a row that nobody can be blamed for, each of a worker that did not last. */
enum { DEATHS_MAX = 10 };

typedef struct supervisor {
    const bb_supervisor_plan *plan;
    GPtrArray *children; /* bb_child * */
    int signals;         /* signalfd */
    guint stops;         /* signals received */
    bb_child *self;      /* in a worker: which it is */
    gboolean cut;        /* ended by the third signal */
} supervisor;

/* Signals are read from a descriptor, so that the answer to one is an ordinary line of code.
 * Blocked before any thread is made: threads and processes inherit that. */
static int open_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGCHLD);
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL); /* cannot fail for these */
    (void)signal(SIGPIPE, SIG_IGN);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void free_child(gpointer data)
{
    bb_child *child = data;
    bb_contain_free(child->contain);
    bb_quarantine_free(child->quarantine);
    g_free(child->last_death);
    g_free(child);
}

static gboolean add_child(supervisor *self, const char *domain)
{
    const bb_worker_settings *settings = self->plan->settings;
    bb_child *child = g_new0(bb_child, 1);
    g_ptr_array_add(self->children, child);
    child->domain = domain;
    child->stuck_mark = -1;
    child->quarantine =
        bb_quarantine_new(settings->quarantine_records, settings->quarantine_window_ms);
    child->contain = bb_contain_new();
    return child->contain != NULL;
}

/* SIGINT and SIGTERM stay blocked in the worker: the supervisor counts them and passes them on, and
 * a terminal or a service manager sends them to both. */
static void be_worker(supervisor *self, bb_child *child, pid_t parent)
{
    sigset_t set;
    self->self = child;
    (void)close(self->signals);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* no worker without a supervisor */
    if (getppid() != parent)
        _exit(BB_EXIT_BUG); /* it died before that was set */
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    (void)pthread_sigmask(SIG_UNBLOCK, &set, NULL); /* a plugin may have children */
    bb_contain_begin(child->contain);
}

/* TRUE in the worker, when its work is done. */
static gboolean start_worker(supervisor *self, bb_child *child)
{
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        be_worker(self, child, parent);
        child->exit_code = self->plan->work(child->contain, self->plan->user);
        bb_contain_end(child->contain, child->exit_code);
        return TRUE;
    }
    child->started_ms = child->watched_at_ms = bb_clock_monotonic_ms();
    child->pid = MAX(pid, 0);
    child->stuck_mark = -1;
    memset(child->watched, 0, sizeof(child->watched));
    if (pid < 0) {
        bb_log_error("a worker could not be started: %s", g_strerror(errno));
        child->start_at_ms = child->started_ms + BACKOFF_MAX_MS;
    }
    return FALSE;
}

static void end(bb_child *child, int exit_code)
{
    child->over = TRUE;
    child->exit_code = exit_code;
}

static gint64 backoff_ms(guint deaths)
{
    gint64 delay_ms = BACKOFF_FIRST_MS;
    for (guint i = 1; i < deaths && delay_ms < BACKOFF_MAX_MS; i++)
        delay_ms *= 2;
    return MIN(delay_ms, BACKOFF_MAX_MS);
}

static void plan_restart(supervisor *self, bb_child *child, const bb_death *death, gint64 now_ms)
{
    gboolean lasted = now_ms - child->started_ms >= STEADY_MS;
    child->deaths = lasted ? 1 : child->deaths + 1;
    child->blameless = death->blamed || lasted ? 0 : child->blameless + 1;
    if (self->stops) {
        bb_log_warning("it was about to end: what was in hand will be read again");
        end(child, BB_EXIT_PLUGIN);
        return;
    }
    if (child->blameless >= DEATHS_MAX) {
        bb_log_error("%u workers in a row have died and no record was in hand: giving up",
                     child->blameless);
        end(child, BB_EXIT_PLUGIN);
        return;
    }
    gint64 delay_ms = backoff_ms(child->deaths);
    bb_log_warning("the next worker starts in %.1f s", (double)delay_ms / 1000);
    child->start_at_ms = now_ms + delay_ms;
    child->restarts++;
}

static void take_death(supervisor *self, bb_child *child, int status)
{
    bb_death death = {.status = status};
    gint64 now_ms = bb_clock_monotonic_ms();
    child->pid = 0;
    if (WIFEXITED(status) && g_atomic_int_get(&child->contain->ended)) {
        end(child, WEXITSTATUS(status));
        return;
    }
    bb_supervisor_judge(child, &death);
    g_free(child->last_death);
    child->last_death = g_strdup(death.what);
    bb_supervisor_quarantine(child, &death, self->plan->settings, now_ms);
    plan_restart(self, child, &death, now_ms);
}

static void reap(supervisor *self, bb_child *child)
{
    int status = 0;
    if (child->pid && waitpid(child->pid, &status, WNOHANG) == child->pid)
        take_death(self, child, status);
}

static bb_child *child_at(const supervisor *self, guint index)
{
    return g_ptr_array_index(self->children, index);
}

static void cut_off(supervisor *self, bb_child *child)
{
    if (child->pid) {
        (void)kill(child->pid, SIGKILL);
        (void)waitpid(child->pid, NULL, 0);
    }
    child->pid = 0;
    self->cut = TRUE;
    end(child, 128 + SIGTERM);
}

/* A third signal does not wait: a plugin may hang, and nothing of it was committed. */
static void take_stop(supervisor *self)
{
    self->stops++;
    if (self->stops == 3)
        bb_log_warning("ended by signal");
    for (guint i = 0; i < self->children->len; i++) {
        bb_child *child = child_at(self, i);
        g_atomic_int_set(&child->contain->stop, (gint)self->stops);
        if (!child->over && !child->pid)
            end(child, BB_EXIT_DONE);
        else if (!child->over && self->stops > 2)
            cut_off(self, child);
    }
}

static void wait_for_signals(supervisor *self)
{
    struct pollfd wait = {.fd = self->signals, .events = POLLIN};
    struct signalfd_siginfo info;
    if (poll(&wait, 1, TURN_MS) < 1)
        return;
    while (!self->cut && read(self->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo != SIGCHLD)
            take_stop(self);
    }
}

/* TRUE in a worker, when its work is done. */
static gboolean look_after(supervisor *self, bb_child *child)
{
    gint64 now_ms = bb_clock_monotonic_ms();
    reap(self, child);
    if (child->pid)
        bb_supervisor_watch(child, self->plan->settings, now_ms);
    else if (!child->over && now_ms >= child->start_at_ms)
        return start_worker(self, child);
    return FALSE;
}

/* FALSE when all workers have come to their end. */
static gboolean is_going_on(const supervisor *self)
{
    for (guint i = 0; i < self->children->len; i++) {
        if (!child_at(self, i)->over)
            return TRUE;
    }
    return FALSE;
}

static void supervise(supervisor *self)
{
    while (is_going_on(self)) {
        for (guint i = 0; i < self->children->len; i++) {
            if (look_after(self, child_at(self, i)))
                return;
        }
        if (is_going_on(self))
            wait_for_signals(self);
    }
}

/* The first worker that failed decides; a plugin in quarantine is a failure. */
static int sum_up(const supervisor *self)
{
    int exit_code = BB_EXIT_DONE;
    for (guint i = 0; i < self->children->len && !exit_code; i++) {
        const bb_child *child = child_at(self, i);
        exit_code = child->exit_code;
        if (!exit_code && child->contain->quarantined)
            exit_code = BB_EXIT_PLUGIN;
    }
    return exit_code;
}

int bb_supervisor_run(const bb_supervisor_plan *plan)
{
    supervisor self = {.plan = plan, .signals = -1};
    self.children = g_ptr_array_new_with_free_func(free_child);
    if (add_child(&self, NULL))
        self.signals = open_signals();
    if (self.signals < 0) {
        bb_app_error("no worker can be supervised: %s", g_strerror(errno));
        g_ptr_array_unref(self.children);
        return BB_EXIT_BUG;
    }
    supervise(&self);
    int exit_code = self.self ? self.self->exit_code : sum_up(&self);
    if (self.self) /* the last handlers of a worker still look at its memory */
        self.self->contain = NULL;
    else
        (void)close(self.signals);
    g_ptr_array_unref(self.children);
    return exit_code;
}

gint bb_supervisor_wait(const bb_contain *contain, gint64 timeout_ms)
{
    g_usleep((gulong)timeout_ms * 1000);
    return g_atomic_int_get(&contain->stop);
}
