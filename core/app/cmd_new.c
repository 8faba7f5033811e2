/* `busbar new domain|handler NAME`: a folder that builds, passes its own tests and runs as it
 * stands. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <busbar/plugin.h>
#include <glib/gstdio.h>

#include "app/command.h"

#include "domain_cmake.contract.h"
#include "domain_config.contract.h"
#include "domain_contract.contract.h"
#include "domain_invalid.contract.h"
#include "domain_readme.contract.h"
#include "domain_source.contract.h"
#include "domain_valid.contract.h"
#include "handler_cmake.contract.h"
#include "handler_config.contract.h"
#include "handler_contract.contract.h"
#include "handler_readme.contract.h"
#include "handler_source.contract.h"

static char *option_dir;

static const GOptionEntry options[] = {
    {"dir", 'd', 0, G_OPTION_ARG_FILENAME, &option_dir, "Folder to make (default: NAME)", "DIR"},
    {NULL, 0, 0, 0, NULL, NULL, NULL},
};

/* A file of the new folder; @NAME@ in path and text stands for the name. */
typedef struct template_file {
    const char *path;
    busbar_bytes text;
} template_file;

static const template_file domain_files[] = {
    {"CMakeLists.txt", domain_cmake_contract},
    {"@NAME@.c", domain_source_contract},
    {"contracts/created.json", domain_contract_contract},
    {"busbar.yaml", domain_config_contract},
    {"tests/valid.jsonl", domain_valid_contract},
    {"tests/invalid.jsonl", domain_invalid_contract},
    {"README.md", domain_readme_contract},
    {NULL, {NULL, 0}},
};

static const template_file handler_files[] = {
    {"CMakeLists.txt", handler_cmake_contract}, {"@NAME@.c", handler_source_contract},
    {"busbar.yaml", handler_config_contract},   {"tests/created.json", handler_contract_contract},
    {"README.md", handler_readme_contract},     {NULL, {NULL, 0}},
};

static gboolean name_is_good(const char *name)
{
    return g_ascii_islower(*name) &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(name) &&
           strlen(name) <= 64;
}

static char *fill_in(const char *text, gsize size, const char *name)
{
    GString *filled = g_string_new_len(text, (gssize)size);
    g_string_replace(filled, "@NAME@", name, 0);
    return g_string_free(filled, FALSE);
}

static gboolean write_file(const template_file *file, const char *folder, const char *name,
                           GError **error)
{
    g_autofree char *path = fill_in(file->path, strlen(file->path), name);
    g_autofree char *full = g_build_filename(folder, path, NULL);
    g_autofree char *parent = g_path_get_dirname(full);
    g_autofree char *text = fill_in(file->text.data, file->text.size, name);
    if (g_mkdir_with_parents(parent, 0777) != 0) {
        g_set_error(error, BB_ERROR, BB_ERROR_IO, "%s: %s", parent, g_strerror(errno));
        return FALSE;
    }
    return g_file_set_contents(full, text, -1, error);
}

static int write_folder(const template_file *files, const char *folder, const char *name)
{
    g_autoptr(GError) error = NULL;
    if (g_file_test(folder, G_FILE_TEST_EXISTS)) {
        bb_app_error("%s exists already; choose another folder with --dir", folder);
        return BB_EXIT_USAGE;
    }
    for (; files->path; files++) {
        if (!write_file(files, folder, name, &error)) {
            bb_app_error("%s", error->message);
            return BB_EXIT_USAGE;
        }
    }
    printf("Made %s. Next:\n  cd %s\n  cmake -S . -B build && cmake --build build\n"
           "  ctest --test-dir build --output-on-failure\nREADME.md there says how to run it.\n",
           folder, folder);
    return BB_EXIT_DONE;
}

static int run(int argc, char **argv)
{
    const char *kind = argc > 1 ? argv[1] : "";
    const template_file *files = strcmp(kind, "domain") == 0    ? domain_files
                                 : strcmp(kind, "handler") == 0 ? handler_files
                                                                : NULL;
    if (!files || argc != 3) {
        bb_app_error("new takes `domain` or `handler` and a name; see busbar new --help");
        return BB_EXIT_USAGE;
    }
    if (!name_is_good(argv[2])) {
        bb_app_error("\"%s\" cannot be a name: it must begin with a small letter and have only "
                     "small letters, digits and "
                     "underscores",
                     argv[2]);
        return BB_EXIT_USAGE;
    }
    return write_folder(files, option_dir ? option_dir : argv[2], argv[2]);
}

const bb_command bb_command_new = {
    .name = "new",
    .arguments = "domain|handler NAME",
    .summary = "Make a folder for a new domain or handler plugin",
    .description = "Makes a folder with source, contract, configuration, tests and build file of a "
                   "new plugin. It builds, "
                   "passes its own tests and runs as it stands; change it from there.",
    .examples = "busbar new domain orders\n    A domain plugin in ./orders\n"
                "busbar new handler my_store --dir stores/my_store\n    A handler plugin in a "
                "folder of choice",
    .options = options,
    .run = run,
};
