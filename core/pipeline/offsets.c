/* The contiguous frontier of one partition, as a ring over the records that were read. */
#include "pipeline/offsets.h"

#include "pipeline/ackmap.h"

/* An entry is the offset shifted left by one; its lowest bit says "finished". */
#define FINISHED 1

struct bb_offsets {
    gint64 epoch;
    gint64 start;
    gint64 last_read; /* -1: none */
    gint64 frontier;  /* -1: none */
    gint64 *ring;
    gsize capacity; /* a power of two */
    gsize head;     /* position of the oldest entry, not wrapped */
    gsize count;
    gsize in_flight;
    guint64 finished;
    gint64 reopened; /* what last_read is when it is open again; -2: it is open */
};

bb_offsets *bb_offsets_new(gint64 epoch, gint64 start)
{
    bb_offsets *offsets = g_new0(bb_offsets, 1);
    offsets->epoch = epoch;
    offsets->start = start;
    offsets->last_read = -1;
    offsets->reopened = -2;
    offsets->frontier = -1;
    offsets->capacity = 64;
    offsets->ring = g_new(gint64, offsets->capacity);
    return offsets;
}

void bb_offsets_free(bb_offsets *offsets)
{
    if (!offsets)
        return;
    g_free(offsets->ring);
    g_free(offsets);
}

gint64 bb_offsets_epoch(const bb_offsets *offsets)
{
    return offsets->epoch;
}

static gint64 *entry(const bb_offsets *offsets, gsize index)
{
    return &offsets->ring[(offsets->head + index) & (offsets->capacity - 1)];
}

static void grow(bb_offsets *offsets)
{
    gint64 *ring = g_new(gint64, offsets->capacity * 2);
    for (gsize i = 0; i < offsets->count; i++)
        ring[i] = *entry(offsets, i);
    g_free(offsets->ring);
    offsets->ring = ring;
    offsets->capacity *= 2;
    offsets->head = 0;
}

gboolean bb_offsets_read(bb_offsets *offsets, gint64 offset)
{
    if (offset < 0 || offset <= offsets->last_read || offset < offsets->start)
        return FALSE;
    if (offsets->count == offsets->capacity)
        grow(offsets);
    *entry(offsets, offsets->count) = offset * 2;
    offsets->count++;
    offsets->in_flight++;
    offsets->last_read = offset;
    return TRUE;
}

/* Offsets rise strictly, so an offset stands at most (offset - oldest) entries behind the oldest:
 * exactly there when there is no gap, before it when there is one. */
static gint64 *find(const bb_offsets *offsets, gint64 offset)
{
    if (!offsets->count)
        return NULL;
    gint64 oldest = *entry(offsets, 0) / 2;
    if (offset < oldest || offset > offsets->last_read)
        return NULL;
    gsize high = MIN((gsize)(offset - oldest), offsets->count - 1);
    gsize low = 0;
    if (*entry(offsets, high) / 2 == offset)
        return entry(offsets, high);
    while (low < high) {
        gsize middle = low + (high - low) / 2;
        if (*entry(offsets, middle) / 2 < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return *entry(offsets, low) / 2 == offset ? entry(offsets, low) : NULL;
}

gboolean bb_offsets_finish(bb_offsets *offsets, gint64 epoch, gint64 offset)
{
    if (epoch != offsets->epoch)
        return FALSE;
    gint64 *found = find(offsets, offset);
    if (!found || (*found & FINISHED))
        return FALSE;
    *found |= FINISHED;
    offsets->in_flight--;
    offsets->finished++;
    while (offsets->count && (*entry(offsets, 0) & FINISHED)) {
        offsets->frontier = *entry(offsets, 0) / 2 + 1;
        offsets->head++;
        offsets->count--;
    }
    return TRUE;
}

gint64 bb_offsets_frontier(const bb_offsets *offsets)
{
    return offsets->frontier;
}

void bb_offsets_runs(const bb_offsets *offsets, GArray *runs)
{
    gboolean in_run = FALSE;
    for (gsize i = 0; i < offsets->count; i++) {
        gint64 at = *entry(offsets, i);
        const bb_run fresh = {at / 2, at / 2};
        if (!(at & FINISHED))
            ;
        else if (in_run)
            g_array_index(runs, bb_run, runs->len - 1).last = at / 2;
        else
            g_array_append_val(runs, fresh);
        in_run = (at & FINISHED) != 0;
    }
}

gsize bb_offsets_held(const bb_offsets *offsets)
{
    return offsets->count;
}

guint64 bb_offsets_finished(const bb_offsets *offsets)
{
    return offsets->finished;
}

void bb_offsets_set_closed(bb_offsets *offsets, gboolean closed)
{
    if (closed == (offsets->reopened != -2))
        return;
    if (closed) {
        offsets->reopened = offsets->last_read;
        offsets->last_read = G_MAXINT64;
    } else {
        offsets->last_read = offsets->reopened;
        offsets->reopened = -2;
    }
}

gsize bb_offsets_in_flight(const bb_offsets *offsets)
{
    return offsets->in_flight;
}

gint64 bb_offsets_oldest(const bb_offsets *offsets)
{
    return offsets->count ? *entry(offsets, 0) / 2 : -1;
}
