/* With `retry.keep_order`: finds earlier records of a key that a lane has not done with. */
#include <string.h>

#include "pipeline/lane_private.h"

static gboolean is_same_key(const bb_lane *lane, const busbar_origin *one,
                            const busbar_origin *other)
{
    if (one->partition != other->partition)
        return FALSE;
    return lane->type->settings->order == BB_ORDER_PARTITION ||
           (one->key.size == other->key.size && !one->key.data == !other->key.data &&
            (!one->key.size || !memcmp(one->key.data, other->key.data, one->key.size)));
}

static gboolean is_open_before(const bb_lane *lane, const bb_batch *batch, const bb_item *item)
{
    for (guint i = 0; i < batch->count; i++) {
        const bb_item *other = &batch->items[i];
        if (!other->outcome && other->origin.offset < item->origin.offset &&
            is_same_key(lane, &other->origin, &item->origin))
            return TRUE;
    }
    return FALSE;
}

gboolean bb_lane_is_behind_open(const bb_lane *lane, const bb_item *item)
{
    if (lane->current && is_open_before(lane, lane->current, item))
        return TRUE;
    for (guint i = 0; i < lane->round->len; i++) {
        const bb_batch *batch = g_ptr_array_index(lane->round, i);
        if (batch->retry.taken && is_open_before(lane, batch, item))
            return TRUE;
    }
    for (const bb_batch *batch = lane->unflushed.first; batch; batch = batch->next) {
        if (is_open_before(lane, batch, item))
            return TRUE;
    }
    return FALSE;
}
