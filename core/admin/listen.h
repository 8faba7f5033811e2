/* A listening TCP socket from a text such as "127.0.0.1:9464". */
#ifndef BB_LISTEN_H
#define BB_LISTEN_H

#include <glib.h>

typedef struct bb_listener {
    int socket;
    char *address; /* with the port that was taken; g_free */
    gboolean loopback;
    gboolean ipv6;
} bb_listener;

/* BB_ERROR_USAGE for a text that is no address, BB_ERROR_IO when the system refuses. */
gboolean bb_listen(const char *text, bb_listener *ret_listener, GError **error);

#endif
