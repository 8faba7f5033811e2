/* Describes a plugin: descriptor, event types with their contracts, handlers with their settings.
 */
#include "app/inspect.h"

#include <string.h>

#include "base/error.h"
#include "contract/contract.h"

static json_t *text_or_null(const char *text)
{
    json_t *value = text ? json_string(text) : NULL;
    return value ? value : json_null();
}

static void append_text(json_t *array, const char *text)
{
    json_array_append_new(array, json_string(text));
}

/* Compiles a schema that the plugin brings; empty text gives NULL without an error. */
static bb_contract *compile(busbar_bytes text, const char *plugin, const char *part, GError **error)
{
    if (!text.size)
        return NULL;
    g_autofree char *source = g_strdup_printf("plugin %s, %s", plugin, part);
    const bb_contract_options options = {.source = source};
    g_autoptr(GError) reason = NULL;
    bb_contract *contract = bb_contract_compile(text.data, text.size, &options, &reason);
    if (!contract)
        g_set_error(error, BB_ERROR, BB_ERROR_PLUGIN, "%s", reason->message);
    return contract;
}

/* Names of the members that the root of the schema declares. */
static json_t *members_of(const bb_contract *contract)
{
    uint32_t count = 0;
    const bb_slot_name *slots = bb_contract_slots(contract, &count);
    json_t *members = json_array();
    for (uint32_t i = 0; i < count; i++)
        json_array_append_new(members, json_stringn(slots[i].name.data, slots[i].name.size));
    return members;
}

static json_t *required_of(busbar_bytes text)
{
    json_auto_t *schema = json_loadb(text.data, text.size, 0, NULL);
    json_t *required = json_object_get(schema, "required");
    return json_is_array(required) ? json_incref(required) : json_array();
}

static json_t *describe_contract(const bb_contract *contract, busbar_bytes text)
{
    json_t *described = json_object();
    json_object_set_new(described, "title", text_or_null(bb_contract_title(contract)));
    json_object_set_new(described, "members", members_of(contract));
    json_object_set_new(described, "required", required_of(text));
    return described;
}

static json_t *functions_of(const busbar_event_ops *ops)
{
    json_t *functions = json_array();
    if (ops->validate)
        append_text(functions, "validate");
    if (ops->enrich)
        append_text(functions, "enrich");
    if (ops->handle)
        append_text(functions, "handle");
    return functions;
}

static json_t *describe_event_type(const busbar_event_type *from, const char *plugin,
                                   GError **error)
{
    busbar_event_type type;
    busbar_event_ops ops;
    bb_copy_event_type(from, &type, &ops);
    g_autofree char *part = g_strdup_printf("event type %s", type.name);
    GError *trouble = NULL;
    g_autoptr(bb_contract) contract = compile(type.contract, plugin, part, &trouble);
    if (trouble) {
        g_propagate_error(error, trouble);
        return NULL;
    }
    json_t *described = json_object();
    json_object_set_new(described, "name", json_string(type.name));
    json_object_set_new(described, "summary", text_or_null(type.summary));
    json_object_set_new(described, "topic", json_string(type.topic));
    json_object_set_new(described, "group", text_or_null(type.group));
    json_object_set_new(described, "key",
                        text_or_null(contract ? bb_contract_key_template(contract) : NULL));
    json_object_set_new(described, "contract",
                        contract ? describe_contract(contract, type.contract) : json_null());
    json_object_set_new(described, "functions", functions_of(&ops));
    return described;
}

static json_t *capabilities_of(uint32_t capabilities)
{
    json_t *named = json_array();
    if (capabilities & BUSBAR_IDEMPOTENT)
        append_text(named, "idempotent");
    if (capabilities & BUSBAR_STORES_OFFSETS)
        append_text(named, "stores_offsets");
    if (capabilities & BUSBAR_TRANSACTIONAL)
        append_text(named, "transactional");
    if (capabilities & BUSBAR_EMITS_ONLY)
        append_text(named, "emits_only");
    return named;
}

static json_t *describe_handler(const busbar_handler *handler, const char *plugin, GError **error)
{
    g_autofree char *part = g_strdup_printf("configuration of handler %s", handler->name);
    GError *trouble = NULL;
    g_autoptr(bb_contract) schema = compile(handler->config_schema, plugin, part, &trouble);
    if (trouble) {
        g_propagate_error(error, trouble);
        return NULL;
    }
    json_t *described = json_object();
    json_object_set_new(described, "name", json_string(handler->name));
    json_object_set_new(described, "summary", text_or_null(handler->summary));
    json_object_set_new(described, "capabilities", capabilities_of(handler->capabilities));
    json_object_set_new(described, "settings", schema ? members_of(schema) : json_null());
    json_object_set_new(described, "required",
                        schema ? required_of(handler->config_schema) : json_array());
    return described;
}

static json_t *describe_event_types(const busbar_plugin_descriptor *plugin, GError **error)
{
    json_auto_t *list = json_array();
    for (uint32_t i = 0; i < plugin->event_type_count; i++) {
        json_t *item = describe_event_type(plugin->event_types[i], plugin->name, error);
        if (!item)
            return NULL;
        json_array_append_new(list, item);
    }
    return json_incref(list);
}

static json_t *describe_handlers(const busbar_plugin_descriptor *plugin, GError **error)
{
    json_auto_t *list = json_array();
    for (uint32_t i = 0; i < plugin->handler_count; i++) {
        json_t *item = describe_handler(plugin->handlers[i], plugin->name, error);
        if (!item)
            return NULL;
        json_array_append_new(list, item);
    }
    return json_incref(list);
}

static json_t *version_text(guint major, guint minor)
{
    g_autofree char *text = g_strdup_printf("%u.%u", major, minor);
    return json_string(text);
}

json_t *bb_inspect_plugin(const bb_plugin *plugin, GError **error)
{
    const busbar_plugin_descriptor *descriptor = &plugin->descriptor;
    json_auto_t *event_types = describe_event_types(descriptor, error);
    json_auto_t *handlers = event_types ? describe_handlers(descriptor, error) : NULL;
    if (!handlers)
        return NULL;
    json_t *described = json_object();
    json_t *abi = json_object();
    json_object_set_new(abi, "plugin", version_text(descriptor->abi_major, descriptor->abi_minor));
    json_object_set_new(abi, "host", version_text(BUSBAR_ABI_MAJOR, BUSBAR_ABI_MINOR));
    json_object_set_new(described, "file", json_string(plugin->path));
    json_object_set_new(described, "accepted", json_true());
    json_object_set_new(described, "abi", abi);
    json_object_set_new(described, "name", json_string(descriptor->name));
    json_object_set_new(described, "version", text_or_null(descriptor->version));
    json_object_set_new(described, "summary", text_or_null(descriptor->summary));
    json_object_set(described, "event_types", event_types);
    json_object_set(described, "handlers", handlers);
    return described;
}
