/* Slots of keys on lanes. */
#include "pipeline/spread.h"

#define SLOTS_PER_LANE 32
#define MIN_SLOTS 256
#define MAX_SLOTS 4096

typedef struct slot {
    guint32 count : 24; /* records in flight */
    guint32 lane : 8;
} slot;

struct bb_spread {
    guint lanes;
    guint32 mask;
    guint *load;
    slot slots[];
};

bb_spread *bb_spread_new(guint lanes)
{
    guint32 count = MIN_SLOTS;
    while (count < lanes * SLOTS_PER_LANE && count < MAX_SLOTS)
        count *= 2;
    bb_spread *spread = g_malloc0(sizeof(*spread) + count * sizeof(slot));
    spread->lanes = lanes;
    spread->mask = count - 1;
    spread->load = g_new0(guint, lanes);
    for (guint32 i = 0; i < count; i++)
        spread->slots[i].lane = (guint8)(i % lanes);
    return spread;
}

void bb_spread_free(bb_spread *spread)
{
    if (!spread)
        return;
    g_free(spread->load);
    g_free(spread);
}

/* The lane with the least to do, the one it had before others. */
static guint choose(const bb_spread *spread, guint before)
{
    guint best = before;
    for (guint i = 0; i < spread->lanes && spread->load[best]; i++) {
        if (spread->load[i] < spread->load[best])
            best = i;
    }
    return best;
}

guint bb_spread_take(bb_spread *spread, guint32 hash, guint16 *ret_slot)
{
    slot *found = &spread->slots[hash & spread->mask];
    if (!found->count && spread->load[found->lane])
        found->lane = (guint8)choose(spread, found->lane);
    found->count++;
    spread->load[found->lane]++;
    *ret_slot = (guint16)(hash & spread->mask);
    return found->lane;
}

/* The first slots are those of the lanes, in their order, and stay so: none is moved here. */
guint16 bb_spread_take_lane(bb_spread *spread, guint lane)
{
    spread->slots[lane].count++;
    spread->load[lane]++;
    return (guint16)lane;
}

guint bb_spread_least(const bb_spread *spread)
{
    return choose(spread, 0);
}

void bb_spread_give_back(bb_spread *spread, guint16 number)
{
    slot *found = &spread->slots[number];
    found->count--;
    spread->load[found->lane]--;
}

guint bb_spread_load(const bb_spread *spread, guint lane)
{
    return spread->load[lane];
}
