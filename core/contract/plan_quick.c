/* The short way of a node: what must be looked at to be sure that a value fits as it is. */
#include "contract/compiler.h"

/* Token types that fit without a look at the value. */
static uint8_t plain_types(const bb_node *node)
{
    uint8_t types = node->types & (uint8_t)~BB_TYPE_INTEGER;
    if (node->constants || node->constant)
        return 0;
    if (node->string || node->edits)
        types &= (uint8_t)~BB_TYPE_BIT(BB_STRING);
    if (node->number || !(node->types & BB_TYPE_BIT(BB_NUMBER)))
        types &= (uint8_t)~BB_TYPE_BIT(BB_NUMBER);
    if (node->array)
        types &= (uint8_t)~BB_TYPE_BIT(BB_ARRAY);
    if (node->object)
        types &= (uint8_t)~BB_TYPE_BIT(BB_OBJECT);
    return types;
}

/* With a lax type only what is canonical for sure: the null that is allowed, and booleans. */
static uint8_t lax_types(const bb_node *node, uint8_t types)
{
    uint8_t sure = 0;
    if (node->types != BB_TYPE_ANY)
        sure |= BB_TYPE_BIT(BB_NULL);
    if (node->lax == BB_LAX_BOOLEAN)
        sure |= BB_TYPE_BIT(BB_TRUE) | BB_TYPE_BIT(BB_FALSE);
    return types & sure;
}

static uint8_t string_checks(const bb_node *node)
{
    uint8_t checks = 0;
    bool strings =
        (node->types & BB_TYPE_BIT(BB_STRING)) || (node->lax && node->lax != BB_LAX_BOOLEAN);
    if (!strings || node->constant || (node->constants && !node->constants->strings))
        return 0;
    checks = BB_QUICK_STRING;
    if (node->string && (node->string->min_length || node->string->max_length != UINT32_MAX))
        checks |= BB_QUICK_LENGTH;
    if (node->lax)
        checks |= BB_QUICK_LAX;
    if (node->letters || node->trim || node->empty_null)
        checks |= BB_QUICK_EDITS;
    if (node->constants)
        checks |= BB_QUICK_ENUM;
    if (node->string && node->string->format)
        checks |= BB_QUICK_FORMAT;
    if (node->string && node->string->pattern)
        checks |= BB_QUICK_PATTERN;
    return checks;
}

/* Tightens an inclusive range by a bound; false when the bound is no 64-bit integer. */
static bool add_bound(const bb_bound *bound, int64_t shift, bool lower, int64_t *limit)
{
    int64_t value = 0;
    if (!bound->set)
        return true;
    if (!bound->exact || __builtin_add_overflow(bound->integer, shift, &value))
        return false;
    if (lower ? value > *limit : value < *limit)
        *limit = value;
    return true;
}

static bool integer_range(bb_node *node)
{
    const bb_number_rules *rules = node->number;
    node->quick_minimum = INT64_MIN;
    node->quick_maximum = INT64_MAX;
    bool wanted = (node->types & (BB_TYPE_INTEGER | BB_TYPE_BIT(BB_NUMBER))) != 0;
    if (!wanted || node->constants || node->constant ||
        (node->lax && node->lax != BB_LAX_INTEGER && node->lax != BB_LAX_NUMBER))
        return false;
    if (!rules)
        return true;
    return !rules->multiple_of.set &&
           add_bound(&rules->minimum, 0, /* lower= */ true, &node->quick_minimum) &&
           add_bound(&rules->exclusive_minimum, 1, /* lower= */ true, &node->quick_minimum) &&
           add_bound(&rules->maximum, 0, /* lower= */ false, &node->quick_maximum) &&
           add_bound(&rules->exclusive_maximum, -1, /* lower= */ false, &node->quick_maximum);
}

void bb_plan_quick(bb_node *node)
{
    if (node->verdict != BB_VERDICT_RULES || node->logic) {
        node->quick_types = node->verdict == BB_VERDICT_ALWAYS ? BB_TYPE_ANY : 0;
        return;
    }
    node->quick_types = plain_types(node);
    if (node->lax)
        node->quick_types = lax_types(node, node->quick_types);
    node->quick = string_checks(node);
    node->quick_uuid = node->quick == (BB_QUICK_STRING | BB_QUICK_LAX) &&
                       (node->lax == BB_LAX_UUID || node->lax == BB_LAX_UUID_ANY);
    if (integer_range(node))
        node->quick |= BB_QUICK_INTEGER;
}

/* The schema that a chain of bare references leads to. Only within one resource, so that the
 * dynamic scope stays what it was. */
static const bb_node *skip_references(const bb_node *node)
{
    for (int steps = 0; node && node->logic && steps < 64; steps++) {
        const bb_logic *logic = node->logic;
        bool bare = node->types == BB_TYPE_ANY && !node->edits && !node->constants &&
                    !node->constant && !node->string && !node->number && !node->array &&
                    !node->object;
        bool alone = logic->ref && !logic->dynamic_ref && !logic->all_count && !logic->any_count &&
                     !logic->one_count && !logic->not_node && !logic->if_node &&
                     !logic->unevaluated_items && !logic->unevaluated_properties;
        if (!bare || !alone || (logic->ref->resource && logic->ref->resource != node->resource))
            break;
        node = logic->ref;
    }
    return node;
}

void bb_plan_shortcuts(const bb_compiler *compiler)
{
    for (guint i = 0; i < compiler->drafts->len; i++) {
        const bb_draft *draft = g_ptr_array_index(compiler->drafts, i);
        const bb_object_rules *object = draft->node.object;
        bb_array_rules *array = (bb_array_rules *)draft->node.array;
        for (uint32_t j = 0; object && j < object->property_count; j++)
            object->properties[j].node = skip_references(object->properties[j].node);
        if (array)
            array->items = skip_references(array->items);
    }
}
