/* Settings from any bytes: whatever stands in the file, loading ends with settings or with problems
 * that have a place and a sentence. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "config/settings.h"

static char *path;

static void remove_folder(void)
{
    g_autofree char *folder = g_path_get_dirname(path);
    (void)g_unlink(path);
    (void)g_rmdir(folder);
}

static void make_folder(void)
{
    g_autofree char *folder = g_dir_make_tmp("busbar-fuzz-XXXXXX", NULL);
    path = g_build_filename(folder, "busbar.yaml", NULL);
    (void)atexit(remove_folder);
}

static void check_problems(const GPtrArray *problems)
{
    for (guint i = 0; i < problems->len; i++) {
        const bb_config_problem *problem = g_ptr_array_index(problems, i);
        g_autofree char *text = bb_config_problem_text(problem);
        if (!problem->place.file || !*problem->message || !g_utf8_validate(text, -1, NULL))
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GPtrArray) problems = g_ptr_array_new_with_free_func(bb_config_problem_free);
    if (!path)
        make_folder();
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(data, 1, size, file) != size || fclose(file) != 0)
        abort();
    g_autoptr(bb_settings) settings = bb_settings_load(path, NULL, problems);
    if ((settings == NULL) != (problems->len > 0))
        abort();
    check_problems(problems);
    return 0;
}
