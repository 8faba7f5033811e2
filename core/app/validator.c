/* Judging single events. */
#include "app/validator.h"

struct bb_validator {
    bb_processor *processor; /* for an event type; NULL with a schema */
    bb_contract *contract;
    bb_evaluator *evaluator;
    bb_parser *parser;
    bb_arena *arena;
    bb_failure single; /* a failure that no list holds */
    char *text;        /* its message */
};

bb_validator *bb_validator_new_schema(const char *path, const bb_contract_options *options,
                                      guint max_failures, GError **error)
{
    bb_contract *contract = bb_contract_compile_file(path, options, error);
    if (!contract)
        return NULL;
    bb_validator *validator = g_new0(bb_validator, 1);
    validator->contract = contract;
    validator->evaluator = bb_evaluator_new();
    bb_evaluator_set_max_failures(validator->evaluator, max_failures);
    validator->parser = bb_parser_new(/* limits= */ NULL);
    bb_parser_allow_nul(validator->parser, true); /* JSON Schema speaks of JSON, which has it */
    validator->arena = bb_arena_new(0);
    return validator;
}

bb_validator *bb_validator_new_event(const bb_event_type *type, guint max_failures,
                                     bb_metrics *metrics, GError **error)
{
    bb_processor *processor =
        bb_processor_new(type, BB_PROCESS_VALIDATE, max_failures, metrics, error);
    if (!processor)
        return NULL;
    bb_validator *validator = g_new0(bb_validator, 1);
    validator->processor = processor;
    return validator;
}

void bb_validator_free(bb_validator *validator)
{
    if (!validator)
        return;
    bb_processor_free(validator->processor);
    bb_contract_unref(validator->contract);
    bb_evaluator_free(validator->evaluator);
    bb_parser_free(validator->parser);
    bb_arena_free(validator->arena);
    g_free(validator->text);
    g_free(validator);
}

static const bb_failure *give_single(bb_validator *validator, const char *pointer,
                                     const char *keyword, const char *message, guint *ret_count)
{
    validator->single = (bb_failure){pointer, keyword, message};
    *ret_count = 1;
    return &validator->single;
}

static const bb_failure *run_schema(bb_validator *validator, const char *text, gsize size,
                                    guint *ret_count)
{
    bb_tape tape;
    bb_parse_error error;
    busbar_event event;
    uint32_t slot_count = 0;
    const bb_slot_name *slots = bb_contract_slots(validator->contract, &slot_count);
    if (!bb_parse(validator->parser, text, size, &tape, &error)) {
        g_free(validator->text);
        validator->text = g_strdup_printf("%s at column %u", error.reason, error.column);
        return give_single(validator, "", "malformed", validator->text, ret_count);
    }
    bb_arena_reset(validator->arena);
    bb_event_init(&event, validator->arena, text, size, &tape, slots, slot_count);
    bool valid = bb_contract_evaluate(validator->contract, validator->evaluator, &event);
    bb_event_release(&event);
    const bb_failure *failures = bb_evaluator_failures(validator->evaluator, ret_count);
    if (valid)
        *ret_count = 0;
    else if (*ret_count == 0)
        return give_single(validator, "", "schema", "breaks the schema", ret_count);
    return failures;
}

const bb_failure *bb_validator_run(bb_validator *validator, const char *text, gsize size,
                                   guint *ret_count)
{
    bb_result result;
    if (!validator->processor)
        return run_schema(validator, text, size, ret_count);
    (void)bb_processor_run(validator->processor, text, size, /* origin= */ NULL, &result);
    *ret_count = result.failure_count;
    if (result.verdict == BUSBAR_PASS)
        *ret_count = 0;
    else if (result.failure_count == 0)
        return give_single(validator, result.pointer ? result.pointer : "",
                           result.keyword ? result.keyword : "plugin",
                           result.message ? result.message : "refused", ret_count);
    return result.failures;
}
