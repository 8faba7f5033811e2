/* The records that each plugin died of, as far back as they count. */
#include "pipeline/quarantine.h"

typedef struct entry {
    char *plugin;
    char *record; /* NULL: there was none */
    gint64 at_ms;
} entry;

struct bb_quarantine {
    guint limit;
    gint64 window_ms;
    GPtrArray *entries; /* entry *, the oldest first */
};

static void free_entry(gpointer data)
{
    entry *one = data;
    g_free(one->plugin);
    g_free(one->record);
    g_free(one);
}

bb_quarantine *bb_quarantine_new(guint limit, gint64 window_ms)
{
    bb_quarantine *quarantine = g_new0(bb_quarantine, 1);
    quarantine->limit = limit;
    quarantine->window_ms = window_ms;
    quarantine->entries = g_ptr_array_new_with_free_func(free_entry);
    return quarantine;
}

void bb_quarantine_free(bb_quarantine *quarantine)
{
    if (!quarantine)
        return;
    g_ptr_array_unref(quarantine->entries);
    g_free(quarantine);
}

static gboolean is_known(const bb_quarantine *quarantine, const char *plugin, const char *record)
{
    for (guint i = 0; record && i < quarantine->entries->len; i++) {
        const entry *one = g_ptr_array_index(quarantine->entries, i);
        if (g_str_equal(one->plugin, plugin) && g_strcmp0(one->record, record) == 0)
            return TRUE;
    }
    return FALSE;
}

static guint count_of(const bb_quarantine *quarantine, const char *plugin)
{
    guint count = 0;
    for (guint i = 0; i < quarantine->entries->len; i++) {
        const entry *one = g_ptr_array_index(quarantine->entries, i);
        count += g_str_equal(one->plugin, plugin) ? 1 : 0;
    }
    return count;
}

gboolean bb_quarantine_count(bb_quarantine *quarantine, const char *plugin, const char *record,
                             gint64 now_ms)
{
    GPtrArray *entries = quarantine->entries;
    while (entries->len) {
        const entry *oldest = g_ptr_array_index(entries, 0);
        if (now_ms - oldest->at_ms < quarantine->window_ms)
            break;
        g_ptr_array_remove_index(entries, 0);
    }
    if (!is_known(quarantine, plugin, record)) {
        entry *one = g_new(entry, 1);
        *one = (entry){g_strdup(plugin), g_strdup(record), now_ms};
        g_ptr_array_add(entries, one);
    }
    return quarantine->limit && count_of(quarantine, plugin) >= quarantine->limit;
}
