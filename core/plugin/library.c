/* Opening shared libraries of busbar's own that may be missing. */
#include "plugin/library.h"

#include <dlfcn.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"

void bb_library_folders(GPtrArray *folders, const char *below)
{
    g_autofree char *program = g_file_read_link("/proc/self/exe", NULL);
    if (program) {
        g_autofree char *bin = g_path_get_dirname(program);
        g_autofree char *top = g_path_get_dirname(bin);
        g_ptr_array_add(folders, g_build_filename(top, "lib", below, NULL));
        g_ptr_array_add(folders, g_build_filename(top, BB_INSTALL_LIBDIR, below, NULL));
    }
    g_ptr_array_add(folders, g_build_filename(BB_INSTALL_PREFIX, BB_INSTALL_LIBDIR, below, NULL));
}

static void set_missing(const char *name, GPtrArray *folders, GError **error)
{
    g_autoptr(GString) searched = g_string_new(NULL);
    for (guint i = 0; i < folders->len; i++)
        g_string_append_printf(searched, "%s%s", i ? ", " : "", (const char *)folders->pdata[i]);
    g_set_error(error, BB_ERROR, BB_ERROR_IO, "%s is not in %s", name, searched->str);
}

void *bb_library_open(const char *name, GError **error)
{
    g_autoptr(GPtrArray) folders = g_ptr_array_new_with_free_func(g_free);
    bb_library_folders(folders, "busbar");
    for (guint i = 0; i < folders->len; i++) {
        g_autofree char *path = g_build_filename(folders->pdata[i], name, NULL);
        if (access(path, F_OK) != 0)
            continue;
        void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
        const char *reason = library ? NULL : dlerror();
        if (!library)
            g_set_error(error, BB_ERROR, BB_ERROR_IO, "%s cannot be loaded: %s", path,
                        reason ? reason : "no reason given");
        return library;
    }
    set_missing(name, folders, error);
    return NULL;
}

gboolean bb_library_find(void *library, const char *name, const char *symbol, void *ret_function,
                         GError **error)
{
    void *address = dlsym(library, symbol);
    if (!address) {
        g_set_error(error, BB_ERROR, BB_ERROR_IO, "%s is of another version of busbar: no %s in it",
                    name, symbol);
        return FALSE;
    }
    memcpy(ret_function, &address, sizeof(address)); /* C has no cast for it, POSIX has this */
    return TRUE;
}
