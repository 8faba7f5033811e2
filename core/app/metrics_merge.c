/* Merging Prometheus text by family. */
#include "app/metrics_merge.h"

#include <math.h>
#include <string.h>

typedef struct sample {
    char *name; /* with labels */
    char *text; /* the value as it was written; NULL: a sum */
    double value;
} sample;

typedef struct family {
    char *name;
    char *head; /* HELP and TYPE lines */
    gboolean gauge;
    GPtrArray *samples; /* sample *, in the order they came */
    GHashTable *by_name;
} family;

static void free_sample(gpointer data)
{
    sample *one = data;
    g_free(one->name);
    g_free(one->text);
    g_free(one);
}

static void free_family(gpointer data)
{
    family *one = data;
    g_free(one->name);
    g_free(one->head);
    g_ptr_array_unref(one->samples);
    g_hash_table_unref(one->by_name);
    g_free(one);
}

static family *find_family(GPtrArray *families, const char *name)
{
    for (guint i = 0; i < families->len; i++) {
        family *one = g_ptr_array_index(families, i);
        if (strcmp(one->name, name) == 0)
            return one;
    }
    family *one = g_new0(family, 1);
    one->name = g_strdup(name);
    one->head = g_strdup("");
    one->samples = g_ptr_array_new_with_free_func(free_sample);
    one->by_name = g_hash_table_new(g_str_hash, g_str_equal);
    g_ptr_array_add(families, one);
    return one;
}

/* "# HELP name ..." or "# TYPE name kind": the family it begins or goes on with. */
static family *take_comment(GPtrArray *families, const char *line)
{
    g_auto(GStrv) words = g_strsplit(line, " ", 4);
    if (g_strv_length(words) < 4)
        return NULL;
    family *found = find_family(families, words[2]);
    if (!strstr(found->head, line)) {
        char *head = g_strconcat(found->head, line, "\n", NULL);
        g_free(found->head);
        found->head = head;
    }
    found->gauge |= strcmp(words[1], "TYPE") == 0 && strcmp(words[3], "gauge") == 0;
    return found;
}

static void combine(const family *in, sample *into, double value)
{
    if (in->gauge)
        into->value = isnan(into->value) ? value
                      : isnan(value)     ? into->value
                                         : MAX(into->value, value);
    else
        into->value += value;
    g_clear_pointer(&into->text, g_free);
}

/* "name{labels} value": labels may hold spaces, the value does not. */
static void take_sample(family *in, const char *line)
{
    const char *space = strrchr(line, ' ');
    if (!in || !space)
        return;
    g_autofree char *name = g_strndup(line, (gsize)(space - line));
    double value = g_ascii_strtod(space + 1, NULL);
    sample *found = g_hash_table_lookup(in->by_name, name);
    if (found) {
        combine(in, found, value);
        return;
    }
    found = g_new0(sample, 1);
    found->name = g_steal_pointer(&name);
    found->text = g_strdup(space + 1);
    found->value = value;
    g_ptr_array_add(in->samples, found);
    g_hash_table_insert(in->by_name, found->name, found);
}

static void take_text(GPtrArray *families, const char *text)
{
    family *current = NULL;
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line; line++) {
        if (**line == '#')
            current = take_comment(families, *line);
        else if (**line)
            take_sample(current, *line);
    }
}

static void append_sample(GString *out, const sample *one)
{
    char number[G_ASCII_DTOSTR_BUF_SIZE];
    const char *value = one->text;
    if (!value)
        value = isnan(one->value) ? "NaN" : g_ascii_dtostr(number, sizeof(number), one->value);
    g_string_append_printf(out, "%s %s\n", one->name, value);
}

GString *bb_metrics_merge(const GPtrArray *texts)
{
    g_autoptr(GPtrArray) families = g_ptr_array_new_with_free_func(free_family);
    GString *out = g_string_new(NULL);
    for (guint i = 0; i < texts->len; i++)
        take_text(families, g_ptr_array_index(texts, i));
    for (guint i = 0; i < families->len; i++) {
        const family *one = g_ptr_array_index(families, i);
        g_string_append(out, one->head);
        for (guint k = 0; k < one->samples->len; k++)
            append_sample(out, g_ptr_array_index(one->samples, k));
    }
    return out;
}
