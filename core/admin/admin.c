/* The HTTP side of the admin port. */
#include "admin/admin.h"

#include <microhttpd.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "admin/listen.h"
#include "base/error.h"
#include "base/log.h"

enum { CONNECTIONS = 16, CONNECTION_BYTES = 16 * 1024, IDLE_SECONDS = 10 };

struct bb_admin {
    bb_admin_source source;
    bb_listener listener;
    struct MHD_Daemon *daemon; /* owns the socket once it runs */
};

#define TEXT "text/plain; charset=utf-8"

/* Takes `body_new` over. */
static enum MHD_Result answer(struct MHD_Connection *connection, unsigned int code,
                              const char *type, GString *body_new)
{
    gsize size = body_new->len;
    char *body = g_string_free(body_new, FALSE);
    struct MHD_Response *response =
        MHD_create_response_from_buffer(size, body, MHD_RESPMEM_MUST_COPY);
    g_free(body);
    if (!response)
        return MHD_NO; /* closes the connection */
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    (void)MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    if (code == MHD_HTTP_METHOD_NOT_ALLOWED)
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    enum MHD_Result result = MHD_queue_response(connection, code, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result serve_metrics(const bb_admin *admin, struct MHD_Connection *connection)
{
    return answer(connection, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8",
                  admin->source.metrics(admin->source.user));
}

static enum MHD_Result serve_status(const bb_admin *admin, struct MHD_Connection *connection)
{
    return answer(connection, MHD_HTTP_OK, "application/json",
                  admin->source.status(admin->source.user));
}

static enum MHD_Result serve_verdict(struct MHD_Connection *connection, const char *name,
                                     gboolean good, GString *reason_new)
{
    g_string_prepend(reason_new, good ? name : ": ");
    if (!good) {
        g_string_prepend(reason_new, name);
        g_string_prepend(reason_new, "not ");
    }
    g_string_append_c(reason_new, '\n');
    return answer(connection, good ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE, TEXT, reason_new);
}

static enum MHD_Result serve_live(const bb_admin *admin, struct MHD_Connection *connection)
{
    GString *reason = g_string_new(NULL);
    gboolean good = admin->source.live(admin->source.user, reason);
    return serve_verdict(connection, "live", good, reason);
}

static enum MHD_Result serve_ready(const bb_admin *admin, struct MHD_Connection *connection)
{
    GString *reason = g_string_new(NULL);
    gboolean good = admin->source.ready(admin->source.user, reason);
    return serve_verdict(connection, "ready", good, reason);
}

static const struct {
    const char *path;
    enum MHD_Result (*serve)(const bb_admin *admin, struct MHD_Connection *connection);
} routes[] = {{"/metrics", serve_metrics},
              {"/live", serve_live},
              {"/ready", serve_ready},
              {"/status", serve_status}};

static enum MHD_Result refuse_path(struct MHD_Connection *connection)
{
    GString *body = g_string_new("there is nothing here; try one of");
    for (gsize i = 0; i < G_N_ELEMENTS(routes); i++)
        g_string_append_printf(body, " %s", routes[i].path);
    g_string_append_c(body, '\n');
    return answer(connection, MHD_HTTP_NOT_FOUND, TEXT, body);
}

/* Answers at once, before any body: none is ever read. */
static enum MHD_Result on_request(void *user, struct MHD_Connection *connection, const char *path,
                                  const char *method, const char *version, const char *body,
                                  size_t *body_size, void **request)
{
    const bb_admin *admin = user;
    (void)version;
    (void)body;
    (void)body_size;
    (void)request;
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
        return answer(connection, MHD_HTTP_METHOD_NOT_ALLOWED, TEXT,
                      g_string_new("only GET and HEAD\n"));
    for (gsize i = 0; i < G_N_ELEMENTS(routes); i++) {
        if (strcmp(path, routes[i].path) == 0)
            return routes[i].serve(admin, connection);
    }
    return refuse_path(connection);
}

/* What the library has to say is about broken connections: nothing anybody could act on. */
static void on_library_log(void *user, const char *format, va_list arguments) G_GNUC_PRINTF(2, 0);
static void on_library_log(void *user, const char *format, va_list arguments)
{
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    (void)user;
    bb_log_debug("admin: %s", g_strchomp(text));
}

static struct MHD_Daemon *start(bb_admin *admin, gboolean polled)
{
    unsigned int flags = MHD_USE_ERROR_LOG;
    flags |= polled ? MHD_USE_EPOLL : MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL;
    if (admin->listener.ipv6)
        flags |= MHD_USE_IPv6;
    return MHD_start_daemon(
        flags, 0, /* apc= */ NULL, NULL, on_request, admin, MHD_OPTION_EXTERNAL_LOGGER,
        on_library_log, NULL, MHD_OPTION_LISTEN_SOCKET, admin->listener.socket,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned int)CONNECTIONS, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)CONNECTION_BYTES, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned int)IDLE_SECONDS,
        MHD_OPTION_END);
}

static bb_admin *make(const char *listen, const bb_admin_source *source, gboolean polled,
                      GError **error)
{
    g_autoptr(bb_admin) admin = g_new0(bb_admin, 1);
    admin->source = *source;
    admin->listener.socket = -1;
    if (!bb_listen(listen, &admin->listener, error))
        return NULL;
    if (!admin->listener.loopback)
        bb_log_warning("the admin port %s can be reached from other machines and asks nobody who "
                       "they are",
                       admin->listener.address);
    admin->daemon = start(admin, polled);
    if (!admin->daemon) {
        g_set_error(error, BB_ERROR, BB_ERROR_IO, "the admin port %s could not be served",
                    admin->listener.address);
        return NULL;
    }
    bb_log_info("admin port: http://%s (/metrics /live /ready /status)", admin->listener.address);
    return g_steal_pointer(&admin);
}

bb_admin *bb_admin_new(const char *listen, const bb_admin_source *source, GError **error)
{
    return make(listen, source, FALSE, error);
}

bb_admin *bb_admin_new_polled(const char *listen, const bb_admin_source *source, GError **error)
{
    return make(listen, source, TRUE, error);
}

int bb_admin_fd(const bb_admin *admin)
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(admin->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    return info ? info->epoll_fd : -1;
}

void bb_admin_turn(bb_admin *admin)
{
    (void)MHD_run(admin->daemon); /* it says itself what goes wrong */
}

static gboolean same_place(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
    if (a->ss_family != b->ss_family)
        return FALSE;
    if (a->ss_family == AF_INET6)
        return ((const struct sockaddr_in6 *)(const void *)a)->sin6_port ==
               ((const struct sockaddr_in6 *)(const void *)b)->sin6_port;
    return a->ss_family == AF_INET && ((const struct sockaddr_in *)(const void *)a)->sin_port ==
                                          ((const struct sockaddr_in *)(const void *)b)->sin_port;
}

/* Connections that are open now would not end for the other side as long as the child has a copy.
 * All of them have the port of the listening socket at this end. */
void bb_admin_forget(bb_admin *admin)
{
    enum { FDS = 256 };
    struct sockaddr_storage own, other;
    socklen_t size = sizeof(own);
    int epoll_fd = bb_admin_fd(admin);
    if (getsockname(admin->listener.socket, (struct sockaddr *)&own, &size) != 0)
        return;
    for (int fd = 3; fd < FDS; fd++) {
        size = sizeof(other);
        if (getsockname(fd, (struct sockaddr *)&other, &size) == 0 && same_place(&own, &other))
            (void)close(fd);
    }
    if (epoll_fd >= 0)
        (void)close(epoll_fd);
}

const char *bb_admin_address(const bb_admin *admin)
{
    return admin->listener.address;
}

void bb_admin_free(bb_admin *admin)
{
    if (!admin)
        return;
    if (admin->daemon)
        MHD_stop_daemon(admin->daemon);
    else if (admin->listener.socket >= 0)
        (void)close(admin->listener.socket);
    g_free(admin->listener.address);
    g_free(admin);
}
