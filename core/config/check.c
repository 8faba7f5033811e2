/* The merged tree against the published schema, by the contract engine; what it finds is said in
 * the words of the schema's titles. */
#include <config.contract.h>

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "config/build.h"
#include "config/properties.h"
#include "contract/contract.h"

enum { MAX_FINDINGS = 1000, EXCERPT_BYTES = 60 };

/* One check in progress. */
typedef struct schema_check {
    const bb_node *root;
    json_t *schema;
    GHashTable *seen; /* pointers that were reported */
    GPtrArray *problems;
} schema_check;

const char *bb_settings_schema(gsize *ret_size)
{
    static const busbar_bytes schema = config_contract;
    if (ret_size)
        *ret_size = schema.size;
    return schema.data;
}

/* Follows references of the form "#/$defs/name"; keeps what stands beside them out of sight. */
static const json_t *follow(const schema_check *check, const json_t *schema)
{
    const char *reference = json_string_value(json_object_get(schema, "$ref"));
    if (!reference || !g_str_has_prefix(reference, "#/$defs/"))
        return schema;
    return json_object_get(json_object_get(check->schema, "$defs"), reference + 8);
}

/* The schema of the member or item `step`. */
static const json_t *schema_below(const schema_check *check, const json_t *schema,
                                  const bb_node *parent, const char *step)
{
    const json_t *below = NULL;
    if (parent->kind == BB_NODE_LIST)
        return follow(check, json_object_get(schema, "items"));
    below = json_object_get(json_object_get(schema, "properties"), step);
    if (!below)
        below = json_object_get(schema, "additionalProperties");
    return json_is_object(below) ? follow(check, below) : NULL;
}

static char *unescape_step(const char *step)
{
    GString *text = g_string_new(step);
    g_string_replace(text, "~1", "/", 0);
    g_string_replace(text, "~0", "~", 0);
    return g_string_free(text, FALSE);
}

/* The schema that an instance pointer comes under; `ret_parent` is the one above it. */
static const json_t *schema_at(const schema_check *check, const char *pointer,
                               const json_t **ret_parent)
{
    const json_t *schema = check->schema;
    const bb_node *node = check->root;
    g_auto(GStrv) steps = g_strsplit(pointer, "/", -1);
    *ret_parent = NULL;
    for (char **step = steps[0] ? steps + 1 : steps; *step && node; step++) {
        g_autofree char *name = unescape_step(*step);
        g_autofree char *single = g_strdup_printf("/%s", *step);
        gboolean exact = FALSE;
        *ret_parent = schema;
        schema = schema_below(check, schema, node, name);
        node = bb_node_at(node, single, &exact);
        if (!exact)
            break;
    }
    return schema;
}

/* Remembers a pointer; FALSE when it was reported before. */
static gboolean is_new(schema_check *check, const char *pointer)
{
    return g_hash_table_add(check->seen, g_strdup(pointer));
}

static void report_unknown(schema_check *check, const bb_node *node, const char *pointer,
                           const json_t *parent)
{
    const json_t *properties = json_object_get(parent, "properties");
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    g_autoptr(GString) list = g_string_new(NULL);
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach((json_t *)properties, name, value)
    {
        g_ptr_array_add(names, (gpointer)name);
        g_string_append_printf(list, "%s%s", list->len ? ", " : "", name);
    }
    g_ptr_array_add(names, NULL);
    if (!is_new(check, pointer))
        return;
    const char *nearest = bb_text_nearest(node->key, (const char *const *)names->pdata);
    if (nearest)
        bb_problem_add(check->problems, &node->key_place, pointer,
                       "unknown key `%s`; did you mean `%s`?", node->key, nearest);
    else
        bb_problem_add(check->problems, &node->key_place, pointer,
                       "unknown key `%s`; known here: %s", node->key, list->str);
}

static char *pointer_below(const char *pointer, const char *key)
{
    GString *text = g_string_new(key);
    g_string_replace(text, "~", "~0", 0);
    g_string_replace(text, "/", "~1", 0);
    g_string_prepend_c(text, '/');
    g_string_prepend(text, pointer);
    return g_string_free(text, FALSE);
}

static void report_missing(schema_check *check, const bb_node *node, const char *pointer,
                           const json_t *schema)
{
    const json_t *required = json_object_get(schema, "required");
    for (gsize i = 0; i < json_array_size(required); i++) {
        const char *name = json_string_value(json_array_get(required, i));
        g_autofree char *below = pointer_below(pointer, name);
        if (bb_node_get(node, name) || !is_new(check, below))
            continue;
        bb_problem_add(check->problems, node->key ? &node->key_place : &node->place, below,
                       "`%s` needs the key `%s`", node->key ? node->key : "the file", name);
    }
}

/* The name of a domain, an event or a handler. */
static void report_name(schema_check *check, const bb_node *node, const char *pointer,
                        const json_t *parent)
{
    const json_t *names = follow(check, json_object_get(parent, "propertyNames"));
    if (node->key && is_new(check, pointer))
        bb_problem_add(check->problems, &node->key_place, pointer, "`%s` cannot be a name here: %s",
                       node->key, json_string_value(json_object_get(names, "title")));
}

/* What stands there, in words. */
static char *describe(const bb_node *node)
{
    char excerpt[EXCERPT_BYTES + 4];
    if (node->kind == BB_NODE_MAP)
        return g_strdup("a map of keys");
    if (node->kind == BB_NODE_LIST)
        return g_strdup("a list");
    if (node->secret || node->expanded || (node->key && bb_property_secret(node->key)))
        return g_strdup_printf("%s that is not shown",
                               node->type == BB_SCALAR_TEXT ? "a text" : "a value");
    if (node->type == BB_SCALAR_NULL)
        return g_strdup("nothing");
    if (!*node->text)
        return g_strdup("an empty text");
    bb_text_excerpt(node->text, strlen(node->text), EXCERPT_BYTES, excerpt, sizeof(excerpt));
    return g_strdup_printf(node->plain ? "`%s`" : "the text `%s`", excerpt);
}

/* Expected values of an enum: "error, warning, info or debug", with the nearest one. */
static char *describe_choices(const json_t *choices, const bb_node *node)
{
    GString *text = g_string_new("expected ");
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    gsize count = json_array_size(choices);
    for (gsize i = 0; i < count; i++) {
        const char *name = json_string_value(json_array_get(choices, i));
        g_ptr_array_add(names, (gpointer)name);
        g_string_append_printf(text, "%s%s", i == 0 ? "" : i + 1 == count ? " or " : ", ", name);
    }
    g_ptr_array_add(names, NULL);
    const char *nearest = node->kind == BB_NODE_SCALAR && !node->expanded
                              ? bb_text_nearest(node->text, (const char *const *)names->pdata)
                              : NULL;
    if (nearest)
        g_string_append_printf(text, "; did you mean `%s`?", nearest);
    return g_string_free(text, FALSE);
}

/* A word that other YAML readers take for a boolean. */
static gboolean is_old_boolean(const bb_node *node)
{
    static const char *const words[] = {"yes", "no", "on", "off", "y", "n", NULL};
    if (node->kind != BB_NODE_SCALAR || node->expanded)
        return FALSE;
    g_autofree char *lower = g_ascii_strdown(node->text, -1);
    return g_strv_contains(words, lower);
}

static gboolean takes_boolean(const json_t *schema, const bb_node *node)
{
    const char *title = json_string_value(json_object_get(schema, "title"));
    return title && strstr(title, "true") && is_old_boolean(node);
}

static void report_value(schema_check *check, const bb_node *node, const char *pointer,
                         const json_t *schema, const char *message)
{
    const char *title = json_string_value(json_object_get(schema, "title"));
    const json_t *choices = json_object_get(schema, "enum");
    g_autofree char *found = describe(node);
    g_autofree char *expected = NULL;
    if (!is_new(check, pointer))
        return;
    if (choices)
        expected = describe_choices(choices, node);
    else if (takes_boolean(schema, node))
        expected =
            g_strdup_printf("expected true or false; in YAML 1.2 `%s` is a text", node->text);
    else if (title)
        expected = g_strdup_printf("expected %s", title);
    if (node->key)
        bb_problem_add(check->problems, &node->place, pointer, "`%s` is %s; %s", node->key, found,
                       expected ? expected : message);
    else
        bb_problem_add(check->problems, &node->place, pointer, "found %s; %s", found,
                       expected ? expected : message);
}

static void report_failure(schema_check *check, const bb_failure *failure)
{
    gboolean exact = FALSE;
    const json_t *parent = NULL;
    const bb_node *node = bb_node_at(check->root, failure->pointer, &exact);
    const json_t *schema = schema_at(check, failure->pointer, &parent);
    gboolean of_text =
        strcmp(failure->keyword, "pattern") == 0 || strcmp(failure->keyword, "maxLength") == 0;
    if (node->key && !schema)
        report_unknown(check, node, failure->pointer, parent);
    else if (strcmp(failure->keyword, "required") == 0)
        report_missing(check, node, failure->pointer, schema);
    else if (of_text && json_object_get(parent, "propertyNames"))
        report_name(check, node, failure->pointer, parent);
    else
        report_value(check, node, failure->pointer, schema, failure->message);
}

static gboolean takes_only(const json_t *schema, const char *type)
{
    const char *name = json_string_value(json_object_get(schema, "type"));
    return name && strcmp(name, type) == 0;
}

/* What came out of ${...} takes the kind that its place asks for, quoted or not. */
static void coerce(const schema_check *check, bb_node *node, const json_t *schema)
{
    for (guint i = 0; node->children && i < node->children->len; i++) {
        bb_node *child = g_ptr_array_index(node->children, i);
        const json_t *below = schema_below(check, schema, node, child->key ? child->key : "");
        if (below)
            coerce(check, child, below);
    }
    if (!node->expanded)
        return;
    bb_scalar_type found = bb_scalar_resolve(node->text);
    if (takes_only(schema, "string"))
        node->type = BB_SCALAR_TEXT;
    else if ((takes_only(schema, "integer") && found == BB_SCALAR_INTEGER) ||
             (takes_only(schema, "boolean") && found == BB_SCALAR_BOOLEAN))
        node->type = found;
}

/* Runs the engine over the tree's JSON text. */
static void evaluate(schema_check *check, const bb_contract *contract, const char *text)
{
    bb_tape tape;
    bb_parse_error error;
    busbar_event event;
    uint32_t slot_count = 0;
    guint count = 0;
    g_autoptr(bb_parser) parser = bb_parser_new(/* limits= */ NULL);
    g_autoptr(bb_arena) arena = bb_arena_new(0);
    g_autoptr(bb_evaluator) evaluator = bb_evaluator_new();
    const bb_slot_name *slots = bb_contract_slots(contract, &slot_count);
    if (!bb_parse(parser, text, strlen(text), &tape, &error)) {
        bb_problem_add(check->problems, &check->root->place, NULL, "cannot be checked: %s",
                       error.reason);
        return;
    }
    bb_event_init(&event, arena, text, strlen(text), &tape, slots, slot_count);
    bb_evaluator_set_max_failures(evaluator, MAX_FINDINGS);
    if (!bb_contract_evaluate(contract, evaluator, &event)) {
        const bb_failure *failures = bb_evaluator_failures(evaluator, &count);
        for (guint i = 0; i < count; i++)
            report_failure(check, &failures[i]);
    }
    bb_event_release(&event);
}

void bb_check_schema(bb_node *root, GPtrArray *problems)
{
    g_autoptr(GError) error = NULL;
    gsize size = 0;
    const char *text = bb_settings_schema(&size);
    bb_contract_options options = {.source = "the schema of the configuration"};
    g_autoptr(bb_contract) contract = bb_contract_compile(text, size, &options, &error);
    if (!contract) {
        bb_problem_add(problems, &root->place, NULL, "%s", error->message);
        return;
    }
    json_auto_t *schema = json_loadb(text, size, 0, NULL);
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    schema_check check = {root, schema, seen, problems};
    coerce(&check, root, schema);
    json_auto_t *tree = bb_node_json(root);
    char *dump = json_dumps(tree, JSON_COMPACT);
    if (dump)
        evaluate(&check, contract, dump);
    free(dump);
}
