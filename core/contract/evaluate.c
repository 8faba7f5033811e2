/* The walk of a contract over an event: one node, one value, then the groups of rules. */
#include "contract/evaluator.h"

#include <string.h>

#include "contract/compiler.h"

/* Nodes inside one another; far above what contracts need, far below what the stack holds. */
#define DEPTH_LIMIT 1200u
/* Nodes per evaluation, so that no contract can hang: a base and some for each token. */
#define STEPS_BASE 1000000u
#define STEPS_PER_TOKEN 256u

static const char *const type_names[] = {
    [BB_NULL] = "null",       [BB_FALSE] = "a boolean", [BB_TRUE] = "a boolean",
    [BB_NUMBER] = "a number", [BB_STRING] = "a string", [BB_ARRAY] = "an array",
    [BB_OBJECT] = "an object"};

bb_view bb_view_of(const bb_evaluator *evaluator, uint32_t token)
{
    const bb_token *at = &evaluator->tokens[token];
    bb_view view = {evaluator->json + at->start,
                    at->size,
                    token,
                    BB_NO_SLOT,
                    at->type,
                    at->flags,
                    false,
                    false};
    return view;
}

static bool is_integer(const bb_view *view)
{
    if (!(view->flags & BB_TOKEN_FRACTION))
        return true;
    bb_decimal decimal = bb_decimal_parse(view->text, view->size);
    return bb_decimal_is_integer(&decimal);
}

static bool type_fits(uint8_t types, const bb_view *view)
{
    if (types & BB_TYPE_BIT(view->type))
        return true;
    return (types & BB_TYPE_INTEGER) && view->type == BB_NUMBER && is_integer(view);
}

/* "a string, a number or null" */
static void describe_types(uint8_t types, char *out, size_t size)
{
    const char *names[8];
    guint count = 0;
    for (uint8_t type = BB_FALSE; type <= BB_OBJECT; type++) {
        if (type != BB_TRUE && (types & BB_TYPE_BIT(type)))
            names[count++] = type_names[type];
        else if (type == BB_NUMBER && (types & BB_TYPE_INTEGER))
            names[count++] = "an integer";
    }
    if (types & BB_TYPE_BIT(BB_NULL))
        names[count++] = type_names[BB_NULL];
    *out = '\0';
    for (guint i = 0; i < count; i++) {
        if (i > 0)
            g_strlcat(out, i + 1 == count ? " or " : ", ", size);
        g_strlcat(out, names[i], size);
    }
}

static bool refuse_type(bb_evaluator *evaluator, const bb_node *node, const bb_view *view)
{
    char expected[128];
    if (evaluator->quiet)
        return false;
    describe_types(node->types, expected, sizeof(expected));
    if (view->edited && view->type == BB_NULL)
        return bb_evaluator_refuse_plain(
            evaluator, view, "type",
            "expected %s, found an empty string, which the contract reads as null", expected);
    return bb_evaluator_refuse(evaluator, view, "type", "expected %s", expected);
}

static bool apply_string(bb_evaluator *evaluator, const bb_node *node, bb_view *view)
{
    bool valid = !node->string || bb_evaluate_string(evaluator, node->string, view);
    if (valid && node->trim)
        bb_evaluate_trim(evaluator, view);
    return valid;
}

/* The rules for the value's own type. */
static bool apply_typed(bb_evaluator *evaluator, const bb_node *node, bb_view *view,
                        bb_marks *marks)
{
    switch (view->type) {
    case BB_STRING:
        return apply_string(evaluator, node, view);
    case BB_NUMBER:
        return !node->number || bb_evaluate_number(evaluator, node->number, view);
    case BB_ARRAY:
        return !node->array || bb_evaluate_array(evaluator, node->array, view, marks);
    case BB_OBJECT:
        return !node->object || bb_evaluate_object(evaluator, node->object, view, marks);
    default:
        return true;
    }
}

static bool apply_constants(bb_evaluator *evaluator, const bb_node *node, bb_view *view)
{
    if (node->constants && !bb_evaluate_constants(evaluator, node->constants, view))
        return false;
    return !node->constant || bb_evaluate_constants(evaluator, node->constant, view);
}

/* Everything but the unevaluated rest. */
static bool apply_rules(bb_evaluator *evaluator, const bb_node *node, bb_view *view,
                        bb_marks *marks)
{
    bool valid = true;
    if (node->edits && !bb_evaluate_edits(evaluator, node, view))
        return false;
    if (node->logic && node->logic->ref)
        valid = bb_evaluate(evaluator, node->logic->ref, view, marks);
    if (!valid && bb_evaluator_enough(evaluator))
        return false;
    if (node->types != BB_TYPE_ANY && !type_fits(node->types, view))
        return refuse_type(evaluator, node, view);
    if (view->type == BB_STRING && node->string)
        valid = bb_evaluate_lengths(evaluator, node->string, view) && valid;
    if (node->letters && view->type == BB_STRING && !bb_evaluate_letters(evaluator, node, view))
        return false;
    if ((!valid && bb_evaluator_enough(evaluator)) || !apply_constants(evaluator, node, view))
        return false;
    valid = apply_typed(evaluator, node, view, marks) && valid;
    if ((!valid && bb_evaluator_enough(evaluator)) || !node->logic)
        return valid;
    return bb_evaluate_logic(evaluator, node->logic, view, marks) && valid;
}

/* A node with unevaluated* looks at what its own keywords evaluated, and passes that on. */
static bool apply_unevaluated(bb_evaluator *evaluator, const bb_node *node, bb_view *view,
                              bb_marks *marks)
{
    bb_marks own = bb_marks_new(evaluator, view);
    if (!apply_rules(evaluator, node, view, &own) ||
        !bb_evaluate_unevaluated(evaluator, node->logic, view, &own))
        return false;
    if (marks) {
        marks->all = true;
        bb_marks_merge(marks, &own);
    }
    return true;
}

static bool has_unevaluated(const bb_node *node, const bb_view *view)
{
    return node->logic && ((node->logic->unevaluated_properties && view->type == BB_OBJECT) ||
                           (node->logic->unevaluated_items && view->type == BB_ARRAY));
}

static bool apply(bb_evaluator *evaluator, const bb_node *node, bb_view *view, bb_marks *marks)
{
    if (has_unevaluated(node, view))
        return apply_unevaluated(evaluator, node, view, marks);
    return apply_rules(evaluator, node, view, marks);
}

static bool stop(bb_evaluator *evaluator, const bb_view *view, const char *reason)
{
    evaluator->quiet = 0;
    (void)bb_evaluator_refuse_plain(evaluator, view, "$ref", "%s", reason);
    evaluator->stopped = true;
    return false;
}

bool bb_evaluator_step(bb_evaluator *evaluator, const bb_view *view)
{
    if (evaluator->steps_left-- > 0)
        return true;
    return stop(evaluator, view, "the contract takes too many steps on this event");
}

/* Keeps the dynamic scope while a node of another resource is at work. */
static bool apply_scoped(bb_evaluator *evaluator, const bb_node *node, bb_view *view,
                         bb_marks *marks)
{
    if (evaluator->scope && evaluator->scope->resource == node->resource)
        return apply(evaluator, node, view, marks);
    bb_scope scope = {evaluator->scope, node->resource};
    evaluator->scope = &scope;
    bool valid = apply(evaluator, node, view, marks);
    evaluator->scope = scope.outer;
    return valid;
}

bool bb_evaluate(bb_evaluator *evaluator, const bb_node *node, bb_view *view, bb_marks *marks)
{
    if (node->verdict == BB_VERDICT_ALWAYS)
        return true;
    if (node->verdict == BB_VERDICT_NEVER)
        return bb_evaluator_refuse(evaluator, view, "false", "nothing is allowed here");
    if (evaluator->stopped)
        return false;
    if (!bb_evaluator_step(evaluator, view))
        return false;
    if (++evaluator->depth > DEPTH_LIMIT)
        return stop(evaluator, view, "the contract refers to itself without end");
    bool valid = evaluator->contract->dynamic ? apply_scoped(evaluator, node, view, marks)
                                              : apply(evaluator, node, view, marks);
    evaluator->depth--;
    return valid;
}

bool bb_evaluate_quiet(bb_evaluator *evaluator, const bb_node *node, const bb_view *view,
                       bb_marks *marks)
{
    bb_view copy = *view;
    evaluator->quiet++;
    bool valid = bb_evaluate(evaluator, node, &copy, marks);
    if (evaluator->quiet) /* a limit sets it to 0 */
        evaluator->quiet--;
    return valid;
}

static void prepare(bb_evaluator *evaluator, const bb_contract *contract, busbar_event *event)
{
    if (evaluator->arena_dirty)
        bb_arena_reset(evaluator->arena);
    evaluator->arena_dirty = false;
    evaluator->contract = contract;
    evaluator->event = event;
    evaluator->json = event->text;
    evaluator->tokens = event->tokens;
    evaluator->stopped = false;
    evaluator->slots_fit = contract->slot_rules && event->slot_names == contract->slot_names;
    evaluator->quiet = 0;
    evaluator->depth = 0;
    evaluator->steps_left = STEPS_BASE + (uint64_t)STEPS_PER_TOKEN * event->token_count;
    evaluator->scope = NULL;
    evaluator->failure_count = 0;
}

bool bb_contract_evaluate(const bb_contract *contract, bb_evaluator *evaluator, busbar_event *event)
{
    prepare(evaluator, contract, event);
    bb_view root = bb_view_of(evaluator, 0);
    return bb_evaluate(evaluator, contract->root, &root, NULL) && !evaluator->stopped;
}

bool bb_evaluator_check(const bb_contract *contract, const bb_node *node, busbar_bytes json,
                        char **ret_reason)
{
    g_autoptr(bb_evaluator) evaluator = bb_evaluator_new();
    g_autoptr(bb_parser) parser = bb_parser_new(/* limits= */ NULL);
    g_autoptr(bb_arena) arena = bb_arena_new(0);
    bb_tape tape = {NULL, 0};
    bb_parse_error wrong = {0, 0, 0, NULL};
    busbar_event event;
    memset(&event, 0, sizeof(event));
    bb_parser_allow_nul(parser, true);
    if (!bb_parse(parser, json.data, json.size, &tape, &wrong)) {
        *ret_reason = g_strdup(wrong.reason);
        return false;
    }
    bb_event_init(&event, arena, json.data, json.size, &tape, NULL, 0);
    prepare(evaluator, contract, &event);
    bb_view root = bb_view_of(evaluator, 0);
    bool valid = bb_evaluate(evaluator, node, &root, NULL) && !evaluator->stopped;
    bool canonical = !root.edited && event.edit_count == 0;
    if (!valid)
        *ret_reason = g_strdup(evaluator->failure_count ? evaluator->failures[0].message : "");
    else if (!canonical)
        *ret_reason = g_strdup("it is not in its canonical form");
    bb_event_release(&event);
    return valid && canonical;
}
