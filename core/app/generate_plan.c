/* Turns a contract into the plan of the generator: what to make for every member. */
#include <stdlib.h>
#include <string.h>

#include "app/generate_private.h"
#include "base/error.h"

/* The type of a schema apart from null; NULL when it names none. */
static const char *main_type(json_t *schema)
{
    json_t *type = json_object_get(schema, "type");
    size_t i;
    json_t *item;
    json_array_foreach(type, i, item)
    {
        if (g_strcmp0(json_string_value(item), "null") != 0)
            return json_string_value(item);
    }
    return json_string_value(type);
}

static gboolean allows_null(json_t *schema)
{
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(schema, "type"), i, item)
    {
        if (g_strcmp0(json_string_value(item), "null") == 0)
            return TRUE;
    }
    return FALSE;
}

static bb_make make_of_string(json_t *schema)
{
    static const struct {
        const char *format;
        bb_make make;
    } formats[] = {
        {"uuid", BB_MAKE_UUID},    {"date-time", BB_MAKE_INSTANT}, {"date", BB_MAKE_DATE},
        {"http-url", BB_MAKE_URL}, {"uri", BB_MAKE_URL},           {"ip", BB_MAKE_IP},
        {"ipv4", BB_MAKE_IP},      {"timezone", BB_MAKE_TIMEZONE}, {"email", BB_MAKE_EMAIL}};
    const char *format = json_string_value(json_object_get(schema, "format"));
    const char *pattern = json_string_value(json_object_get(schema, "pattern"));
    for (guint i = 0; format && i < G_N_ELEMENTS(formats); i++) {
        if (strcmp(format, formats[i].format) == 0)
            return formats[i].make;
    }
    return g_strcmp0(pattern, "^[A-Z]{2}$") == 0 ? BB_MAKE_COUNTRY : BB_MAKE_TEXT;
}

static bb_make make_of(json_t *schema)
{
    static const struct {
        const char *type;
        bb_make make;
    } types[] = {{"integer", BB_MAKE_INTEGER}, {"number", BB_MAKE_NUMBER},
                 {"boolean", BB_MAKE_BOOLEAN}, {"object", BB_MAKE_OBJECT},
                 {"array", BB_MAKE_ARRAY},     {"null", BB_MAKE_NULL}};
    const char *type = main_type(schema);
    if (json_array_size(json_object_get(schema, "enum")) > 0)
        return BB_MAKE_ENUM;
    for (guint i = 0; type && i < G_N_ELEMENTS(types); i++) {
        if (strcmp(type, types[i].type) == 0)
            return types[i].make;
    }
    return make_of_string(schema);
}

/* The texts of the enum without null: null is thrown for by itself. */
static void read_values(bb_plan_field *field, json_t *schema)
{
    GPtrArray *texts = g_ptr_array_new();
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(schema, "enum"), i, item)
    {
        char *text = json_is_null(item) ? NULL : json_dumps(item, JSON_ENCODE_ANY | JSON_COMPACT);
        if (text)
            g_ptr_array_add(texts, g_strdup(text));
        free(text);
    }
    field->value_count = texts->len;
    g_ptr_array_add(texts, NULL);
    field->values = (char **)g_ptr_array_free(texts, FALSE);
}

static void read_bounds(bb_plan_field *field, json_t *schema)
{
    json_t *minimum = json_object_get(schema, "minimum");
    json_t *maximum = json_object_get(schema, "maximum");
    field->has_minimum = json_is_number(minimum);
    field->has_maximum = json_is_number(maximum);
    field->minimum = json_number_value(minimum);
    field->maximum = json_number_value(maximum);
    field->max_length = (gsize)json_integer_value(json_object_get(schema, "maxLength"));
}

static gboolean is_required(json_t *root, const char *name)
{
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(root, "required"), i, item)
    {
        if (g_strcmp0(json_string_value(item), name) == 0)
            return TRUE;
    }
    return FALSE;
}

static bb_plan_field *field_new(const char *name, json_t *schema)
{
    bb_plan_field *field = g_new0(bb_plan_field, 1);
    json_t *generate = json_object_get(schema, "x-busbar-generate");
    json_t *value = json_is_object(generate) ? json_object_get(generate, "value") : generate;
    field->name = g_strdup(name);
    field->hash = bb_dice_mix(g_str_hash(name));
    field->make = make_of(schema);
    field->nullable = allows_null(schema);
    field->fresh = g_strcmp0(json_string_value(value), "uuid4") == 0;
    field->lax = json_object_get(schema, "x-busbar-lax") != NULL;
    read_values(field, schema);
    read_bounds(field, schema);
    bb_value_prepare(field);
    if (field->make == BB_MAKE_ARRAY)
        field->items = field_new(name, json_object_get(schema, "items"));
    return field;
}

static void field_free(gpointer data)
{
    bb_plan_field *field = data;
    if (!field)
        return;
    field_free(field->items);
    g_strfreev(field->values);
    g_free(field->name);
    g_free(field);
}

bb_plan *bb_plan_new(const char *contract, gsize size, GError **error)
{
    json_error_t reason;
    json_t *schema = json_loadb(contract, size, JSON_ALLOW_NUL, &reason);
    json_t *properties = json_object_get(schema, "properties");
    const char *name;
    json_t *member;
    if (!json_is_object(properties)) {
        g_set_error(error, BB_ERROR, BB_ERROR_USAGE, "contract: %s",
                    schema ? "no `properties` to make events from" : reason.text);
        json_decref(schema);
        return NULL;
    }
    bb_plan *plan = g_new0(bb_plan, 1);
    plan->schema = schema;
    plan->closed = json_is_false(json_object_get(schema, "additionalProperties"));
    plan->fields = g_ptr_array_new_with_free_func(field_free);
    json_object_foreach(properties, name, member)
    {
        if (!json_is_object(member))
            continue; /* `true`, as of _metadata: nothing is known about it */
        bb_plan_field *field = field_new(name, member);
        field->required = is_required(schema, name);
        g_ptr_array_add(plan->fields, field);
    }
    return plan;
}

void bb_plan_free(bb_plan *plan)
{
    if (!plan)
        return;
    g_ptr_array_unref(plan->fields);
    json_decref(plan->schema);
    g_free(plan);
}
