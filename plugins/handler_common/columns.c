/* Columns from a contract. */
#include "columns.h"

#include <stdlib.h>
#include <string.h>

static const char *text_at(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

const char *handler_columns_check(const json_t *annotation, const char *const *lists)
{
    if (!annotation)
        return NULL;
    if (!json_is_object(annotation))
        return "the store's member of x-busbar-storage is not an object";
    const json_t *columns = json_object_get(annotation, "columns");
    if (columns && !json_is_object(columns))
        return "\"columns\" of x-busbar-storage is not an object";
    for (int i = 0; lists[i]; i++) {
        const json_t *list = json_object_get(annotation, lists[i]);
        if (list && !json_is_array(list))
            return "keys, indexes and the like of x-busbar-storage are lists";
    }
    return NULL;
}

const char *handler_schema_type(const json_t *schema, bool *ret_nullable)
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

static void visit_members(const json_t *contract, const json_t *properties,
                          void (*visit)(const handler_column *column, void *user), void *user)
{
    const char *name;
    json_t *schema;
    json_object_foreach((json_t *)properties, name, schema)
    {
        bool nullable = true;
        handler_column column = {.name = name, .schema = schema};
        if (name[0] == '_')
            continue; /* metadata of the way, not of the event */
        (void)handler_schema_type(schema, &nullable);
        column.not_null = !nullable && is_required(contract, name);
        visit(&column, user);
    }
}

void handler_columns_visit(const json_t *contract, const json_t *annotation,
                           void (*visit)(const handler_column *column, void *user), void *user)
{
    const json_t *columns = json_object_get(annotation, "columns");
    const json_t *properties = json_object_get(contract, "properties");
    const char *name;
    json_t *annotated;
    if (!columns) {
        visit_members(contract, properties, visit, user);
        return;
    }
    json_object_foreach((json_t *)columns, name, annotated)
    {
        handler_column column = {.name = name,
                                 .annotated = annotated,
                                 .schema = json_object_get(properties, name),
                                 .from = text_at(annotated, "from"),
                                 .not_null = json_is_true(json_object_get(annotated, "not_null"))};
        visit(&column, user);
    }
}

json_t *handler_default_key(const json_t *contract, json_t *owner)
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

char *handler_expand_name(const char *form, const char *event)
{
    char text[512];
    size_t size = 0;
    size_t domain = strcspn(event, ".");
    const char *name = event[domain] ? event + domain + 1 : event;
    while (*form && size + 1 < sizeof(text)) {
        const char *part = form;
        size_t part_size = 1;
        if (strncmp(form, "{domain}", 8) == 0) {
            part = event;
            part_size = domain;
            form += 8;
        } else if (strncmp(form, "{event}", 7) == 0) {
            part = name;
            part_size = strlen(name);
            form += 7;
        } else {
            form++;
        }
        if (size + part_size >= sizeof(text))
            break;
        memcpy(text + size, part, part_size);
        size += part_size;
    }
    text[size] = '\0';
    return strdup(text);
}

bool handler_members_read(handler_members *members, busbar_call *call, const json_t *contract)
{
    const json_t *properties = json_object_get(contract, "properties");
    const char *name;
    json_t *ignored;
    members->list = calloc(json_object_size(properties) + 1, sizeof(*members->list));
    if (!members->list)
        return false;
    json_object_foreach((json_t *)properties, name, ignored)
    {
        handler_member *member = &members->list[members->count];
        member->name = strdup(name);
        if (!member->name)
            return false;
        member->field = busbar_field_of(call, name);
        members->count++;
    }
    return true;
}

void handler_members_clear(handler_members *members)
{
    for (size_t i = 0; i < members->count; i++)
        free(members->list[i].name);
    free(members->list);
    *members = (handler_members){.count = 0};
}

busbar_field handler_members_find(const handler_members *members, const char *name)
{
    for (size_t i = 0; i < members->count; i++) {
        if (strcmp(members->list[i].name, name) == 0)
            return members->list[i].field;
    }
    return -1;
}
