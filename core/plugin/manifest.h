/* The list of plugins that may be loaded, by their SHA-256. */
#ifndef BB_MANIFEST_H
#define BB_MANIFEST_H

#include <glib.h>

/* TRUE when the file `manifest`, in the form of sha256sum, has `bytes` under the name of the plugin
 * at `path`: its absolute path, or its last part. BB_ERROR_IO when it cannot be read, else
 * BB_ERROR_PLUGIN. */
gboolean bb_manifest_check(const char *manifest, const char *path, GBytes *bytes, GError **error);

#endif
