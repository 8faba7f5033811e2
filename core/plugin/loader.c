/* Loading one plugin into the process. */
#include "plugin/loader.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"
#include "pipeline/mark.h"
#include "plugin/elf_file.h"
#include "plugin/handshake.h"
#include "plugin/manifest.h"
#include "plugin/refuse.h"

/* Loaded plugins belong to the process, as their code does: nothing is unloaded. */
static pthread_mutex_t loaded_lock = PTHREAD_MUTEX_INITIALIZER;
static GPtrArray *loaded; /* bb_plugin * */
static char *manifest_path;

static bb_plugin *find_loaded(const char *path)
{
    for (guint i = 0; loaded && i < loaded->len; i++) {
        bb_plugin *plugin = loaded->pdata[i];
        if (strcmp(plugin->path, path) == 0)
            return plugin;
    }
    return NULL;
}

/* The descriptor's address and the size that the symbol table gives it. */
static gboolean find_symbol(void *handle, const char *path, const void **ret_symbol,
                            gsize *ret_size, GError **error)
{
    Dl_info info;
    const ElfW(Sym) *entry = NULL;
    void *symbol = dlsym(handle, BUSBAR_PLUGIN_SYMBOL);
    if (!symbol)
        return bb_plugin_refuse(
            error, path,
            "exports no symbol " BUSBAR_PLUGIN_SYMBOL ", so it is no plugin of busbar; "
            "define 'BUSBAR_EXPORT const busbar_plugin_descriptor busbar_plugin'");
    if (!dladdr1(symbol, &info, (void **)&entry, RTLD_DL_SYMENT) || !entry)
        return bb_plugin_refuse(error, path,
                                "the symbol " BUSBAR_PLUGIN_SYMBOL
                                " has no entry in the symbol table; do not "
                                "strip the dynamic symbols");
    if (ELF64_ST_TYPE(entry->st_info) != STT_OBJECT)
        return bb_plugin_refuse(error, path,
                                "the symbol " BUSBAR_PLUGIN_SYMBOL
                                " is no data object; define it as 'const "
                                "busbar_plugin_descriptor'");
    *ret_symbol = symbol;
    *ret_size = entry->st_size;
    return TRUE;
}

static gboolean write_all(int fd, GBytes *bytes)
{
    gsize size = 0;
    const char *at = g_bytes_get_data(bytes, &size);
    while (size) {
        ssize_t written = write(fd, at, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return FALSE;
        at += written;
        size -= (gsize)written;
    }
    return TRUE;
}

/* A copy that nobody can change any more. Its descriptor stays open with the plugin: the linker
 * knows a library by its name, which holds the number. */
static char *make_copy(const char *path, GBytes *bytes, GError **error)
{
    g_autofree char *name = g_path_get_basename(path);
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd >= 0 && write_all(fd, bytes) &&
        fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) == 0)
        return g_strdup_printf("/proc/self/fd/%d", fd);
    g_set_error(error, BB_ERROR, BB_ERROR_IO, "%s: cannot be copied into memory: %s", path,
                g_strerror(errno));
    if (fd >= 0)
        (void)close(fd);
    return NULL;
}

/* What is given to the linker: the file, or with a manifest the bytes that were checked. */
static char *admit(const char *path, GError **error)
{
    g_autoptr(GBytes) bytes = NULL;
    if (!bb_plugin_file_check(path, manifest_path ? &bytes : NULL, error))
        return NULL;
    if (!manifest_path)
        return g_strdup(path);
    if (!bb_manifest_check(manifest_path, path, bytes, error))
        return NULL;
    return make_copy(path, bytes, error);
}

/* `file` is what is opened, `path` what it is called. */
static void *open_file(const char *file, const char *path, GError **error)
{
    g_autofree char *name = g_path_get_basename(path);
    bb_mark *mark = bb_mark_new("", "", name, "");
    bb_mark_begin(mark, BUSBAR_STAGE_SETUP); /* constructors run */
    void *handle = dlopen(file, RTLD_NOW | RTLD_LOCAL);
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
    g_autofree char *file = admit(path, error);
    if (!file)
        return NULL;
    void *handle = open_file(file, path, error);
    if (!handle || !find_symbol(handle, path, &symbol, &size, error) ||
        !bb_handshake_check(&bb_handshake_host, path, symbol, size, &copy, error))
        return NULL;
    bb_plugin *plugin = g_new0(bb_plugin, 1);
    plugin->path = g_strdup(path);
    plugin->descriptor = copy;
    return plugin;
}

void bb_plugin_use_manifest(const char *manifest)
{
    (void)pthread_mutex_lock(&loaded_lock); /* a plain mutex cannot fail */
    g_free(manifest_path);
    manifest_path = g_strdup(manifest);
    (void)pthread_mutex_unlock(&loaded_lock);
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
