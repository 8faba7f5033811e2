/* Rules about arrays. */
#include "contract/evaluator.h"

#include <string.h>

/* Up to here elements are compared each with each. */
#define SMALL_ARRAY 16u

static bool check_elements(bb_evaluator *evaluator, const bb_array_rules *rules,
                           const bb_view *view, bb_marks *marks)
{
    uint32_t end = evaluator->tokens[view->token].next, index = 0;
    bool valid = true;
    for (uint32_t i = view->token + 1; i < end; i = evaluator->tokens[i].next, index++) {
        const bb_node *node = index < rules->prefix_count ? rules->prefix[index] : rules->items;
        if (!node)
            break;
        if (marks)
            bb_marks_add(marks, view, i);
        if (bb_evaluate_fits(evaluator, node, i, BB_NO_SLOT))
            continue;
        bb_view element = bb_view_of(evaluator, i);
        if (bb_evaluate(evaluator, node, &element, NULL))
            continue;
        valid = false;
        if (bb_evaluator_enough(evaluator))
            return false;
    }
    if (marks && rules->items)
        marks->all = true;
    return valid;
}

static bool check_contains(bb_evaluator *evaluator, const bb_array_rules *rules,
                           const bb_view *view, bb_marks *marks)
{
    uint32_t end = evaluator->tokens[view->token].next, count = 0;
    for (uint32_t i = view->token + 1; i < end; i = evaluator->tokens[i].next) {
        bb_view element = bb_view_of(evaluator, i);
        if (!bb_evaluate_quiet(evaluator, rules->contains, &element, NULL))
            continue;
        count++;
        if (marks)
            bb_marks_add(marks, view, i);
        else if (count >= rules->min_contains && rules->max_contains == UINT32_MAX)
            return true;
    }
    if (count < rules->min_contains)
        return bb_evaluator_refuse(
            evaluator, view, rules->min_contains == 1 ? "contains" : "minContains",
            "expected at least %u fitting elements, there are %u", rules->min_contains, count);
    if (count > rules->max_contains)
        return bb_evaluator_refuse(evaluator, view, "maxContains",
                                   "expected at most %u fitting elements, there are %u",
                                   rules->max_contains, count);
    return true;
}

static bool same(const bb_evaluator *evaluator, uint32_t a, uint32_t b)
{
    return bb_json_equal(evaluator->json, evaluator->tokens, a, evaluator->json, evaluator->tokens,
                         b);
}

/* The first element that repeats an earlier one, or 0. */
static uint32_t find_repeated_small(const bb_evaluator *evaluator, uint32_t array)
{
    const bb_token *tokens = evaluator->tokens;
    for (uint32_t i = array + 1; i < tokens[array].next; i = tokens[i].next) {
        for (uint32_t j = array + 1; j < i; j = tokens[j].next) {
            if (same(evaluator, i, j))
                return i;
        }
    }
    return 0;
}

/* The same by hash for arrays of `count` elements. Every probe is a step, for elements may be
 * chosen so that their hashes collide. */
static uint32_t find_repeated_large(bb_evaluator *evaluator, const bb_view *view, uint32_t count)
{
    uint32_t array = view->token;
    const bb_token *tokens = evaluator->tokens;
    size_t size = 64;
    while (size < (size_t)count * 2)
        size *= 2;
    uint32_t(*table)[2] = bb_evaluator_alloc(evaluator, size * sizeof(*table));
    memset(table, 0, size * sizeof(*table));
    for (uint32_t i = array + 1; i < tokens[array].next; i = tokens[i].next) {
        uint32_t hash = bb_json_hash(evaluator->json, tokens, i);
        size_t at = hash & (size - 1);
        for (; table[at][0]; at = (at + 1) & (size - 1)) {
            if (table[at][1] == hash && same(evaluator, i, table[at][0]))
                return i;
            if (!bb_evaluator_step(evaluator, view))
                return 0;
        }
        table[at][0] = i;
        table[at][1] = hash;
    }
    return 0;
}

static bool check_unique(bb_evaluator *evaluator, const bb_view *view, uint32_t count)
{
    uint32_t repeated = count <= SMALL_ARRAY ? find_repeated_small(evaluator, view->token)
                                             : find_repeated_large(evaluator, view, count);
    if (!repeated)
        return true;
    bb_view element = bb_view_of(evaluator, repeated);
    return bb_evaluator_refuse(evaluator, &element, "uniqueItems", "expected no element twice");
}

static uint32_t count_elements(const bb_evaluator *evaluator, uint32_t array)
{
    uint32_t count = 0;
    for (uint32_t i = array + 1; i < evaluator->tokens[array].next; i = evaluator->tokens[i].next)
        count++;
    return count;
}

static bool check_count(bb_evaluator *evaluator, const bb_array_rules *rules, const bb_view *view)
{
    if (!rules->min_items && rules->max_items == UINT32_MAX && !rules->unique)
        return true;
    uint32_t count = count_elements(evaluator, view->token);
    if (count < rules->min_items)
        return bb_evaluator_refuse(evaluator, view, "minItems",
                                   "expected at least %u elements, there are %u", rules->min_items,
                                   count);
    if (count > rules->max_items)
        return bb_evaluator_refuse(evaluator, view, "maxItems",
                                   "expected at most %u elements, there are %u", rules->max_items,
                                   count);
    return !rules->unique || check_unique(evaluator, view, count);
}

bool bb_evaluate_array(bb_evaluator *evaluator, const bb_array_rules *rules, const bb_view *view,
                       bb_marks *marks)
{
    bool valid = check_count(evaluator, rules, view);
    if (!valid && bb_evaluator_enough(evaluator))
        return false;
    if (rules->prefix_count || rules->items)
        valid = check_elements(evaluator, rules, view, marks) && valid;
    if (!rules->contains || (!valid && bb_evaluator_enough(evaluator)))
        return valid;
    return check_contains(evaluator, rules, view, marks) && valid;
}
