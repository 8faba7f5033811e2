/* The way of records through the stages of a lane, and what follows from each answer. */
#include "pipeline/lane_private.h"

#include <string.h>

#include "base/fault.h"
#include "pipeline/suspects.h"

/* Where an answer came from, as bb_retry counts it. */
enum { BEFORE_SINKS = 0 };

/* With keep_order: when a record that waits for others of its key looks again. */
#define LOOK_AGAIN_MS 100

static guint stage_of(guint sink)
{
    return sink + 1;
}

static uint32_t bit(guint sink)
{
    return 1u << sink;
}

/* One call: where it was, and what of it must be tried again. */
typedef struct inquiry {
    guint stage;
    gint64 now_ms;
    guint again;     /* records to be tried again */
    guint moved;     /* records that went to a retry topic, if later ones are to follow */
    guint down;      /* of those, because something is down */
    guint good;      /* records that passed, or got another verdict */
    gint64 delay_ms; /* the longest */
    bb_fault fault;  /* of the last */
    guint32 random;  /* one for all, so that those of one call stay together */
} inquiry;

/* The record alone in a batch of its own, as it was before `stage`. */
static bb_batch *set_aside(bb_item *item, guint stage)
{
    bb_batch *own = item->batch->retry.taken ? item->batch : bb_batch_split(item);
    own->items[0].event = NULL; /* made again when its turn comes */
    if (stage)
        own->items[0].accepted &= ~bit(stage - 1);
    return own;
}

static void begin_count(bb_retry *retry)
{
    retry->attempts = 0;
    memset(retry->faults, 0, sizeof retry->faults);
    retry->paused = FALSE;
}

/* Counts one more call at `stage`. */
static void count_try(bb_batch *own, guint stage)
{
    bb_retry *retry = &own->retry;
    if (retry->stage != stage || !retry->attempts)
        begin_count(retry);
    retry->stage = stage;
    retry->attempts++;
    own->items[0].origin.attempt = own->items[0].tried + retry->attempts + 1;
}

/* An earlier record of its key waits. What was answered about this one does not count: it is
 * handed again behind the other, so that the last word about a key is that of its last record. */
static void wait_behind(bb_lane *lane, bb_item *item, guint stage, gboolean answered)
{
    bb_batch *own = set_aside(item, stage);
    if (answered)
        count_try(own, stage);
    bb_parked_put(lane->parked, own, 0);
}

/* Something all records need is down: the lane waits. */
static void note_trouble(bb_lane *lane, gint64 until_ms)
{
    lane->trouble = lane->more_trouble = TRUE;
    lane->pause_until_ms = MAX(lane->pause_until_ms, until_ms);
}

static void try_again(bb_lane *lane, bb_item *item, const bb_answer *answer,
                      const bb_decision *decision, inquiry *call)
{
    gint64 due_ms = call->now_ms + decision->delay_ms;
    bb_batch *own = set_aside(item, call->stage);
    count_try(own, call->stage);
    bb_counts counts = bb_policy_counts(answer->fault.stage, answer->verdict, answer->scope);
    own->retry.faults[counts]++;
    own->retry.paused = decision->action == BB_ACTION_PAUSE;
    if (!counts || own->retry.paused)
        note_trouble(lane, due_ms);
    call->down += counts ? 0 : 1;
    bb_parked_put(lane->parked, own, MAX(due_ms, 1));
    call->again++;
    call->delay_ms = MAX(call->delay_ms, decision->delay_ms);
    call->fault = answer->fault;
    call->fault.attempts = own->items[0].tried + own->retry.attempts;
}

/* A record that came to the last retry topic behind another has had fewer tries than there are
 * topics: it gets the rest of them in its lane. */
static bb_decision decide(const bb_lane *lane, const bb_item *item, const bb_judged *judged,
                          guint32 random)
{
    bb_policy policy = lane->policy;
    if (lane->type->settings->retry_keep_order && policy.tiers && policy.tier >= policy.tiers &&
        item->tried < policy.tiers) {
        policy.retry_attempts = policy.tiers + 1 - item->tried;
        policy.retry_initial_ms = MIN(lane->type->tier_delay_ms, policy.retry_max_ms);
        policy.tiers = 0;
    }
    return bb_policy_decide(&policy, judged, random);
}

/* Applies the policy to one answer about `item`. */
static void judge(bb_lane *lane, bb_item *item, const bb_answer *answer, inquiry *call)
{
    const bb_retry *retry = &item->batch->retry;
    gboolean before = retry->taken && retry->stage == call->stage;
    bb_counts counts = bb_policy_counts(answer->fault.stage, answer->verdict, answer->scope);
    const bb_judged judged = {answer->fault.stage, answer->verdict, answer->scope,
                              (before ? retry->attempts : 0) + 1,
                              (before ? retry->faults[counts] : 0) + 1};
    if (!call->random)
        call->random = g_random_int();
    bb_decision decision = decide(lane, item, &judged, call->random);
    if (lane->ordered && decision.action == BB_ACTION_DEFER && bb_lane_is_behind_open(lane, item))
        decision = (bb_decision){BB_ACTION_RETRY, LOOK_AGAIN_MS};
    bb_fault fault = answer->fault;
    fault.attempts = item->tried + judged.attempts;
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
    case BB_ACTION_DEFER:
        item->outcome = BUSBAR_RETRY;
        lane->ops->defer(lane->user, item, &fault);
        call->moved += lane->ordered ? 1 : 0;
        break;
    case BB_ACTION_RETRY:
    case BB_ACTION_PAUSE:
        try_again(lane, item, answer, &decision, call);
        break;
    case BB_ACTION_STOP:
        bb_lane_stop(lane, &fault);
        break;
    }
}

/* With keep_order: TRUE when earlier records of its key are in retry topics, so that it does not go
 * on here. While draining nothing waits for them. */
static gboolean keep_back(bb_lane *lane, bb_item *item, guint stage, gint64 now_ms)
{
    bb_turn turn = lane->ops->turn(lane->user, item);
    if (turn == BB_TURN_GO)
        return FALSE;
    if ((turn == BB_TURN_WAIT && !lane->draining) || bb_lane_is_behind_open(lane, item)) {
        bb_parked_put(lane->parked, set_aside(item, stage), now_ms + LOOK_AGAIN_MS);
        return TRUE;
    }
    item->outcome = BUSBAR_RETRY;
    lane->ops->defer(lane->user, item, /* fault= */ NULL);
    return TRUE;
}

/* Takes those out of `task` from `from` on that are final, wait already (they have lost their
 * event), or have to wait behind another of their key. */
static void sift(bb_lane *lane, bb_work *task, guint from, guint stage, gint64 now_ms)
{
    void **items = task->items->pdata;
    guint kept = from;
    for (guint i = from; i < task->items->len; i++) {
        bb_item *item = items[i];
        if (item->outcome || (lane->processed && !item->event))
            continue;
        if (bb_parked_blocks(lane->parked, item))
            wait_behind(lane, item, stage, FALSE);
        else if (!lane->ordered || !keep_back(lane, item, stage, now_ms))
            items[kept++] = item;
    }
    if (kept < task->items->len)
        g_ptr_array_set_size(task->items, (gint)kept);
}

static void tell_again(bb_lane *lane, const inquiry *call)
{
    if (call->again && !lane->stopped)
        lane->ops->retried(lane->user, call->again, &call->fault, call->delay_ms);
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
    GPtrArray *items = lane->forward.items;
    inquiry call = {.stage = BEFORE_SINKS, .now_ms = now_ms};
    for (guint i = 0; i < items->len; i++) {
        bb_item *item = g_ptr_array_index(items, i);
        bb_result result;
        if (i + 1 < items->len)
            prefetch(g_ptr_array_index(items, i + 1));
        item->event = bb_processor_run(lane->processor, item->origin.value.data,
                                       item->origin.value.size, &item->origin, &result);
        if (G_LIKELY(item->event))
            continue;
        const bb_answer answer = {result.verdict,
                                  result.scope,
                                  {result.stage, result.pointer, result.keyword, result.message,
                                   lane->type->plugin, lane->type->plugin_version, 0, NULL, NULL}};
        guint before = call.again + call.moved;
        judge(lane, item, &answer, &call);
        if (lane->stopped)
            return;
        if (call.again + call.moved > before)
            sift(lane, &lane->forward, i + 1, BEFORE_SINKS, now_ms);
    }
    lane->forward.head = items->len;
    tell_again(lane, &call);
}

/* The answers of a call from the first on that is not PASS. */
static void take_answers(bb_lane *lane, bb_work *task, guint first, guint count, inquiry *call)
{
    bb_sink *sink = g_ptr_array_index(lane->sinks, task->sink);
    for (guint i = first; i < count && !lane->stopped; i++) {
        bb_item *item = g_ptr_array_index(task->items, task->head + i);
        gboolean passed = bb_sink_passed(sink, i);
        bb_answer answer;
        if (!passed)
            bb_sink_answer(sink, i, &answer);
        call->good += passed || answer.verdict != BUSBAR_RETRY ? 1 : 0;
        if (call->again && (passed || answer.verdict != BUSBAR_FATAL) &&
            bb_parked_blocks(lane->parked, item))
            wait_behind(lane, item, call->stage, TRUE);
        else if (call->moved && (passed || answer.verdict != BUSBAR_FATAL) &&
                 keep_back(lane, item, call->stage, call->now_ms))
            continue;
        else if (passed)
            item->accepted |= bit(task->sink);
        else
            judge(lane, item, &answer, call);
    }
    tell_again(lane, call);
}

/* A call of which some records got through shows that the handler is there. */
static void tell_breaker(bb_lane *lane, const bb_sink *sink, const inquiry *call)
{
    if (call->good)
        bb_lane_tell_breaker(lane, sink, BB_CALL_HANDLE, NULL, call->now_ms);
    else if (call->down)
        bb_lane_tell_breaker(lane, sink, BB_CALL_HANDLE, &call->fault, call->now_ms);
}

void bb_lane_hand(bb_lane *lane, bb_work *task, gint64 now_ms)
{
    bb_sink *sink = g_ptr_array_index(lane->sinks, task->sink);
    bb_item *const *items = (bb_item *const *)&task->items->pdata[task->head];
    guint count = MIN(task->items->len - task->head, bb_sink_limit(sink));
    inquiry call = {.stage = stage_of(task->sink), .now_ms = now_ms};
    count = MIN(count, bb_lane_admit(lane, task, now_ms));
    if (!count)
        return;
    bb_sink_handle(sink, items, count);
    for (; call.good < count && bb_sink_passed(sink, call.good); call.good++)
        items[call.good]->accepted |= bit(task->sink);
    if (G_UNLIKELY(call.good < count))
        take_answers(lane, task, call.good, count, &call);
    tell_breaker(lane, sink, &call);
    bb_sink_forget(sink); /* the texts of the answers end here */
    if (lane->stopped)
        return;
    task->head += count;
    if (call.again + call.moved)
        sift(lane, task, task->head, stage_of(task->sink), now_ms);
    if (G_UNLIKELY(task != &lane->forward)) /* some of what is in hand may be final or moved */
        sift(lane, &lane->forward, lane->forward.head, BEFORE_SINKS, now_ms);
}

void bb_lane_finish(bb_batch *batch)
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

/* All stages are behind `batch`; it may have to wait for a flush. */
static void put_down(bb_lane *lane, bb_batch *batch, gint64 now_ms)
{
    if (!lane->flushes || !any_accepted(batch)) {
        bb_lane_finish(batch);
        return;
    }
    if (!lane->unflushed.first)
        lane->flush_at_ms = now_ms + lane->type->settings->flush_interval_ms;
    bb_batch_queue_push(&lane->unflushed, batch);
    lane->unflushed_bytes += batch->size_bytes;
    lane->unflushed_records += batch->count;
}

static void note_paused(bb_batch *batch, void *user)
{
    *(gboolean *)user |= batch->retry.paused;
}

static gboolean any_is_paused(const bb_lane *lane)
{
    gboolean found = FALSE;
    bb_parked_each(lane->parked, note_paused, &found);
    return found;
}

static void end_in_hand(bb_lane *lane, gint64 now_ms)
{
    bb_batch *current = g_steal_pointer(&lane->current);
    if (current)
        put_down(lane, current, now_ms);
    for (guint i = 0; i < lane->round->len; i++) {
        bb_batch *batch = g_ptr_array_index(lane->round, i);
        if (!batch->retry.taken)
            continue; /* it waits again */
        bb_parked_done(lane->parked, batch);
        put_down(lane, batch, now_ms);
    }
    g_ptr_array_set_size(lane->round, 0);
    lane->trouble = lane->more_trouble || (lane->trouble && any_is_paused(lane));
    bb_lane_reset_when_empty(lane);
}

void bb_lane_give_up(bb_lane *lane, gint64 epoch)
{
    if (lane->current && lane->current->epoch < epoch)
        bb_batch_release(g_steal_pointer(&lane->current));
    for (guint i = 0; i < lane->round->len; i++) {
        bb_batch *batch = g_ptr_array_index(lane->round, i);
        if (!batch->retry.taken)
            continue;
        batch->items[0].event = NULL;
        if (batch->epoch >= epoch) {
            bb_parked_put(lane->parked, batch, batch->retry.due_ms);
            continue;
        }
        bb_parked_done(lane->parked, batch);
        bb_batch_release(batch);
    }
    g_ptr_array_set_size(lane->round, 0);
    bb_lane_reset_when_empty(lane);
}

gint64 bb_lane_forward_due(const bb_lane *lane, gint64 now_ms)
{
    if (lane->current || lane->round->len)
        return MAX(now_ms, lane->forward.due_ms);
    guint parked = bb_parked_count(lane->parked);
    gint64 due = parked ? MAX(bb_parked_due(lane->parked), lane->pause_until_ms) : -1;
    return !lane->incoming.first || (parked && lane->trouble) ? due : now_ms;
}

/* A suspect is handled alone: what comes before it in the round goes without it, and what comes
 * behind it does not go yet. */
static void isolate_suspect(bb_lane *lane)
{
    guint kept = 0;
    while (kept < lane->round->len && !((bb_batch *)g_ptr_array_index(lane->round, kept))->suspect)
        kept++;
    if (!kept)
        kept = MIN(lane->round->len, 1);
    for (guint i = kept; i < lane->round->len; i++) {
        bb_batch *batch = g_ptr_array_index(lane->round, i);
        bb_parked_put(lane->parked, batch, batch->retry.due_ms);
    }
    g_ptr_array_set_size(lane->round, (gint)kept);
}

/* A round of those that wait and a batch take turns, so that neither starves the other. After an
 * outage one record goes ahead. */
static gboolean begin_round(bb_lane *lane, gint64 now_ms)
{
    if (lane->incoming.first && lane->round_last && !lane->trouble)
        return FALSE;
    guint max = lane->trouble ? 1 : MAX(lane->type->settings->batch_records, 1);
    bb_parked_take(lane->parked, now_ms, max, lane->round);
    isolate_suspect(lane);
    for (guint i = 0; i < lane->round->len; i++) {
        bb_batch *batch = g_ptr_array_index(lane->round, i);
        g_ptr_array_add(lane->forward.items, &batch->items[0]);
    }
    return lane->round->len > 0;
}

void bb_lane_begin(bb_lane *lane, gint64 now_ms)
{
    BB_FAULT("lane.begin");
    bb_work_begin(&lane->forward, 0);
    lane->processed = FALSE;
    lane->more_trouble = FALSE;
    guint parked = bb_parked_count(lane->parked);
    lane->round_last = parked && begin_round(lane, now_ms);
    if (lane->round_last) {
        if (lane->ordered)
            sift(lane, &lane->forward, 0, BEFORE_SINKS, now_ms);
        return;
    }
    if (!lane->incoming.first)
        return;
    lane->current = bb_batch_queue_pop(&lane->incoming);
    for (guint i = 0; i < lane->current->count; i++)
        g_ptr_array_add(lane->forward.items, &lane->current->items[i]);
    if (parked || lane->ordered)
        sift(lane, &lane->forward, 0, BEFORE_SINKS, now_ms);
}

/* Open items of `batch` that `sink` has not accepted. */
static void collect(GPtrArray *items, bb_batch *batch, guint sink)
{
    for (guint i = 0; i < batch->count; i++) {
        bb_item *item = &batch->items[i];
        if (!item->outcome && !(item->accepted & bit(sink)))
            g_ptr_array_add(items, item);
    }
}

/* Records of a round that have passed the stage where they failed begin to count anew. */
static void collect_round(bb_lane *lane, guint passed, guint sink)
{
    for (guint i = 0; i < lane->round->len; i++) {
        bb_batch *batch = g_ptr_array_index(lane->round, i);
        if (!batch->retry.taken)
            continue;
        if (batch->retry.stage == passed) {
            begin_count(&batch->retry);
            batch->items[0].origin.attempt = batch->items[0].tried + 1u;
        }
        if (sink < lane->sinks->len)
            collect(lane->forward.items, batch, sink);
    }
}

/* The next sink that has something to do, or the end. */
static void next_stage(bb_lane *lane, gint64 now_ms)
{
    bb_work *task = &lane->forward;
    guint passed = lane->processed ? stage_of(task->sink) : BEFORE_SINKS;
    guint next = lane->processed ? task->sink + 1 : 0;
    lane->processed = TRUE;
    for (;; passed = stage_of(next), next++) {
        bb_work_begin(task, next);
        gboolean more = next < lane->sinks->len;
        if (lane->current && more)
            collect(task->items, lane->current, next);
        if (lane->round->len)
            collect_round(lane, passed, next);
        /* a failed flush may have held back an earlier one */
        if (bb_parked_count(lane->parked) || lane->ordered)
            sift(lane, task, 0, BEFORE_SINKS, now_ms);
        if (more && task->items->len)
            return;
        if (!more)
            break;
    }
    end_in_hand(lane, now_ms);
}

/* What is in hand when it is a suspect, which is in hand alone. */
static bb_batch *suspect_in_hand(const bb_lane *lane)
{
    bb_batch *batch = lane->current;
    if (!batch && lane->round->len)
        batch = g_ptr_array_index(lane->round, 0);
    return batch && batch->suspect ? batch : NULL;
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
    lane->forward.head = lane->forward.items->len;
    if (item->outcome) /* it waits behind another of its key */
        return;
    item->outcome = BUSBAR_REJECT;
    lane->ops->dead_letter(lane->user, item, &fault);
}

gboolean bb_lane_suspect_is_next(const bb_lane *lane)
{
    const bb_batch *in_hand = lane->processed ? NULL : suspect_in_hand(lane);
    const bb_batch *next = lane->current ? NULL : lane->incoming.first;
    return in_hand || (next && next->suspect);
}

void bb_lane_go_forward(bb_lane *lane, gint64 now_ms)
{
    bb_batch *suspect = lane->processed ? NULL : suspect_in_hand(lane);
    if (suspect && suspect->suspect->condemned)
        condemn(lane, suspect);
    else if (!lane->processed)
        process(lane, now_ms);
    else if (!bb_work_is_done(&lane->forward))
        bb_lane_hand(lane, &lane->forward, now_ms);
    BB_FAULT("lane.stage");
    if (!lane->stopped && bb_work_is_done(&lane->forward))
        next_stage(lane, now_ms);
}
