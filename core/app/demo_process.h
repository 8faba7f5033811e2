/* Programs that the demo runs: to their end, or as a server until it stops them. */
#ifndef BB_DEMO_PROCESS_H
#define BB_DEMO_PROCESS_H

#include <glib.h>
#include <pwd.h>

/* Runs a program to its end, as `user` (NULL: ourselves). What it prints goes to `*ret_out`, or
 * nowhere when that is NULL; what it says of trouble is part of the error. */
gboolean bb_demo_run(const char *const *arguments, const struct passwd *user, char **ret_out,
                     GError **error);
/* The same, with what it prints on our standard output. */
gboolean bb_demo_run_shown(const char *const *arguments, const struct passwd *user, GError **error);

/* A server: in a group of its own, so that Ctrl-C is ours alone, and killed when we die. */
typedef struct bb_demo_server {
    GPid pid; /* 0: there is none */
    char *log;
} bb_demo_server;

/* `environment`: "NAME=value" besides ours, ends with NULL. What it prints goes to the file `log`.
 */
gboolean bb_demo_server_start(bb_demo_server *server, const char *const *arguments,
                              const char *const *environment, const char *log, GError **error);
/* Calls `is_ready` until it is TRUE; FALSE with the end of the log when the server ends or needs
 * too long, or after a signal. */
gboolean bb_demo_server_wait(bb_demo_server *server, gboolean (*is_ready)(gpointer user),
                             gpointer user, GError **error);
void bb_demo_server_stop(bb_demo_server *server);

/* A port of the loopback interface that was free just now; 0: there is none. */
guint16 bb_demo_free_port(void);
/* Whether something listens there. */
gboolean bb_demo_port_answers(guint16 port);
/* 32 random digits; NULL with an error. */
char *bb_demo_secret(GError **error);
/* A file that only we can read. */
gboolean bb_demo_write_private(const char *path, const char *text, GError **error);

#endif
