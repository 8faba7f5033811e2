/* Who is suspected, and when that is enough. */
#include "pipeline/suspects.h"

#include <string.h>

/* Beside the marks of the process (pipeline/mark.c), for the same reason. */
static bb_suspects *process_suspects;

void bb_suspects_use(bb_suspects *suspects)
{
    process_suspects = suspects;
}

bb_suspects *bb_suspects_used(void)
{
    return process_suspects;
}

/* Consumers settle their own events while others look for theirs. */
static guint32 points_of(const bb_suspect *suspect)
{
    return __atomic_load_n(&suspect->points, __ATOMIC_RELAXED);
}

static gboolean is_of(const bb_suspect *suspect, const char *event)
{
    return points_of(suspect) && strcmp(suspect->event, event) == 0;
}

static gboolean covers(const bb_suspect *suspect, gint32 partition, gint64 offset)
{
    return (suspect->range.partition < 0 || suspect->range.partition == partition) &&
           offset >= suspect->range.first && offset <= suspect->range.last;
}

gboolean bb_suspects_any(const bb_suspects *suspects, const char *event)
{
    for (guint i = 0; i < BB_SUSPECTS; i++) {
        if (is_of(&suspects->list[i], event))
            return TRUE;
    }
    return FALSE;
}

const bb_suspect *bb_suspects_find(const bb_suspects *suspects, const char *event, gint32 partition,
                                   gint64 offset)
{
    const bb_suspect *best = NULL;
    for (guint i = 0; i < BB_SUSPECTS; i++) {
        const bb_suspect *suspect = &suspects->list[i];
        if (is_of(suspect, event) && covers(suspect, partition, offset) &&
            (!best || suspect->points > best->points))
            best = suspect;
    }
    return best;
}

/* A range over any partition ends with the first that has passed it: its other records start anew.
 */
gboolean bb_suspects_settle(bb_suspects *suspects, const char *event, gint32 partition,
                            gint64 offset)
{
    gboolean left = FALSE;
    for (guint i = 0; i < BB_SUSPECTS; i++) {
        bb_suspect *suspect = &suspects->list[i];
        gint32 own = suspect->range.partition;
        if (is_of(suspect, event) && (own == partition || own < 0) && suspect->range.last < offset)
            __atomic_store_n(&suspect->points, 0, __ATOMIC_RELAXED);
        left |= points_of(suspect) != 0;
    }
    return !left;
}

gboolean bb_suspects_settle_all(bb_suspects *suspects, const char *event)
{
    gboolean left = FALSE;
    for (guint i = 0; i < BB_SUSPECTS; i++) {
        bb_suspect *suspect = &suspects->list[i];
        if (is_of(suspect, event))
            __atomic_store_n(&suspect->points, 0, __ATOMIC_RELAXED);
        left |= points_of(suspect) != 0;
    }
    return !left;
}

/* A free place, or that of the oldest which is not condemned. */
static bb_suspect *make_room(bb_suspects *suspects)
{
    bb_suspect *oldest = NULL;
    for (guint i = 0; i < BB_SUSPECTS; i++) {
        bb_suspect *suspect = &suspects->list[i];
        if (!suspect->points)
            return suspect;
        if (!suspect->condemned && (!oldest || suspect->age < oldest->age))
            oldest = suspect;
    }
    return oldest ? oldest : &suspects->list[0];
}

static bb_suspect *find_same(bb_suspects *suspects, const char *event, const bb_mark_range *range)
{
    for (guint i = 0; i < BB_SUSPECTS; i++) {
        bb_suspect *suspect = &suspects->list[i];
        if (is_of(suspect, event) && suspect->range.partition == range->partition &&
            suspect->range.first == range->first && suspect->range.last == range->last)
            return suspect;
    }
    return NULL;
}

static void describe(bb_suspect *suspect, const bb_mark *mark, const bb_suspicion *suspicion)
{
    suspect->stage = mark->stage;
    g_strlcpy(suspect->event, mark->event, sizeof(suspect->event));
    g_strlcpy(suspect->plugin, mark->plugin, sizeof(suspect->plugin));
    g_strlcpy(suspect->version, mark->version, sizeof(suspect->version));
    g_strlcpy(suspect->signal, suspicion->signal, sizeof(suspect->signal));
    g_strlcpy(suspect->reason, suspicion->reason, sizeof(suspect->reason));
    g_strlcpy(suspect->stack, suspicion->stack, sizeof(suspect->stack));
}

/* `alone`: the range is one record, and nothing else was in hand. */
static gboolean blame_range(bb_suspects *suspects, const bb_mark *mark, const bb_mark_range *range,
                            gboolean alone, const bb_suspicion *suspicion)
{
    const bb_suspect *before =
        bb_suspects_find(suspects, mark->event, range->partition, range->first);
    guint32 points = before && alone ? before->points : 0;
    guint32 deaths = before && alone ? before->deaths : 0;
    bb_suspect *suspect = find_same(suspects, mark->event, range);
    if (suspect) {
        points = MAX(points, suspect->points);
        deaths = MAX(deaths, suspect->deaths);
    } else {
        suspect = make_room(suspects);
        memset(suspect, 0, sizeof(*suspect));
    }
    suspect->range = *range;
    points += suspicion->points;
    suspect->points = alone ? points : MIN(points, BB_SUSPECT_LIMIT - 1);
    suspect->deaths = deaths + 1;
    suspect->condemned = alone && points >= BB_SUSPECT_LIMIT;
    suspect->age = ++suspects->clock;
    describe(suspect, mark, suspicion);
    return suspect->condemned;
}

gboolean bb_suspects_blame(bb_suspects *suspects, const bb_mark *mark,
                           const bb_suspicion *suspicion)
{
    bb_mark_ranges ranges;
    gboolean condemned = FALSE;
    bb_mark_read(mark, &ranges);
    gboolean alone = suspicion->sure && ranges.count == 1 && ranges.at[0].count == 1;
    for (guint i = 0; i < ranges.count; i++)
        condemned |= blame_range(suspects, mark, &ranges.at[i], alone, suspicion);
    return condemned;
}
