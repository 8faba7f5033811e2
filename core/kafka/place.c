/* Decides where reading a partition begins. */
#include "kafka/place.h"

#include <string.h>

static bb_place_cause cause_of(const bb_place_facts *facts)
{
    if (facts->committed < 0 && facts->gone)
        return BB_PLACE_GONE;
    if (facts->committed < 0)
        return facts->first ? BB_PLACE_FIRST : BB_PLACE_ADDED;
    if (facts->cut || facts->committed > facts->high)
        return BB_PLACE_BEYOND;
    return facts->committed < facts->low ? BB_PLACE_BEHIND : BB_PLACE_COMMITTED;
}

/* By one of the words of the settings; anything but earliest and latest stops. */
static void by_word(bb_place *place, const bb_place_facts *facts, const char *word)
{
    place->stop = strcmp(word, "earliest") != 0 && strcmp(word, "latest") != 0;
    place->offset = strcmp(word, "latest") == 0 ? facts->high : facts->low;
}

bb_place bb_place_choose(const bb_place_facts *facts, const char *reset, const char *out_of_range)
{
    bb_place place = {.cause = cause_of(facts), .offset = facts->committed};
    switch (place.cause) {
    case BB_PLACE_COMMITTED:
        break;
    case BB_PLACE_FIRST:
        by_word(&place, facts, reset);
        break;
    case BB_PLACE_ADDED:
        place.offset = facts->low;
        break;
    case BB_PLACE_BEHIND:
        by_word(&place, facts, out_of_range);
        place.lost = facts->committed;
        place.lost_until = place.stop ? facts->low : place.offset;
        break;
    case BB_PLACE_BEYOND:
    case BB_PLACE_GONE:
    default:
        by_word(&place, facts, out_of_range);
        break;
    }
    return place;
}

static char *explain(const bb_place_facts *facts, const bb_place *place)
{
    switch (place->cause) {
    case BB_PLACE_FIRST:
        return g_strdup("the group has no valid offset in the topic: it starts for the first time");
    case BB_PLACE_ADDED:
        return g_strdup("the partition has come after the group's first start");
    case BB_PLACE_BEHIND:
        return g_strdup_printf("the committed offset %" G_GINT64_FORMAT
                               " is out of range: the records from %" G_GINT64_FORMAT
                               " to %" G_GINT64_FORMAT " were deleted before they were handled",
                               facts->committed, facts->committed, facts->low - 1);
    case BB_PLACE_BEYOND:
        return g_strdup_printf(
            "the committed offset %" G_GINT64_FORMAT
            " is out of range: the partition has %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT
            ", so the topic was deleted and made anew or its log was cut; none of these may have "
            "been handled",
            facts->committed, facts->low, facts->high);
    case BB_PLACE_GONE:
        return g_strdup_printf(
            "what was to be read next is out of range and the group has no committed "
            "offset: the partition has %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT
            ", so the topic was deleted and made anew, or records were deleted "
            "before they were handled",
            facts->low, facts->high);
    case BB_PLACE_COMMITTED:
    default:
        return NULL;
    }
}

char *bb_place_explain(const bb_place_facts *facts, const bb_place *place)
{
    g_autofree char *what = explain(facts, place);
    if (!what || !place->stop)
        return what && place->cause != BB_PLACE_COMMITTED
                   ? g_strdup_printf("%s; reading from offset %" G_GINT64_FORMAT, what,
                                     place->offset)
                   : NULL;
    if (place->cause == BB_PLACE_FIRST)
        return g_strdup_printf("%s, and offset_reset is `error`: set it to `earliest` (read "
                               "everything) or `latest` (only what comes from now on), or use "
                               "`busbar offsets set`",
                               what);
    return g_strdup_printf("%s; on_out_of_range is `stop`: look with `busbar offsets show`, choose "
                           "with `busbar offsets set` or set on_out_of_range to `earliest` or "
                           "`latest`, and start again",
                           what);
}
