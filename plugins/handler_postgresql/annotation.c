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
    const char *problem = handler_columns_check(annotation, lists);
    if (problem || !annotation)
        return problem;
    const json_t *partition = json_object_get(annotation, "partition");
    if (partition && !text_at(partition, "by"))
        return "\"partition\" of x-busbar-storage needs \"by\": a column";
    return NULL;
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
    const char *type = handler_schema_type(schema, ret_nullable);
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
        const char *item = handler_schema_type(items, &ignored);
        if (!*item || ignored || strcmp(item, "object") == 0 || strcmp(item, "array") == 0)
            return;
        default_type(items, to, size - 2, &ignored);
        strcat(to, "[]");
    }
}

typedef struct visitor {
    void (*visit)(const pg_wanted *wanted, void *user);
    void *user;
} visitor;

static void visit_column(const handler_column *column, void *user)
{
    const visitor *to = user;
    bool nullable;
    const char *type = text_at(column->annotated, "type");
    pg_wanted wanted = {.name = column->name,
                        .not_null = column->not_null,
                        .expression = text_at(column->annotated, "default"),
                        .from = column->from,
                        .references = text_at(column->annotated, "references"),
                        .on_delete = text_at(column->annotated, "on_delete")};
    if (type)
        set_type(wanted.type, sizeof(wanted.type), type);
    else
        default_type(column->schema, wanted.type, sizeof(wanted.type), &nullable);
    to->visit(&wanted, to->user);
}

void pg_annotation_columns(const json_t *contract, const json_t *annotation,
                           void (*visit)(const pg_wanted *wanted, void *user), void *user)
{
    visitor to = {visit, user};
    handler_columns_visit(contract, annotation, visit_column, &to);
}
