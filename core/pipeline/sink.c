/* Calls into a domain's `handle` or a handler, and their answers. */
#include "pipeline/sink.h"

#include <string.h>

#include "base/clock.h"
#include "pipeline/call.h"
#include "pipeline/mark.h"

struct bb_sink {
    const bb_handler_binding *binding; /* NULL: the domain */
    const char *name;
    const char *version;
    uint32_t stage;
    int32_t (*handle)(void *self, busbar_call *call, const busbar_batch *batch, int32_t *verdicts);
    void *self;
    gboolean opened;
    guint limit;
    guint faults;
    bb_mark *mark;
    bb_call call;
    bb_arena *scratch;
    bb_metric *flush_seconds;
    int32_t answer; /* what the last `handle` returned */
    busbar_event **events;
    int32_t *verdicts;
};

static bb_sink *make(const bb_event_type *type, guint limit, bb_emitter *emitter,
                     bb_metrics *metrics)
{
    bb_sink *sink = g_new0(bb_sink, 1);
    sink->limit = limit;
    sink->scratch = bb_arena_new(4096);
    sink->events = g_new0(busbar_event *, limit);
    sink->verdicts = g_new0(int32_t, limit);
    sink->call = (bb_call){.base = {.struct_size = sizeof(busbar_call), .host = type->host},
                           .type = type,
                           .scratch = sink->scratch,
                           .statements = g_new0(bb_statement, limit),
                           .emitter = emitter,
                           .metrics = metrics};
    return sink;
}

bb_sink *bb_sink_new_domain(const bb_event_type *type, void *self, guint limit, bb_emitter *emitter,
                            bb_metrics *metrics)
{
    bb_sink *sink = make(type, limit, emitter, metrics);
    sink->name = type->plugin;
    sink->version = type->plugin_version;
    sink->stage = BUSBAR_STAGE_HANDLE;
    sink->handle = type->ops.handle;
    sink->self = self;
    sink->call.who = sink->name;
    sink->mark = bb_mark_new(bb_event_type_mark_name(type), type->topic, sink->name, sink->version);
    return sink;
}

static bb_metric *make_flush_seconds(const bb_event_type *type, const bb_handler_binding *binding,
                                     bb_metrics *metrics)
{
    if (!metrics || !binding->ops.flush)
        return NULL;
    g_autofree char *labels =
        g_strdup_printf("event=\"%s\",handler=\"%s\"", type->full_name, binding->name);
    return bb_metrics_get(metrics, BUSBAR_HISTOGRAM, "busbar_flush_seconds", labels,
                          "Time of each call of a handler's flush");
}

bb_sink *bb_sink_new_handler(const bb_event_type *type, const bb_handler_binding *binding,
                             guint limit, bb_emitter *emitter, bb_metrics *metrics)
{
    bb_sink *sink = make(type, limit, emitter, metrics);
    sink->binding = binding;
    sink->name = binding->name;
    sink->version = binding->plugin_version;
    sink->stage = BUSBAR_STAGE_SINK;
    sink->handle = binding->ops.handle;
    sink->flush_seconds = make_flush_seconds(type, binding, metrics);
    sink->call.who = sink->name;
    sink->mark =
        bb_mark_new(bb_event_type_mark_name(type), type->topic, binding->plugin, sink->version);
    sink->mark->keeps = binding->ops.flush != NULL;
    return sink;
}

void bb_sink_free(bb_sink *sink)
{
    if (!sink)
        return;
    bb_mark_free(sink->mark);
    bb_arena_free(sink->scratch);
    g_free(sink->events);
    g_free(sink->verdicts);
    g_free(sink->call.statements);
    g_free(sink);
}

void bb_sink_set_lost(bb_sink *sink, gint64 epoch)
{
    sink->call.lost_before = epoch;
}

guint bb_sink_limit(const bb_sink *sink)
{
    return sink->limit;
}

bb_breaker *bb_sink_breaker(const bb_sink *sink)
{
    return sink->binding ? sink->binding->breaker : NULL;
}

gboolean bb_sink_flushes(const bb_sink *sink)
{
    return sink->binding && sink->binding->ops.flush;
}

const char *bb_sink_name(const bb_sink *sink)
{
    return sink->name;
}

guint *bb_sink_faults(bb_sink *sink)
{
    return &sink->faults;
}

static void begin(bb_sink *sink, uint32_t stage, guint count)
{
    guint statements = MAX(count, 1);
    sink->call.base.stage = stage;
    sink->call.events = count ? sink->events : NULL;
    sink->call.statement_count = statements;
    memset(sink->call.statements, 0, statements * sizeof(*sink->call.statements));
}

/* The reason the plugin stated, or one that says it stated none. */
static const char *reason(const bb_statement *stated, int32_t verdict)
{
    if (stated->verdict && stated->text && *stated->text)
        return stated->text;
    if (verdict >= BUSBAR_PASS && verdict <= BUSBAR_FATAL)
        return "no reason given";
    return verdict ? "the answer is no verdict" : "no verdict was given";
}

static void fill(const bb_sink *sink, const bb_statement *stated, int32_t verdict,
                 bb_answer *answer)
{
    answer->verdict = verdict;
    answer->scope = stated->scope ? stated->scope : BUSBAR_SCOPE_RECORD;
    answer->fault = (bb_fault){sink->call.base.stage,
                               stated->pointer ? stated->pointer : "",
                               "plugin",
                               reason(stated, verdict),
                               sink->name ? sink->name : "",
                               sink->version ? sink->version : "",
                               0,
                               NULL,
                               NULL};
}

void bb_sink_open(bb_sink *sink, bb_answer *ret_answer)
{
    int32_t verdict = BUSBAR_PASS;
    begin(sink, BUSBAR_STAGE_SETUP, 0);
    if (sink->binding && !sink->opened) {
        const char *config = sink->binding->config;
        bb_mark_begin(sink->mark, BUSBAR_STAGE_SETUP);
        verdict = sink->binding->ops.open(&sink->call.base, busbar_text(config), &sink->self);
        bb_mark_end(sink->mark);
        sink->opened = verdict == BUSBAR_PASS;
    }
    fill(sink, &sink->call.statements[0], verdict, ret_answer);
}

void bb_sink_flush(bb_sink *sink, bb_answer *ret_answer)
{
    int32_t verdict = BUSBAR_PASS;
    begin(sink, BUSBAR_STAGE_FLUSH, 0);
    if (sink->binding && sink->binding->ops.flush) {
        gint64 begun_us = bb_clock_monotonic_us();
        bb_mark_begin(sink->mark, BUSBAR_STAGE_FLUSH);
        verdict = sink->binding->ops.flush(sink->self, &sink->call.base);
        bb_mark_end(sink->mark);
        bb_metric_record(sink->flush_seconds, (double)(bb_clock_monotonic_us() - begun_us) / 1e6);
    }
    if (verdict == BUSBAR_PASS)
        sink->mark->kept.count = 0;
    fill(sink, &sink->call.statements[0], verdict, ret_answer);
}

void bb_sink_close(bb_sink *sink)
{
    if (sink->opened && sink->binding->ops.close) {
        bb_mark_begin(sink->mark, BUSBAR_STAGE_SETUP);
        sink->binding->ops.close(sink->self);
        bb_mark_end(sink->mark);
    }
    sink->opened = FALSE;
}

void bb_sink_handle(bb_sink *sink, bb_item *const *items, guint count)
{
    bb_mark *mark = sink->mark;
    mark->call.count = 0;
    for (guint i = 0; i < count; i++) {
        sink->events[i] = items[i]->event;
        bb_mark_add(&mark->call, items[i]->origin.partition, items[i]->origin.offset);
    }
    sink->call.items = items;
    memset(sink->verdicts, 0, count * sizeof(*sink->verdicts));
    begin(sink, sink->stage, count);
    const busbar_batch batch = {sizeof(batch), count, sink->events};
    bb_mark_begin(mark, sink->stage);
    sink->answer = sink->handle(sink->self, &sink->call.base, &batch, sink->verdicts);
    bb_mark_end(mark);
    for (guint i = 0; mark->keeps && i < mark->call.count; i++)
        bb_mark_add_slowly(&mark->kept, &mark->call.at[i]);
    sink->call.items = NULL;
}

/* PASS for the whole call says that the verdicts are complete: one that is missing is a fault. */
static int32_t verdict_of(const bb_sink *sink, guint index)
{
    int32_t own = sink->verdicts[index];
    if (own)
        return own;
    return sink->answer == BUSBAR_PASS ? 0 : sink->answer;
}

gboolean bb_sink_passed(const bb_sink *sink, guint index)
{
    return sink->verdicts[index] == BUSBAR_PASS;
}

/* A verdict for all is explained by what was stated about the first. */
void bb_sink_answer(const bb_sink *sink, guint index, bb_answer *ret_answer)
{
    const bb_statement *stated = &sink->call.statements[index];
    if (!stated->verdict && !sink->verdicts[index])
        stated = &sink->call.statements[0];
    fill(sink, stated, verdict_of(sink, index), ret_answer);
}

void bb_sink_forget(bb_sink *sink)
{
    bb_arena_reset(sink->scratch);
}
