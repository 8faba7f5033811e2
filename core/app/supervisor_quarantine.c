/* Plugins that a worker is to do without. */
#include "app/supervisor_private.h"
#include "base/log.h"

/* "event/partition/offset" of the one record in hand; NULL: there was none. */
static char *record_of(const bb_mark *mark)
{
    bb_mark_ranges ranges;
    bb_mark_read(mark, &ranges);
    if (!ranges.count)
        return NULL;
    return g_strdup_printf("%s/%d/%" G_GINT64_FORMAT, mark->event, ranges.at[0].partition,
                           ranges.at[0].first);
}

static void put_aside(bb_contain *contain, const char *plugin)
{
    if (contain->quarantined >= BB_CONTAIN_QUARANTINED)
        return;
    g_strlcpy(contain->quarantine[contain->quarantined], plugin, BB_MARK_NAME);
    contain->quarantined++;
}

gboolean bb_supervisor_quarantine(bb_child *child, const bb_death *death,
                                  const bb_worker_settings *settings, gint64 now_ms)
{
    const bb_mark *mark = death->mark;
    if (!mark || (!death->condemned && mark->stage != BUSBAR_STAGE_SETUP))
        return FALSE;
    g_autofree char *record = record_of(mark);
    if (!bb_quarantine_count(child->quarantine, mark->plugin, record, now_ms) ||
        bb_contain_is_quarantined(child->contain, mark->plugin))
        return FALSE;
    put_aside(child->contain, mark->plugin);
    bb_log_error(
        "plugin %s %s has ended its worker %u times, with different records or before any: "
        "it is in quarantine, and its event types stop until the next start of busbar",
        mark->plugin, mark->version, settings->quarantine_records);
    return TRUE;
}
