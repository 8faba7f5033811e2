/* Loading one plugin: file checks, dlopen, handshake. Besides library.c the only user of
 * <dlfcn.h>.
 *
 * Nothing is ever dlclosed once its code has run. A refusal (BB_ERROR_PLUGIN) states the file, the
 * reason, both values, and what to do about it. */
#ifndef BB_LOADER_H
#define BB_LOADER_H

#include <busbar/plugin.h>
#include <glib.h>

typedef struct bb_plugin {
    char *path;                          /* absolute; "(built in)" for generic */
    busbar_plugin_descriptor descriptor; /* a copy; members that an older plugin lacks are zero */
} bb_plugin;

/* Loads the plugin at `path`. The same file twice gives the same plugin. BB_ERROR_IO when there is
 * no such file, else BB_ERROR_PLUGIN. @owns the process */
const bb_plugin *bb_plugin_load(const char *path, GError **error);

/* From here on a plugin is loaded only when the file `manifest` (NULL: none) has its SHA-256; then
 * out of memory, exactly as it was checked. What is loaded already stays. */
void bb_plugin_use_manifest(const char *manifest);

/* Finds `name` ("jsonl", "ownlens_customer") as name.so or handler_<name>.so in `folders` (char *),
 * or takes a path that contains a slash. The error lists the folders that were searched and the
 * nearest file name (BB_ERROR_IO). */
char *bb_plugin_find(const char *name, GPtrArray *folders, GError **error);

/* A copy of an event type, its ops, a handler's ops, at this host's size: missing members are zero.
 */
void bb_copy_event_type(const busbar_event_type *from, busbar_event_type *ret_type,
                        busbar_event_ops *ret_ops);
void bb_copy_handler(const busbar_handler *from, busbar_handler *ret_handler,
                     busbar_handler_ops *ret_ops);

#endif
