/* Binding handlers to event types: plugin, choice of the handler, check of its configuration. */
#include <string.h>

#include <busbar/storage.h>

#include "plugin/registry_private.h"

#define MAX_FAILURES 20

static bb_handler_binding *copy_binding(const bb_handler_binding *from)
{
    bb_handler_binding *binding = g_new(bb_handler_binding, 1);
    *binding = *from;
    binding->name = g_strdup(from->name);
    binding->plugin = g_strdup(from->plugin);
    binding->plugin_version = g_strdup(from->plugin_version);
    binding->handler = g_strdup(from->handler);
    binding->config = g_strdup(from->config);
    binding->breaker = bb_breaker_ref(from->breaker);
    return binding;
}

void bb_handler_binding_free(gpointer data)
{
    bb_handler_binding *binding = data;
    if (!binding)
        return;
    g_free(binding->name);
    g_free(binding->plugin);
    g_free(binding->plugin_version);
    g_free(binding->handler);
    g_free(binding->config);
    bb_breaker_unref(binding->breaker);
    g_free(binding);
}

static const bb_handler_settings *find_settings(const bb_settings *settings, const char *name)
{
    for (guint i = 0; i < settings->handlers->len; i++) {
        const bb_handler_settings *handler = settings->handlers->pdata[i];
        if (strcmp(handler->name, name) == 0)
            return handler;
    }
    return NULL;
}

static void report_unknown(bb_registry *registry, const char *name, const char *pointer,
                           bb_setting_place place)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    for (guint i = 0; i < registry->settings->handlers->len; i++) {
        const bb_handler_settings *handler = registry->settings->handlers->pdata[i];
        g_ptr_array_add(names, handler->name);
    }
    g_autofree char *hint = bb_registry_hint(name, names);
    g_autofree char *known = bb_registry_join(names);
    bb_registry_problem(registry, pointer, place,
                        "there is no handler '%s' under 'handlers:'%s; it has: %s", name, hint,
                        *known ? known : "none");
}

/* The handler that the settings choose, or the plugin's only one. */
static const busbar_handler *choose(bb_registry *registry, const bb_handler_settings *settings,
                                    const bb_plugin *plugin, const char *pointer)
{
    const busbar_plugin_descriptor *descriptor = &plugin->descriptor;
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    for (uint32_t i = 0; i < descriptor->handler_count; i++) {
        const busbar_handler *handler = descriptor->handlers[i];
        if (settings->handler ? strcmp(handler->name, settings->handler) == 0
                              : descriptor->handler_count == 1)
            return handler;
        g_ptr_array_add(names, (gpointer)handler->name);
    }
    g_autofree char *known = bb_registry_join(names);
    g_autofree char *hint = bb_registry_hint(settings->handler ? settings->handler : "", names);
    if (!names->len)
        bb_registry_problem(registry, pointer, settings->place,
                            "plugin %s brings no handler; name a plugin that does",
                            descriptor->name);
    else if (settings->handler)
        bb_registry_problem(registry, pointer, settings->place,
                            "plugin %s has no handler '%s'%s; it has: %s", descriptor->name,
                            settings->handler, hint, known);
    else
        bb_registry_problem(registry, pointer, settings->place,
                            "plugin %s has %u handlers; choose one with 'handler:' from: %s",
                            descriptor->name, names->len, known);
    return NULL;
}

static void report_failures(bb_registry *registry, const bb_handler_settings *settings,
                            const char *pointer, const bb_evaluator *evaluator)
{
    guint count = 0;
    const bb_failure *failures = bb_evaluator_failures(evaluator, &count);
    for (guint i = 0; i < count; i++) {
        g_autofree char *place = g_strconcat(pointer, failures[i].pointer, NULL);
        bb_registry_problem(registry, place, settings->place, "handler '%s': %s%s%s",
                            settings->name, failures[i].pointer, *failures[i].pointer ? ": " : "",
                            failures[i].message);
    }
}

/* Evaluates the handler's schema over its configuration, as over an event. */
static gboolean evaluate(bb_registry *registry, const bb_handler_settings *settings,
                         const char *pointer, const bb_contract *contract, const char *config)
{
    g_autoptr(bb_parser) parser = bb_parser_new(NULL);
    g_autoptr(bb_evaluator) evaluator = bb_evaluator_new();
    g_autoptr(bb_arena) arena = bb_arena_new(0);
    bb_tape tape;
    bb_parse_error trouble;
    busbar_event event;
    uint32_t slot_count = 0;
    const bb_slot_name *slots = bb_contract_slots(contract, &slot_count);
    if (!bb_parse(parser, config, strlen(config), &tape, &trouble)) {
        bb_registry_problem(registry, pointer, settings->place, "handler '%s': %s", settings->name,
                            trouble.reason);
        return FALSE;
    }
    bb_event_init(&event, arena, config, strlen(config), &tape, slots, slot_count);
    bb_evaluator_set_max_failures(evaluator, MAX_FAILURES);
    if (bb_contract_evaluate(contract, evaluator, &event))
        return TRUE;
    report_failures(registry, settings, pointer, evaluator);
    return FALSE;
}

static gboolean check_config(bb_registry *registry, const bb_handler_settings *settings,
                             const bb_plugin *plugin, const busbar_handler *handler,
                             const char *pointer, const char *config)
{
    if (!handler->config_schema.size)
        return TRUE;
    g_autofree char *source = g_strdup_printf("plugin %s, configuration of handler %s",
                                              plugin->descriptor.name, handler->name);
    g_autoptr(GError) error = NULL;
    const bb_contract_options options = {.source = source};
    g_autoptr(bb_contract) contract = bb_contract_compile(
        handler->config_schema.data, handler->config_schema.size, &options, &error);
    if (contract)
        return evaluate(registry, settings, pointer, contract, config);
    bb_registry_problem(registry, pointer, settings->place, "%s", error->message);
    return FALSE;
}

/* NULL unless the plugin offers it for a handler that promises to keep offsets. */
static const busbar_places_v1 *find_places(const bb_plugin *plugin, const busbar_handler *handler)
{
    const busbar_plugin_descriptor *descriptor = &plugin->descriptor;
    const busbar_places_v1 *places =
        (handler->capabilities & BUSBAR_STORES_OFFSETS) && descriptor->get_extension
            ? descriptor->get_extension(BUSBAR_PLACES_EXTENSION)
            : NULL;
    return places && places->struct_size >= sizeof(*places) && places->find ? places : NULL;
}

/* The binding as every event type gets it, NULL after its problems. */
static bb_handler_binding *resolve(bb_registry *registry, const bb_handler_settings *settings)
{
    g_autofree char *pointer = g_strconcat("/handlers/", settings->name, NULL);
    g_autofree char *plugin_pointer = g_strconcat(pointer, "/plugin", NULL);
    const bb_plugin *plugin =
        bb_registry_load(registry, settings->plugin, plugin_pointer, settings->place);
    const busbar_handler *handler =
        plugin ? choose(registry, settings, plugin, plugin_pointer) : NULL;
    if (!handler)
        return NULL;
    char *dumped = settings->config ? json_dumps(settings->config, JSON_COMPACT) : NULL;
    g_autofree char *config = g_strdup(dumped ? dumped : "{}");
    free(dumped); /* jansson's allocator */
    if (!check_config(registry, settings, plugin, handler, pointer, config))
        return NULL;
    bb_handler_binding *binding = g_new0(bb_handler_binding, 1);
    binding->name = g_strdup(settings->name);
    binding->plugin = g_strdup(plugin->descriptor.name);
    binding->plugin_version = g_strdup(plugin->descriptor.version);
    binding->capabilities = handler->capabilities;
    busbar_handler copy;
    bb_copy_handler(handler, &copy, &binding->ops);
    binding->storage = copy.storage;
    binding->handler = g_strdup(handler->name);
    binding->places = find_places(plugin, handler);
    binding->config = g_steal_pointer(&config);
    binding->breaker = bb_breaker_new();
    return binding;
}

bb_handler_binding *bb_handler_binding_new(bb_registry *registry, const char *name,
                                           const char *pointer, bb_setting_place place)
{
    gpointer resolved = NULL;
    if (!g_hash_table_lookup_extended(registry->handlers, name, NULL, &resolved)) {
        const bb_handler_settings *settings = find_settings(registry->settings, name);
        if (!settings) {
            report_unknown(registry, name, pointer, place);
            return NULL;
        }
        resolved = resolve(registry, settings);
        g_hash_table_insert(registry->handlers, g_strdup(name), resolved);
    }
    return resolved ? copy_binding(resolved) : NULL;
}
