/* Rules about objects. */
#include "contract/evaluator.h"

#include <string.h>

#include "base/text.h"
#include "event/names.h"

/* Objects with more known names keep their table in the arena. */
#define SMALL_OBJECT 64u

/* An object under evaluation; `seen` has the value of each known name, 0 where it is absent. */
typedef struct subject {
    const bb_object_rules *rules;
    const bb_view *view;
    bb_marks *marks;
    uint32_t *seen;
    bool slots; /* the known names are the slots of the event */
} subject;

static bool names_equal(const bb_evaluator *evaluator, const bb_token *name,
                        const bb_property *property)
{
    if (name->hash != property->hash)
        return false;
    if (!(name->flags & BB_TOKEN_ESCAPED))
        return bb_same_bytes(evaluator->json + name->start, name->size, property->name.data,
                             property->name.size);
    return bb_token_equals(evaluator->json, name, property->name.data, property->name.size);
}

/* Number of a known name, or UINT32_MAX. */
static uint32_t find_property(const bb_evaluator *evaluator, const bb_object_rules *rules,
                              const bb_token *name)
{
    for (uint32_t at = name->hash & rules->table_mask; rules->table[at];
         at = (at + 1) & rules->table_mask) {
        uint32_t number = rules->table[at] - 1;
        if (names_equal(evaluator, name, &rules->properties[number]))
            return number;
    }
    return UINT32_MAX;
}

/* The value that the event came with, also where an edit stands before it by now. */
static uint32_t slot_token(const busbar_event *event, uint32_t slot)
{
    uint32_t value = event->slots[slot];
    return value & BB_SLOT_EDIT ? event->edits[value & ~BB_SLOT_EDIT].token : value;
}

static void fill_from_slots(const busbar_event *event, subject *object)
{
    /* Edits of this evaluation turn slots into edits, but never into absent members. */
    if (event->edit_count == 0) {
        object->seen = event->slots;
        return;
    }
    for (uint32_t i = 0; i < object->rules->property_count; i++)
        object->seen[i] = slot_token(event, i);
}

static void fill_from_members(const bb_evaluator *evaluator, subject *object)
{
    const bb_object_rules *rules = object->rules;
    const bb_token *tokens = evaluator->tokens;
    uint32_t end = tokens[object->view->token].next, guess = 0;
    memset(object->seen, 0, rules->property_count * sizeof(uint32_t));
    for (uint32_t i = object->view->token + 1; i < end; i = tokens[i + 1].next) {
        /* Members mostly come in the order in which they are declared. */
        uint32_t number = guess;
        if (guess >= rules->property_count ||
            !names_equal(evaluator, &tokens[i], &rules->properties[guess]))
            number = find_property(evaluator, rules, &tokens[i]);
        if (number == UINT32_MAX)
            continue;
        object->seen[number] = i + 1;
        guess = number + 1;
    }
}

static bool refuse_missing(bb_evaluator *evaluator, const subject *object, uint32_t number)
{
    const busbar_bytes *name = &object->rules->properties[number].name;
    char excerpt[68];
    if (evaluator->quiet)
        return false;
    return bb_evaluator_refuse_plain(
        evaluator, object->view, "required", "member \"%s\" is missing",
        bb_text_excerpt(name->data, name->size, 64, excerpt, sizeof(excerpt)));
}

static bool check_property(bb_evaluator *evaluator, const subject *object, uint32_t number)
{
    bb_view value = bb_view_of(evaluator, object->seen[number]);
    if (object->slots)
        value.slot = number;
    return bb_evaluate(evaluator, object->rules->properties[number].node, &value, NULL);
}

/* Number of the next known name from `from` on that needs a closer look. `end` moves along with the
 * members that stand in the order in which they are declared, with nothing between them. */
static uint32_t skip_fitting(bb_evaluator *evaluator, const subject *object, uint32_t from,
                             uint32_t *end)
{
    const bb_property *properties = object->rules->properties;
    const bb_token *tokens = evaluator->tokens;
    const uint32_t *seen = object->seen;
    uint32_t count = object->rules->property_count, until = *end, i = from;
    for (; i < count; i++) {
        uint32_t value = seen[i];
        if (!value) {
            if (properties[i].required)
                break;
            continue;
        }
        if (!properties[i].node)
            continue;
        if (value == until + 1)
            until = tokens[value].next;
        if (!bb_evaluate_fits(evaluator, properties[i].node, value, object->slots ? i : BB_NO_SLOT))
            break;
    }
    *end = until;
    return i;
}

/* Goes over the known names. `ret_end` is where the members end that `skip_fitting` followed. */
static bool check_properties(bb_evaluator *evaluator, const subject *object, uint32_t *ret_end)
{
    const bb_object_rules *rules = object->rules;
    bool valid = true;
    *ret_end = object->view->token + 1;
    for (uint32_t i = 0;; i++) {
        i = skip_fitting(evaluator, object, i, ret_end);
        if (i >= rules->property_count)
            break;
        bool fits = object->seen[i] ? check_property(evaluator, object, i)
                                    : refuse_missing(evaluator, object, i);
        valid = valid && fits;
        if (!fits && bb_evaluator_enough(evaluator))
            return false;
    }
    for (uint32_t i = 0; object->marks && i < rules->declared_count; i++) {
        if (object->seen[i])
            bb_marks_add(object->marks, object->view, object->seen[i]);
    }
    return valid;
}

static bool check_dependencies(bb_evaluator *evaluator, const subject *object)
{
    const bb_object_rules *rules = object->rules;
    bool valid = true;
    for (uint32_t i = 0; i < rules->dependency_count; i++) {
        const bb_dependency *dependency = &rules->dependencies[i];
        if (!object->seen[dependency->trigger])
            continue;
        for (uint32_t j = 0; j < dependency->required_count; j++) {
            const bb_property *missing = &rules->properties[dependency->required[j]];
            if (!object->seen[dependency->required[j]])
                valid = bb_evaluator_refuse_plain(evaluator, object->view, "dependentRequired",
                                                  "member \"%.64s\" is missing; \"%.64s\" needs it",
                                                  missing->name.data,
                                                  rules->properties[dependency->trigger].name.data);
        }
        bb_view same = *object->view;
        if (dependency->node && !bb_evaluate(evaluator, dependency->node, &same, object->marks))
            valid = false;
        if (!valid && bb_evaluator_enough(evaluator))
            return false;
    }
    return valid;
}

/* The member name as a value of its own, for propertyNames. */
static bool check_name(bb_evaluator *evaluator, const bb_object_rules *rules, uint32_t name)
{
    if (!rules->property_names)
        return true;
    bb_view view = bb_view_of(evaluator, name);
    view.token = name + 1;
    view.is_name = true;
    view.type = BB_STRING;
    return bb_evaluate(evaluator, rules->property_names, &view, NULL);
}

/* Evaluates a member by each pattern that fits its name. */
static bool check_patterns(bb_evaluator *evaluator, const subject *object, uint32_t name,
                           bool *ret_matched)
{
    bb_view key = bb_view_of(evaluator, name);
    bool valid = true;
    for (uint32_t i = 0; i < object->rules->pattern_count; i++) {
        const bb_pattern_property *entry = &object->rules->patterns[i];
        busbar_bytes text = bb_view_text(evaluator, &key);
        bb_match match = bb_pattern_match(entry->pattern, evaluator->matcher, text.data, text.size);
        bb_view value = bb_view_of(evaluator, name + 1);
        if (match == BB_MATCH_NO)
            continue;
        *ret_matched = true;
        if (match == BB_MATCH_LIMIT)
            valid = bb_evaluator_refuse_plain(evaluator, &value, "patternProperties",
                                              "matching takes too long on this member name");
        else if (!bb_evaluate(evaluator, entry->node, &value, NULL))
            valid = false;
    }
    return valid;
}

static const char *nearest_property(const bb_object_rules *rules, const char *name)
{
    g_autofree const char **names = g_new0(const char *, rules->declared_count + 1u);
    for (uint32_t i = 0; i < rules->declared_count; i++)
        names[i] = rules->properties[i].name.data;
    return bb_text_nearest(name, names);
}

static bool refuse_undeclared(bb_evaluator *evaluator, const subject *object, uint32_t name)
{
    char excerpt[68];
    if (evaluator->quiet)
        return false;
    bb_view key = bb_view_of(evaluator, name);
    bb_view value = bb_view_of(evaluator, name + 1);
    busbar_bytes text = bb_view_text(evaluator, &key);
    bb_text_excerpt(text.data, text.size, 64, excerpt, sizeof(excerpt));
    const char *nearest = nearest_property(object->rules, excerpt);
    return bb_evaluator_refuse_plain(
        evaluator, &value, "additionalProperties", "member \"%s\" is not declared%s%s%s", excerpt,
        nearest ? "; did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?" : "");
}

static bool check_additional(bb_evaluator *evaluator, const subject *object, uint32_t name)
{
    const bb_node *node = object->rules->additional;
    if (!node)
        return true;
    if (node->verdict == BB_VERDICT_NEVER)
        return refuse_undeclared(evaluator, object, name);
    bb_view value = bb_view_of(evaluator, name + 1);
    return bb_evaluate(evaluator, node, &value, NULL);
}

/* One member: its name, the patterns, and what is left over. */
static bool check_member(bb_evaluator *evaluator, const subject *object, uint32_t name)
{
    const bb_object_rules *rules = object->rules;
    uint32_t number = find_property(evaluator, rules, &evaluator->tokens[name]);
    bool declared = number < rules->declared_count, matched = false;
    bool valid = check_name(evaluator, rules, name);
    if (!valid && bb_evaluator_enough(evaluator))
        return false;
    valid = check_patterns(evaluator, object, name, &matched) && valid;
    if (!valid && bb_evaluator_enough(evaluator))
        return false;
    if (!declared && !matched)
        valid = check_additional(evaluator, object, name) && valid;
    if (object->marks && matched)
        bb_marks_add(object->marks, object->view, name + 1);
    return valid;
}

static bool check_member_count(bb_evaluator *evaluator, const subject *object, uint32_t count)
{
    if (count < object->rules->min_properties)
        return bb_evaluator_refuse(evaluator, object->view, "minProperties",
                                   "expected at least %u members, there are %u",
                                   object->rules->min_properties, count);
    if (count > object->rules->max_properties)
        return bb_evaluator_refuse(evaluator, object->view, "maxProperties",
                                   "expected at most %u members, there are %u",
                                   object->rules->max_properties, count);
    return true;
}

/* How many members there are, and how many of them `properties` declares. */
static uint32_t count_members(const bb_evaluator *evaluator, const subject *object,
                              uint32_t *ret_declared)
{
    const bb_token *tokens = evaluator->tokens;
    uint32_t count = 0, end = tokens[object->view->token].next;
    *ret_declared = 0;
    for (uint32_t i = object->view->token + 1; i < end; i = tokens[i + 1].next)
        count++;
    for (uint32_t i = 0; i < object->rules->declared_count; i++)
        *ret_declared += object->seen[i] != 0;
    return count;
}

/* What goes beyond `properties`. Without patterns and names to look at, an object that has only
 * declared members is done after counting them. */
static bool check_members(bb_evaluator *evaluator, const subject *object, uint32_t in_order)
{
    const bb_object_rules *rules = object->rules;
    const bb_token *tokens = evaluator->tokens;
    uint32_t declared = 0, end = tokens[object->view->token].next;
    if (in_order == end && rules->only_additional && !object->marks)
        return true;
    uint32_t count = count_members(evaluator, object, &declared);
    bool valid = check_member_count(evaluator, object, count);
    if (!valid && bb_evaluator_enough(evaluator))
        return false;
    if (object->marks && rules->additional)
        object->marks->all = true;
    if (!rules->pattern_count && !rules->property_names &&
        (count == declared || !rules->additional))
        return valid;
    for (uint32_t i = object->view->token + 1; i < end; i = tokens[i + 1].next) {
        valid = check_member(evaluator, object, i) && valid;
        if (!valid && bb_evaluator_enough(evaluator))
            return false;
    }
    return valid;
}

bool bb_evaluate_object(bb_evaluator *evaluator, const bb_object_rules *rules, const bb_view *view,
                        bb_marks *marks)
{
    uint32_t small[SMALL_OBJECT];
    subject object = {rules, view, marks, small, false};
    object.slots = view->token == 0 && evaluator->slots_fit &&
                   rules == evaluator->contract->slot_rules &&
                   rules->property_count == rules->declared_count;
    if (rules->property_count > SMALL_OBJECT)
        object.seen = bb_evaluator_alloc(evaluator, rules->property_count * sizeof(uint32_t));
    if (object.slots)
        fill_from_slots(evaluator->event, &object);
    else
        fill_from_members(evaluator, &object);
    uint32_t in_order = 0;
    bool valid = check_properties(evaluator, &object, &in_order);
    if (!valid && bb_evaluator_enough(evaluator))
        return false;
    if (rules->dependency_count)
        valid = check_dependencies(evaluator, &object) && valid;
    if (!rules->walks || (!valid && bb_evaluator_enough(evaluator)))
        return valid;
    return check_members(evaluator, &object, in_order) && valid;
}
