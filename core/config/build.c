/* The merged tree to settings. */
#include "config/build.h"

#include <string.h>
#include <unistd.h>

#include "config/layers.h"

static void add_folder(bb_settings *settings, const char *folder)
{
    char *full = g_canonicalize_filename(folder, NULL);
    if (g_ptr_array_find_with_equal_func(settings->plugin_path, full, g_str_equal, NULL))
        g_free(full);
    else
        g_ptr_array_add(settings->plugin_path, full);
}

/* Folders of the file first, then the one beside the program (build tree or relocated
 * installation), then the installed one. */
static void build_plugin_path(bb_settings *settings, const bb_node *list, GPtrArray *problems)
{
    for (guint i = 0; list && list->kind == BB_NODE_LIST && i < list->children->len; i++) {
        const bb_node *item = g_ptr_array_index(list->children, i);
        if (item->kind != BB_NODE_SCALAR)
            continue;
        g_autofree char *folder = bb_path_beside(item->place.file, item->text);
        add_folder(settings, folder);
        if (!g_file_test(folder, G_FILE_TEST_IS_DIR))
            bb_problem_add(problems, &item->place, NULL, "`plugins.path`: no such folder: %s",
                           folder);
    }
    g_autofree char *program = g_file_read_link("/proc/self/exe", NULL);
    if (program) {
        g_autofree char *bin = g_path_get_dirname(program);
        g_autofree char *built = g_build_filename(bin, "..", "lib", "busbar", "plugins", NULL);
        g_autofree char *moved =
            g_build_filename(bin, "..", BB_INSTALL_LIBDIR, "busbar", "plugins", NULL);
        add_folder(settings, built);
        add_folder(settings, moved);
    }
    g_autofree char *installed =
        g_build_filename(BB_INSTALL_PREFIX, BB_INSTALL_LIBDIR, "busbar", "plugins", NULL);
    add_folder(settings, installed);
}

static void build_log(bb_settings *settings, const bb_node *log)
{
    static const char *const levels[] = {"error", "warning", "info", "debug", NULL};
    static const gint values[] = {3, 4, 6, 7};
    static const char *const formats[] = {"text", "json", NULL};
    int level = 2, format = 0;
    bb_read_choice(log, "level", levels, &level);
    bb_read_choice(log, "format", formats, &format);
    settings->log_level = values[level];
    settings->log_json = format == 1;
}

/* The section switches the port on; several processes of one machine cannot share one. */
static void build_admin(bb_settings *settings, const bb_node *admin)
{
    gboolean enabled = admin != NULL;
    bb_read_flag(admin, "enabled", &enabled);
    if (!enabled)
        return;
    settings->admin_listen = g_strdup("127.0.0.1:9464");
    bb_read_text(admin, "listen", &settings->admin_listen);
}

static void build_workers(bb_settings *settings, const bb_node *section, GPtrArray *problems)
{
    static const char *const isolations[] = {"shared", "domain", NULL};
    bb_worker_settings *workers = &settings->workers;
    const bb_node *deadline = section ? bb_node_get(section, "deadline") : NULL;
    const bb_node *quarantine = section ? bb_node_get(section, "quarantine") : NULL;
    int isolation = 0;
    *workers = (bb_worker_settings){FALSE, 30000, 300000, 3, 600000};
    bb_read_choice(section, "isolation", isolations, &isolation);
    workers->by_domain = isolation == 1;
    bb_read_duration(deadline, "record", &workers->record_deadline_ms, problems);
    bb_read_duration(deadline, "call", &workers->call_deadline_ms, problems);
    bb_read_count(quarantine, "records", &workers->quarantine_records);
    bb_read_duration(quarantine, "window", &workers->quarantine_window_ms, problems);
}

void bb_build(bb_settings *settings, const bb_node *root, GPtrArray *problems)
{
    settings->bootstrap = g_strdup("localhost:9092");
    settings->drain_ms = 30000;
    bb_build_kafka(settings, bb_node_get(root, "kafka"), problems);
    build_plugin_path(settings, bb_node_find(root, "plugins", "path", NULL), problems);
    bb_read_path(bb_node_get(root, "plugins"), "manifest", &settings->plugin_manifest);
    build_log(settings, bb_node_get(root, "log"));
    bb_read_duration(root, "drain", &settings->drain_ms, problems);
    build_admin(settings, bb_node_get(root, "admin"));
    build_workers(settings, bb_node_get(root, "workers"), problems);
    bb_build_domains(settings, root, problems);
}
