/* One event type, resolved from what the plugin brings and what the settings say. */
#include <string.h>

#include "pipeline/dedup.h"
#include "pipeline/key.h"
#include "plugin/registry_private.h"

/* What one resolution works on. */
typedef struct resolution {
    bb_registry *registry;
    const bb_domain_settings *domain;
    const bb_event_settings *settings;
    const bb_plugin *plugin;
    bb_setting_place place; /* of the event, or of the domain where the file does not name it */
    char *pointer;          /* into the settings */
    bb_event_type *type;
} resolution;

void bb_event_type_free(gpointer data)
{
    bb_event_type *type = data;
    if (!type)
        return;
    g_free(type->full_name);
    g_free(type->domain);
    g_free(type->name);
    g_free(type->topic);
    g_free(type->group);
    g_free(type->dead_letter_topic);
    g_free(type->plugin);
    g_free(type->plugin_version);
    bb_contract_unref(type->contract);
    g_free(type->config);
    g_free(type->key_template);
    bb_dedup_free(type->dedup);
    g_clear_pointer(&type->tiers, g_ptr_array_unref);
    if (type->handlers)
        g_ptr_array_unref(type->handlers);
    g_free(type);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(bb_event_type, bb_event_type_free)

static char *member_pointer(const resolution *at, const char *member)
{
    return g_strdup_printf("%s/%s", at->pointer, member);
}

static void set_names(bb_event_type *type, const resolution *at, const char *name,
                      const char *topic, const char *group)
{
    const bb_event_settings *settings = at->settings;
    type->domain = g_strdup(at->domain->name);
    type->name = g_strdup(name);
    type->full_name = g_strdup_printf("%s.%s", type->domain, name);
    type->topic = g_strdup(settings->topic ? settings->topic : topic ? topic : type->full_name);
    type->group = g_strdup(settings->group ? settings->group : group ? group : type->full_name);
    type->dead_letter_topic = settings->dead_letter_topic ? g_strdup(settings->dead_letter_topic)
                                                          : g_strdup_printf("%s.dlq", type->topic);
    type->plugin = g_strdup(at->plugin->descriptor.name);
    type->plugin_version = g_strdup(at->plugin->descriptor.version);
}

static gboolean set_contract(const resolution *at, busbar_bytes text)
{
    bb_event_type *type = at->type;
    g_autofree char *pointer = member_pointer(at, "schema");
    g_autoptr(GError) error = NULL;
    g_autofree char *source = g_strdup_printf("plugin %s, event type %s", type->plugin, type->name);
    const bb_contract_options options = {.source = source};
    const char *file = at->settings->schema;
    if (file)
        type->contract =
            bb_contract_compile_file(file, &(const bb_contract_options){.source = file}, &error);
    else if (text.size)
        type->contract = bb_contract_compile(text.data, text.size, &options, &error);
    else
        bb_registry_problem(at->registry, at->pointer, at->place,
                            "%s has no contract: plugin %s brings none; add 'schema: FILE'",
                            type->full_name, type->plugin);
    if (error)
        bb_registry_problem(at->registry, pointer, at->place, "%s", error->message);
    return type->contract != NULL;
}

static void set_wire(bb_event_type *type, const bb_event_settings *settings)
{
    type->wire = *bb_contract_wire(type->contract);
    if (settings->key_form != BB_KEY_CONTRACT)
        type->wire.key = settings->key_form == BB_KEY_JSON ? BB_WIRE_KEY_JSON : BB_WIRE_KEY_RAW;
    if (settings->metadata != BB_META_CONTRACT)
        type->wire.metadata = settings->metadata == BB_META_BODY      ? BB_WIRE_METADATA_BODY
                              : settings->metadata == BB_META_HEADERS ? BB_WIRE_METADATA_HEADERS
                                                                      : BB_WIRE_METADATA_NONE;
    if (settings->producer)
        type->wire.producer = settings->producer;
}

static void set_key(const resolution *at)
{
    bb_event_type *type = at->type;
    const char *own = at->settings->key_template;
    g_autoptr(GError) error = NULL;
    type->key_template = g_strdup(own ? own : bb_contract_key_template(type->contract));
    if (!type->key_template)
        return;
    g_autoptr(bb_key) key = bb_key_new(type->key_template, type->contract, &error);
    if (key)
        return;
    g_autofree char *pointer = member_pointer(at, own ? "publish/key_template" : "schema");
    bb_registry_problem(at->registry, pointer, at->place, "%s: %s", type->full_name,
                        error->message);
}

/* The first member of the pointer must be one of the contract's. */
static void set_dedup(const resolution *at)
{
    bb_event_type *type = at->type;
    const bb_event_settings *settings = at->settings;
    const char *pointer = settings->dedup_key;
    if (!pointer)
        return;
    g_autofree char *place = member_pointer(at, "consume/dedup");
    const char *name = *pointer == '/' ? pointer + 1 : pointer;
    guint64 needed = bb_dedup_bytes(settings->dedup_records);
    if (bb_contract_slot(type->contract, name, strcspn(name, "/")) == BB_NO_SLOT)
        bb_registry_problem(at->registry, place, at->place,
                            "%s: `dedup.key` is `%s`, which is not a member that the contract "
                            "declares",
                            type->full_name, pointer);
    else if (needed > settings->dedup_bytes)
        bb_registry_problem(
            at->registry, place, at->place,
            "%s: a `dedup.window` of %u records takes %" G_GUINT64_FORMAT
            " bytes, and `dedup.max_bytes` is %" G_GUINT64_FORMAT "; change one of them",
            type->full_name, settings->dedup_records, needed, settings->dedup_bytes);
    else
        type->dedup = bb_dedup_new(pointer, settings->dedup_records, settings->dedup_window_ms,
                                   settings->dedup_bytes);
}

static void bind_handlers(const resolution *at)
{
    GPtrArray *names = at->settings->handlers;
    at->type->handlers = g_ptr_array_new_with_free_func(bb_handler_binding_free);
    for (guint i = 0; names && i < names->len; i++) {
        g_autofree char *pointer = g_strdup_printf("%s/handlers/%u", at->pointer, i);
        bb_handler_binding *binding =
            bb_handler_binding_new(at->registry, names->pdata[i], pointer, at->place);
        if (binding)
            g_ptr_array_add(at->type->handlers, binding);
    }
}

static void set_vtable(bb_event_type *type, const busbar_event_type *brought)
{
    busbar_event_type copy;
    if (!brought)
        return;
    bb_copy_event_type(brought, &copy, &type->ops);
    type->create = copy.create;
    type->destroy = copy.destroy;
}

static void set_config(bb_event_type *type, const bb_event_settings *settings)
{
    if (!settings->plugin_config)
        return;
    char *dumped = json_dumps(settings->plugin_config, JSON_COMPACT | JSON_ENCODE_ANY);
    type->config = g_strdup(dumped);
    free(dumped); /* jansson's allocator */
}

bb_event_type *bb_event_type_new(bb_registry *registry, const bb_domain_settings *domain,
                                 const bb_event_settings *settings, const bb_plugin *plugin,
                                 const busbar_event_type *brought)
{
    g_autoptr(bb_event_type) type = g_new0(bb_event_type, 1);
    const char *name = brought ? brought->name : settings->name;
    g_autofree char *pointer = g_strdup_printf("/domains/%s/events/%s", domain->name, name);
    bb_setting_place place = settings->place.file ? settings->place : domain->place;
    const resolution at = {registry, domain, settings, plugin, place, pointer, type};
    const busbar_bytes none = {NULL, 0};
    set_names(type, &at, name, brought ? brought->topic : NULL, brought ? brought->group : NULL);
    set_vtable(type, brought);
    set_config(type, settings);
    type->settings = settings;
    type->host = bb_host_table();
    bind_handlers(&at);
    if (!set_contract(&at, brought ? brought->contract : none))
        return NULL;
    set_wire(type, settings);
    set_key(&at);
    set_dedup(&at);
    if (strcmp(type->dead_letter_topic, type->topic) == 0)
        bb_registry_problem(
            registry, pointer, place,
            "the dead letter topic of %s is its own topic '%s'; dead letters would be "
            "consumed again; name another",
            type->full_name, type->topic);
    bb_retry_tiers_make(registry, type, pointer, place);
    return g_steal_pointer(&type);
}
