/* The life of the worker processes. */
#include "app/supervisor.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/command.h"
#include "app/supervisor_private.h"
#include "base/clock.h"
#include "base/log.h"

enum { TURN_MS = 100, BACKOFF_FIRST_MS = 100, BACKOFF_MAX_MS = 10000, STEADY_MS = 60000 };
/* So many deaths in a row that nobody can be blamed for, each of a worker that did not last. */
enum { DEATHS_MAX = 10, DEATHS_MAX_AT_START = 5 };

typedef struct supervisor {
    const bb_supervisor_plan *plan;
    GPtrArray *children;        /* bb_child * */
    int signals;                /* signalfd */
    guint stops;                /* signals received */
    bb_supervisor_admin *admin; /* NULL: there is no port */
    bb_child *self;             /* in a worker: which it is */
    gboolean cut;               /* ended by the third signal */
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
    if (child->socket >= 0)
        (void)close(child->socket);
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
    child->stuck_mark = child->socket = -1;
    child->quarantine =
        bb_quarantine_new(settings->quarantine_records, settings->quarantine_window_ms);
    child->contain = bb_contain_new();
    if (child->contain && domain)
        g_strlcpy(child->contain->domain, domain, sizeof(child->contain->domain));
    return child->contain != NULL;
}

static gboolean add_children(supervisor *self)
{
    const GPtrArray *domains = self->plan->domains;
    gboolean good = domains || add_child(self, NULL);
    for (guint i = 0; good && domains && i < domains->len; i++)
        good = add_child(self, g_ptr_array_index(domains, i));
    return good;
}

/* SIGINT and SIGTERM stay blocked in the worker: the supervisor counts them and passes them on, and
 * a terminal or a service manager sends them to both. */
static void be_worker(supervisor *self, bb_child *child, pid_t parent, int socket)
{
    sigset_t set;
    self->self = child;
    (void)close(self->signals);
    for (guint i = 0; i < self->children->len; i++) {
        bb_child *other = g_ptr_array_index(self->children, i);
        if (other->socket >= 0)
            (void)close(other->socket);
        other->socket = -1;
    }
    if (self->admin)
        bb_admin_forget(bb_supervisor_admin_port(self->admin));
    child->contain->socket = socket;
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
    int pair[2] = {-1, -1}; /* without one, the admin port does without this worker */
    pid_t parent = getpid();
    (void)socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair);
    pid_t pid = fork();
    if (pid == 0) {
        if (pair[0] >= 0)
            (void)close(pair[0]);
        be_worker(self, child, parent, pair[1]);
        child->exit_code = self->plan->work(child->contain, self->plan->user);
        bb_contain_end(child->contain, child->exit_code);
        return TRUE;
    }
    if (pair[1] >= 0)
        (void)close(pair[1]);
    child->socket = pair[0];
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
    guint most = child->contain->began ? DEATHS_MAX : DEATHS_MAX_AT_START;
    if (child->blameless >= most) {
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
    if (child->socket >= 0)
        (void)close(child->socket);
    child->socket = -1;
    if (WIFEXITED(status) && g_atomic_int_get(&child->contain->ended)) {
        end(child, WEXITSTATUS(status));
        return;
    }
    bb_supervisor_judge(child, &death);
    g_free(child->last_death);
    child->last_death = g_strdup(death.what);
    bb_contain_carry(child->contain);
    if (bb_supervisor_quarantine(child, &death, self->plan->settings, now_ms))
        death.blamed = TRUE; /* that is known now, and the next one does without the plugin */
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
    bb_admin *port = self->admin ? bb_supervisor_admin_port(self->admin) : NULL;
    struct pollfd wait[] = {{.fd = self->signals, .events = POLLIN},
                            {.fd = port ? bb_admin_fd(port) : -1, .events = POLLIN}};
    struct signalfd_siginfo info;
    int ready = poll(wait, G_N_ELEMENTS(wait), TURN_MS);
    if (port)
        bb_admin_turn(port);
    if (ready < 1)
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

static void tell_finished(const supervisor *self)
{
    guint count = self->children->len, restarts = 0;
    g_autofree const bb_contain **workers = g_new0(const bb_contain *, count + 1);
    for (guint i = 0; i < count; i++) {
        workers[i] = child_at(self, i)->contain;
        restarts += child_at(self, i)->restarts;
    }
    if (self->plan->finish && !self->cut)
        self->plan->finish((const bb_contain *const *)workers, count, restarts, self->plan->user);
}

/* FALSE with the exit code set when nothing can begin. */
static gboolean begin(supervisor *self, int *ret_exit)
{
    GError *error = NULL;
    self->children = g_ptr_array_new_with_free_func(free_child);
    if (add_children(self))
        self->signals = open_signals();
    if (self->signals < 0) {
        bb_app_error("no worker can be supervised: %s", g_strerror(errno));
        *ret_exit = BB_EXIT_BUG;
        return FALSE;
    }
    if (!self->plan->admin_listen)
        return TRUE;
    self->admin = bb_supervisor_admin_new(self->plan->admin_listen, self->children, &error);
    if (!self->admin)
        *ret_exit = bb_app_fail(error);
    return self->admin != NULL;
}

/* The port of the supervisor, in a worker. It cannot be freed there, as ending it would end the
 * connections of the supervisor, so it is kept for those who look for memory that nobody knows. */
static bb_supervisor_admin *not_ours;

static int leave_worker(supervisor *self)
{
    not_ours = self->admin;
    int exit_code = self->self->exit_code;
    self->self->contain = NULL; /* the last handlers of a worker still look at its memory */
    g_ptr_array_unref(self->children);
    return exit_code;
}

int bb_supervisor_run(const bb_supervisor_plan *plan)
{
    supervisor self = {.plan = plan, .signals = -1};
    int exit_code = BB_EXIT_DONE;
    gboolean begun = begin(&self, &exit_code);
    if (begun)
        supervise(&self);
    if (self.self)
        return leave_worker(&self);
    if (begun) {
        exit_code = sum_up(&self);
        tell_finished(&self);
    }
    bb_supervisor_admin_free(self.admin);
    if (self.signals >= 0)
        (void)close(self.signals);
    g_ptr_array_unref(self.children);
    return exit_code;
}

gint bb_supervisor_wait(const bb_contain *contain, gint64 timeout_ms)
{
    g_usleep((gulong)timeout_ms * 1000);
    return g_atomic_int_get(&contain->stop);
}
