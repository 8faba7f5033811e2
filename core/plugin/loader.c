/* Loading one plugin into the process. */
#include "plugin/loader.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "pipeline/mark.h"
#include "plugin/elf_file.h"
#include "plugin/handshake.h"

/* Loaded plugins belong to the process, as their code does: nothing is unloaded. */
static pthread_mutex_t loaded_lock = PTHREAD_MUTEX_INITIALIZER;
static GPtrArray *loaded; /* bb_plugin * */

static bb_plugin *find_loaded(const char *path)
{
    for (guint i = 0; loaded && i < loaded->len; i++) {
        bb_plugin *plugin = loaded->pdata[i];
        if (strcmp(plugin->path, path) == 0)
            return plugin;
    }
    return NULL;
}

static gboolean refuse(GError **error, const char *path, const char *reason)
{
    g_set_error(error, BB_ERROR, BB_ERROR_PLUGIN, "%s: %s", path, reason);
    return FALSE;
}

/* The descriptor's address and the size that the symbol table gives it. */
static gboolean find_symbol(void *handle, const char *path, const void **ret_symbol,
                            gsize *ret_size, GError **error)
{
    Dl_info info;
    const ElfW(Sym) *entry = NULL;
    void *symbol = dlsym(handle, BUSBAR_PLUGIN_SYMBOL);
    if (!symbol)
        return refuse(error, path,
                      "exports no symbol " BUSBAR_PLUGIN_SYMBOL ", so it is no plugin of busbar; "
                      "define 'BUSBAR_EXPORT const busbar_plugin_descriptor busbar_plugin'");
    if (!dladdr1(symbol, &info, (void **)&entry, RTLD_DL_SYMENT) || !entry)
        return refuse(error, path,
                      "the symbol " BUSBAR_PLUGIN_SYMBOL
                      " has no entry in the symbol table; do not "
                      "strip the dynamic symbols");
    if (ELF64_ST_TYPE(entry->st_info) != STT_OBJECT)
        return refuse(error, path,
                      "the symbol " BUSBAR_PLUGIN_SYMBOL " is no data object; define it as 'const "
                      "busbar_plugin_descriptor'");
    *ret_symbol = symbol;
    *ret_size = entry->st_size;
    return TRUE;
}

static void *open_file(const char *path, GError **error)
{
    g_autofree char *name = g_path_get_basename(path);
    bb_mark *mark = bb_mark_new("", "", name, "");
    bb_mark_begin(mark, BUSBAR_STAGE_SETUP); /* constructors run */
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    bb_mark_end(mark);
    bb_mark_free(mark);
    if (!handle) {
        const char *reason = dlerror();
        g_set_error(
            error, BB_ERROR, BB_ERROR_PLUGIN,
            "%s: the dynamic linker refuses it: %s; install what is missing, or build it again",
            path, reason ? reason : "no reason given");
    }
    return handle;
}

static bb_plugin *load(const char *path, GError **error)
{
    const void *symbol = NULL;
    gsize size = 0;
    busbar_plugin_descriptor copy;
    if (!bb_plugin_file_check(path, error))
        return NULL;
    void *handle = open_file(path, error);
    if (!handle || !find_symbol(handle, path, &symbol, &size, error) ||
        !bb_handshake_check(&bb_handshake_host, path, symbol, size, &copy, error))
        return NULL;
    bb_plugin *plugin = g_new0(bb_plugin, 1);
    plugin->path = g_strdup(path);
    plugin->descriptor = copy;
    return plugin;
}

const bb_plugin *bb_plugin_load(const char *path, GError **error)
{
    g_autofree char *resolved = realpath(path, NULL); /* malloc, which g_free takes as well */
    if (!resolved) {
        g_set_error(error, BB_ERROR, BB_ERROR_IO,
                    "%s: cannot be opened: %s; build the plugin or correct the path", path,
                    g_strerror(errno));
        return NULL;
    }
    (void)pthread_mutex_lock(&loaded_lock); /* a plain mutex cannot fail */
    bb_plugin *plugin = find_loaded(resolved);
    if (!plugin && (plugin = load(resolved, error)) != NULL) {
        if (!loaded)
            loaded = g_ptr_array_new();
        g_ptr_array_add(loaded, plugin);
    }
    (void)pthread_mutex_unlock(&loaded_lock);
    return plugin;
}
