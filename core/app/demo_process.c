/* Programs that the demo runs: to their end, or as a server until it stops them. */
#include "app/demo_process.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "app/signals.h"
#include "base/clock.h"
#include "base/error.h"

enum { READY_MS = 60000, STOP_MS = 20000, POLL_US = 50000, LOG_END = 600 };

/* In the child: some servers refuse to be root. */
static void become(gpointer data)
{
    const struct passwd *user = data;
    (void)signal(SIGPIPE, SIG_DFL); /* that we ignore it is our own business */
    if (user && (setgroups(0, NULL) != 0 || setgid(user->pw_gid) != 0 || setuid(user->pw_uid) != 0))
        _exit(126);
}

static gboolean run(const char *const *arguments, const struct passwd *user, GSpawnFlags flags,
                    char **ret_out, GError **error)
{
    g_autofree char *said = NULL;
    int status = 0;
    g_autoptr(GError) trouble = NULL;
    if (!g_spawn_sync("/", (char **)arguments, /* environment= */ NULL, flags, become,
                      (gpointer)user, ret_out, &said, &status, error))
        return FALSE;
    if (g_spawn_check_wait_status(status, &trouble))
        return TRUE;
    g_set_error(error, BB_ERROR, BB_ERROR_IO, "%s: %s: %s", arguments[0], trouble->message,
                said && *said ? g_strchomp(said) : "it says no more");
    return FALSE;
}

gboolean bb_demo_run(const char *const *arguments, const struct passwd *user, char **ret_out,
                     GError **error)
{
    return run(arguments, user, ret_out ? G_SPAWN_DEFAULT : G_SPAWN_STDOUT_TO_DEV_NULL, ret_out,
               error);
}

gboolean bb_demo_run_shown(const char *const *arguments, const struct passwd *user, GError **error)
{
    return run(arguments, user, G_SPAWN_CHILD_INHERITS_STDIN, NULL, error);
}

/* In the child. */
static void set_apart(gpointer data)
{
    const int *log = data;
    (void)signal(SIGPIPE, SIG_DFL);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || setpgid(0, 0) != 0 || dup2(*log, 1) < 0 ||
        dup2(*log, 2) < 0)
        _exit(126);
}

gboolean bb_demo_server_start(bb_demo_server *server, const char *const *arguments,
                              const char *const *environment, const char *log, GError **error)
{
    g_auto(GStrv) all = g_get_environ();
    for (guint i = 0; environment[i]; i++) {
        g_auto(GStrv) pair = g_strsplit(environment[i], "=", 2);
        all = g_environ_setenv(all, pair[0], pair[1], TRUE);
    }
    int fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0) {
        g_set_error(error, BB_ERROR, BB_ERROR_IO, "%s: %s", log, g_strerror(errno));
        return FALSE;
    }
    server->log = g_strdup(log);
    gboolean good = g_spawn_async("/", (char **)arguments, all, G_SPAWN_DO_NOT_REAP_CHILD,
                                  set_apart, &fd, &server->pid, error);
    (void)close(fd);
    return good;
}

static gboolean has_ended(bb_demo_server *server)
{
    if (server->pid && waitpid(server->pid, NULL, WNOHANG) == server->pid)
        server->pid = 0;
    return server->pid == 0;
}

static void set_not_ready(const bb_demo_server *server, const char *why, GError **error)
{
    g_autofree char *text = NULL;
    gsize size = 0;
    (void)g_file_get_contents(server->log, &text, &size,
                              NULL); /* without it there is less to say */
    const char *end = text && *g_strchomp(text) ? text : "it says no more";
    size = strlen(end);
    g_set_error(error, BB_ERROR, BB_ERROR_IO, "%s: %s", why,
                end + (size > LOG_END ? size - LOG_END : 0));
}

gboolean bb_demo_server_wait(bb_demo_server *server, gboolean (*is_ready)(gpointer user),
                             gpointer user, GError **error)
{
    gint64 deadline_ms = bb_clock_monotonic_ms() + READY_MS;
    while (!has_ended(server)) {
        if (is_ready(user))
            return TRUE;
        if (bb_signals_count()) {
            g_set_error(error, BB_ERROR, BB_ERROR_USAGE, "ended by a signal");
            return FALSE;
        }
        if (bb_clock_monotonic_ms() > deadline_ms) {
            set_not_ready(server, "the server is not ready after 60 s", error);
            return FALSE;
        }
        g_usleep(POLL_US);
    }
    set_not_ready(server, "the server ended at its start", error);
    return FALSE;
}

void bb_demo_server_stop(bb_demo_server *server)
{
    gint64 deadline_ms = bb_clock_monotonic_ms() + STOP_MS;
    GPid group = server->pid;
    if (group)
        (void)kill(-group, SIGTERM); /* it may have ended already */
    while (!has_ended(server) && bb_clock_monotonic_ms() < deadline_ms)
        g_usleep(POLL_US / 5);
    if (group)
        (void)kill(-group, SIGKILL); /* and whatever it has left */
    if (server->pid)
        (void)waitpid(server->pid, NULL, 0);
    server->pid = 0;
    g_clear_pointer(&server->log, g_free);
}

static struct sockaddr_in loopback(guint16 port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons(port),
                                .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
}

guint16 bb_demo_free_port(void)
{
    struct sockaddr_in address = loopback(0);
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    gboolean good = fd >= 0 && bind(fd, (struct sockaddr *)&address, size) == 0 &&
                    getsockname(fd, (struct sockaddr *)&address, &size) == 0;
    if (fd >= 0)
        (void)close(fd);
    return good ? ntohs(address.sin_port) : 0;
}

gboolean bb_demo_port_answers(guint16 port)
{
    const struct sockaddr_in address = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    gboolean good = fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0;
    if (fd >= 0)
        (void)close(fd);
    return good;
}

char *bb_demo_secret(GError **error)
{
    guint8 bytes[16];
    if (getrandom(bytes, sizeof(bytes), 0) != (gssize)sizeof(bytes)) {
        g_set_error(error, BB_ERROR, BB_ERROR_IO, "no random bytes: %s", g_strerror(errno));
        return NULL;
    }
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < sizeof(bytes); i++)
        g_string_append_printf(text, "%02x", bytes[i]);
    return g_string_free(text, FALSE);
}

gboolean bb_demo_write_private(const char *path, const char *text, GError **error)
{
    return g_file_set_contents_full(path, text, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0600, error);
}
