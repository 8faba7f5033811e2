/* Judges what holds for each event from its topic to each of its handlers. */
#include "app/promise.h"

#include <jansson.h>

const char *bb_promise_name(bb_promise_level level)
{
    static const char *const names[] = {"not handled", "at most once", "at least once",
                                        "effectively once", "exactly once"};
    return names[level];
}

/* A handler that can do without offsets is told so by its key `exactly_once` (busbar/storage.h). */
static gboolean is_told_to_keep_none(const bb_handler_binding *handler)
{
    json_auto_t *config = json_loads(handler->config ? handler->config : "{}", 0, NULL);
    return json_is_false(json_object_get(config, "exactly_once"));
}

/* Whatever a handler could do. */
static gboolean is_at_most_once(const bb_event_type *type, bb_promise *promise)
{
    if (type->settings->delivery != BB_AT_MOST_ONCE)
        return FALSE;
    promise->level = BB_PROMISE_AT_MOST_ONCE;
    promise->reason = "the offsets are committed before the events are handled: those in hand when "
                      "the process dies are lost, and none is handled again";
    return TRUE;
}

/* One that only emits: Kafka's transactions decide. */
static void judge_emitter(const bb_settings *settings, const bb_event_type *type,
                          bb_promise *promise)
{
    promise->level = BB_PROMISE_AT_LEAST_ONCE;
    if (type->settings->delivery != BB_EXACTLY_ONCE) {
        promise->reason = "what it emits and the offsets are two writes; `delivery: exactly_once` "
                          "makes them one transaction";
    } else if (g_strcmp0(settings->bootstrap, "embedded") == 0) {
        promise->reason = "the embedded broker has no transactions";
    } else {
        promise->level = BB_PROMISE_EXACTLY_ONCE;
        promise->reason = "what it emits and the offsets are one transaction of Kafka";
        promise->condition = "whoever reads what is emitted needs isolation.level read_committed";
    }
}

static void judge_store(uint32_t capabilities, gboolean keeps_offsets, bb_promise *promise)
{
    promise->level = BB_PROMISE_EFFECTIVELY_ONCE;
    if (keeps_offsets && (capabilities & BUSBAR_TRANSACTIONAL)) {
        promise->level = BB_PROMISE_EXACTLY_ONCE;
        promise->reason = "it stores the offsets in the transaction of the events, and knows a "
                          "record that is read again by its offset";
        promise->condition = "the store keeps what it has committed, and the group, the topic and "
                             "the handler keep their names";
    } else if (keeps_offsets) {
        promise->reason = "it knows a record that is read again by the offsets that it stores";
        promise->condition = "within the window that its documentation states";
    } else if (capabilities & BUSBAR_IDEMPOTENT) {
        promise->reason = "it may get an event again, which leaves the same result as once";
        promise->condition = "an event is known by its key";
    } else {
        promise->level = BB_PROMISE_AT_LEAST_ONCE;
        promise->reason = "it keeps no offsets: after a crash, or a flush that failed, it may get "
                          "events again";
    }
}

static bb_promise judge_handler(const bb_settings *settings, const bb_event_type *type,
                                const bb_handler_binding *handler)
{
    bb_promise promise = {.name = handler->name, .plugin = handler->plugin};
    gboolean keeps_offsets =
        (handler->capabilities & BUSBAR_STORES_OFFSETS) && !is_told_to_keep_none(handler);
    if (is_at_most_once(type, &promise))
        return promise;
    if (handler->capabilities & BUSBAR_EMITS_ONLY)
        judge_emitter(settings, type, &promise);
    else
        judge_store(handler->capabilities, keeps_offsets, &promise);
    return promise;
}

/* What a domain's own code does besides emitting is its own affair. */
static bb_promise judge_domain(const bb_settings *settings, const bb_event_type *type)
{
    bb_promise promise = {.name = type->domain};
    if (is_at_most_once(type, &promise))
        return promise;
    judge_emitter(settings, type, &promise);
    if (promise.level == BB_PROMISE_EXACTLY_ONCE)
        promise.condition = "its `handle` does nothing but emit, for what else it does may happen "
                            "again; whoever reads that needs isolation.level read_committed";
    else if (type->settings->delivery != BB_EXACTLY_ONCE)
        promise.reason = "its `handle` may get events again after a crash";
    return promise;
}

GArray *bb_promises_of(const bb_settings *settings, const bb_event_type *type)
{
    GArray *promises = g_array_new(FALSE, FALSE, sizeof(bb_promise));
    if (type->ops.handle) {
        const bb_promise promise = judge_domain(settings, type);
        g_array_append_val(promises, promise);
    }
    for (guint i = 0; type->handlers && i < type->handlers->len; i++) {
        const bb_promise promise =
            judge_handler(settings, type, g_ptr_array_index(type->handlers, i));
        g_array_append_val(promises, promise);
    }
    return promises;
}

const bb_promise *bb_promises_weakest(const GArray *promises)
{
    const bb_promise *weakest = NULL;
    for (guint i = 0; i < promises->len; i++) {
        const bb_promise *promise = &g_array_index(promises, bb_promise, i);
        if (!weakest || promise->level < weakest->level)
            weakest = promise;
    }
    return weakest;
}
