/* Is this file one that may be handed to dlopen? Read by hand, so that nothing of it runs and no
 * damaged file is mapped. */
#ifndef BB_ELF_FILE_H
#define BB_ELF_FILE_H

#include <glib.h>

/* Regular, readable, owned by root or the current user, writable by nobody else, as are its folders
 * unless they are sticky; a complete shared object for this machine, whose note fits this host.
 * BB_ERROR_IO when it cannot be read at all, else BB_ERROR_PLUGIN. `path` is absolute and without
 * links. `ret_bytes` (may be NULL) takes the bytes that were checked. */
gboolean bb_plugin_file_check(const char *path, GBytes **ret_bytes, GError **error);

/* What the file's notes say of the plugin contract it was built with: TRUE when this host can load
 * that, or when there is no note (`*ret_found` FALSE). */
gboolean bb_elf_check_note(const char *path, const unsigned char *data, gsize size,
                           gboolean *ret_found, GError **error);

/* The part of it that looks at the bytes. `path` is for the message only. */
gboolean bb_elf_check(const char *path, const unsigned char *data, gsize size, GError **error);

#endif
