/* Keywords about objects: members, their names and their number. */
#include "contract/compiler.h"

#include <string.h>

/* The table of names while it grows. */
typedef struct names {
    bb_compiler *compiler;
    bb_draft *draft;
    GArray *properties; /* bb_property */
    GHashTable *known;  /* GBytes -> number */
} names;

static uint32_t add_name(names *table, uint32_t token)
{
    busbar_bytes text = bb_document_text(table->compiler, table->draft->document, token);
    g_autoptr(GBytes) key = g_bytes_new_static(text.data, text.size);
    gpointer found = NULL;
    if (g_hash_table_lookup_extended(table->known, key, NULL, &found))
        return GPOINTER_TO_UINT(found);
    bb_property property = {text, bb_name_hash(text.data, text.size), false, NULL};
    g_array_append_val(table->properties, property);
    uint32_t number = table->properties->len - 1;
    g_hash_table_insert(table->known, g_steal_pointer(&key), GUINT_TO_POINTER(number));
    return number;
}

/* The object that a keyword must have as its value; 0 where it is absent. */
static bool find_map(const bb_draft *draft, const char *name, uint32_t vocabulary,
                     uint32_t *ret_token, GError **error)
{
    *ret_token = bb_draft_keyword(draft, name, vocabulary);
    if (*ret_token && draft->document->tokens[*ret_token].type != BB_OBJECT)
        return bb_document_refuse(draft->document, *ret_token, error, "must be an object");
    return true;
}

static bool read_properties(names *table, GError **error)
{
    bb_draft *draft = table->draft;
    const bb_token *tokens = draft->document->tokens;
    uint32_t map = 0;
    if (!find_map(draft, "properties", BB_VOCABULARY_APPLICATOR, &map, error))
        return false;
    for (uint32_t i = map + 1; map && i < tokens[map].next; i = tokens[i + 1].next) {
        bb_draft *target = bb_draft_get(table->compiler, draft->document, i + 1, error);
        if (!target)
            return false;
        bb_draft_link(draft, target, /* branch= */ false);
        uint32_t number = add_name(table, i);
        g_array_index(table->properties, bb_property, number).node = &target->node;
    }
    return true;
}

/* An array of different names as numbers of the table. */
static bool read_names(names *table, uint32_t list, uint32_t **ret_numbers, uint32_t *ret_count,
                       GError **error)
{
    const bb_document *document = table->draft->document;
    const bb_token *tokens = document->tokens;
    g_autoptr(GArray) numbers = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    if (tokens[list].type != BB_ARRAY)
        return bb_document_refuse(document, list, error, "must be an array of member names");
    for (uint32_t i = list + 1; i < tokens[list].next; i = tokens[i].next) {
        if (tokens[i].type != BB_STRING)
            return bb_document_refuse(document, i, error, "must be a member name");
        uint32_t number = add_name(table, i);
        for (guint j = 0; j < numbers->len; j++) {
            if (g_array_index(numbers, uint32_t, j) == number)
                return bb_document_refuse(document, i, error, "is named twice");
        }
        g_array_append_val(numbers, number);
    }
    *ret_count = numbers->len;
    *ret_numbers = bb_compiler_zeros(table->compiler, numbers->len * sizeof(uint32_t));
    if (numbers->len)
        memcpy(*ret_numbers, numbers->data, numbers->len * sizeof(uint32_t));
    return true;
}

static bool read_required(names *table, bb_object_rules *rules, GError **error)
{
    uint32_t value = bb_draft_keyword(table->draft, "required", BB_VOCABULARY_VALIDATION);
    uint32_t *numbers = NULL;
    if (!value)
        return true;
    if (!read_names(table, value, &numbers, &rules->required_count, error))
        return false;
    for (uint32_t i = 0; i < rules->required_count; i++)
        g_array_index(table->properties, bb_property, numbers[i]).required = true;
    return true;
}

static bool read_dependencies(names *table, GArray *dependencies, GError **error)
{
    bb_draft *draft = table->draft;
    const bb_token *tokens = draft->document->tokens;
    uint32_t lists = 0, schemas = 0;
    if (!find_map(draft, "dependentRequired", BB_VOCABULARY_VALIDATION, &lists, error) ||
        !find_map(draft, "dependentSchemas", BB_VOCABULARY_APPLICATOR, &schemas, error))
        return false;
    for (uint32_t i = lists + 1; lists && i < tokens[lists].next; i = tokens[i + 1].next) {
        bb_dependency dependency = {add_name(table, i), 0, NULL, NULL};
        uint32_t *numbers = NULL;
        if (!read_names(table, i + 1, &numbers, &dependency.required_count, error))
            return false;
        dependency.required = numbers;
        g_array_append_val(dependencies, dependency);
    }
    for (uint32_t i = schemas + 1; schemas && i < tokens[schemas].next; i = tokens[i + 1].next) {
        bb_draft *target = bb_draft_get(table->compiler, draft->document, i + 1, error);
        if (!target)
            return false;
        bb_draft_link(draft, target, /* branch= */ false);
        bb_dependency dependency = {add_name(table, i), 0, NULL, &target->node};
        g_array_append_val(dependencies, dependency);
    }
    return true;
}

static bool read_patterns(bb_compiler *compiler, bb_draft *draft, bb_object_rules *rules,
                          GError **error)
{
    const bb_token *tokens = draft->document->tokens;
    g_autoptr(GArray) list = g_array_new(FALSE, TRUE, sizeof(bb_pattern_property));
    uint32_t map = 0;
    if (!find_map(draft, "patternProperties", BB_VOCABULARY_APPLICATOR, &map, error))
        return false;
    for (uint32_t i = map + 1; map && i < tokens[map].next; i = tokens[i + 1].next) {
        bb_pattern_property entry = {NULL, NULL};
        entry.pattern = bb_plan_expression(compiler, draft->document, i, error);
        if (!entry.pattern)
            return false;
        bb_draft *target = bb_draft_get(compiler, draft->document, i + 1, error);
        if (!target)
            return false;
        bb_draft_link(draft, target, /* branch= */ false);
        entry.node = &target->node;
        g_array_append_val(list, entry);
    }
    bb_pattern_property *copy =
        bb_compiler_zeros(compiler, list->len * sizeof(bb_pattern_property));
    if (list->len)
        memcpy(copy, list->data, list->len * sizeof(bb_pattern_property));
    rules->patterns = copy;
    rules->pattern_count = list->len;
    return true;
}

/* The table of hashes, at most half full. */
static void build_table(bb_compiler *compiler, bb_object_rules *rules)
{
    uint32_t size = 4;
    while (size < rules->property_count * 2)
        size *= 2;
    uint32_t *table = bb_compiler_zeros(compiler, size * sizeof(uint32_t));
    for (uint32_t i = 0; i < rules->property_count; i++) {
        uint32_t at = rules->properties[i].hash & (size - 1);
        while (table[at])
            at = (at + 1) & (size - 1);
        table[at] = i + 1;
    }
    rules->table = table;
    rules->table_mask = size - 1;
}

static bool read_names_keywords(names *table, bb_object_rules *rules, GArray *dependencies,
                                GError **error)
{
    if (!read_properties(table, error))
        return false;
    rules->declared_count = table->properties->len;
    if (!read_required(table, rules, error) || !read_dependencies(table, dependencies, error))
        return false;
    rules->property_count = table->properties->len;
    rules->properties =
        bb_compiler_zeros(table->compiler, rules->property_count * sizeof(bb_property));
    if (rules->property_count)
        memcpy(rules->properties, table->properties->data,
               rules->property_count * sizeof(bb_property));
    bb_dependency *copy =
        bb_compiler_zeros(table->compiler, dependencies->len * sizeof(bb_dependency));
    if (dependencies->len)
        memcpy(copy, dependencies->data, dependencies->len * sizeof(bb_dependency));
    rules->dependencies = copy;
    rules->dependency_count = dependencies->len;
    build_table(table->compiler, rules);
    return true;
}

static bool plan_names(bb_compiler *compiler, bb_draft *draft, bb_object_rules *rules,
                       GError **error)
{
    g_autoptr(GArray) properties = g_array_new(FALSE, TRUE, sizeof(bb_property));
    g_autoptr(GArray) dependencies = g_array_new(FALSE, TRUE, sizeof(bb_dependency));
    g_autoptr(GHashTable) known =
        g_hash_table_new_full(g_bytes_hash, g_bytes_equal, (GDestroyNotify)g_bytes_unref, NULL);
    names table = {compiler, draft, properties, known};
    return read_names_keywords(&table, rules, dependencies, error);
}

static bool plan_rest(bb_compiler *compiler, bb_draft *draft, bb_object_rules *rules, bool *found,
                      GError **error)
{
    return read_patterns(compiler, draft, rules, error) &&
           bb_draft_schema(compiler, draft, "additionalProperties", BB_VOCABULARY_APPLICATOR,
                           /* branch= */ false, &rules->additional, error) &&
           bb_draft_schema(compiler, draft, "propertyNames", BB_VOCABULARY_APPLICATOR,
                           /* branch= */ true, &rules->property_names, error) &&
           bb_draft_count(draft, "minProperties", &rules->min_properties, found, error) &&
           bb_draft_count(draft, "maxProperties", &rules->max_properties, found, error);
}

bool bb_plan_object(bb_compiler *compiler, bb_draft *draft, GError **error)
{
    bb_object_rules rules = {.max_properties = UINT32_MAX};
    bool found = false;
    if (!plan_names(compiler, draft, &rules, error) ||
        !plan_rest(compiler, draft, &rules, &found, error))
        return false;
    rules.walks = rules.pattern_count || rules.additional || rules.property_names || found;
    rules.only_additional = !rules.pattern_count && !rules.property_names && !found;
    if (!rules.walks && !rules.property_count)
        return true;
    bb_object_rules *copy = bb_compiler_zeros(compiler, sizeof(rules));
    *copy = rules;
    draft->node.object = copy;
    return true;
}
