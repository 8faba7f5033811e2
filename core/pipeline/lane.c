/* Life and turns of a lane. */
#include "pipeline/lane_private.h"

/* What is emitted belongs to what is in hand; while flushing, or handing events again, to
 * everything that has been accepted since the last good flush. */
static int32_t emit(bb_emitter *emitter, const busbar_record *record, char **ret_reason)
{
    bb_lane *lane = (bb_lane *)((char *)emitter - G_STRUCT_OFFSET(bb_lane, emitter));
    GPtrArray *in_hand = lane->in_hand;
    g_ptr_array_set_size(in_hand, 0);
    if (lane->current)
        g_ptr_array_add(in_hand, lane->current);
    for (guint i = 0; i < lane->round->len; i++) {
        bb_batch *batch = g_ptr_array_index(lane->round, i);
        if (batch->retry.taken)
            g_ptr_array_add(in_hand, batch);
    }
    if (lane->flush.active)
        bb_lane_add_unflushed(lane, lane->flush.sink, in_hand);
    return lane->ops->emit(lane->user, record, (bb_batch *const *)in_hand->pdata, in_hand->len,
                           ret_reason);
}

void bb_work_begin(bb_work *task, guint sink)
{
    task->active = TRUE;
    task->sink = sink;
    task->head = 0;
    task->due_ms = 0;
    task->attempts = 0;
    g_ptr_array_set_size(task->items, 0);
}

gboolean bb_work_is_done(const bb_work *task)
{
    return task->head >= task->items->len;
}

static void add_sinks(bb_lane *lane, bb_metrics *metrics)
{
    const bb_event_type *type = lane->type;
    guint limit = MAX(type->settings->batch_records, 1);
    lane->sinks = g_ptr_array_new_with_free_func((GDestroyNotify)bb_sink_free);
    if (type->ops.handle)
        g_ptr_array_add(lane->sinks, bb_sink_new_domain(type, bb_processor_self(lane->processor),
                                                        limit, &lane->emitter, metrics));
    for (guint i = 0; type->handlers && i < type->handlers->len; i++) {
        const bb_handler_binding *binding = g_ptr_array_index(type->handlers, i);
        g_ptr_array_add(lane->sinks,
                        bb_sink_new_handler(type, binding, limit, &lane->emitter, metrics));
        lane->flushes |= binding->ops.flush != NULL;
    }
}

/* The choices of the settings, in their order there. */
static bb_policy policy_of(const bb_event_settings *settings)
{
    static const bb_action actions[] = {[BB_ON_DEAD_LETTER] = BB_ACTION_DEAD_LETTER,
                                        [BB_ON_DROP] = BB_ACTION_DROP,
                                        [BB_ON_STOP] = BB_ACTION_STOP,
                                        [BB_ON_PAUSE] = BB_ACTION_PAUSE};
    return (bb_policy){.retry_attempts = settings->retry_attempts,
                       .retry_initial_ms = settings->retry_initial_ms,
                       .retry_max_ms = settings->retry_max_ms,
                       .on_reject = actions[settings->on_reject],
                       .on_exhausted = actions[settings->on_exhausted],
                       .on_fault = actions[settings->on_fault]};
}

bb_lane *bb_lane_new(const bb_event_type *type, const bb_lane_ops *ops, void *user,
                     bb_metrics *metrics, GError **error)
{
    const bb_event_settings *settings = type->settings;
    bb_processor *processor = bb_processor_new(type, BB_PROCESS_CONSUME, 1, metrics, error);
    if (!processor)
        return NULL;
    bb_lane *lane = g_new0(bb_lane, 1);
    lane->type = type;
    lane->ops = ops;
    lane->user = user;
    lane->processor = processor;
    bb_processor_set_complete(processor, ops->complete);
    const GPtrArray *tiers = type->source ? type->source->tiers : type->tiers;
    lane->policy = policy_of(settings);
    lane->policy.tiers = tiers && ops->defer ? tiers->len : 0;
    lane->policy.tier = type->tier;
    lane->ordered = settings->retry_keep_order && ops->defer && ops->turn &&
                    bb_event_type_next_tier(type) != NULL;
    guint lanes = MAX(settings->concurrency, 1);
    lane->bound_bytes = MAX(settings->in_flight_bytes / 2 / lanes, 1);
    lane->bound_records = MAX(settings->in_flight_records / 2 / lanes, 1);
    lane->emitter.send = emit;
    lane->in_hand = g_ptr_array_new();
    lane->forward.items = g_ptr_array_new();
    lane->flush.items = g_ptr_array_new();
    lane->open.items = g_ptr_array_new();
    lane->round = g_ptr_array_new();
    lane->parked = bb_parked_new(settings->order);
    add_sinks(lane, metrics);
    lane->open.active = lane->sinks->len > 0;
    return lane;
}

void bb_lane_free(bb_lane *lane)
{
    if (!lane)
        return;
    bb_lane_close(lane);
    g_ptr_array_unref(lane->sinks);
    bb_processor_free(lane->processor);
    bb_parked_free(lane->parked);
    g_ptr_array_unref(lane->forward.items);
    g_ptr_array_unref(lane->flush.items);
    g_ptr_array_unref(lane->open.items);
    g_ptr_array_unref(lane->round);
    g_ptr_array_unref(lane->in_hand);
    g_free(lane);
}

void bb_lane_close(bb_lane *lane)
{
    bb_lane_abandon(lane);
    for (guint i = 0; i < lane->sinks->len; i++)
        bb_sink_close(g_ptr_array_index(lane->sinks, i));
}

guint bb_lane_held(const bb_lane *lane)
{
    return lane->incoming.length + lane->unflushed.length + (lane->current ? 1 : 0) +
           bb_parked_count(lane->parked);
}

void bb_lane_set_draining(bb_lane *lane, gboolean draining)
{
    lane->draining = draining;
}

void bb_lane_take(bb_lane *lane, bb_batch *batch)
{
    if (lane->stopped)
        bb_batch_release(batch);
    else
        bb_batch_queue_push(&lane->incoming, batch);
}

void bb_lane_reset_when_empty(bb_lane *lane)
{
    if (!lane->current && !lane->round->len && !lane->unflushed.first)
        bb_processor_reset(lane->processor);
}

static void release_all(bb_batch_queue *queue)
{
    bb_batch *batch;
    while ((batch = bb_batch_queue_pop(queue)))
        bb_batch_release(batch);
}

void bb_lane_abandon(bb_lane *lane)
{
    lane->flush.active = FALSE;
    lane->replaying = FALSE;
    lane->unflushed_bytes = 0;
    lane->unflushed_records = 0;
    release_all(&lane->unflushed);
    release_all(&lane->incoming);
    bb_lane_give_up(lane, G_MAXINT64);
    bb_parked_forget(lane->parked, G_MAXINT64);
}

void bb_lane_forget(bb_lane *lane, gint64 epoch)
{
    bb_batch_queue kept = {NULL, NULL, 0};
    bb_batch *batch;
    for (guint i = 0; i < lane->sinks->len; i++)
        bb_sink_set_lost(g_ptr_array_index(lane->sinks, i), epoch);
    while ((batch = bb_batch_queue_pop(&lane->incoming))) {
        if (batch->epoch < epoch)
            bb_batch_release(batch);
        else
            bb_batch_queue_push(&kept, batch);
    }
    lane->incoming = kept;
    /* not while its items are being handed again after a failed flush */
    if (!lane->flush.active)
        bb_lane_give_up(lane, epoch);
    bb_parked_forget(lane->parked, epoch);
}

void bb_lane_stop(bb_lane *lane, const bb_fault *fault)
{
    lane->stopped = TRUE;
    lane->ops->stopped(lane->user, fault);
    bb_lane_abandon(lane);
}

/* When there is more to do. */
static gint64 next_due(const bb_lane *lane, gint64 now_ms)
{
    if (lane->stopped)
        return -1;
    if (lane->open.active)
        return lane->open.due_ms;
    if (lane->flush.active)
        return lane->flush.due_ms;
    if (bb_lane_flush_is_due(lane, now_ms))
        return now_ms;
    gint64 due = bb_lane_forward_due(lane, now_ms);
    if (lane->unflushed.first && (due < 0 || lane->flush_at_ms < due))
        due = lane->flush_at_ms;
    return due;
}

gint64 bb_lane_step(bb_lane *lane, gint64 now_ms)
{
    gint64 due = next_due(lane, now_ms);
    if (due < 0 || due > now_ms)
        return due;
    if (lane->open.active) {
        bb_lane_go_open(lane, now_ms);
    } else if (lane->flush.active || bb_lane_flush_is_due(lane, now_ms)) {
        bb_lane_go_flush(lane, now_ms);
    } else {
        if (!lane->current && !lane->round->len)
            bb_lane_begin(lane, now_ms);
        if (!lane->unflushed.first || !bb_lane_suspect_is_next(lane) || lane->processed)
            bb_lane_go_forward(lane, now_ms);
    }
    return next_due(lane, now_ms);
}
