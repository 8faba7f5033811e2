/* Keywords about single values: type, enum, const, and those of strings and numbers. */
#include "contract/compiler.h"

#include <string.h>

#include "base/error.h"
#include "base/text.h"

static const struct {
    const char *name;
    uint8_t bits;
} types[] = {
    {"null", BB_TYPE_BIT(BB_NULL)},     {"boolean", BB_TYPE_BIT(BB_TRUE) | BB_TYPE_BIT(BB_FALSE)},
    {"integer", BB_TYPE_INTEGER},       {"number", BB_TYPE_BIT(BB_NUMBER) | BB_TYPE_INTEGER},
    {"string", BB_TYPE_BIT(BB_STRING)}, {"array", BB_TYPE_BIT(BB_ARRAY)},
    {"object", BB_TYPE_BIT(BB_OBJECT)},
};

static bool add_type(const bb_document *document, uint32_t token, uint8_t *bits, GError **error)
{
    const bb_token *at = &document->tokens[token];
    for (size_t i = 0; at->type == BB_STRING && i < G_N_ELEMENTS(types); i++) {
        if (bb_token_equals(document->text, at, types[i].name, strlen(types[i].name))) {
            *bits |= types[i].bits;
            return true;
        }
    }
    return bb_document_refuse(
        document, token, error,
        "must be one of null, boolean, integer, number, string, array, object");
}

static bool plan_type(bb_draft *draft, GError **error)
{
    const bb_document *document = draft->document;
    const bb_token *tokens = document->tokens;
    uint32_t value = bb_draft_keyword(draft, "type", BB_VOCABULARY_VALIDATION);
    uint8_t bits = 0;
    if (!value)
        return true;
    if (tokens[value].type != BB_ARRAY) {
        if (!add_type(document, value, &bits, error))
            return false;
    } else if (tokens[value].next == value + 1) {
        return bb_document_refuse(document, value, error, "must name at least one type");
    }
    for (uint32_t i = value + 1; i < tokens[value].next; i = tokens[i].next) {
        if (!add_type(document, i, &bits, error))
            return false;
    }
    draft->node.types = bits;
    return true;
}

static bb_constants *new_constants(bb_compiler *compiler, const bb_document *document,
                                   const char *keyword, uint32_t value, uint32_t count)
{
    bb_constants *constants = bb_compiler_zeros(compiler, sizeof(*constants));
    busbar_bytes json = bb_document_json(document, value);
    constants->keyword = keyword;
    constants->text = json.data;
    constants->text_size = (uint32_t)json.size;
    constants->count = count;
    constants->document_text = document->text;
    constants->document_tokens = document->tokens;
    constants->strings_only = true;
    return constants;
}

/* Keeps `tokens` as the allowed values. */
static void fill_constants(bb_compiler *compiler, const bb_document *document,
                           bb_constants *constants, const uint32_t *tokens)
{
    busbar_bytes *strings = bb_compiler_zeros(compiler, constants->count * sizeof(busbar_bytes));
    for (uint32_t i = 0; i < constants->count; i++) {
        if (document->tokens[tokens[i]].type == BB_STRING)
            strings[i] = bb_document_text(compiler, document, tokens[i]);
        else
            constants->strings_only = false;
    }
    constants->strings = strings;
    constants->tokens = tokens;
}

static bool plan_enum(bb_compiler *compiler, bb_draft *draft, GError **error)
{
    const bb_token *tokens = draft->document->tokens;
    uint32_t value = bb_draft_keyword(draft, "enum", BB_VOCABULARY_VALIDATION), count = 0;
    if (!value)
        return true;
    if (tokens[value].type != BB_ARRAY)
        return bb_document_refuse(draft->document, value, error, "must be an array of values");
    for (uint32_t i = value + 1; i < tokens[value].next; i = tokens[i].next)
        count++;
    uint32_t *list = bb_compiler_zeros(compiler, count * sizeof(uint32_t));
    uint32_t at = 0;
    for (uint32_t i = value + 1; i < tokens[value].next; i = tokens[i].next)
        list[at++] = i;
    bb_constants *constants = new_constants(compiler, draft->document, "enum", value, count);
    fill_constants(compiler, draft->document, constants, list);
    draft->node.constants = constants;
    return true;
}

static void plan_const(bb_compiler *compiler, bb_draft *draft)
{
    uint32_t value = bb_draft_keyword(draft, "const", BB_VOCABULARY_VALIDATION);
    if (!value)
        return;
    uint32_t *list = bb_compiler_zeros(compiler, sizeof(uint32_t));
    list[0] = value;
    bb_constants *constants = new_constants(compiler, draft->document, "const", value, 1);
    fill_constants(compiler, draft->document, constants, list);
    draft->node.constant = constants;
}

static bool plan_pattern(bb_compiler *compiler, bb_draft *draft, bb_string_rules *rules,
                         GError **error)
{
    uint32_t value = bb_draft_keyword(draft, "pattern", BB_VOCABULARY_VALIDATION);
    if (!value)
        return true;
    rules->pattern = bb_plan_expression(compiler, draft->document, value, error);
    rules->pattern_text =
        rules->pattern ? bb_document_string(compiler, draft->document, value) : NULL;
    return rules->pattern != NULL;
}

const bb_pattern *bb_plan_expression(bb_compiler *compiler, const bb_document *document,
                                     uint32_t token, GError **error)
{
    if (document->tokens[token].type != BB_STRING) {
        (void)bb_document_refuse(document, token, error, "must be a string");
        return NULL;
    }
    busbar_bytes text = bb_document_text(compiler, document, token);
    g_autoptr(GError) reason = NULL;
    bb_pattern *pattern = bb_pattern_new(text.data, text.size, &reason);
    if (!pattern) {
        (void)bb_document_refuse(document, token, error, "%s", reason->message);
        return NULL;
    }
    g_ptr_array_add(compiler->contract->patterns, pattern);
    return pattern;
}

/* An unknown format is ignored, as the standard asks. */
static bool plan_format(bb_compiler *compiler, bb_draft *draft, bb_string_rules *rules,
                        GError **error)
{
    uint32_t value = bb_draft_keyword(draft, "format", BB_VOCABULARY_ALWAYS);
    if (!value)
        return true;
    if (draft->document->tokens[value].type != BB_STRING)
        return bb_document_refuse(draft->document, value, error, "must be a string");
    if (compiler->options->annotate_format)
        return true;
    rules->format_name = bb_document_string(compiler, draft->document, value);
    rules->format = bb_format_find(rules->format_name);
    return true;
}

static bool plan_string(bb_compiler *compiler, bb_draft *draft, GError **error)
{
    bb_string_rules rules = {.max_length = UINT32_MAX};
    bool found = false;
    if (!bb_draft_count(draft, "minLength", &rules.min_length, &found, error) ||
        !bb_draft_count(draft, "maxLength", &rules.max_length, &found, error) ||
        !plan_pattern(compiler, draft, &rules, error) ||
        !plan_format(compiler, draft, &rules, error))
        return false;
    if (!found && !rules.pattern && !rules.format)
        return true;
    bb_string_rules *copy = bb_compiler_zeros(compiler, sizeof(rules));
    *copy = rules;
    draft->node.string = copy;
    return true;
}

static bool plan_bound(const bb_draft *draft, const char *name, bb_bound *bound, bool *found,
                       GError **error)
{
    uint32_t value = bb_draft_keyword(draft, name, BB_VOCABULARY_VALIDATION);
    if (!value)
        return true;
    const bb_token *at = &draft->document->tokens[value];
    if (at->type != BB_NUMBER)
        return bb_document_refuse(draft->document, value, error, "must be a number");
    bound->decimal = bb_decimal_parse(draft->document->text + at->start, at->size);
    bound->exact = bb_decimal_integer(&bound->decimal, &bound->integer);
    bound->text = draft->document->text + at->start;
    bound->text_size = (int)at->size;
    bound->set = true;
    *found = true;
    return true;
}

static bool plan_number(bb_compiler *compiler, bb_draft *draft, GError **error)
{
    bb_number_rules rules;
    bool found = false;
    memset(&rules, 0, sizeof(rules));
    if (!plan_bound(draft, "minimum", &rules.minimum, &found, error) ||
        !plan_bound(draft, "maximum", &rules.maximum, &found, error) ||
        !plan_bound(draft, "exclusiveMinimum", &rules.exclusive_minimum, &found, error) ||
        !plan_bound(draft, "exclusiveMaximum", &rules.exclusive_maximum, &found, error) ||
        !plan_bound(draft, "multipleOf", &rules.multiple_of, &found, error))
        return false;
    const bb_decimal *step = &rules.multiple_of.decimal;
    if (rules.multiple_of.set && (step->negative || bb_decimal_is_zero(step)))
        return bb_document_refuse(draft->document,
                                  bb_draft_keyword(draft, "multipleOf", BB_VOCABULARY_VALIDATION),
                                  error, "must be above 0");
    if (!found)
        return true;
    bb_number_rules *copy = bb_compiler_zeros(compiler, sizeof(rules));
    *copy = rules;
    draft->node.number = copy;
    return true;
}

bool bb_plan_values(bb_compiler *compiler, bb_draft *draft, GError **error)
{
    if (!plan_type(draft, error) || !plan_enum(compiler, draft, error))
        return false;
    plan_const(compiler, draft);
    return plan_string(compiler, draft, error) && plan_number(compiler, draft, error);
}
