/* The store that `busbar demo --with` starts for itself, whatever its kind. */
#include "app/demo_store.h"

#include <string.h>

#include <glib/gstdio.h>

#include "app/demo_store_kind.h"
#include "base/error.h"

static const bb_demo_store_kind *const kinds[] = {&bb_demo_postgresql, &bb_demo_clickhouse,
                                                  &bb_demo_s3};

static const bb_demo_store_kind *find_kind(const char *name, GError **error)
{
    for (guint i = 0; i < G_N_ELEMENTS(kinds); i++) {
        if (strcmp(kinds[i]->name, name) == 0)
            return kinds[i];
    }
    g_set_error(error, BB_ERROR, BB_ERROR_USAGE,
                "--with %s: the demo can start `postgresql`, `clickhouse` or `s3` by itself", name);
    return NULL;
}

bb_demo_store *bb_demo_store_start(const char *name, GError **error)
{
    const bb_demo_store_kind *kind = find_kind(name, error);
    g_autoptr(bb_demo_store) store = kind ? g_malloc0(kind->size) : NULL;
    if (!store)
        return NULL;
    store->kind = kind;
    if (!kind->find(store, error))
        return NULL;
    store->folder = g_dir_make_tmp(kind->folder, error); /* mode 0700 */
    return store->folder && kind->start(store, error) ? g_steal_pointer(&store) : NULL;
}

/* The folder is ours, made by mkdtemp; links are not followed. */
static void remove_tree(const char *path)
{
    const char *name;
    GDir *folder = g_file_test(path, G_FILE_TEST_IS_SYMLINK) ? NULL : g_dir_open(path, 0, NULL);
    while (folder && (name = g_dir_read_name(folder))) {
        g_autofree char *child = g_build_filename(path, name, NULL);
        remove_tree(child);
    }
    if (folder)
        g_dir_close(folder);
    (void)g_remove(path); /* what stays is in the temporary folder */
}

void bb_demo_store_free(bb_demo_store *store)
{
    if (!store)
        return;
    store->kind->stop(store);
    if (store->folder)
        remove_tree(store->folder);
    g_free(store->folder);
    g_free(store->handler);
    g_free(store);
}

const char *bb_demo_store_handler(const bb_demo_store *store)
{
    return store->handler;
}

const char *bb_demo_store_consume(const bb_demo_store *store)
{
    return store->kind->consume;
}

gboolean bb_demo_store_make_tables(const bb_demo_store *store, const char *path, GError **error)
{
    const char *const apply[] = {"/proc/self/exe", "storage", "apply", "--config", path, NULL};
    return !store->kind->has_tables || bb_demo_run(apply, NULL, NULL, error);
}

gboolean bb_demo_store_show(const bb_demo_store *store, GError **error)
{
    return store->kind->show(store, error);
}
