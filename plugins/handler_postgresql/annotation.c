/* Columns from a contract. */
#include "annotation.h"

#include <stdio.h>
#include <string.h>

static const char *text_at(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

/* The annotation is checked where a mistake would otherwise become SQL. */
const char *pg_annotation_check(const json_t *annotation)
{
    static const char *const lists[] = {"primary_key", "indexes", "unique", NULL};
    if (!annotation)
        return NULL;
    if (!json_is_object(annotation))
        return "\"postgresql\" of x-busbar-storage is not an object";
    const json_t *columns = json_object_get(annotation, "columns");
    if (columns && !json_is_object(columns))
        return "\"columns\" of x-busbar-storage is not an object";
    for (int i = 0; lists[i]; i++) {
        const json_t *list = json_object_get(annotation, lists[i]);
        if (list && !json_is_array(list))
            return "\"primary_key\", \"indexes\" and \"unique\" of x-busbar-storage are lists";
    }
    const json_t *partition = json_object_get(annotation, "partition");
    if (partition && !text_at(partition, "by"))
        return "\"partition\" of x-busbar-storage needs \"by\": a column";
    return NULL;
}

/* The one type of a member that is not null; "" where there are several. */
static const char *single_type(const json_t *schema, bool *ret_nullable)
{
    const json_t *type = json_object_get(schema, "type");
    const char *found = json_is_string(type) ? json_string_value(type) : "";
    *ret_nullable = !json_is_string(type);
    size_t i;
    json_t *item;
    json_array_foreach(type, i, item)
    {
        const char *name = json_string_value(item);
        if (!name || strcmp(name, "null") == 0)
            continue;
        if (*found)
            return "";
        found = name;
    }
    return found;
}

static void set_type(char *to, size_t size, const char *name)
{
    (void)snprintf(to, size, "%s", name); /* names of types are short */
}

static void type_of_text(const json_t *schema, char *to, size_t size)
{
    static const char *const formats[][2] = {{"uuid", "uuid"},
                                             {"date-time", "timestamptz"},
                                             {"date", "date"},
                                             {"ipv4", "inet"},
                                             {"ipv6", "inet"}};
    const char *format = text_at(schema, "format");
    const json_t *longest = json_object_get(schema, "maxLength");
    for (size_t i = 0; format && i < sizeof(formats) / sizeof(formats[0]); i++) {
        if (strcmp(format, formats[i][0]) == 0) {
            set_type(to, size, formats[i][1]);
            return;
        }
    }
    if (json_is_integer(longest) && json_integer_value(longest) > 0 &&
        json_integer_value(longest) <= 10485760)
        (void)snprintf(to, size, "varchar(%lld)", (long long)json_integer_value(longest));
    else
        set_type(to, size, "text");
}

/* Types by the JSON Schema alone; whatever has no type of its own is jsonb. */
static void default_type(const json_t *schema, char *to, size_t size, bool *ret_nullable)
{
    const char *type = single_type(schema, ret_nullable);
    bool ignored;
    set_type(to, size, "jsonb");
    if (strcmp(type, "string") == 0) {
        type_of_text(schema, to, size);
    } else if (strcmp(type, "integer") == 0) {
        set_type(to, size, "bigint");
    } else if (strcmp(type, "number") == 0) {
        set_type(to, size, "double precision");
    } else if (strcmp(type, "boolean") == 0) {
        set_type(to, size, "boolean");
    } else if (strcmp(type, "array") == 0) {
        const json_t *items = json_object_get(schema, "items");
        const char *item = single_type(items, &ignored);
        if (!*item || ignored || strcmp(item, "object") == 0 || strcmp(item, "array") == 0)
            return;
        default_type(items, to, size - 2, &ignored);
        strcat(to, "[]");
    }
}

static bool is_required(const json_t *contract, const char *name)
{
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(contract, "required"), i, item)
    {
        const char *required = json_string_value(item);
        if (required && strcmp(required, name) == 0)
            return true;
    }
    return false;
}

static void visit_annotated(const json_t *contract, const json_t *columns,
                            void (*visit)(const pg_wanted *wanted, void *user), void *user)
{
    const json_t *properties = json_object_get(contract, "properties");
    const char *name;
    json_t *column;
    json_object_foreach((json_t *)columns, name, column)
    {
        bool nullable;
        pg_wanted wanted = {.name = name,
                            .not_null = json_is_true(json_object_get(column, "not_null")),
                            .expression = text_at(column, "default"),
                            .from = text_at(column, "from"),
                            .references = text_at(column, "references"),
                            .on_delete = text_at(column, "on_delete")};
        const char *type = text_at(column, "type");
        if (type)
            set_type(wanted.type, sizeof(wanted.type), type);
        else
            default_type(json_object_get(properties, name), wanted.type, sizeof(wanted.type),
                         &nullable);
        visit(&wanted, user);
    }
}

void pg_annotation_columns(const json_t *contract, const json_t *annotation,
                           void (*visit)(const pg_wanted *wanted, void *user), void *user)
{
    const json_t *columns = json_object_get(annotation, "columns");
    if (columns) {
        visit_annotated(contract, columns, visit, user);
        return;
    }
    const char *name;
    json_t *schema;
    json_object_foreach(json_object_get(contract, "properties"), name, schema)
    {
        bool nullable = true;
        pg_wanted wanted = {.name = name};
        if (name[0] == '_')
            continue; /* metadata of the way, not of the event */
        default_type(schema, wanted.type, sizeof(wanted.type), &nullable);
        wanted.not_null = !nullable && is_required(contract, name);
        visit(&wanted, user);
    }
}

json_t *pg_annotation_default_key(const json_t *contract, json_t *owner)
{
    const char *name;
    json_t *schema;
    json_object_foreach(json_object_get(contract, "properties"), name, schema)
    {
        const json_t *made = json_object_get(schema, "x-busbar-generate");
        const char *how = json_is_object(made) ? text_at(made, "value") : json_string_value(made);
        if (!how || strcmp(how, "uuid4") != 0)
            continue;
        json_t *key = json_pack("[s]", name);
        if (!key || json_object_set_new(owner, "default key", key) != 0)
            return NULL;
        return json_object_get(owner, "default key");
    }
    return NULL;
}
