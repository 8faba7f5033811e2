/* Shared libraries of busbar's own that may be missing, as that for Parquet. */
#ifndef BB_LIBRARY_H
#define BB_LIBRARY_H

#include <glib.h>

/* Adds the folders `below` (as "busbar/plugins") of where libraries are: beside this program, then
 * where busbar was installed. */
void bb_library_folders(GPtrArray *folders, const char *below);

/* Opens the file `name` in one of the folders "busbar"; it stays open. NULL with what is missing
 * (BB_ERROR_IO): the file, or what it needs itself. */
void *bb_library_open(const char *name, GError **error);

/* Where `symbol` is goes to the function pointer at `ret_function`. FALSE: it is none of the
 * library's, which is of another version then. */
gboolean bb_library_find(void *library, const char *name, const char *symbol, void *ret_function,
                         GError **error);

#endif
