/* Keywords that apply other schemas to the same value: references, combinations, conditions and the
 * unevaluated rest. */
#include "contract/compiler.h"

#include <string.h>

static bool read_reference(bb_compiler *compiler, bb_draft *draft, bb_logic *logic, GError **error)
{
    uint32_t value = bb_draft_keyword(draft, "$ref", BB_VOCABULARY_ALL);
    const char *anchor = NULL;
    if (!value)
        return true;
    bb_draft *target = bb_resolve_reference(compiler, draft, value, &anchor, error);
    if (!target)
        return false;
    bb_draft_link(draft, target, /* branch= */ false);
    logic->ref = &target->node;
    return true;
}

/* True when the schema itself carries this dynamic anchor. */
static bool has_dynamic_anchor(const bb_draft *draft, const char *name)
{
    uint32_t value =
        draft->node.resource ? bb_draft_keyword(draft, "$dynamicAnchor", BB_VOCABULARY_ALL) : 0;
    return value && bb_token_equals(draft->document->text, &draft->document->tokens[value], name,
                                    strlen(name));
}

static bool read_dynamic_reference(bb_compiler *compiler, bb_draft *draft, bb_logic *logic,
                                   GError **error)
{
    uint32_t value = bb_draft_keyword(draft, "$dynamicRef", BB_VOCABULARY_ALL);
    const char *anchor = NULL;
    if (!value)
        return true;
    bb_draft *target = bb_resolve_reference(compiler, draft, value, &anchor, error);
    if (!target)
        return false;
    bb_draft_link(draft, target, /* branch= */ false);
    logic->dynamic_ref = &target->node;
    if (anchor && has_dynamic_anchor(target, anchor)) {
        logic->dynamic_name = anchor;
        compiler->uses_dynamic = true;
    }
    return true;
}

static bool read_combinations(bb_compiler *compiler, bb_draft *draft, bb_logic *logic,
                              GError **error)
{
    return bb_draft_schemas(compiler, draft, "allOf", /* branch= */ false, &logic->all_of,
                            &logic->all_count, error) &&
           bb_draft_schemas(compiler, draft, "anyOf", /* branch= */ true, &logic->any_of,
                            &logic->any_count, error) &&
           bb_draft_schemas(compiler, draft, "oneOf", /* branch= */ true, &logic->one_of,
                            &logic->one_count, error) &&
           bb_draft_schema(compiler, draft, "not", BB_VOCABULARY_APPLICATOR, /* branch= */ true,
                           &logic->not_node, error);
}

/* Without `if`, `then` and `else` mean nothing. */
static bool read_condition(bb_compiler *compiler, bb_draft *draft, bb_logic *logic, GError **error)
{
    if (!bb_draft_schema(compiler, draft, "if", BB_VOCABULARY_APPLICATOR, /* branch= */ true,
                         &logic->if_node, error) ||
        !bb_draft_schema(compiler, draft, "then", BB_VOCABULARY_APPLICATOR, /* branch= */ false,
                         &logic->then_node, error) ||
        !bb_draft_schema(compiler, draft, "else", BB_VOCABULARY_APPLICATOR, /* branch= */ false,
                         &logic->else_node, error))
        return false;
    if (!logic->if_node)
        logic->then_node = logic->else_node = NULL;
    return true;
}

static bool read_unevaluated(bb_compiler *compiler, bb_draft *draft, bb_logic *logic,
                             GError **error)
{
    return bb_draft_schema(compiler, draft, "unevaluatedItems", BB_VOCABULARY_UNEVALUATED,
                           /* branch= */ false, &logic->unevaluated_items, error) &&
           bb_draft_schema(compiler, draft, "unevaluatedProperties", BB_VOCABULARY_UNEVALUATED,
                           /* branch= */ false, &logic->unevaluated_properties, error);
}

bool bb_plan_logic(bb_compiler *compiler, bb_draft *draft, GError **error)
{
    bb_logic logic;
    memset(&logic, 0, sizeof(logic));
    if (!read_reference(compiler, draft, &logic, error) ||
        !read_dynamic_reference(compiler, draft, &logic, error) ||
        !read_combinations(compiler, draft, &logic, error) ||
        !read_condition(compiler, draft, &logic, error) ||
        !read_unevaluated(compiler, draft, &logic, error))
        return false;
    if (!logic.ref && !logic.dynamic_ref && !logic.all_count && !logic.any_count &&
        !logic.one_count && !logic.not_node && !logic.if_node && !logic.unevaluated_items &&
        !logic.unevaluated_properties)
        return true;
    bb_logic *copy = bb_compiler_zeros(compiler, sizeof(logic));
    *copy = logic;
    draft->node.logic = copy;
    return true;
}
