/* Keywords about arrays: elements and their number. */
#include "contract/compiler.h"

static bool read_schemas(bb_compiler *compiler, bb_draft *draft, bb_array_rules *rules,
                         GError **error)
{
    return bb_draft_schemas(compiler, draft, "prefixItems", /* branch= */ false, &rules->prefix,
                            &rules->prefix_count, error) &&
           bb_draft_schema(compiler, draft, "items", BB_VOCABULARY_APPLICATOR,
                           /* branch= */ false, &rules->items, error) &&
           bb_draft_schema(compiler, draft, "contains", BB_VOCABULARY_APPLICATOR,
                           /* branch= */ true, &rules->contains, error);
}

static bool read_unique(const bb_draft *draft, bb_array_rules *rules, GError **error)
{
    uint32_t value = bb_draft_keyword(draft, "uniqueItems", BB_VOCABULARY_VALIDATION);
    if (!value)
        return true;
    uint8_t type = draft->document->tokens[value].type;
    if (type != BB_TRUE && type != BB_FALSE)
        return bb_document_refuse(draft->document, value, error, "must be true or false");
    rules->unique = type == BB_TRUE;
    return true;
}

bool bb_plan_array(bb_compiler *compiler, bb_draft *draft, GError **error)
{
    bb_array_rules rules = {.max_items = UINT32_MAX, .min_contains = 1, .max_contains = UINT32_MAX};
    bool counts = false, ignored = false;
    if (!read_schemas(compiler, draft, &rules, error) || !read_unique(draft, &rules, error) ||
        !bb_draft_count(draft, "minItems", &rules.min_items, &counts, error) ||
        !bb_draft_count(draft, "maxItems", &rules.max_items, &counts, error) ||
        !bb_draft_count(draft, "minContains", &rules.min_contains, &ignored, error) ||
        !bb_draft_count(draft, "maxContains", &rules.max_contains, &ignored, error))
        return false;
    if (!counts && !rules.unique && !rules.prefix_count && !rules.items && !rules.contains)
        return true;
    bb_array_rules *copy = bb_compiler_zeros(compiler, sizeof(rules));
    *copy = rules;
    draft->node.array = copy;
    return true;
}
