/* The ring of outcomes that wait for their turn. */
#include "kafka/publisher_ring.h"

#include <string.h>

typedef struct place {
    void *opaque;
    const bb_event_type *type;
    char *texts; /* pointer, keyword, message, each with its NUL; NULL when delivered */
    gint64 offset;
    gint32 partition;
    gint16 status; /* 0: not known yet */
    gint16 retriable;
} place;

struct bb_ring {
    place *places;
    gsize mask;
    gsize head; /* oldest; both only grow, their difference is the count */
    gsize tail;
    char *popped_texts;
};

bb_ring *bb_ring_new(gsize capacity)
{
    bb_ring *ring = g_new0(bb_ring, 1);
    gsize size = 1;
    while (size < capacity)
        size *= 2;
    ring->places = g_new0(place, size);
    ring->mask = size - 1;
    return ring;
}

void bb_ring_free(bb_ring *ring)
{
    if (!ring)
        return;
    for (gsize i = ring->head; i != ring->tail; i++)
        g_free(ring->places[i & ring->mask].texts);
    g_free(ring->popped_texts);
    g_free(ring->places);
    g_free(ring);
}

gsize bb_ring_count(const bb_ring *ring)
{
    return ring->tail - ring->head;
}

gboolean bb_ring_full(const bb_ring *ring)
{
    return bb_ring_count(ring) > ring->mask;
}

gsize bb_ring_add(bb_ring *ring, const bb_event_type *type, void *opaque)
{
    g_assert(!bb_ring_full(ring));
    gsize number = ring->tail++ & ring->mask;
    ring->places[number] = (place){.opaque = opaque, .type = type, .offset = -1, .partition = -1};
    return number;
}

const bb_event_type *bb_ring_type(const bb_ring *ring, gsize number)
{
    return ring->places[number].type;
}

void bb_ring_deliver(bb_ring *ring, gsize number, gint32 partition, gint64 offset)
{
    place *at = &ring->places[number];
    at->status = BB_DELIVERED;
    at->partition = partition;
    at->offset = offset;
}

static char *join_texts(const char *pointer, const char *keyword, const char *message)
{
    gsize pointer_size = strlen(pointer) + 1, keyword_size = strlen(keyword) + 1;
    gsize message_size = strlen(message) + 1;
    char *texts = g_malloc(pointer_size + keyword_size + message_size);
    memcpy(texts, pointer, pointer_size);
    memcpy(texts + pointer_size, keyword, keyword_size);
    memcpy(texts + pointer_size + keyword_size, message, message_size);
    return texts;
}

void bb_ring_refuse(bb_ring *ring, gsize number, bb_outcome_status status, gboolean retriable,
                    const char *pointer, const char *keyword, const char *message)
{
    place *at = &ring->places[number];
    g_free(at->texts);
    at->texts = join_texts(pointer ? pointer : "", keyword ? keyword : "", message ? message : "");
    at->status = (gint16)status;
    at->retriable = retriable != FALSE;
}

void bb_ring_fail_open(bb_ring *ring, const char *message)
{
    for (gsize i = ring->head; i != ring->tail; i++) {
        if (!ring->places[i & ring->mask].status)
            bb_ring_refuse(ring, i & ring->mask, BB_FAILED, TRUE, "", "kafka", message);
    }
}

gboolean bb_ring_pop(bb_ring *ring, bb_outcome *ret_outcome)
{
    place *at = &ring->places[ring->head & ring->mask];
    if (ring->head == ring->tail || !at->status)
        return FALSE;
    g_free(ring->popped_texts);
    ring->popped_texts = g_steal_pointer(&at->texts);
    const char *pointer = ring->popped_texts;
    const char *keyword = pointer ? pointer + strlen(pointer) + 1 : NULL;
    *ret_outcome = (bb_outcome){.status = (bb_outcome_status)at->status,
                                .opaque = at->opaque,
                                .type = at->type,
                                .partition = at->partition,
                                .offset = at->offset,
                                .retriable = at->retriable,
                                .pointer = pointer,
                                .keyword = keyword,
                                .message = keyword ? keyword + strlen(keyword) + 1 : NULL};
    ring->head++;
    return TRUE;
}
