/* The admin port: what a process says about itself over HTTP.
 *
 *   GET /metrics   Prometheus text 0.0.4
 *   GET /live      200 while the process works, else 503 and the reason
 *   GET /ready     200 when it does its work, else 503 and the reason
 *   GET /status    JSON
 *
 * It knows nothing of Kafka: everything comes from the callbacks. One thread serves a bounded
 * number of connections with a time limit. There is no authentication and no encryption: an address
 * other than loopback is for networks where everybody may know. */
#ifndef BB_ADMIN_H
#define BB_ADMIN_H

#include <glib.h>

typedef struct bb_admin bb_admin;

/* Where the answers come from. All are called on the admin's thread, or in bb_admin_turn. */
typedef struct bb_admin_source {
    GString *(*metrics)(void *user);
    GString *(*status)(void *user);
    /* Return FALSE with the reason appended, one line. */
    gboolean (*live)(void *user, GString *reason);
    gboolean (*ready)(void *user, GString *reason);
    void *user;
} bb_admin_source;

/* Listens and serves until freed. `listen`: "127.0.0.1:9464", "[::1]:9464", "localhost:0"; port 0
 * takes a free one. Logs the address. BB_ERROR_USAGE for a text that is no address, BB_ERROR_IO
 * when it cannot be had. */
bb_admin *bb_admin_new(const char *listen, const bb_admin_source *source, GError **error);
/* The same without a thread: it serves inside bb_admin_turn, which is to be called when bb_admin_fd
 * can be read, and every second or so. */
bb_admin *bb_admin_new_polled(const char *listen, const bb_admin_source *source, GError **error);
int bb_admin_fd(const bb_admin *admin);
void bb_admin_turn(bb_admin *admin);
/* In a forked child of a process with a polled port: gives up the child's copies of its sockets. */
void bb_admin_forget(bb_admin *admin);
/* The address it listens on, as "127.0.0.1:40123". @owns admin */
const char *bb_admin_address(const bb_admin *admin);
/* Waits for the call in progress; no callback comes afterwards. */
void bb_admin_free(bb_admin *admin);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(bb_admin, bb_admin_free)

#endif
