/* Batches of records and their references. */
#include "pipeline/batch.h"

#define FIRST_CAPACITY 8

bb_batch *bb_batch_new(bb_batch_done_fn done, void *user)
{
    bb_batch *batch = g_new0(bb_batch, 1);
    batch->capacity = FIRST_CAPACITY;
    batch->items = g_new(bb_item, batch->capacity);
    batch->pending = 1;
    batch->done = done;
    batch->user = user;
    return batch;
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

void bb_batch_hold(bb_batch *batch)
{
    g_atomic_int_inc(&batch->pending);
}

void bb_batch_release(bb_batch *batch)
{
    if (g_atomic_int_dec_and_test(&batch->pending))
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
