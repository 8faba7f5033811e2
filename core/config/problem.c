/* Problems: how they are noted, sorted and written. */
#include <stdarg.h>
#include <string.h>

#include "config/node.h"

char *bb_place_text(const bb_setting_place *place)
{
    if (!place->file)
        return g_strdup("(default)");
    if (place->line == 0)
        return g_strdup(place->file);
    return g_strdup_printf("%s:%u:%u", place->file, place->line, place->column);
}

void bb_problem_add(GPtrArray *problems, const bb_setting_place *place, const char *pointer,
                    const char *format, ...)
{
    va_list arguments;
    bb_config_problem *problem = g_new0(bb_config_problem, 1);
    va_start(arguments, format);
    problem->place = *place;
    problem->pointer = g_strdup(pointer ? pointer : "");
    problem->message = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_ptr_array_add(problems, problem);
}

char *bb_config_problem_text(const bb_config_problem *problem)
{
    g_autofree char *place = bb_place_text(&problem->place);
    return g_strdup_printf("%s: %s", place, problem->message);
}

void bb_config_problem_free(gpointer data)
{
    bb_config_problem *problem = data;
    if (!problem)
        return;
    g_free(problem->pointer);
    g_free(problem->message);
    g_free(problem);
}

static gint compare_problems(gconstpointer a, gconstpointer b)
{
    const bb_config_problem *x = *(bb_config_problem *const *)a;
    const bb_config_problem *y = *(bb_config_problem *const *)b;
    int files = g_strcmp0(x->place.file, y->place.file);
    if (files != 0)
        return files;
    if (x->place.line != y->place.line)
        return x->place.line < y->place.line ? -1 : 1;
    if (x->place.column != y->place.column)
        return x->place.column < y->place.column ? -1 : 1;
    return strcmp(x->message, y->message);
}

void bb_problems_hand_over(GPtrArray *found, GPtrArray *problems)
{
    g_autoptr(GHashTable) places = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GPtrArray) kept = g_ptr_array_new();
    for (guint i = 0; i < found->len; i++) {
        bb_config_problem *problem = g_ptr_array_index(found, i);
        if (g_hash_table_add(places, bb_place_text(&problem->place)) || problem->place.line == 0)
            g_ptr_array_add(kept, problem);
        else
            bb_config_problem_free(problem);
    }
    g_ptr_array_sort(kept, compare_problems);
    for (guint i = 0; i < kept->len; i++)
        g_ptr_array_add(problems, g_ptr_array_index(kept, i));
}
