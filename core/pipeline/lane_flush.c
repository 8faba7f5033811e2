/* Opening the sinks of a lane, and flushing what they have accepted. */
#include "pipeline/lane_private.h"

#include "base/fault.h"

static uint32_t bit(guint sink)
{
    return 1u << sink;
}

/* Open items of `batch` that `sink` has accepted and not flushed. */
static void collect(GPtrArray *items, bb_batch *batch, guint sink)
{
    if (batch->durable & bit(sink))
        return;
    for (guint i = 0; i < batch->count; i++) {
        bb_item *item = &batch->items[i];
        if (!item->outcome && (item->accepted & bit(sink)))
            g_ptr_array_add(items, item);
    }
}

/* One that waits has no event: it is handed to that sink again when its turn comes. */
static void reopen(bb_batch *batch, void *user)
{
    uint32_t lost = *(uint32_t *)user & ~batch->durable;
    batch->items[0].accepted &= ~lost;
}

static void begin_replay(bb_lane *lane)
{
    bb_work *task = &lane->flush;
    guint attempts = task->attempts;
    uint32_t lost = bit(task->sink);
    bb_work_begin(task, task->sink);
    task->attempts = attempts;
    for (bb_batch *at = lane->unflushed.first; at; at = at->next)
        collect(task->items, at, task->sink);
    if (lane->current)
        collect(task->items, lane->current, task->sink);
    for (guint i = 0; i < lane->round->len; i++) {
        bb_batch *batch = g_ptr_array_index(lane->round, i);
        if (batch->retry.taken && lane->processed)
            collect(task->items, batch, task->sink);
        else if (batch->retry.taken)
            reopen(batch, &lost);
    }
    if (bb_parked_count(lane->parked))
        bb_parked_each(lane->parked, reopen, &lost);
    lane->replaying = FALSE;
}

static void note_durable(bb_batch *batch, void *user)
{
    batch->durable |= batch->items[0].accepted & *(uint32_t *)user;
}

/* What `sink` has accepted is durable: it need not see it again, whatever happens to the others. */
static void mark_durable(bb_lane *lane, guint sink)
{
    uint32_t done = bit(sink);
    for (bb_batch *at = lane->unflushed.first; at; at = at->next)
        at->durable |= done;
    if (lane->current && lane->processed && lane->forward.sink > sink)
        lane->current->durable |= done;
    for (guint i = 0; i < lane->round->len; i++) {
        bb_batch *batch = g_ptr_array_index(lane->round, i);
        if (batch->retry.taken)
            note_durable(batch, &done);
    }
    if (bb_parked_count(lane->parked))
        bb_parked_each(lane->parked, note_durable, &done);
}

typedef struct search {
    uint32_t wanted;
    GPtrArray *batches;
} search;

static void add_accepted(bb_batch *batch, void *user)
{
    search *found = user;
    if (batch->items[0].accepted & ~batch->durable & found->wanted)
        g_ptr_array_add(found->batches, batch);
}

void bb_lane_add_unflushed(const bb_lane *lane, guint sink, GPtrArray *batches)
{
    search found = {bit(sink), batches};
    for (bb_batch *at = lane->unflushed.first; at; at = at->next)
        g_ptr_array_add(batches, at);
    if (bb_parked_count(lane->parked))
        bb_parked_each(lane->parked, add_accepted, &found);
}

static void end_flush(bb_lane *lane)
{
    bb_batch *batch;
    BB_FAULT("lane.finish");
    lane->flush.active = FALSE;
    lane->flush_soon = FALSE;
    lane->unflushed_bytes = 0;
    lane->unflushed_records = 0;
    while ((batch = bb_batch_queue_pop(&lane->unflushed)))
        bb_lane_finish(batch);
    bb_lane_reset_when_empty(lane);
}

/* What follows from the answer to a flush or an open; TRUE for PASS. */
static gboolean take_single(bb_lane *lane, bb_work *task, const bb_answer *answer, guint *faults,
                            gint64 now_ms)
{
    task->attempts++;
    if (answer->verdict == BUSBAR_PASS)
        return TRUE;
    if (bb_policy_counts(answer->fault.stage, answer->verdict, answer->scope))
        ++*faults;
    const bb_judged judged = {answer->fault.stage, answer->verdict, answer->scope, task->attempts,
                              *faults};
    bb_decision decision = bb_policy_decide(&lane->policy, &judged, g_random_int());
    bb_fault fault = answer->fault;
    fault.attempts = task->attempts;
    if (decision.action == BB_ACTION_STOP) {
        bb_lane_stop(lane, &fault);
        return FALSE;
    }
    task->due_ms = now_ms + decision.delay_ms;
    lane->ops->retried(lane->user, 0, &fault, decision.delay_ms);
    return FALSE;
}

/* Of a flush or an open: only RETRY says that something is down. */
static void tell_breaker(bb_lane *lane, const bb_sink *sink, const bb_answer *answer, gint64 now_ms)
{
    gboolean down = answer->verdict == BUSBAR_RETRY;
    if (down || answer->verdict == BUSBAR_PASS)
        bb_lane_tell_breaker(
            lane, sink, answer->fault.stage == BUSBAR_STAGE_FLUSH ? BB_CALL_FLUSH : BB_CALL_OPEN,
            down ? &answer->fault : NULL, now_ms);
}

/* One call of a flush that goes on: the replay after a failure, or the flush of the next sink. */
void bb_lane_go_flush(bb_lane *lane, gint64 now_ms)
{
    bb_work *task = &lane->flush;
    if (!task->active) {
        bb_work_begin(task, 0);
        lane->replaying = FALSE;
    }
    bb_sink *sink = g_ptr_array_index(lane->sinks, task->sink);
    if (lane->replaying)
        begin_replay(lane);
    if (!bb_work_is_done(task)) {
        bb_lane_hand(lane, task, now_ms);
        return;
    }
    if (bb_sink_flushes(sink) && !bb_lane_admit(lane, task, now_ms))
        return;
    bb_answer answer;
    BB_FAULT("lane.flush");
    bb_sink_flush(sink, &answer);
    BB_FAULT("lane.flushed");
    if (bb_sink_flushes(sink))
        tell_breaker(lane, sink, &answer, now_ms);
    gboolean passed = take_single(lane, task, &answer, bb_sink_faults(sink), now_ms);
    bb_sink_forget(sink);
    if (lane->stopped)
        return;
    if (!passed) {
        lane->replaying = TRUE;
        return;
    }
    *bb_sink_faults(sink) = 0;
    mark_durable(lane, task->sink);
    bb_work_begin(task, task->sink + 1);
    if (task->sink >= lane->sinks->len)
        end_flush(lane);
}

/* Opens the next handler that is not open. */
void bb_lane_go_open(bb_lane *lane, gint64 now_ms)
{
    bb_work *task = &lane->open;
    bb_sink *sink = g_ptr_array_index(lane->sinks, task->sink);
    bb_answer answer;
    if (!bb_lane_admit(lane, task, now_ms))
        return;
    bb_sink_open(sink, &answer);
    tell_breaker(lane, sink, &answer, now_ms);
    gboolean passed = take_single(lane, task, &answer, bb_sink_faults(sink), now_ms);
    bb_sink_forget(sink);
    if (!passed || lane->stopped)
        return;
    *bb_sink_faults(sink) = 0;
    bb_work_begin(task, task->sink + 1);
    task->active = task->sink < lane->sinks->len;
}

/* A suspect is flushed alone: what is before it first, then it. While draining, a flush is due as
 * soon as there is nothing else to do. */
gboolean bb_lane_flush_is_due(const bb_lane *lane, gint64 now_ms)
{
    if (!lane->unflushed.first)
        return FALSE;
    if (lane->flush_soon || lane->unflushed.last->suspect || bb_lane_suspect_is_next(lane) ||
        now_ms >= lane->flush_at_ms || lane->unflushed_bytes >= lane->bound_bytes ||
        lane->unflushed_records >= lane->bound_records ||
        bb_arena_used(bb_processor_arena(lane->processor)) >= lane->bound_bytes)
        return TRUE;
    gint64 forward = lane->draining ? bb_lane_forward_due(lane, now_ms) : now_ms;
    return forward < 0 || forward > now_ms;
}
