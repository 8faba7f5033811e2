/* The `domains:` section. */
#include <string.h>

#include "base/text.h"
#include "config/event_settings.h"
#include "config/layers.h"

/* What every level of the section needs. */
typedef struct domain_builder {
    bb_settings *settings;
    const bb_node *handlers; /* the `handlers:` section */
    GPtrArray *problems;
} domain_builder;

static const char *nearest_key(const bb_node *map, const char *wanted)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    for (guint i = 0; map && map->kind == BB_NODE_MAP && i < map->children->len; i++)
        g_ptr_array_add(names, ((bb_node *)g_ptr_array_index(map->children, i))->key);
    g_ptr_array_add(names, NULL);
    return bb_text_nearest(wanted, (const char *const *)names->pdata);
}

/* Every name in `handlers: [...]` must be one of `handlers:`. */
static void check_handlers(const domain_builder *builder, const bb_node *layer)
{
    const bb_node *list = bb_node_get(layer, "handlers");
    for (guint i = 0; list && list->kind == BB_NODE_LIST && i < list->children->len; i++) {
        const bb_node *item = g_ptr_array_index(list->children, i);
        if (item->kind != BB_NODE_SCALAR || bb_node_get(builder->handlers, item->text))
            continue;
        const char *nearest = nearest_key(builder->handlers, item->text);
        bb_problem_add(builder->problems, &item->place, NULL,
                       nearest ? "no handler `%s` in `handlers:`; did you mean `%s`?"
                               : "no handler `%s` in `handlers:`; define it there",
                       bb_node_shown(item), nearest);
    }
}

static void check_schema_file(const domain_builder *builder, const bb_node *node,
                              const bb_event_settings *event)
{
    const bb_node *schema = bb_node_get(node, "schema");
    if (schema && event->schema && !g_file_test(event->schema, G_FILE_TEST_IS_REGULAR))
        bb_problem_add(builder->problems, &schema->place, NULL,
                       g_file_test(event->schema, G_FILE_TEST_EXISTS)
                           ? "`schema`: not a file: %s"
                           : "`schema`: no such file: %s",
                       event->schema);
}

static void check_dead_letter(const domain_builder *builder, const bb_node *node,
                              const bb_event_settings *event)
{
    const bb_node *topic = bb_node_find(node, "consume", "dead_letter", "topic", NULL);
    if (topic && event->topic && g_strcmp0(event->topic, event->dead_letter_topic) == 0)
        bb_problem_add(builder->problems, &topic->place, NULL,
                       "dead letters would go back to the topic `%s` they came from", event->topic);
}

static bb_event_settings *build_event(const domain_builder *builder,
                                      const bb_event_settings *defaults, const bb_node *node)
{
    bb_event_settings *event = bb_event_settings_copy(defaults, node->key);
    const bb_node *own = bb_node_get(node, "settings");
    event->place = node->key_place;
    bb_read_flag(node, "enabled", &event->enabled);
    bb_read_text(node, "topic", &event->topic);
    bb_read_path(node, "schema", &event->schema);
    bb_event_settings_read(event, node, builder->problems);
    if (own && own->kind == BB_NODE_MAP)
        event->plugin_config = bb_node_json(own);
    check_handlers(builder, node);
    check_schema_file(builder, node, event);
    check_dead_letter(builder, node, event);
    return event;
}

/* Without `plugin:` a domain with schemas is generic; any other has the plugin of its name. */
static char *default_plugin(const bb_domain_settings *domain)
{
    for (guint i = 0; i < domain->events->len; i++) {
        if (((bb_event_settings *)g_ptr_array_index(domain->events, i))->schema)
            return g_strdup("generic");
    }
    return g_strdup(domain->name);
}

static char *read_plugin(const bb_node *node)
{
    char *plugin = NULL;
    bb_read_text(node, "plugin", &plugin);
    if (plugin && strchr(plugin, '/'))
        bb_read_path(node, "plugin", &plugin);
    return plugin;
}

static void build_events(const domain_builder *builder, bb_domain_settings *domain,
                         const bb_node *events)
{
    for (guint i = 0; events && events->kind == BB_NODE_MAP && i < events->children->len; i++) {
        bb_event_settings *event =
            build_event(builder, domain->defaults, g_ptr_array_index(events->children, i));
        g_ptr_array_add(domain->events, event);
        /* A list that only switches off leaves the others on. */
        domain->only_listed = domain->only_listed || event->enabled;
    }
}

static void build_domain(const domain_builder *builder, const bb_event_settings *defaults,
                         const bb_node *node)
{
    bb_domain_settings *domain = g_new0(bb_domain_settings, 1);
    domain->name = g_strdup(node->key);
    domain->enabled = TRUE;
    domain->place = node->key_place;
    domain->events = g_ptr_array_new_with_free_func(bb_event_settings_free);
    domain->defaults = bb_event_settings_copy(defaults, NULL);
    domain->defaults->place = node->key_place;
    bb_read_flag(node, "enabled", &domain->enabled);
    bb_event_settings_read(domain->defaults, node, builder->problems);
    check_handlers(builder, node);
    build_events(builder, domain, bb_node_get(node, "events"));
    domain->plugin = read_plugin(node);
    if (!domain->plugin)
        domain->plugin = default_plugin(domain);
    g_ptr_array_add(builder->settings->domains, domain);
}

static void build_handler(const domain_builder *builder, const bb_node *node)
{
    bb_handler_settings *handler = g_new0(bb_handler_settings, 1);
    handler->name = g_strdup(node->key);
    handler->place = node->key_place;
    handler->plugin = read_plugin(node);
    bb_read_text(node, "handler", &handler->handler);
    handler->config = node->kind == BB_NODE_MAP ? bb_node_json(node) : json_object();
    json_object_del(handler->config, "plugin");
    json_object_del(handler->config, "handler");
    g_ptr_array_add(builder->settings->handlers, handler);
}

void bb_build_domains(bb_settings *settings, const bb_node *root, GPtrArray *problems)
{
    domain_builder builder = {settings, bb_node_get(root, "handlers"), problems};
    const bb_node *domains = bb_node_get(root, "domains");
    const bb_node *layer = bb_node_get(root, "defaults");
    bb_event_settings *defaults = bb_event_settings_new(NULL);
    bb_event_settings_read(defaults, layer, problems);
    check_handlers(&builder, layer);
    for (guint i = 0; domains && domains->kind == BB_NODE_MAP && i < domains->children->len; i++)
        build_domain(&builder, defaults, g_ptr_array_index(domains->children, i));
    const bb_node *handlers = builder.handlers;
    for (guint i = 0; handlers && handlers->kind == BB_NODE_MAP && i < handlers->children->len; i++)
        build_handler(&builder, g_ptr_array_index(handlers->children, i));
    bb_event_settings_free(defaults);
}
