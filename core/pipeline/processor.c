/* The stages before `handle`, run on one thread for one event type. */
#include "pipeline/processor.h"

#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "pipeline/dedup.h"
#include "pipeline/key.h"
#include "pipeline/mark.h"
#include "pipeline/metadata.h"
#include "pipeline/plugin_call.h"

/* An event of the batch; the list exists so that views can be freed. */
typedef struct held {
    busbar_event event;
    struct held *next;
} held;

struct bb_processor {
    const bb_event_type *type;
    bb_process_mode mode;
    gboolean enriches;
    void *self;
    gboolean has_self;
    bb_parser *parser;
    bb_parser *checker; /* of what the plugin's enrich sets */
    bb_evaluator *evaluator;
    bb_arena *arena;   /* events and results, until reset */
    bb_arena *scratch; /* of one call into the plugin */
    bb_key *key;
    bb_metadata *metadata;
    bb_dedup *dedup; /* NULL: off, or not consuming */
    bb_metric *duplicates;
    bb_mark *mark; /* of what goes on here; NULL unless consuming */
    bb_call call;
    bb_statement statement;
    busbar_event *current[1];
    held *events;
    void (*complete)(busbar_origin *origin);
    gint64 now_us; /* of the event in hand, publishing */
};

static void mark_begin(bb_processor *processor, uint32_t stage)
{
    if (processor->mark)
        bb_mark_begin(processor->mark, stage);
}

static void mark_end(bb_processor *processor)
{
    if (processor->mark)
        bb_mark_end(processor->mark);
}

/* Within the work on one record. */
static void mark_stage(bb_processor *processor, uint32_t stage)
{
    if (processor->mark)
        processor->mark->stage = stage;
}

static gboolean make_instance(bb_processor *processor, GError **error)
{
    const bb_event_type *type = processor->type;
    bb_statement outcome;
    if (type->create) {
        busbar_bytes config = {type->config, type->config ? strlen(type->config) : 0};
        bb_call_begin(&processor->call, BUSBAR_STAGE_SETUP);
        mark_begin(processor, BUSBAR_STAGE_SETUP);
        int32_t answer = type->create(&processor->call.base, config, &processor->self);
        mark_end(processor);
        int32_t verdict =
            bb_call_judge(&processor->call, "create", answer, processor->arena, &outcome);
        bb_arena_reset(processor->scratch);
        if (verdict != BUSBAR_PASS) {
            g_set_error(error, BB_ERROR, BB_ERROR_PLUGIN, "plugin %s cannot serve %s: %s",
                        processor->call.who, type->full_name, outcome.text);
            return FALSE;
        }
    }
    processor->has_self = TRUE;
    return TRUE;
}

static gboolean make_publishing(bb_processor *processor, GError **error)
{
    const bb_event_type *type = processor->type;
    if (type->key_template) {
        processor->key = bb_key_new(type->key_template, type->contract, error);
        if (!processor->key)
            return FALSE;
    }
    if (type->wire.metadata != BB_WIRE_METADATA_NONE)
        processor->metadata = bb_metadata_new(type->wire.producer, type->wire.version);
    return TRUE;
}

static void make_dedup(bb_processor *processor, bb_metrics *metrics)
{
    g_autofree char *labels = g_strdup_printf("event=\"%s\"", processor->type->full_name);
    processor->dedup = processor->type->dedup;
    if (metrics)
        processor->duplicates =
            bb_metrics_get(metrics, BUSBAR_COUNTER, "busbar_duplicates_total", labels,
                           "Records that were dropped because their key was seen lately");
}

static gboolean wants_enrich(const bb_event_type *type, bb_process_mode mode)
{
    if (mode == BB_PROCESS_CONSUME)
        return !type->settings || type->settings->enrich;
    return mode == BB_PROCESS_PUBLISH;
}

bb_processor *bb_processor_new(const bb_event_type *type, bb_process_mode mode, guint max_failures,
                               bb_metrics *metrics, GError **error)
{
    g_autoptr(bb_processor) processor = g_new0(bb_processor, 1);
    processor->type = type;
    processor->mode = mode;
    processor->enriches = wants_enrich(type, mode);
    processor->parser = bb_parser_new(NULL);
    if (processor->enriches && type->ops.enrich)
        processor->checker = bb_parser_new(NULL);
    processor->evaluator = bb_evaluator_new();
    bb_evaluator_set_max_failures(processor->evaluator, max_failures ? max_failures : 1);
    processor->arena = bb_arena_new(0);
    processor->scratch = bb_arena_new(0);
    bb_call_init(&processor->call, type, processor->scratch, &processor->statement, metrics);
    if (mode == BB_PROCESS_CONSUME)
        processor->mark = bb_mark_new(bb_event_type_mark_name(type), type->topic, type->plugin,
                                      type->plugin_version);
    if (mode == BB_PROCESS_CONSUME && type->dedup)
        make_dedup(processor, metrics);
    if (mode == BB_PROCESS_PUBLISH && !make_publishing(processor, error))
        return NULL;
    if (!make_instance(processor, error))
        return NULL;
    return g_steal_pointer(&processor);
}

void bb_processor_free(bb_processor *processor)
{
    if (!processor)
        return;
    bb_processor_reset(processor);
    if (processor->has_self && processor->type->destroy) {
        mark_begin(processor, BUSBAR_STAGE_SETUP);
        processor->type->destroy(processor->self);
        mark_end(processor);
    }
    bb_mark_free(processor->mark);
    bb_key_free(processor->key);
    bb_metadata_free(processor->metadata);
    bb_evaluator_free(processor->evaluator);
    bb_parser_free(processor->checker);
    bb_parser_free(processor->parser);
    bb_arena_free(processor->scratch);
    bb_arena_free(processor->arena);
    g_free(processor);
}

void bb_processor_reset(bb_processor *processor)
{
    for (held *at = processor->events; at; at = at->next)
        bb_event_release(&at->event);
    processor->events = NULL;
    bb_arena_reset(processor->arena);
}

void *bb_processor_self(bb_processor *processor)
{
    return processor->self;
}

bb_arena *bb_processor_arena(bb_processor *processor)
{
    return processor->arena;
}

/* One failure that no contract found: malformed, empty, or stated by the plugin. Its texts live in
 * the arena or are static. */
static void set_failure(bb_processor *processor, bb_result *result, uint32_t stage,
                        const char *pointer, const char *keyword, const char *message)
{
    bb_failure *failure = bb_arena_alloc(processor->arena, sizeof(*failure));
    *failure = (bb_failure){pointer, keyword, message};
    *result = (bb_result){BUSBAR_REJECT, stage, BUSBAR_SCOPE_RECORD, pointer, keyword, message,
                          failure,       1};
}

static char *copy_text(bb_arena *arena, const char *text)
{
    return bb_arena_copy(arena, text, strlen(text));
}

static void set_malformed(bb_processor *processor, const bb_parse_error *trouble, bb_result *result)
{
    char text[256];
    g_snprintf(text, sizeof(text), "malformed JSON at line %u, column %u (byte %u): %s",
               trouble->line, trouble->column, trouble->offset, trouble->reason);
    set_failure(processor, result, BUSBAR_STAGE_PARSE, "", "malformed",
                copy_text(processor->arena, text));
}

/* The failures of the contract; copied while consuming, where the evaluator moves on before they
 * are read. */
static void set_contract_failures(bb_processor *processor, bb_result *result)
{
    guint count = 0;
    const bb_failure *found = bb_evaluator_failures(processor->evaluator, &count);
    if (!count) {
        set_failure(processor, result, BUSBAR_STAGE_VALIDATE, "", "contract",
                    "the event breaks its contract");
        return;
    }
    if (processor->mode == BB_PROCESS_CONSUME) {
        bb_failure *copies = bb_arena_alloc(processor->arena, sizeof(*copies) * count);
        for (guint i = 0; i < count; i++)
            copies[i] = (bb_failure){copy_text(processor->arena, found[i].pointer),
                                     copy_text(processor->arena, found[i].keyword),
                                     copy_text(processor->arena, found[i].message)};
        found = copies;
    }
    *result = (bb_result){BUSBAR_REJECT,
                          BUSBAR_STAGE_VALIDATE,
                          BUSBAR_SCOPE_RECORD,
                          found[0].pointer,
                          found[0].keyword,
                          found[0].message,
                          found,
                          count};
}

/* Takes up the plugin's answer; true for PASS. */
static gboolean take_answer(bb_processor *processor, const char *operation, int32_t answer,
                            bb_result *result)
{
    uint32_t stage = processor->call.base.stage;
    if (G_LIKELY(answer == BUSBAR_PASS)) {
        bb_arena_reset(processor->scratch);
        return TRUE;
    }
    bb_statement outcome;
    int32_t verdict =
        bb_call_judge(&processor->call, operation, answer, processor->arena, &outcome);
    bb_arena_reset(processor->scratch);
    set_failure(processor, result, stage, outcome.pointer, "plugin", outcome.text);
    /* while consuming, the policy is told that there was none */
    result->verdict = processor->mode == BB_PROCESS_CONSUME ? answer : verdict;
    result->scope = outcome.scope;
    return FALSE;
}

static gboolean run_validate(bb_processor *processor, busbar_event *event, bb_result *result)
{
    if (!processor->type->ops.validate)
        return TRUE;
    bb_call_begin(&processor->call, BUSBAR_STAGE_VALIDATE);
    mark_stage(processor, BUSBAR_STAGE_VALIDATE);
    int32_t answer = processor->type->ops.validate(processor->self, &processor->call.base, event);
    mark_stage(processor, BUSBAR_STAGE_PARSE);
    return take_answer(processor, "validate", answer, result);
}

static gboolean run_enrich(bb_processor *processor, busbar_event *event, bb_result *result)
{
    if (!processor->type->ops.enrich)
        return TRUE;
    bb_call_begin(&processor->call, BUSBAR_STAGE_ENRICH);
    mark_stage(processor, BUSBAR_STAGE_ENRICH);
    processor->call.checker = processor->checker;
    int32_t answer = processor->type->ops.enrich(processor->self, &processor->call.base, event);
    processor->call.checker = NULL;
    mark_stage(processor, BUSBAR_STAGE_PARSE);
    return take_answer(processor, "enrich", answer, result);
}

/* Topic of the origin as a C string; a consumer gives that of the event type itself. */
static const char *topic_text(bb_processor *processor, const busbar_origin *origin)
{
    const char *usual = processor->type->topic;
    if (usual && origin->topic.data == usual)
        return usual;
    return bb_arena_copy(processor->arena, origin->topic.data, origin->topic.size);
}

/* The time of the event: of its record while consuming, so that reading it twice gives the same. */
static gint64 time_of(const bb_processor *processor, const busbar_origin *origin)
{
    if (processor->mode == BB_PROCESS_CONSUME && origin && origin->timestamp_ms >= 0)
        return origin->timestamp_ms * 1000;
    return bb_clock_wall_us();
}

static void fill(bb_processor *processor, busbar_event *event)
{
    const busbar_origin *origin = event->origin;
    processor->now_us = time_of(processor, origin);
    bb_fill_context context = {processor->now_us, NULL, -1, -1};
    if (processor->mode == BB_PROCESS_CONSUME && origin) {
        context.topic = topic_text(processor, origin);
        context.partition = origin->partition;
        context.offset = origin->offset;
    }
    bb_contract_fill(processor->type->contract, processor->evaluator, event, &context);
}

static void prepare(bb_processor *processor, busbar_event *event, const char *text, size_t size,
                    const bb_tape *tape)
{
    uint32_t slot_count = 0;
    const bb_slot_name *slots = bb_contract_slots(processor->type->contract, &slot_count);
    bb_event_init(event, processor->arena, text, size, tape, slots, slot_count);
    event->type = processor->type;
}

static busbar_event *hold(bb_processor *processor, const char *text, size_t size, bb_tape tape,
                          const busbar_origin *origin)
{
    held *entry = bb_arena_alloc(processor->arena, sizeof(*entry));
    if (processor->mode == BB_PROCESS_CONSUME)
        tape = bb_tape_copy(&tape, processor->arena);
    prepare(processor, &entry->event, text, size, &tape);
    entry->event.origin = origin;
    entry->event.complete_origin = processor->complete;
    entry->next = processor->events;
    processor->events = entry;
    processor->current[0] = &entry->event;
    processor->call.events = processor->current;
    return &entry->event;
}

/* Enrichment, or, where the settings do without it, the event as it was received: the canonical
 * forms that validation noted are dropped again. */
static gboolean enrich(bb_processor *processor, busbar_event *event, bb_result *result)
{
    if (processor->enriches) {
        fill(processor, event);
        if (!run_enrich(processor, event, result))
            return FALSE;
    } else if (processor->mode == BB_PROCESS_CONSUME && event->edit_count) {
        bb_tape tape = {event->tokens, event->token_count};
        const busbar_origin *origin = event->origin;
        void (*complete)(busbar_origin *) = event->complete_origin;
        bb_event_release(event);
        prepare(processor, event, event->text, event->size, &tape);
        event->origin = origin;
        event->complete_origin = complete;
    }
    if (processor->metadata && processor->type->wire.metadata == BB_WIRE_METADATA_BODY)
        bb_metadata_put_body(processor->metadata, event, processor->now_us);
    return TRUE;
}

static gboolean parse(bb_processor *processor, const char *text, size_t size, bb_tape *ret_tape,
                      bb_result *result)
{
    bb_parse_error trouble;
    if (!size && processor->mode == BB_PROCESS_CONSUME) {
        set_failure(processor, result, BUSBAR_STAGE_PARSE, "", "empty",
                    text ? "the record's value is empty (0 bytes); expected a JSON object"
                         : "the record has no value (null); expected a JSON object");
        return FALSE;
    }
    if (bb_parse(processor->parser, text ? text : "", size, ret_tape, &trouble))
        return TRUE;
    set_malformed(processor, &trouble, result);
    return FALSE;
}

void bb_processor_set_complete(bb_processor *processor, void (*complete)(busbar_origin *origin))
{
    processor->complete = complete;
}

/* TRUE for one to be dropped. */
static gboolean is_duplicate(bb_processor *processor, busbar_event *event, bb_result *result)
{
    if (!bb_dedup_check_event(processor->dedup, event, event->origin))
        return FALSE;
    bb_metric_record(processor->duplicates, 1);
    set_failure(processor, result, BUSBAR_STAGE_VALIDATE, "", "duplicate",
                "an event with this key was read lately");
    result->verdict = BUSBAR_DROP;
    return TRUE;
}

static busbar_event *run_stages(bb_processor *processor, const char *text, size_t size,
                                const busbar_origin *origin, bb_result *ret_result)
{
    bb_tape tape;
    if (processor->mode != BB_PROCESS_CONSUME)
        bb_processor_reset(processor);
    if (!parse(processor, text, size, &tape, ret_result))
        return NULL;
    busbar_event *event = hold(processor, text, size, tape, origin);
    if (!bb_contract_evaluate(processor->type->contract, processor->evaluator, event)) {
        set_contract_failures(processor, ret_result);
        return NULL;
    }
    if (!run_validate(processor, event, ret_result))
        return NULL;
    if (G_UNLIKELY(processor->dedup) && origin && is_duplicate(processor, event, ret_result))
        return NULL;
    if (!enrich(processor, event, ret_result))
        return NULL;
    *ret_result = (bb_result){BUSBAR_PASS,
                              processor->enriches ? BUSBAR_STAGE_ENRICH : BUSBAR_STAGE_VALIDATE,
                              BUSBAR_SCOPE_RECORD,
                              "",
                              "",
                              "",
                              NULL,
                              0};
    return event;
}

busbar_event *bb_processor_run(bb_processor *processor, const char *text, size_t size,
                               const busbar_origin *origin, bb_result *ret_result)
{
    if (!processor->mark || !origin)
        return run_stages(processor, text, size, origin, ret_result);
    bb_mark_begin_record(processor->mark, origin->partition, origin->offset);
    busbar_event *event = run_stages(processor, text, size, origin, ret_result);
    bb_mark_end(processor->mark);
    return event;
}

busbar_bytes bb_processor_key(bb_processor *processor, busbar_event *event)
{
    busbar_bytes key = {NULL, 0};
    if (processor->key)
        key = bb_key_text(processor->key, event, processor->arena);
    if (key.data && processor->type->wire.key == BB_WIRE_KEY_JSON)
        return bb_key_json(key, processor->arena);
    return key;
}

uint32_t bb_processor_headers(bb_processor *processor, const busbar_header **ret_headers)
{
    *ret_headers = NULL;
    if (!processor->metadata || processor->type->wire.metadata != BB_WIRE_METADATA_HEADERS)
        return 0;
    return bb_metadata_headers(processor->metadata, processor->now_us, ret_headers);
}
