/* The handshake: from the members that protect the rest to the members they protect. */
#include "plugin/handshake.h"

#include <string.h>

#include "base/error.h"
#include "plugin/loader.h"

#define END_OF(type, member) ((uint32_t)(offsetof(type, member) + sizeof(((type *)NULL)->member)))
#define HEAD_SIZE END_OF(busbar_plugin_descriptor, reserved)
#define COUNT_MAX 1024u
#define NAME_MAX_BYTES 64u

/* The last members of version 1.0. These lines never change within major version 1. */
const bb_handshake bb_handshake_host = {
    BUSBAR_ABI_MAJOR,
    BUSBAR_ABI_MINOR,
    END_OF(busbar_plugin_descriptor, get_extension),
    END_OF(busbar_event_type, destroy),
    END_OF(busbar_event_ops, handle),
    END_OF(busbar_handler, ops),
    END_OF(busbar_handler_ops, close),
};

typedef struct check {
    const bb_handshake *host;
    const char *path;
    GHashTable *names; /* of the list at hand */
    GError **error;
} check;

static gboolean refuse(const check *at, const char *format, ...) G_GNUC_PRINTF(2, 3);

static gboolean refuse(const check *at, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_set_error(at->error, BB_ERROR, BB_ERROR_PLUGIN, "%s: %s", at->path, text);
    return FALSE;
}

static gboolean check_size(const check *at, const char *what, uint32_t found, uint32_t needed)
{
    if (found >= needed)
        return TRUE;
    return refuse(at,
                  "%s says it is %u bytes long, version %u.0 of the contract needs %u; set "
                  "struct_size to sizeof and build against busbar's own headers",
                  what, found, at->host->major, needed);
}

static gboolean check_version(const check *at, const busbar_plugin_descriptor *found)
{
    const bb_handshake *host = at->host;
    if (found->abi_major != host->major)
        return refuse(at,
                      "built for plugin contract %u.%u, this host has %u.%u, and the first number "
                      "must be equal; build the plugin against this busbar's headers",
                      found->abi_major, found->abi_minor, host->major, host->minor);
    if (found->abi_minor > host->minor)
        return refuse(
            at,
            "built for plugin contract %u.%u, this host has %u.%u, which is older; update "
            "busbar, or build the plugin against this busbar's headers",
            found->abi_major, found->abi_minor, host->major, host->minor);
    return TRUE;
}

/* The members that never move; nothing else may be looked at before. */
static gboolean check_head(const check *at, const busbar_plugin_descriptor *found,
                           gsize symbol_size)
{
    if (symbol_size < HEAD_SIZE)
        return refuse(at,
                      "the symbol %s is %zu bytes long, a descriptor begins with %u; define it as "
                      "'const busbar_plugin_descriptor'",
                      BUSBAR_PLUGIN_SYMBOL, symbol_size, HEAD_SIZE);
    if (found->magic != BUSBAR_MAGIC)
        return refuse(at,
                      "the symbol %s begins with 0x%08x, a descriptor with 0x%08x; begin it with "
                      "BUSBAR_DESCRIPTOR_HEAD",
                      BUSBAR_PLUGIN_SYMBOL, found->magic, BUSBAR_MAGIC);
    if (!check_version(at, found) ||
        !check_size(at, "the descriptor", found->struct_size, at->host->descriptor_size))
        return FALSE;
    if (found->struct_size > symbol_size)
        return refuse(at,
                      "the descriptor says it is %u bytes long, the symbol %s has only %zu; set "
                      "struct_size to sizeof(busbar_plugin_descriptor)",
                      found->struct_size, BUSBAR_PLUGIN_SYMBOL, symbol_size);
    return TRUE;
}

static gboolean is_name(const char *name)
{
    if (!name || !g_ascii_islower(*name))
        return FALSE;
    gsize size = strnlen(name, NAME_MAX_BYTES + 1);
    return size <= NAME_MAX_BYTES && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == size;
}

static gboolean check_name(const check *at, const char *what, const char *name)
{
    if (is_name(name))
        return TRUE;
    g_autofree char *shown = name ? g_strndup(name, NAME_MAX_BYTES) : NULL;
    g_autofree char *text = shown ? g_strescape(shown, NULL) : NULL;
    return refuse(
        at,
        "%s is named %s%s%s, a name is a small letter followed by small letters, digits and "
        "'_', at most %u; correct the descriptor",
        what, text ? "'" : "", text ? text : "nothing (NULL)", text ? "'" : "", NAME_MAX_BYTES);
}

static gboolean check_unique(const check *at, const char *what, const char *name)
{
    if (g_hash_table_add(at->names, (gpointer)name))
        return TRUE;
    return refuse(at, "two %ss are named '%s', names must differ; rename one", what, name);
}

/* A count and its array must agree. */
static gboolean check_list(const check *at, const char *what, uint32_t count, const void *list)
{
    if (count && !list)
        return refuse(at, "%u %ss are announced, but their list is NULL; set it, or the count to 0",
                      count, what);
    if (count > COUNT_MAX)
        return refuse(at, "%u %ss are announced, at most %u are accepted; correct the count", count,
                      what, COUNT_MAX);
    return TRUE;
}

static gboolean is_topic(const char *topic)
{
    gsize size = topic ? strnlen(topic, 250) : 0;
    return size >= 1 && size <= 249 && strcmp(topic, ".") != 0 && strcmp(topic, "..") != 0 &&
           strspn(topic, G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "._-") == size;
}

static gboolean check_event_type(const check *at, const busbar_event_type *type, uint32_t index)
{
    g_autofree char *what = g_strdup_printf("event type %u", index);
    if (!type)
        return refuse(at, "%s of the list is NULL; correct the count or the list", what);
    if (!check_size(at, what, type->struct_size, at->host->event_type_size) ||
        !check_name(at, what, type->name) || !check_unique(at, "event type", type->name))
        return FALSE;
    if (!is_topic(type->topic)) {
        g_autofree char *shown = type->topic ? g_strndup(type->topic, 60) : g_strdup("NULL");
        g_autofree char *text = g_strescape(shown, NULL);
        return refuse(at,
                      "event type %s has the topic %s, a topic is 1 to 249 of a-z A-Z 0-9 . _ -; "
                      "correct the descriptor",
                      type->name, text);
    }
    if (type->contract.size && !type->contract.data)
        return refuse(
            at,
            "event type %s has a contract of %zu bytes at NULL; set the text, or the size to "
            "0",
            type->name, type->contract.size);
    if (!type->ops)
        return TRUE;
    g_autofree char *ops = g_strdup_printf("the ops of event type %s", type->name);
    return check_size(at, ops, type->ops->struct_size, at->host->event_ops_size);
}

static gboolean check_handler_ops(const check *at, const busbar_handler *handler)
{
    const busbar_handler_ops *ops = handler->ops;
    g_autofree char *what = g_strdup_printf("the ops of handler %s", handler->name);
    if (!ops)
        return refuse(at, "handler %s has no ops (NULL), open and handle are needed; set them",
                      handler->name);
    if (!check_size(at, what, ops->struct_size, at->host->handler_ops_size))
        return FALSE;
    if (ops->open && ops->handle)
        return TRUE;
    return refuse(at, "handler %s has no '%s' (NULL), open and handle are needed; set it",
                  handler->name, ops->open ? "handle" : "open");
}

static gboolean check_handler(const check *at, const busbar_handler *handler, uint32_t index)
{
    g_autofree char *what = g_strdup_printf("handler %u", index);
    if (!handler)
        return refuse(at, "%s of the list is NULL; correct the count or the list", what);
    if (!check_size(at, what, handler->struct_size, at->host->handler_size) ||
        !check_name(at, what, handler->name) || !check_unique(at, "handler", handler->name))
        return FALSE;
    if (handler->config_schema.size && !handler->config_schema.data)
        return refuse(
            at,
            "handler %s has a config schema of %zu bytes at NULL; set the text, or the size "
            "to 0",
            handler->name, handler->config_schema.size);
    return check_handler_ops(at, handler);
}

static gboolean check_event_types(const check *at, const busbar_plugin_descriptor *plugin)
{
    if (!check_list(at, "event type", plugin->event_type_count, plugin->event_types))
        return FALSE;
    g_hash_table_remove_all(at->names);
    for (uint32_t i = 0; i < plugin->event_type_count; i++) {
        if (!check_event_type(at, plugin->event_types[i], i))
            return FALSE;
    }
    return TRUE;
}

static gboolean check_handlers(const check *at, const busbar_plugin_descriptor *plugin)
{
    if (!check_list(at, "handler", plugin->handler_count, plugin->handlers))
        return FALSE;
    g_hash_table_remove_all(at->names);
    for (uint32_t i = 0; i < plugin->handler_count; i++) {
        if (!check_handler(at, plugin->handlers[i], i))
            return FALSE;
    }
    return TRUE;
}

static gboolean check_body(const check *at, const busbar_plugin_descriptor *plugin)
{
    if (!check_name(at, "the plugin", plugin->name))
        return FALSE;
    if (!plugin->version || !*plugin->version)
        return refuse(at, "plugin %s states no version; set the member 'version'", plugin->name);
    if (!plugin->event_type_count && !plugin->handler_count)
        return refuse(
            at,
            "plugin %s offers 0 event types and 0 handlers, at least one of either is needed; "
            "fill the lists",
            plugin->name);
    return check_event_types(at, plugin) && check_handlers(at, plugin);
}

/* A copy of a struct of `from_size` bytes at this host's size; what is missing is zero. */
static void copy_struct(const void *from, uint32_t from_size, void *ret_to, gsize to_size)
{
    memset(ret_to, 0, to_size);
    memcpy(ret_to, from, MIN((gsize)from_size, to_size));
}

void bb_copy_event_type(const busbar_event_type *from, busbar_event_type *ret_type,
                        busbar_event_ops *ret_ops)
{
    copy_struct(from, from->struct_size, ret_type, sizeof(*ret_type));
    memset(ret_ops, 0, sizeof(*ret_ops));
    if (ret_type->ops)
        copy_struct(ret_type->ops, ret_type->ops->struct_size, ret_ops, sizeof(*ret_ops));
}

void bb_copy_handler(const busbar_handler *from, busbar_handler *ret_handler,
                     busbar_handler_ops *ret_ops)
{
    copy_struct(from, from->struct_size, ret_handler, sizeof(*ret_handler));
    copy_struct(from->ops, from->ops->struct_size, ret_ops, sizeof(*ret_ops));
}

gboolean bb_handshake_check(const bb_handshake *host, const char *path,
                            const busbar_plugin_descriptor *found, gsize symbol_size,
                            busbar_plugin_descriptor *ret_copy, GError **error)
{
    g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);
    const check at = {host, path, names, error};
    busbar_plugin_descriptor copy;
    if (!check_head(&at, found, symbol_size))
        return FALSE;
    copy_struct(found, found->struct_size, &copy, sizeof(copy));
    if (!check_body(&at, &copy))
        return FALSE;
    *ret_copy = copy;
    return TRUE;
}
