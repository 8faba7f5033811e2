/* All event types of a configuration, and their lookup by name. */
#include "plugin/registry.h"

#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "plugin/registry_private.h"

/* Place of a value, or of the nearest value around it that the file has. */
static bb_setting_place nearest_place(const bb_settings *settings, const char *pointer)
{
    g_autofree char *around = g_strdup(pointer);
    bb_setting_place place = bb_settings_place(settings, around);
    for (char *cut; !place.file && (cut = strrchr(around, '/')) != NULL && cut != around;) {
        *cut = '\0';
        place = bb_settings_place(settings, around);
    }
    return place;
}

void bb_registry_problem(bb_registry *registry, const char *pointer, bb_setting_place fallback,
                         const char *format, ...)
{
    bb_config_problem *problem = g_new0(bb_config_problem, 1);
    va_list arguments;
    va_start(arguments, format);
    problem->message = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    problem->pointer = g_strdup(pointer);
    problem->place = nearest_place(registry->settings, pointer);
    if (!problem->place.file)
        problem->place = fallback;
    g_ptr_array_add(registry->problems, problem);
}

char *bb_registry_join(GPtrArray *names)
{
    g_autoptr(GPtrArray) copy = g_ptr_array_copy(names, NULL, NULL);
    g_ptr_array_add(copy, NULL);
    return g_strjoinv(", ", (char **)copy->pdata);
}

char *bb_registry_hint(const char *wanted, GPtrArray *names)
{
    g_autoptr(GPtrArray) copy = g_ptr_array_copy(names, NULL, NULL);
    g_ptr_array_add(copy, NULL);
    const char *nearest = bb_text_nearest(wanted, (const char *const *)copy->pdata);
    return nearest ? g_strdup_printf(" (did you mean '%s'?)", nearest) : g_strdup("");
}

const bb_plugin *bb_registry_load(bb_registry *registry, const char *name, const char *pointer,
                                  bb_setting_place place)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = bb_plugin_find(name, registry->settings->plugin_path, &error);
    const bb_plugin *plugin = path ? bb_plugin_load(path, &error) : NULL;
    if (!plugin)
        bb_registry_problem(registry, pointer, place, "%s", error->message);
    return plugin;
}

static const bb_event_settings *find_event(const bb_domain_settings *domain, const char *name)
{
    for (guint i = 0; domain->events && i < domain->events->len; i++) {
        const bb_event_settings *settings = domain->events->pdata[i];
        if (strcmp(settings->name, name) == 0)
            return settings;
    }
    return NULL;
}

static void add_type(bb_registry *registry, const bb_domain_settings *domain,
                     const bb_event_settings *settings, const bb_plugin *plugin,
                     const busbar_event_type *brought)
{
    bb_event_type *type = bb_event_type_new(registry, domain, settings, plugin, brought);
    if (type)
        g_ptr_array_add(registry->types, type);
}

/* Event types of the plugin that the settings leave on. */
static void add_brought(bb_registry *registry, const bb_domain_settings *domain,
                        const bb_plugin *plugin)
{
    for (uint32_t i = 0; i < plugin->descriptor.event_type_count; i++) {
        const busbar_event_type *brought = plugin->descriptor.event_types[i];
        const bb_event_settings *settings = find_event(domain, brought->name);
        if (!settings && !domain->only_listed)
            settings = domain->defaults;
        if (settings && settings->enabled)
            add_type(registry, domain, settings, plugin, brought);
    }
}

/* Events that the settings name and the plugin does not have. */
static void check_named(bb_registry *registry, const bb_domain_settings *domain,
                        const bb_plugin *plugin)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    for (uint32_t i = 0; i < plugin->descriptor.event_type_count; i++)
        g_ptr_array_add(names, (gpointer)plugin->descriptor.event_types[i]->name);
    g_autofree char *known = bb_registry_join(names);
    for (guint i = 0; domain->events && i < domain->events->len; i++) {
        const bb_event_settings *settings = domain->events->pdata[i];
        if (g_ptr_array_find_with_equal_func(names, settings->name, g_str_equal, NULL))
            continue;
        g_autofree char *hint = bb_registry_hint(settings->name, names);
        g_autofree char *pointer =
            g_strdup_printf("/domains/%s/events/%s", domain->name, settings->name);
        bb_registry_problem(registry, pointer, settings->place,
                            "plugin %s has no event type '%s'%s; it has: %s",
                            plugin->descriptor.name, settings->name, hint, known);
    }
}

static void add_generic(bb_registry *registry, const bb_domain_settings *domain)
{
    for (guint i = 0; domain->events && i < domain->events->len; i++) {
        const bb_event_settings *settings = domain->events->pdata[i];
        if (settings->enabled)
            add_type(registry, domain, settings, bb_plugin_generic(), NULL);
    }
    if (domain->events && domain->events->len)
        return;
    g_autofree char *pointer = g_strconcat("/domains/", domain->name, NULL);
    bb_registry_problem(
        registry, pointer, domain->place,
        "domain '%s' has the plugin 'generic' and no events; add 'events:', each with "
        "a 'schema:'",
        domain->name);
}

static void add_domain(bb_registry *registry, const bb_domain_settings *domain)
{
    if (!domain->enabled)
        return;
    if (strcmp(domain->plugin, "generic") == 0) {
        add_generic(registry, domain);
        return;
    }
    g_autofree char *pointer = g_strdup_printf("/domains/%s/plugin", domain->name);
    const bb_plugin *plugin = bb_registry_load(registry, domain->plugin, pointer, domain->place);
    if (!plugin)
        return;
    if (!plugin->descriptor.event_type_count)
        bb_registry_problem(registry, pointer, domain->place,
                            "plugin %s brings no event types; name a domain's plugin, and handlers "
                            "under 'handlers:'",
                            plugin->descriptor.name);
    check_named(registry, domain, plugin);
    add_brought(registry, domain, plugin);
}

static gint compare_types(gconstpointer a, gconstpointer b)
{
    const bb_event_type *left = *(bb_event_type *const *)a, *right = *(bb_event_type *const *)b;
    int order = strcmp(left->domain, right->domain);
    return order ? order : strcmp(left->name, right->name);
}

/* Two event types that read the same topic in the same group would each get a part of its records.
 */
static void check_pair(bb_registry *registry, const bb_event_type *one, const bb_event_type *other)
{
    g_autofree char *pointer = g_strdup_printf("/domains/%s/events/%s", other->domain, other->name);
    if (strcmp(one->full_name, other->full_name) == 0)
        bb_registry_problem(registry, pointer, other->settings->place,
                            "%s is there twice; names of events must differ", one->full_name);
    else if (strcmp(one->topic, other->topic) == 0 && strcmp(one->group, other->group) == 0)
        bb_registry_problem(
            registry, pointer, other->settings->place,
            "%s and %s both consume topic '%s' in group '%s', so each would get a part "
            "of its records; give one of them another group or topic",
            one->full_name, other->full_name, one->topic, one->group);
}

static void check_pairs(bb_registry *registry)
{
    for (guint i = 0; i < registry->types->len; i++) {
        for (guint j = i + 1; j < registry->types->len; j++)
            check_pair(registry, registry->types->pdata[i], registry->types->pdata[j]);
        for (guint j = 0; j < registry->types->len; j++) {
            if (i != j)
                bb_retry_tiers_check_pair(registry, registry->types->pdata[i],
                                          registry->types->pdata[j]);
        }
    }
}

/* What runs, for those who watch it. */
static void count_types(const bb_registry *registry, bb_metrics *metrics)
{
    for (guint i = 0; i < registry->types->len; i++) {
        const bb_event_type *type = registry->types->pdata[i];
        g_autofree char *labels =
            g_strdup_printf("event=\"%s\",plugin=\"%s\"", type->full_name, type->plugin);
        bb_metric_record(bb_metrics_get(metrics, BUSBAR_GAUGE, "busbar_event_type_enabled", labels,
                                        "1 for every event type that the settings switch on"),
                         1);
    }
}

bb_registry *bb_registry_new(const bb_settings *settings, bb_metrics *metrics, GPtrArray *problems)
{
    bb_registry *registry = g_new0(bb_registry, 1);
    registry->settings = settings;
    registry->problems = problems;
    registry->types = g_ptr_array_new_with_free_func(bb_event_type_free);
    registry->handlers =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, bb_handler_binding_free);
    bb_plugin_use_manifest(settings->plugin_manifest);
    for (guint i = 0; i < settings->domains->len; i++)
        add_domain(registry, settings->domains->pdata[i]);
    g_ptr_array_sort(registry->types, compare_types);
    check_pairs(registry);
    if (metrics)
        count_types(registry, metrics);
    registry->problems = NULL;
    return registry;
}

void bb_registry_free(bb_registry *registry)
{
    if (!registry)
        return;
    g_ptr_array_unref(registry->types);
    g_hash_table_unref(registry->handlers);
    g_free(registry);
}

guint bb_registry_count(const bb_registry *registry)
{
    return registry->types->len;
}

const bb_event_type *bb_registry_at(const bb_registry *registry, guint index)
{
    return registry->types->pdata[index];
}

/* "user_event" stands for "customer.user_event" when somebody forgets the domain; else the nearest
 * name. */
static char *hint_for_event(const char *wanted, GPtrArray *names)
{
    for (guint i = 0; i < names->len; i++) {
        const char *dot = strchr(names->pdata[i], '.');
        if (dot && strcmp(dot + 1, wanted) == 0)
            return g_strdup_printf(" (did you mean '%s'?)", (const char *)names->pdata[i]);
    }
    return bb_registry_hint(wanted, names);
}

const bb_event_type *bb_registry_find(const bb_registry *registry, const char *full_name,
                                      GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    for (guint i = 0; i < registry->types->len; i++) {
        const bb_event_type *type = registry->types->pdata[i];
        if (strcmp(type->full_name, full_name) == 0)
            return type;
        g_ptr_array_add(names, type->full_name);
    }
    g_autofree char *hint = hint_for_event(full_name, names);
    g_autofree char *known = bb_registry_join(names);
    g_set_error(error, BB_ERROR, BB_ERROR_USAGE,
                "there is no enabled event type '%s'%s; there are: %s", full_name, hint,
                *known ? known : "none");
    return NULL;
}
