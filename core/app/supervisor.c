/* The life of the worker process. */
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
#include "app/supervisor_death.h"
#include "base/clock.h"
#include "base/log.h"

enum { TURN_MS = 100, BACKOFF_FIRST_MS = 100, BACKOFF_MAX_MS = 10000, STEADY_MS = 60000 };
/* So many deaths in a row that nobody can be blamed for, each of a worker that did not last. */
enum { DEATHS_MAX = 10 };

typedef struct supervisor {
    bb_supervisor_work_fn work;
    void *user;
    bb_contain *contain;
    int signals; /* signalfd */
    guint stops; /* signals received */
    pid_t pid;   /* of the worker; 0: there is none */
    gint64 started_ms;
    gint64 start_at_ms;
    guint deaths; /* in a row, of workers that did not last */
    guint blameless;
    gboolean over;
    int exit_code;
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

/* SIGINT and SIGTERM stay blocked in the worker: the supervisor counts them and passes them on, and
 * a terminal or a service manager sends them to both. */
static void be_worker(supervisor *self, pid_t parent)
{
    sigset_t set;
    (void)close(self->signals);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* no worker without a supervisor */
    if (getppid() != parent)
        _exit(BB_EXIT_BUG); /* it died before that was set */
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    (void)pthread_sigmask(SIG_UNBLOCK, &set, NULL); /* a plugin may have children */
    bb_contain_begin(self->contain);
}

/* FALSE in the worker, whose work is done then. */
static gboolean start_worker(supervisor *self)
{
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        be_worker(self, parent);
        self->exit_code = self->work(self->contain, self->user);
        bb_contain_end(self->contain, self->exit_code);
        return FALSE;
    }
    self->started_ms = bb_clock_monotonic_ms();
    self->pid = MAX(pid, 0);
    if (pid < 0) {
        bb_log_error("a worker could not be started: %s", g_strerror(errno));
        self->start_at_ms = self->started_ms + BACKOFF_MAX_MS;
    }
    return TRUE;
}

static void end(supervisor *self, int exit_code)
{
    self->over = TRUE;
    self->exit_code = exit_code;
}

static void plan_restart(supervisor *self, const bb_death *death, gint64 now_ms)
{
    gboolean lasted = now_ms - self->started_ms >= STEADY_MS;
    self->deaths = lasted ? 1 : self->deaths + 1;
    self->blameless = death->blamed || lasted ? 0 : self->blameless + 1;
    if (self->stops) {
        bb_log_warning("it was about to end: what was in hand will be read again");
        end(self, BB_EXIT_PLUGIN);
        return;
    }
    if (self->blameless >= DEATHS_MAX) {
        bb_log_error("%u workers in a row have died and no record was in hand: giving up",
                     self->blameless);
        end(self, BB_EXIT_PLUGIN);
        return;
    }
    gint64 delay_ms = BACKOFF_FIRST_MS;
    for (guint i = 1; i < self->deaths && delay_ms < BACKOFF_MAX_MS; i++)
        delay_ms *= 2;
    delay_ms = MIN(delay_ms, BACKOFF_MAX_MS);
    bb_log_warning("the next worker starts in %.1f s", (double)delay_ms / 1000);
    self->start_at_ms = now_ms + delay_ms;
}

static void take_death(supervisor *self, int status)
{
    bb_death death = {.status = status};
    bb_contain *contain = self->contain;
    self->pid = 0;
    if (WIFEXITED(status) && g_atomic_int_get(&contain->ended)) {
        end(self, WEXITSTATUS(status));
        return;
    }
    bb_death_judge(contain, &death);
    plan_restart(self, &death, bb_clock_monotonic_ms());
}

static void reap(supervisor *self)
{
    int status = 0;
    if (self->pid && waitpid(self->pid, &status, WNOHANG) == self->pid)
        take_death(self, status);
}

/* A third signal does not wait: a plugin may hang, and nothing of it was committed. */
static void take_stop(supervisor *self)
{
    self->stops++;
    g_atomic_int_set(&self->contain->stop, (gint)self->stops);
    if (!self->pid) {
        end(self, BB_EXIT_DONE);
    } else if (self->stops > 2) {
        bb_log_warning("ended by signal");
        (void)kill(self->pid, SIGKILL);
        (void)waitpid(self->pid, NULL, 0);
        end(self, 128 + SIGTERM);
    }
}

static void wait_for_signals(supervisor *self)
{
    struct pollfd wait = {.fd = self->signals, .events = POLLIN};
    struct signalfd_siginfo info;
    if (poll(&wait, 1, TURN_MS) < 1)
        return;
    while (!self->over && read(self->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo != SIGCHLD)
            take_stop(self);
    }
}

static void supervise(supervisor *self)
{
    while (!self->over) {
        if (!self->pid && bb_clock_monotonic_ms() >= self->start_at_ms && !start_worker(self))
            return;
        wait_for_signals(self);
        if (!self->over)
            reap(self);
    }
}

int bb_supervisor_run(const bb_settings *settings, bb_supervisor_work_fn work, void *user)
{
    supervisor self = {.work = work, .user = user, .signals = -1};
    (void)settings;
    self.contain = bb_contain_new();
    if (self.contain)
        self.signals = open_signals();
    if (self.signals < 0) {
        bb_app_error("no worker can be supervised: %s", g_strerror(errno));
        bb_contain_free(self.contain);
        return BB_EXIT_BUG;
    }
    supervise(&self);
    if (self.contain->pid == getpid())
        return self.exit_code; /* the worker, whose memory its last handlers still read */
    (void)close(self.signals);
    bb_contain_free(self.contain);
    return self.exit_code;
}

gint bb_supervisor_wait(const bb_contain *contain, gint64 timeout_ms)
{
    g_usleep((gulong)timeout_ms * 1000);
    return g_atomic_int_get(&contain->stop);
}
