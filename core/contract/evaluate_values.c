/* Rules about single values: constants, strings and numbers. */
#include "contract/evaluator.h"

#include <string.h>

#include "base/text.h"

/* Longest number text that surely fits into 64 bits. */
#define EXACT_DIGITS 18u

static bool equals_constant(const bb_evaluator *evaluator, const bb_constants *constants,
                            uint32_t number, const bb_view *view)
{
    uint32_t token = constants->tokens[number];
    const bb_token *constant = &constants->document_tokens[token];
    if (constant->type != view->type)
        return false;
    if (view->type < BB_NUMBER)
        return true; /* null, true, false */
    if (view->type == BB_NUMBER) {
        bb_decimal a = bb_decimal_parse(view->text, view->size);
        bb_decimal b = bb_decimal_parse(constants->document_text + constant->start, constant->size);
        return bb_decimal_compare(&a, &b) == 0;
    }
    return bb_json_equal(evaluator->json, evaluator->tokens, view->token, constants->document_text,
                         constants->document_tokens, token);
}

static bool find_string(const bb_constants *constants, busbar_bytes text)
{
    for (uint32_t i = 0; i < constants->count; i++) {
        const busbar_bytes *known = &constants->strings[i];
        if (known->size == text.size && known->data &&
            memcmp(known->data, text.data, text.size) == 0)
            return true;
    }
    return false;
}

static bool refuse_constant(bb_evaluator *evaluator, const bb_constants *constants,
                            const bb_view *view)
{
    char excerpt[204];
    if (evaluator->quiet)
        return false;
    bb_text_excerpt(constants->text, constants->text_size, 200, excerpt, sizeof(excerpt));
    return bb_evaluator_refuse(evaluator, view, constants->keyword,
                               constants->count == 1 && constants->keyword[0] == 'c'
                                   ? "expected %s"
                                   : "expected one of %s",
                               excerpt);
}

bool bb_evaluate_constants(bb_evaluator *evaluator, const bb_constants *constants, bb_view *view)
{
    if (view->type == BB_STRING) {
        if (find_string(constants, bb_view_text(evaluator, view)))
            return true;
    } else if (!constants->strings_only) {
        for (uint32_t i = 0; i < constants->count; i++) {
            if (equals_constant(evaluator, constants, i, view))
                return true;
        }
    }
    return refuse_constant(evaluator, constants, view);
}

/* Code points of valid UTF-8. */
static uint32_t count_points(busbar_bytes text)
{
    uint32_t count = 0;
    for (size_t i = 0; i < text.size; i++)
        count += ((unsigned char)text.data[i] & 0xc0) != 0x80;
    return count;
}

bool bb_evaluate_lengths(bb_evaluator *evaluator, const bb_string_rules *rules, bb_view *view)
{
    /* A code point takes at most twelve bytes: a pair of \uXXXX. */
    if (view->size <= rules->max_length && view->size / 12 >= rules->min_length)
        return true;
    uint32_t count = count_points(bb_view_text(evaluator, view));
    if (count > rules->max_length)
        return bb_evaluator_refuse(evaluator, view, "maxLength",
                                   "expected at most %u characters, there are %u",
                                   rules->max_length, count);
    if (count < rules->min_length)
        return bb_evaluator_refuse(evaluator, view, "minLength",
                                   "expected at least %u characters, there are %u",
                                   rules->min_length, count);
    return true;
}

static bool check_pattern(bb_evaluator *evaluator, const bb_string_rules *rules, bb_view *view)
{
    busbar_bytes text = bb_view_text(evaluator, view);
    bb_match match = bb_pattern_match(rules->pattern, evaluator->matcher, text.data, text.size);
    if (match == BB_MATCH_YES)
        return true;
    if (evaluator->quiet)
        return false;
    if (match == BB_MATCH_LIMIT)
        return bb_evaluator_refuse(evaluator, view, "pattern",
                                   "matching %s takes too long on this text", rules->pattern_text);
    return bb_evaluator_refuse(evaluator, view, "pattern", "expected a match of %s",
                               rules->pattern_text);
}

static bool check_format(bb_evaluator *evaluator, const bb_string_rules *rules, bb_view *view)
{
    busbar_bytes text = bb_view_text(evaluator, view);
    if (rules->format(text.data, text.size))
        return true;
    if (evaluator->quiet)
        return false;
    const char *expectation = bb_format_expectation(rules->format_name);
    return bb_evaluator_refuse(evaluator, view, "format", "expected %s",
                               expectation ? expectation : rules->format_name);
}

bool bb_evaluate_string(bb_evaluator *evaluator, const bb_string_rules *rules, bb_view *view)
{
    bool valid = true;
    if (rules->format)
        valid = check_format(evaluator, rules, view);
    if (!rules->pattern || (!valid && bb_evaluator_enough(evaluator)))
        return valid;
    return check_pattern(evaluator, rules, view) && valid;
}

/* A number that may have been looked at in either form. */
typedef struct number {
    bb_decimal decimal;
    int64_t integer;
    bool exact; /* `integer` is the value; `decimal` is not filled */
} number;

static number read_number(const bb_view *view)
{
    number value = {{NULL, NULL, 0, 0, 0, false}, 0, false};
    if (!(view->flags & BB_TOKEN_FRACTION) && view->size <= EXACT_DIGITS) {
        bool negative = view->text[0] == '-';
        for (uint32_t i = negative ? 1 : 0; i < view->size; i++)
            value.integer = value.integer * 10 + (view->text[i] - '0');
        if (negative)
            value.integer = -value.integer;
        value.exact = true;
    } else {
        value.decimal = bb_decimal_parse(view->text, view->size);
    }
    return value;
}

/* Below 0, 0, above 0. */
static int compare(const number *value, const bb_view *view, const bb_bound *bound)
{
    if (value->exact && bound->exact)
        return (value->integer > bound->integer) - (value->integer < bound->integer);
    bb_decimal decimal = value->exact ? bb_decimal_parse(view->text, view->size) : value->decimal;
    return bb_decimal_compare(&decimal, &bound->decimal);
}

static bool refuse_bound(bb_evaluator *evaluator, const bb_view *view, const bb_bound *bound,
                         const char *keyword, const char *expected)
{
    if (evaluator->quiet)
        return false;
    return bb_evaluator_refuse(evaluator, view, keyword, "expected a number %s %.*s", expected,
                               bound->text_size < 64 ? bound->text_size : 64, bound->text);
}

static bool is_multiple(const number *value, const bb_view *view, const bb_bound *step)
{
    if (value->exact && step->exact)
        return value->integer % step->integer == 0;
    bb_decimal decimal = value->exact ? bb_decimal_parse(view->text, view->size) : value->decimal;
    return bb_decimal_is_multiple(&decimal, &step->decimal);
}

bool bb_evaluate_number(bb_evaluator *evaluator, const bb_number_rules *rules, const bb_view *view)
{
    number value = read_number(view);
    if (rules->minimum.set && compare(&value, view, &rules->minimum) < 0)
        return refuse_bound(evaluator, view, &rules->minimum, "minimum", "of at least");
    if (rules->maximum.set && compare(&value, view, &rules->maximum) > 0)
        return refuse_bound(evaluator, view, &rules->maximum, "maximum", "of at most");
    if (rules->exclusive_minimum.set && compare(&value, view, &rules->exclusive_minimum) <= 0)
        return refuse_bound(evaluator, view, &rules->exclusive_minimum, "exclusiveMinimum",
                            "above");
    if (rules->exclusive_maximum.set && compare(&value, view, &rules->exclusive_maximum) >= 0)
        return refuse_bound(evaluator, view, &rules->exclusive_maximum, "exclusiveMaximum",
                            "below");
    if (rules->multiple_of.set && !is_multiple(&value, view, &rules->multiple_of))
        return refuse_bound(evaluator, view, &rules->multiple_of, "multipleOf",
                            "that is a multiple of");
    return true;
}
