/* Opens the listening socket of the admin port. */
#include "admin/listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"

enum { BACKLOG = 16 };

/* Splits "host:port" and "[v6]:port" at the last colon. */
static gboolean split(const char *text, char **ret_host, char **ret_port)
{
    const char *colon = strrchr(text, ':');
    gsize size = colon ? (gsize)(colon - text) : 0;
    gboolean bracketed = size > 2 && text[0] == '[' && text[size - 1] == ']';
    guint64 port;
    if (!size || !g_ascii_string_to_unsigned(colon + 1, 10, 0, G_MAXUINT16, &port, NULL))
        return FALSE;
    if (!bracketed && (memchr(text, ':', size) || memchr(text, '[', size)))
        return FALSE; /* an IPv6 address without brackets: where it ends cannot be told */
    *ret_host = bracketed ? g_strndup(text + 1, size - 2) : g_strndup(text, size);
    *ret_port = g_strdup(colon + 1);
    return TRUE;
}

static struct addrinfo *resolve(const char *text, GError **error)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    g_autofree char *host = NULL, *port = NULL;
    if (!split(text, &host, &port)) {
        g_set_error(error, BB_ERROR, BB_ERROR_USAGE,
                    "the admin port's address is `%s`; it takes the form HOST:PORT, as "
                    "127.0.0.1:9464 or [::1]:9464",
                    text);
        return NULL;
    }
    int code = getaddrinfo(host, port, &hints, &found);
    if (code) {
        g_set_error(error, BB_ERROR, BB_ERROR_USAGE, "the admin port's host `%s` is not known: %s",
                    host, gai_strerror(code));
        return NULL;
    }
    return found;
}

static int open_socket(const struct addrinfo *address)
{
    const int on = 1;
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)); /* bind tells */
    if (bind(fd, address->ai_addr, address->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    int saved = errno;
    (void)close(fd);
    errno = saved;
    return -1;
}

static gboolean is_loopback(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET6) {
        const struct in6_addr *ip =
            &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
        return IN6_IS_ADDR_LOOPBACK(ip) != 0;
    }
    const struct sockaddr_in *ip = (const struct sockaddr_in *)(const void *)address;
    return ntohl(ip->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
}

/* The address with the port that the system has chosen. */
static gboolean describe(int fd, bb_listener *listener)
{
    struct sockaddr_storage address = {0};
    socklen_t size = sizeof(address);
    char host[NI_MAXHOST], port[NI_MAXSERV];
    struct sockaddr *any = (struct sockaddr *)&address;
    if (getsockname(fd, any, &size) != 0 ||
        getnameinfo(any, size, host, sizeof(host), port, sizeof(port),
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return FALSE;
    listener->socket = fd;
    listener->ipv6 = address.ss_family == AF_INET6;
    listener->loopback = is_loopback(any);
    listener->address = g_strdup_printf(listener->ipv6 ? "[%s]:%s" : "%s:%s", host, port);
    return TRUE;
}

gboolean bb_listen(const char *text, bb_listener *ret_listener, GError **error)
{
    struct addrinfo *address = resolve(text, error);
    if (!address)
        return FALSE;
    int fd = open_socket(address);
    freeaddrinfo(address);
    if (fd >= 0 && describe(fd, ret_listener))
        return TRUE;
    g_set_error(error, BB_ERROR, BB_ERROR_IO, "the admin port %s cannot be opened: %s", text,
                g_strerror(errno));
    if (fd >= 0)
        (void)close(fd);
    return FALSE;
}
