/* Rules that apply other schemas to the same value. */
#include "contract/evaluator.h"

#include <string.h>

#include "contract/compiler.h"

/* The target of a `$dynamicRef`: the anchor of the outermost resource that has one. */
static const bb_node *find_dynamic(const bb_evaluator *evaluator, const bb_logic *logic)
{
    const bb_node *found = logic->dynamic_ref;
    if (!logic->dynamic_name)
        return found;
    for (const bb_scope *scope = evaluator->scope; scope; scope = scope->outer) {
        const bb_resource *resource = scope->resource;
        for (uint32_t i = 0; resource && i < resource->dynamic_count; i++) {
            if (strcmp(resource->dynamic[i].name, logic->dynamic_name) == 0)
                found = resource->dynamic[i].node;
        }
    }
    return found;
}

/* A branch that adds to the marks only where it holds. */
static bool try_branch(bb_evaluator *evaluator, const bb_node *node, const bb_view *view,
                       bb_marks *marks)
{
    if (!marks)
        return bb_evaluate_quiet(evaluator, node, view, NULL);
    bb_marks own = bb_marks_new(evaluator, view);
    if (!bb_evaluate_quiet(evaluator, node, view, &own))
        return false;
    bb_marks_merge(marks, &own);
    return true;
}

static bool check_all(bb_evaluator *evaluator, const bb_logic *logic, bb_view *view,
                      bb_marks *marks)
{
    bool valid = true;
    for (uint32_t i = 0; i < logic->all_count; i++) {
        if (bb_evaluate(evaluator, logic->all_of[i], view, marks))
            continue;
        valid = false;
        if (bb_evaluator_enough(evaluator))
            return false;
    }
    return valid;
}

static bool check_any(bb_evaluator *evaluator, const bb_logic *logic, const bb_view *view,
                      bb_marks *marks)
{
    bool valid = false;
    for (uint32_t i = 0; i < logic->any_count; i++) {
        valid = try_branch(evaluator, logic->any_of[i], view, marks) || valid;
        if (valid && !marks)
            return true;
    }
    if (valid)
        return true;
    return bb_evaluator_refuse(evaluator, view, "anyOf",
                               "expected a value that fits one of %u alternatives",
                               logic->any_count);
}

static bool check_one(bb_evaluator *evaluator, const bb_logic *logic, const bb_view *view,
                      bb_marks *marks)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < logic->one_count && count < 2; i++)
        count += try_branch(evaluator, logic->one_of[i], view, marks);
    if (count == 1)
        return true;
    return bb_evaluator_refuse(evaluator, view, "oneOf",
                               count ? "expected a value that fits only one of %u alternatives"
                                     : "expected a value that fits one of %u alternatives",
                               logic->one_count);
}

static bool check_condition(bb_evaluator *evaluator, const bb_logic *logic, bb_view *view,
                            bb_marks *marks)
{
    const bb_node *next =
        try_branch(evaluator, logic->if_node, view, marks) ? logic->then_node : logic->else_node;
    return !next || bb_evaluate(evaluator, next, view, marks);
}

static bool check_not(bb_evaluator *evaluator, const bb_logic *logic, const bb_view *view)
{
    if (!bb_evaluate_quiet(evaluator, logic->not_node, view, NULL))
        return !evaluator->stopped;
    return bb_evaluator_refuse(evaluator, view, "not",
                               "expected a value that does not fit the schema under \"not\"");
}

bool bb_evaluate_logic(bb_evaluator *evaluator, const bb_logic *logic, bb_view *view,
                       bb_marks *marks)
{
    bool valid = true;
    if (logic->dynamic_ref)
        valid = bb_evaluate(evaluator, find_dynamic(evaluator, logic), view, marks);
    if (!valid && bb_evaluator_enough(evaluator))
        return false;
    if (logic->all_count)
        valid = check_all(evaluator, logic, view, marks) && valid;
    if (!valid && bb_evaluator_enough(evaluator))
        return false;
    if (logic->any_count)
        valid = check_any(evaluator, logic, view, marks) && valid;
    if (logic->one_count)
        valid = check_one(evaluator, logic, view, marks) && valid;
    if (logic->not_node)
        valid = check_not(evaluator, logic, view) && valid;
    if (!logic->if_node || (!valid && bb_evaluator_enough(evaluator)))
        return valid;
    return check_condition(evaluator, logic, view, marks) && valid;
}

static bool check_leftover(bb_evaluator *evaluator, const bb_node *node, uint32_t token,
                           const char *keyword)
{
    bb_view child = bb_view_of(evaluator, token);
    if (node->verdict == BB_VERDICT_NEVER)
        return bb_evaluator_refuse(evaluator, &child, keyword,
                                   "no other part of the contract allows this");
    return bb_evaluate(evaluator, node, &child, NULL);
}

bool bb_evaluate_unevaluated(bb_evaluator *evaluator, const bb_logic *logic, const bb_view *view,
                             const bb_marks *marks)
{
    bool object = view->type == BB_OBJECT, valid = true;
    const bb_node *node = object ? logic->unevaluated_properties : logic->unevaluated_items;
    const char *keyword = object ? "unevaluatedProperties" : "unevaluatedItems";
    uint32_t end = evaluator->tokens[view->token].next;
    for (uint32_t i = view->token + 1; i < end;) {
        uint32_t value = object ? i + 1 : i;
        i = evaluator->tokens[value].next;
        if (bb_marks_has(marks, view, value))
            continue;
        if (check_leftover(evaluator, node, value, keyword))
            continue;
        valid = false;
        if (bb_evaluator_enough(evaluator))
            return false;
    }
    return valid;
}
