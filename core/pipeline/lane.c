/* The state machine of one lane. */
#include "pipeline/lane.h"

#include <string.h>

#include "base/fault.h"
#include "pipeline/policy.h"
#include "pipeline/sink.h"
#include "pipeline/suspects.h"

/* Items that wait for an answer of one stage. */
typedef struct work {
    gboolean active;
    guint sink;       /* number of the sink; unused while processing */
    GPtrArray *items; /* bb_item * */
    guint head;       /* the first without an answer */
    guint chunk;      /* items of the call that is tried again; 0: a new call */
    gint64 due_ms;
    guint attempts; /* of a flush or an open */
} work;

struct bb_lane {
    const bb_event_type *type;
    const bb_lane_ops *ops;
    void *user;
    bb_policy policy;
    bb_processor *processor;
    GPtrArray *sinks; /* bb_sink *: the domain's own handle first, then the handlers */
    gboolean flushes; /* one of them has a flush */
    bb_emitter emitter;
    bb_batch_queue incoming;
    bb_batch *current;
    gboolean processed; /* the current batch has been through the processor */
    work forward;       /* the current batch, stage by stage */
    bb_batch_queue unflushed;
    gsize unflushed_bytes;
    guint unflushed_records;
    gsize bound_bytes; /* of what is unflushed, before a flush comes early */
    guint bound_records;
    gint64 flush_at_ms;
    work flush;
    gboolean replaying; /* the flush failed: its sink gets the same items again */
    work open;
    GPtrArray *in_hand; /* bb_batch *: of an emit that is going on */
    gboolean draining;
    gboolean stopped;
};

static gboolean in_forward(const bb_lane *lane)
{
    return !lane->flush.active;
}

/* What is emitted belongs to the batch in hand; while flushing, or handing events again, to
 * everything that has been accepted since the last good flush. */
static int32_t emit(bb_emitter *emitter, const busbar_record *record, char **ret_reason)
{
    bb_lane *lane = (bb_lane *)((char *)emitter - G_STRUCT_OFFSET(bb_lane, emitter));
    g_ptr_array_set_size(lane->in_hand, 0);
    if (lane->current)
        g_ptr_array_add(lane->in_hand, lane->current);
    for (bb_batch *at = in_forward(lane) ? NULL : lane->unflushed.first; at; at = at->next)
        g_ptr_array_add(lane->in_hand, at);
    return lane->ops->emit(lane->user, record, (bb_batch *const *)lane->in_hand->pdata,
                           lane->in_hand->len, ret_reason);
}

static void task_init(work *task)
{
    task->items = g_ptr_array_new();
}

static void task_begin(work *task, guint sink)
{
    task->active = TRUE;
    task->sink = sink;
    task->head = 0;
    task->chunk = 0;
    task->due_ms = 0;
    task->attempts = 0;
    g_ptr_array_set_size(task->items, 0);
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
    lane->policy =
        (bb_policy){settings->retry_attempts, settings->retry_initial_ms, settings->retry_max_ms};
    guint lanes = MAX(settings->concurrency, 1);
    lane->bound_bytes = MAX(settings->in_flight_bytes / 2 / lanes, 1);
    lane->bound_records = MAX(settings->in_flight_records / 2 / lanes, 1);
    lane->emitter.send = emit;
    lane->in_hand = g_ptr_array_new();
    task_init(&lane->forward);
    task_init(&lane->flush);
    task_init(&lane->open);
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
    g_ptr_array_unref(lane->forward.items);
    g_ptr_array_unref(lane->flush.items);
    g_ptr_array_unref(lane->open.items);
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
    return lane->incoming.length + lane->unflushed.length + (lane->current ? 1 : 0);
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

/* The events of the arena are needed by nobody any more. */
static void reset_when_empty(bb_lane *lane)
{
    if (!lane->current && !lane->unflushed.first)
        bb_processor_reset(lane->processor);
}

static void release_all(bb_batch_queue *queue)
{
    bb_batch *batch;
    while ((batch = bb_batch_queue_pop(queue)))
        bb_batch_release(batch);
}

static void give_up_current(bb_lane *lane)
{
    bb_batch *batch = g_steal_pointer(&lane->current);
    lane->forward.active = FALSE;
    if (batch)
        bb_batch_release(batch);
}

void bb_lane_abandon(bb_lane *lane)
{
    give_up_current(lane);
    lane->flush.active = FALSE;
    lane->replaying = FALSE;
    lane->unflushed_bytes = 0;
    lane->unflushed_records = 0;
    release_all(&lane->unflushed);
    release_all(&lane->incoming);
    reset_when_empty(lane);
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
    if (lane->current && lane->current->epoch < epoch && !lane->flush.active) {
        give_up_current(lane);
        reset_when_empty(lane);
    }
}

static void stop(bb_lane *lane, const bb_fault *fault)
{
    lane->stopped = TRUE;
    lane->ops->stopped(lane->user, fault);
    bb_lane_abandon(lane);
}

/* Applies the policy to one answer about `item`. TRUE when the item waits for another try. */
static gboolean apply(bb_lane *lane, bb_item *item, const bb_answer *answer, gint64 *delay_ms)
{
    if (bb_policy_is_fault(answer->fault.stage, answer->verdict, answer->scope))
        item->faults++;
    const bb_judged judged = {answer->fault.stage, answer->verdict, answer->scope,
                              item->origin.attempt, item->faults};
    bb_decision decision = bb_policy_decide(&lane->policy, &judged, g_random_int());
    bb_fault fault = answer->fault;
    fault.attempts = item->origin.attempt;
    switch (decision.action) {
    case BB_ACTION_CONTINUE:
        break;
    case BB_ACTION_DROP:
        item->outcome = BUSBAR_DROP;
        break;
    case BB_ACTION_DEAD_LETTER:
        item->outcome = BUSBAR_REJECT;
        lane->ops->dead_letter(lane->user, item, &fault);
        break;
    case BB_ACTION_RETRY:
        item->origin.attempt++;
        *delay_ms = MAX(*delay_ms, decision.delay_ms);
        return TRUE;
    case BB_ACTION_STOP:
        stop(lane, &fault);
        return FALSE;
    }
    item->origin.attempt = 1;
    item->faults = 0;
    return FALSE;
}

/* Items that must be tried again, behind one another at the end of the chunk that was answered. */
typedef struct leftover {
    guint count;
    gint64 delay_ms;
    bb_fault fault; /* of the last */
} leftover;

/* Ends a call about items [head, end): those in `left` (moved to the front of the chunk) stay. */
static void settle_chunk(bb_lane *lane, work *task, guint end, const leftover *left, gint64 now_ms)
{
    void **items = task->items->pdata;
    memmove(&items[end - left->count], &items[task->head], left->count * sizeof(*items));
    task->head = end - left->count;
    task->chunk = left->count;
    if (!left->count)
        return;
    task->due_ms = now_ms + left->delay_ms;
    lane->ops->retried(lane->user, left->count, &left->fault, left->delay_ms);
}

static gboolean task_done(const work *task)
{
    return task->head >= task->items->len;
}

/* The bytes of a record were last touched by the client's thread, on another core: they are asked
 * for while the record before is worked on. */
static void prefetch(const bb_item *item)
{
    enum { CACHE_LINE = 64, FAR_ENOUGH = 2048 };
    const char *data = item->origin.value.data;
    gsize size = MIN(item->origin.value.size, FAR_ENOUGH);
    for (gsize at = 0; at < size; at += CACHE_LINE)
        __builtin_prefetch(data + at);
}

/* Parse, validate and enrich. */
static void process(bb_lane *lane, gint64 now_ms)
{
    work *task = &lane->forward;
    leftover left = {0, 0, {0}};
    guint begin = task->head, end = task->items->len;
    for (guint i = begin; i < end && !lane->stopped; i++) {
        bb_item *item = g_ptr_array_index(task->items, i);
        bb_result result;
        if (i + 1 < end)
            prefetch(g_ptr_array_index(task->items, i + 1));
        item->event = bb_processor_run(lane->processor, item->origin.value.data,
                                       item->origin.value.size, &item->origin, &result);
        if (G_LIKELY(item->event)) {
            item->origin.attempt = 1;
            item->faults = 0;
            continue;
        }
        const bb_answer answer = {result.verdict,
                                  result.scope,
                                  {result.stage, result.pointer, result.keyword, result.message,
                                   lane->type->plugin, lane->type->plugin_version, 0, NULL, NULL}};
        if (!apply(lane, item, &answer, &left.delay_ms))
            continue;
        task->items->pdata[begin + left.count++] = item;
        left.fault = answer.fault;
        left.fault.attempts = item->origin.attempt - 1;
    }
    if (!lane->stopped)
        settle_chunk(lane, task, end, &left, now_ms);
}

/* A record that has ended a process more than once is shown to no plugin any more. */
static void condemn(bb_lane *lane, bb_batch *batch)
{
    const bb_suspect *suspect = batch->suspect;
    bb_item *item = &batch->items[0];
    const bb_fault fault = {.stage = suspect->stage,
                            .pointer = "",
                            .keyword = "crash",
                            .message = suspect->reason,
                            .plugin = suspect->plugin,
                            .plugin_version = suspect->version,
                            .attempts = suspect->deaths,
                            .signal = suspect->signal,
                            .stack = suspect->stack};
    item->outcome = BUSBAR_REJECT;
    lane->ops->dead_letter(lane->user, item, &fault);
    lane->forward.head = lane->forward.items->len;
}

/* Hands the next items of `task` to its sink. */
static void hand(bb_lane *lane, work *task, gint64 now_ms)
{
    bb_sink *sink = g_ptr_array_index(lane->sinks, task->sink);
    leftover left = {0, 0, {0}};
    guint begin = task->head;
    guint count = MIN(task->items->len - begin, bb_sink_limit(sink));
    if (task->chunk)
        count = MIN(count, task->chunk);
    bb_sink_handle(sink, (bb_item *const *)&task->items->pdata[begin], count);
    for (guint i = 0; i < count && !lane->stopped; i++) {
        bb_item *item = g_ptr_array_index(task->items, begin + i);
        bb_answer answer;
        if (G_LIKELY(bb_sink_passed(sink, i))) {
            item->accepted = (uint16_t)MAX(item->accepted, task->sink + 1);
            item->origin.attempt = 1;
            item->faults = 0;
            continue;
        }
        bb_sink_answer(sink, i, &answer);
        if (!apply(lane, item, &answer, &left.delay_ms))
            continue;
        task->items->pdata[begin + left.count++] = item;
        left.fault = answer.fault;
        left.fault.attempts = item->origin.attempt - 1;
    }
    if (!lane->stopped)
        settle_chunk(lane, task, begin + count, &left, now_ms);
    bb_sink_forget(sink); /* the texts of the answers end here */
}

/* The last stage is behind all items of `batch`. */
static void finish_batch(bb_batch *batch)
{
    for (guint i = 0; i < batch->count; i++) {
        if (!batch->items[i].outcome)
            batch->items[i].outcome = BUSBAR_PASS;
    }
    bb_batch_release(batch);
}

static gboolean any_accepted(const bb_batch *batch)
{
    for (guint i = 0; i < batch->count; i++) {
        if (!batch->items[i].outcome)
            return TRUE;
    }
    return FALSE;
}

static void end_current(bb_lane *lane, gint64 now_ms)
{
    bb_batch *batch = g_steal_pointer(&lane->current);
    lane->forward.active = FALSE;
    if (!lane->flushes || !any_accepted(batch)) {
        finish_batch(batch);
        reset_when_empty(lane);
        return;
    }
    if (!lane->unflushed.first)
        lane->flush_at_ms = now_ms + lane->type->settings->flush_interval_ms;
    bb_batch_queue_push(&lane->unflushed, batch);
    lane->unflushed_bytes += batch->size_bytes;
    lane->unflushed_records += batch->count;
}

/* Items of `batch` that are still open and that `accepted` sinks have taken. */
static void collect(GPtrArray *items, bb_batch *batch, guint accepted, gboolean or_more)
{
    for (guint i = 0; i < batch->count; i++) {
        bb_item *item = &batch->items[i];
        if (!item->outcome &&
            (item->accepted == accepted || (or_more && item->accepted > accepted)))
            g_ptr_array_add(items, item);
    }
}

static void begin_current(bb_lane *lane)
{
    BB_FAULT("lane.begin");
    lane->current = bb_batch_queue_pop(&lane->incoming);
    lane->processed = FALSE;
    task_begin(&lane->forward, 0);
    for (guint i = 0; i < lane->current->count; i++)
        g_ptr_array_add(lane->forward.items, &lane->current->items[i]);
}

/* One call for the current batch, or the step to its next stage. */
static void go_forward(bb_lane *lane, gint64 now_ms)
{
    work *task = &lane->forward;
    const bb_suspect *suspect = lane->current->suspect;
    if (!lane->processed && suspect && suspect->condemned)
        condemn(lane, lane->current);
    else if (!lane->processed)
        process(lane, now_ms);
    else
        hand(lane, task, now_ms);
    BB_FAULT("lane.stage");
    if (lane->stopped || !task_done(task))
        return;
    guint next = lane->processed ? task->sink + 1 : 0;
    lane->processed = TRUE;
    task_begin(task, next);
    if (next < lane->sinks->len)
        collect(task->items, lane->current, next, FALSE);
    if (next >= lane->sinks->len || !task->items->len)
        end_current(lane, now_ms);
}

static void begin_replay(bb_lane *lane)
{
    work *task = &lane->flush;
    guint attempts = task->attempts;
    task_begin(task, task->sink);
    task->attempts = attempts;
    for (bb_batch *at = lane->unflushed.first; at; at = at->next)
        collect(task->items, at, task->sink + 1, TRUE);
    if (lane->current)
        collect(task->items, lane->current, task->sink + 1, TRUE);
    lane->replaying = FALSE;
}

static void end_flush(bb_lane *lane)
{
    bb_batch *batch;
    BB_FAULT("lane.finish");
    lane->flush.active = FALSE;
    lane->unflushed_bytes = 0;
    lane->unflushed_records = 0;
    while ((batch = bb_batch_queue_pop(&lane->unflushed)))
        finish_batch(batch);
    reset_when_empty(lane);
}

/* What follows from the answer to a flush or an open; TRUE for PASS. */
static gboolean take_single(bb_lane *lane, work *task, const bb_answer *answer, guint *faults,
                            gint64 now_ms)
{
    task->attempts++;
    if (answer->verdict == BUSBAR_PASS)
        return TRUE;
    *faults += bb_policy_is_fault(answer->fault.stage, answer->verdict, answer->scope) ? 1 : 0;
    const bb_judged judged = {answer->fault.stage, answer->verdict, answer->scope, task->attempts,
                              *faults};
    bb_decision decision = bb_policy_decide(&lane->policy, &judged, g_random_int());
    bb_fault fault = answer->fault;
    fault.attempts = task->attempts;
    if (decision.action == BB_ACTION_STOP) {
        stop(lane, &fault);
        return FALSE;
    }
    task->due_ms = now_ms + decision.delay_ms;
    lane->ops->retried(lane->user, 0, &fault, decision.delay_ms);
    return FALSE;
}

/* One call of a flush that goes on: the replay after a failure, or the flush of the next sink. */
static void go_flush(bb_lane *lane, gint64 now_ms)
{
    work *task = &lane->flush;
    bb_sink *sink = g_ptr_array_index(lane->sinks, task->sink);
    if (lane->replaying)
        begin_replay(lane);
    if (!task_done(task)) {
        hand(lane, task, now_ms);
        return;
    }
    bb_answer answer;
    BB_FAULT("lane.flush");
    bb_sink_flush(sink, &answer);
    BB_FAULT("lane.flushed");
    gboolean passed = take_single(lane, task, &answer, bb_sink_faults(sink), now_ms);
    bb_sink_forget(sink);
    if (lane->stopped)
        return;
    if (!passed) {
        lane->replaying = TRUE;
        return;
    }
    *bb_sink_faults(sink) = 0;
    task_begin(task, task->sink + 1);
    if (task->sink >= lane->sinks->len)
        end_flush(lane);
}

/* Opens the next handler that is not open. */
static void go_open(bb_lane *lane, gint64 now_ms)
{
    work *task = &lane->open;
    bb_sink *sink = g_ptr_array_index(lane->sinks, task->sink);
    bb_answer answer;
    bb_sink_open(sink, &answer);
    gboolean passed = take_single(lane, task, &answer, bb_sink_faults(sink), now_ms);
    bb_sink_forget(sink);
    if (!passed || lane->stopped)
        return;
    *bb_sink_faults(sink) = 0;
    task_begin(task, task->sink + 1);
    task->active = task->sink < lane->sinks->len;
}

/* A suspect is flushed alone: what is before it first, then it. */
static gboolean separates(const bb_lane *lane)
{
    const bb_batch *next = lane->current ? NULL : lane->incoming.first;
    return lane->unflushed.last->suspect || (next && next->suspect);
}

static gboolean flush_is_due(const bb_lane *lane, gint64 now_ms)
{
    if (!lane->unflushed.first)
        return FALSE;
    return separates(lane) || now_ms >= lane->flush_at_ms ||
           lane->unflushed_bytes >= lane->bound_bytes ||
           lane->unflushed_records >= lane->bound_records ||
           bb_arena_used(bb_processor_arena(lane->processor)) >= lane->bound_bytes ||
           (lane->draining && !lane->incoming.first &&
            (!lane->current || lane->forward.due_ms > now_ms));
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
    if (flush_is_due(lane, now_ms))
        return now_ms;
    gint64 due = lane->current ? lane->forward.due_ms : lane->incoming.first ? now_ms : -1;
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
        go_open(lane, now_ms);
    } else if (lane->flush.active || flush_is_due(lane, now_ms)) {
        if (!lane->flush.active)
            task_begin(&lane->flush, 0);
        go_flush(lane, now_ms);
    } else {
        if (!lane->current)
            begin_current(lane);
        go_forward(lane, now_ms);
    }
    return next_due(lane, now_ms);
}
