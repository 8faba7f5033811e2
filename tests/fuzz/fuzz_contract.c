/* Compiles the first line of the input as a schema and evaluates the rest as an event: neither may
 * crash or hang, and the verdict must not depend on who asks, or how often.
 *
 * Schemas see to it that a run is short: a step limit, a depth limit and match limits. */
#include <stdint.h>
#include <string.h>

#include "contract/contract.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool condition)
{
    if (!condition)
        __builtin_trap();
}

/* Reads everything that a failure says. */
static size_t measure_failures(const bb_evaluator *evaluator, guint *ret_count)
{
    const bb_failure *failures = bb_evaluator_failures(evaluator, ret_count);
    size_t total = 0;
    for (guint i = 0; i < *ret_count; i++)
        total +=
            strlen(failures[i].pointer) + strlen(failures[i].keyword) + strlen(failures[i].message);
    return total;
}

static bool evaluate(const bb_contract *contract, busbar_event *event, guint max_failures)
{
    g_autoptr(bb_evaluator) evaluator = bb_evaluator_new();
    guint count = 0, again = 0;
    bb_evaluator_set_max_failures(evaluator, max_failures);
    bool valid = bb_contract_evaluate(contract, evaluator, event);
    (void)measure_failures(evaluator, &count);
    check(valid == (count == 0));
    check(count <= max_failures);
    check(bb_contract_evaluate(contract, evaluator, event) == valid);
    (void)measure_failures(evaluator, &again);
    check(count == again);
    return valid;
}

/* The same event with and without slots, with few and many failures, and once rewritten. */
static void evaluate_event(const bb_contract *contract, bb_parser *parser, const char *text,
                           size_t size)
{
    g_autoptr(bb_arena) arena = bb_arena_new(0);
    bb_tape tape;
    bb_parse_error wrong;
    busbar_event event, plain;
    uint32_t count = 0;
    const bb_slot_name *slots = bb_contract_slots(contract, &count);
    if (!bb_parse(parser, text, size, &tape, &wrong))
        return;
    tape = bb_tape_copy(&tape, arena);
    bb_event_init(&event, arena, text, size, &tape, slots, count);
    bb_event_init(&plain, arena, text, size, &tape, NULL, 0);
    bool valid = evaluate(contract, &event, 1);
    check(evaluate(contract, &event, 16) == valid);
    check(evaluate(contract, &plain, 1) == valid);
    if (valid) {
        busbar_bytes json = bb_event_json(&event), same = bb_event_json(&plain);
        check(json.size == same.size && memcmp(json.data, same.data, json.size) == 0);
        check(bb_parse(parser, json.data, json.size, &tape, &wrong));
    }
    bb_event_release(&event);
    bb_event_release(&plain);
}

/* A contract of one member `m` with the schema between `before` and `after`; NULL when it is bad.
 */
static bb_contract *compile_member(const char *before, const char *text, size_t size,
                                   const char *after)
{
    g_autoptr(GString) schema = g_string_new("{\"properties\":{\"m\":");
    g_string_append(schema, before);
    g_string_append_len(schema, text, (gssize)size);
    g_string_append(schema, after);
    g_string_append(schema, "}}");
    return bb_contract_compile(schema->str, schema->len, NULL, NULL);
}

static bool evaluate_text(const bb_contract *contract, const GString *text, bool *ret_valid)
{
    g_autoptr(bb_parser) parser = bb_parser_new(/* limits= */ NULL);
    g_autoptr(bb_arena) arena = bb_arena_new(0);
    g_autoptr(bb_evaluator) evaluator = bb_evaluator_new();
    bb_tape tape;
    bb_parse_error wrong;
    busbar_event event;
    uint32_t count = 0;
    const bb_slot_name *slots = bb_contract_slots(contract, &count);
    if (!bb_parse(parser, text->str, text->len, &tape, &wrong))
        return false;
    bb_event_init(&event, arena, text->str, text->len, &tape, slots, count);
    *ret_valid = bb_contract_evaluate(contract, evaluator, &event);
    bb_event_release(&event);
    return true;
}

/* Root members have a short way that those behind allOf lack: same verdict. References are left
 * out, because they would point elsewhere. */
static void compare_ways(const char *schema, size_t schema_size, const char *text, size_t size)
{
    bool quick_valid = false, slow_valid = false;
    if (memchr(schema, '$', schema_size))
        return;
    g_autoptr(bb_contract) quick = compile_member("", schema, schema_size, "");
    g_autoptr(bb_contract) slow = compile_member("{\"allOf\":[", schema, schema_size, "]}");
    g_autoptr(GString) event = g_string_new("{\"m\":");
    g_string_append_len(event, text, (gssize)size);
    g_string_append_c(event, '}');
    if (!quick || !slow || !evaluate_text(quick, event, &quick_valid) ||
        !evaluate_text(slow, event, &slow_valid))
        return;
    check(quick_valid == slow_valid);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    const char *line = memchr(text, '\n', size);
    size_t schema_size = line ? (size_t)(line - text) : size;
    g_autoptr(GError) error = NULL;
    g_autoptr(bb_contract) contract = bb_contract_compile(text, schema_size, NULL, &error);
    check((contract == NULL) == (error != NULL));
    if (!contract || !line)
        return 0;
    g_autoptr(bb_parser) parser = bb_parser_new(/* limits= */ NULL);
    evaluate_event(contract, parser, line + 1, size - schema_size - 1);
    compare_ways(text, schema_size, line + 1, size - schema_size - 1);
    return 0;
}
