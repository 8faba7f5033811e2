/* Loading settings: finds the files, merges them, checks the whole and builds the result. */
#include "config/settings.h"

#include <string.h>
#include <sys/stat.h>

#include <glib/gstdio.h>

#include "config/build.h"
#include "config/layers.h"
#include "config/yaml.h"

static void free_property(gpointer data)
{
    bb_kafka_property *property = data;
    g_free(property->name);
    g_free(property->value);
    g_free(property);
}

static void free_domain(gpointer data)
{
    bb_domain_settings *domain = data;
    g_free(domain->name);
    g_free(domain->plugin);
    g_ptr_array_unref(domain->events);
    bb_event_settings_free(domain->defaults);
    g_free(domain);
}

static void free_handler(gpointer data)
{
    bb_handler_settings *handler = data;
    g_free(handler->name);
    g_free(handler->plugin);
    g_free(handler->handler);
    json_decref(handler->config);
    g_free(handler);
}

static bb_settings *make_settings(void)
{
    bb_settings *settings = g_new0(bb_settings, 1);
    settings->files = g_ptr_array_new_with_free_func(g_free);
    settings->kafka = g_ptr_array_new_with_free_func(free_property);
    settings->plugin_path = g_ptr_array_new_with_free_func(g_free);
    settings->domains = g_ptr_array_new_with_free_func(free_domain);
    settings->handlers = g_ptr_array_new_with_free_func(free_handler);
    return settings;
}

void bb_settings_free(bb_settings *settings)
{
    if (!settings)
        return;
    g_free(settings->path);
    g_ptr_array_unref(settings->files);
    g_free(settings->bootstrap);
    g_free(settings->admin_listen);
    g_free(settings->plugin_manifest);
    g_ptr_array_unref(settings->kafka);
    g_ptr_array_unref(settings->plugin_path);
    g_ptr_array_unref(settings->domains);
    g_ptr_array_unref(settings->handlers);
    json_decref(settings->tree);
    bb_node_free(settings->places);
    g_free(settings);
}

/* One file, expanded and in its long form; NULL (and a problem) when it cannot be used. */
static bb_node *read_file(bb_settings *settings, const char *path, GPtrArray *problems)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = NULL;
    gsize size = 0;
    bb_setting_place place = {g_intern_string(path), 0, 0};
    GStatBuf info = {0};
    if (g_stat(path, &info) == 0 && (!S_ISREG(info.st_mode) || info.st_size > BB_YAML_MAX_BYTES)) {
        bb_problem_add(problems, &place, NULL,
                       S_ISREG(info.st_mode) ? "is larger than 4 MiB" : "is not a regular file");
        return NULL;
    }
    if (!g_file_get_contents(path, &text, &size, &error)) {
        bb_problem_add(problems, &place, NULL, "cannot be read: %s",
                       error->code == G_FILE_ERROR_NOENT ? "no such file" : error->message);
        return NULL;
    }
    g_ptr_array_add(settings->files, g_strdup(path));
    bb_node *root = bb_yaml_parse(place.file, text, size, problems);
    if (!root)
        return NULL;
    if (root->kind != BB_NODE_MAP) {
        bb_problem_add(problems, &root->place, NULL,
                       "a configuration is a map of sections such as `kafka:` and `domains:`");
        bb_node_free(root);
        return NULL;
    }
    bb_expand(root, problems);
    bb_normalise(root);
    return root;
}

static gint compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Names of the drop-ins beside `path`, sorted. */
static GPtrArray *list_drop_ins(const char *path)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *folder = g_path_get_dirname(path);
    g_autofree char *conf_d =
        strchr(path, '/') ? g_build_filename(folder, "conf.d", NULL) : g_strdup("conf.d");
    g_autoptr(GDir) dir = g_dir_open(conf_d, 0, NULL);
    for (const char *name = dir ? g_dir_read_name(dir) : NULL; name; name = g_dir_read_name(dir)) {
        if (*name != '.' && (g_str_has_suffix(name, ".yaml") || g_str_has_suffix(name, ".yml")))
            g_ptr_array_add(names, g_build_filename(conf_d, name, NULL));
    }
    g_ptr_array_sort(names, compare_names);
    return names;
}

/* "../etc/busbar/busbar.yaml" from the folder of the program: where an installation has it. */
static char *installed_path(void)
{
    g_autofree char *program = g_file_read_link("/proc/self/exe", NULL);
    g_autofree char *bin = program ? g_path_get_dirname(program) : NULL;
    g_autofree char *prefix = bin ? g_path_get_dirname(bin) : NULL;
    return g_build_filename(prefix ? prefix : "/", "etc", "busbar", "busbar.yaml", NULL);
}

char **bb_settings_search(void)
{
    char *installed = installed_path();
    char **places = g_new0(char *, 5);
    places[0] = g_strdup("busbar.yaml");
    places[1] = g_strdup("config/busbar.yaml");
    places[2] = installed;
    if (strcmp(installed, "/etc/busbar/busbar.yaml") != 0)
        places[3] = g_strdup("/etc/busbar/busbar.yaml");
    return places;
}

/* The main file: as given, or the first that is there; NULL when there is none. */
static char *find_main(const char *path)
{
    const char *variable = g_getenv("BUSBAR_CONFIG");
    g_auto(GStrv) places = bb_settings_search();
    if (path)
        return g_strdup(path);
    if (variable && *variable)
        return g_strdup(variable);
    for (char **place = places; *place; place++) {
        if (g_file_test(*place, G_FILE_TEST_IS_REGULAR))
            return g_strdup(*place);
    }
    return NULL;
}

static bb_node *read_all(bb_settings *settings, const char *const *overrides, GPtrArray *problems)
{
    bb_setting_place nowhere = {NULL, 0, 0};
    bb_node *root = settings->path ? read_file(settings, settings->path, problems)
                                   : bb_node_new(BB_NODE_MAP, &nowhere);
    if (!root) /* go on with the drop-ins, to find their problems too */
        root = bb_node_new(BB_NODE_MAP, &nowhere);
    g_autoptr(GPtrArray) drop_ins = settings->path ? list_drop_ins(settings->path) : NULL;
    for (guint i = 0; drop_ins && i < drop_ins->len; i++) {
        bb_node *extra = read_file(settings, g_ptr_array_index(drop_ins, i), problems);
        if (extra)
            bb_merge(root, extra, problems);
    }
    for (; overrides && *overrides; overrides++)
        bb_override(root, *overrides, problems);
    bb_normalise(root);
    return root;
}

bb_settings *bb_settings_load(const char *path, const char *const *overrides, GPtrArray *problems)
{
    g_autoptr(bb_settings) settings = make_settings();
    g_autoptr(GPtrArray) found = g_ptr_array_new();
    settings->path = find_main(path);
    bb_node *root = read_all(settings, overrides, found);
    settings->places = root;
    bb_check_schema(root, found);
    bb_build(settings, root, found);
    settings->tree = bb_masked_json(root);
    gboolean sound = found->len == 0;
    bb_problems_hand_over(found, problems);
    return sound ? g_steal_pointer(&settings) : NULL;
}

bb_setting_place bb_settings_place(const bb_settings *settings, const char *pointer)
{
    gboolean exact = FALSE;
    const bb_node *node = bb_node_at(settings->places, pointer, &exact);
    return exact ? node->place : (bb_setting_place){NULL, 0, 0};
}
