/* Does a descriptor fit this host? Pure: looks at memory only, so that host versions to come can be
 * tried in tests. */
#ifndef BB_HANDSHAKE_H
#define BB_HANDSHAKE_H

#include <busbar/plugin.h>
#include <glib.h>

/* A host version, and the sizes that its structs had in the first minor version of its major: what
 * every plugin has at least. */
typedef struct bb_handshake {
    uint16_t major;
    uint16_t minor;
    uint32_t descriptor_size;
    uint32_t event_type_size;
    uint32_t event_ops_size;
    uint32_t handler_size;
    uint32_t handler_ops_size;
} bb_handshake;

/* This host. */
extern const bb_handshake bb_handshake_host;

/* Checks `found`, of which `symbol_size` bytes exist. On success `ret_copy` is the descriptor at
 * this host's size. `path` is for messages. BB_ERROR_PLUGIN. */
gboolean bb_handshake_check(const bb_handshake *host, const char *path,
                            const busbar_plugin_descriptor *found, gsize symbol_size,
                            busbar_plugin_descriptor *ret_copy, GError **error);

#endif
