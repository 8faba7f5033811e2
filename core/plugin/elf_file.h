/* Is this file one that may be handed to dlopen? Read by hand, so that nothing of it runs and no
 * damaged file is mapped. */
#ifndef BB_ELF_FILE_H
#define BB_ELF_FILE_H

#include <glib.h>

/* Regular, readable, owned by root or the current user, writable by nobody else, a complete shared
 * object for this machine. BB_ERROR_IO when it cannot be read at all, else BB_ERROR_PLUGIN. */
gboolean bb_plugin_file_check(const char *path, GError **error);

/* The part of it that looks at the bytes. `path` is for the message only. */
gboolean bb_elf_check(const char *path, const unsigned char *data, gsize size, GError **error);

#endif
