/* Finding the file of a plugin by its name. */
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/text.h"
#include "plugin/library.h"
#include "plugin/loader.h"

static GPtrArray *list_folders(GPtrArray *own)
{
    GPtrArray *folders = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; own && i < own->len; i++)
        g_ptr_array_add(all, g_strdup(own->pdata[i]));
    bb_library_folders(all, "busbar/plugins"); /* behind those of the settings */
    for (guint i = 0; i < all->len; i++) {
        if (!g_ptr_array_find_with_equal_func(folders, all->pdata[i], g_str_equal, NULL))
            g_ptr_array_add(folders, g_strdup(all->pdata[i]));
    }
    return folders;
}

static char *try_folder(const char *folder, const char *name)
{
    static const char *const prefixes[] = {"", "handler_"};
    for (gsize i = 0; i < G_N_ELEMENTS(prefixes); i++) {
        g_autofree char *path = g_strdup_printf("%s/%s%s.so", folder, prefixes[i], name);
        if (access(path, F_OK) == 0)
            return g_steal_pointer(&path);
    }
    return NULL;
}

/* Names of the plugins in `folder`; a handler is known by its short name, too. */
static void add_names(GPtrArray *names, const char *folder)
{
    g_autoptr(GDir) opened = g_dir_open(folder, 0, NULL);
    const char *file;
    while (opened && (file = g_dir_read_name(opened)) != NULL) {
        if (!g_str_has_suffix(file, ".so"))
            continue;
        g_autofree char *name = g_strndup(file, strlen(file) - 3);
        if (g_str_has_prefix(name, "handler_"))
            g_ptr_array_add(names, g_strdup(name + strlen("handler_")));
        g_ptr_array_add(names, g_steal_pointer(&name));
    }
}

static void set_not_found(const char *name, GPtrArray *folders, GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GString) searched = g_string_new(NULL);
    for (guint i = 0; i < folders->len; i++) {
        add_names(names, folders->pdata[i]);
        g_string_append_printf(searched, "%s%s", i ? ", " : "", (const char *)folders->pdata[i]);
    }
    g_ptr_array_add(names, NULL);
    const char *nearest = bb_text_nearest(name, (const char *const *)names->pdata);
    g_set_error(error, BB_ERROR, BB_ERROR_IO,
                "plugin '%s' was not found: neither %s.so nor handler_%s.so is in %s; %s%s%s", name,
                name, name, searched->str, nearest ? "did you mean '" : "",
                nearest ? nearest : "correct the name, or add its folder to `plugins: path`",
                nearest ? "'?" : "");
}

char *bb_plugin_find(const char *name, GPtrArray *folders, GError **error)
{
    if (strchr(name, '/'))
        return g_strdup(name);
    g_autoptr(GPtrArray) all = list_folders(folders);
    for (guint i = 0; i < all->len; i++) {
        char *path = try_folder(all->pdata[i], name);
        if (path)
            return path;
    }
    set_not_found(name, all, error);
    return NULL;
}
