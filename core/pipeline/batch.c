/* Batches of records and their references. */
#include "pipeline/batch.h"

#include <string.h>

#define FIRST_CAPACITY 8

static bb_batch *make(guint capacity, bb_batch_done_fn done, void *user)
{
    bb_batch *batch = g_new0(bb_batch, 1);
    batch->capacity = capacity;
    batch->items = g_new(bb_item, batch->capacity);
    batch->pending = 1;
    batch->done = done;
    batch->user = user;
    return batch;
}

bb_batch *bb_batch_new(bb_batch_done_fn done, void *user)
{
    return make(FIRST_CAPACITY, done, user);
}

void bb_batch_free(bb_batch *batch)
{
    if (!batch)
        return;
    bb_arena_free(batch->arena);
    g_free(batch->items);
    g_free(batch);
}

void bb_batch_clear(bb_batch *batch)
{
    batch->next = NULL;
    batch->count = 0;
    batch->size_bytes = 0;
    batch->epoch = 0;
    batch->suspect = NULL;
    batch->moved = 0;
    batch->durable = 0;
    batch->retry = (bb_retry){.taken = FALSE};
    g_atomic_int_set(&batch->spoiled, 0);
    if (batch->arena)
        bb_arena_reset(batch->arena);
    g_atomic_int_set(&batch->pending, 1);
}

bb_item *bb_batch_add(bb_batch *batch)
{
    if (batch->count == batch->capacity) {
        batch->capacity *= 2;
        batch->items = g_renew(bb_item, batch->items, batch->capacity);
    }
    bb_item *item = &batch->items[batch->count++];
    memset(item, 0, sizeof(*item));
    item->batch = batch;
    item->origin.struct_size = sizeof(item->origin);
    item->origin.attempt = 1;
    return item;
}

/* The list of headers lives with the batch; what it points to, with the message. */
static void copy_headers(bb_batch *batch, bb_item *item)
{
    gsize size = item->origin.header_count * sizeof(*item->origin.headers);
    if (!size)
        return;
    batch->arena = bb_arena_new(1024);
    busbar_header *headers = bb_arena_alloc(batch->arena, size);
    item->origin.headers = memcpy(headers, item->origin.headers, size);
}

bb_batch *bb_batch_split(bb_item *item)
{
    bb_batch *from = item->batch;
    bb_batch *batch = make(1, from->done, from->user);
    bb_item *moved = &batch->items[0];
    *moved = *item;
    moved->batch = batch;
    moved->event = NULL; /* its memory ends with the lane's; it is made again */
    copy_headers(batch, moved);
    batch->count = 1;
    batch->size_bytes = item->origin.key.size + item->origin.value.size;
    batch->epoch = item->epoch;
    batch->suspect = from->suspect;
    batch->durable = from->durable;
    item->outcome = BB_ITEM_MOVED;
    item->message = NULL;
    from->moved++;
    from->size_bytes -= batch->size_bytes;
    bb_batch_hold(batch);
    batch->next_of_part = from->parts;
    from->parts = batch;
    return batch;
}

void bb_batch_hold(bb_batch *batch)
{
    g_atomic_int_inc(&batch->pending);
}

/* What was given up of what was emitted for the whole counts against each part. */
static void release_parts(bb_batch *batch)
{
    gint spoiled = g_atomic_int_get(&batch->spoiled);
    bb_batch *part;
    while ((part = batch->parts)) {
        batch->parts = part->next_of_part;
        part->next_of_part = NULL;
        if (spoiled)
            g_atomic_int_set(&part->spoiled, 1);
        bb_batch_release(part);
    }
}

void bb_batch_release(bb_batch *batch)
{
    if (!g_atomic_int_dec_and_test(&batch->pending))
        return;
    if (G_UNLIKELY(batch->parts))
        release_parts(batch);
    batch->done(batch, batch->user);
}

void bb_batch_queue_push(bb_batch_queue *queue, bb_batch *batch)
{
    batch->next = NULL;
    if (queue->last)
        queue->last->next = batch;
    else
        queue->first = batch;
    queue->last = batch;
    queue->length++;
}

bb_batch *bb_batch_queue_pop(bb_batch_queue *queue)
{
    bb_batch *batch = queue->first;
    if (!batch)
        return NULL;
    queue->first = batch->next;
    if (!queue->first)
        queue->last = NULL;
    queue->length--;
    batch->next = NULL;
    return batch;
}

void bb_batch_queue_move(bb_batch_queue *to, bb_batch_queue *from)
{
    if (!from->first)
        return;
    if (to->last)
        to->last->next = from->first;
    else
        to->first = from->first;
    to->last = from->last;
    to->length += from->length;
    *from = (bb_batch_queue){NULL, NULL, 0};
}
