/* The `kafka:` section: properties for librdkafka. */
#include <string.h>

#include "config/build.h"
#include "config/properties.h"

/* Text of a property: a scalar as written, a list joined with commas. NULL when it is neither. */
static char *property_text(const bb_node *node)
{
    if (node->kind == BB_NODE_SCALAR && node->type == BB_SCALAR_BOOLEAN)
        return g_ascii_strdown(node->text, -1);
    if (node->kind == BB_NODE_SCALAR)
        return node->type == BB_SCALAR_NULL ? NULL : g_strdup(node->text);
    if (node->kind != BB_NODE_LIST)
        return NULL;
    g_autoptr(GString) joined = g_string_new(NULL);
    for (guint i = 0; i < node->children->len; i++) {
        const bb_node *child = g_ptr_array_index(node->children, i);
        if (child->kind != BB_NODE_SCALAR)
            return NULL;
        g_string_append_printf(joined, "%s%s", i ? "," : "", child->text);
    }
    return g_strdup(joined->str);
}

/* "host", "host:port", "PLAINTEXT://host:port", "[::1]:port". */
static gboolean is_broker(const char *text)
{
    const char *scheme = strstr(text, "://");
    const char *host = scheme ? scheme + 3 : text;
    const char *bracket = strrchr(host, ']');
    const char *colon = strrchr(bracket ? bracket : host, ':');
    if (*host == '\0' || colon == host || strpbrk(host, " \t/"))
        return FALSE;
    return !colon || g_ascii_string_to_unsigned(colon + 1, 10, 1, 65535, NULL, NULL);
}

static void check_bootstrap(const bb_node *node, const char *list, GPtrArray *problems)
{
    g_auto(GStrv) brokers = g_strsplit(list, ",", -1);
    if (!*brokers)
        bb_problem_add(problems, &node->place, NULL,
                       "`bootstrap.servers` is empty; expected host:port,... or `embedded`");
    for (char **broker = brokers; *broker; broker++) {
        if (!is_broker(g_strstrip(*broker)))
            bb_problem_add(problems, &node->place, NULL,
                           "`bootstrap.servers` has `%s`; expected host:port,... or `embedded`",
                           node->secret ? "(not shown)" : *broker);
    }
}

static void add_property(bb_settings *settings, const bb_node *node, const char *value)
{
    bb_kafka_property *property = g_new0(bb_kafka_property, 1);
    property->name = g_strdup(node->key);
    property->value = g_strdup(value);
    property->secret = node->secret || bb_property_secret(node->key);
    g_ptr_array_add(settings->kafka, property);
}

static void build_property(bb_settings *settings, const bb_node *node, GPtrArray *problems)
{
    g_autofree char *refusal = bb_property_refusal(node->key);
    g_autofree char *value = property_text(node);
    if (node->kind == BB_NODE_MAP) {
        bb_problem_add(problems, &node->key_place, NULL,
                       "`%s` has keys below it; write the whole name of the property, as in "
                       "`bootstrap.servers: localhost:9092`",
                       node->key);
    } else if (refusal) {
        bb_problem_add(problems, &node->key_place, NULL, "%s", refusal);
    } else if (!value) {
        bb_problem_add(problems, &node->place, NULL, "`%s` has no value", node->key);
    } else if (strcmp(node->key, "bootstrap.servers") == 0) {
        check_bootstrap(node, value, problems);
        g_free(settings->bootstrap);
        settings->bootstrap = g_strdup(value);
    } else {
        add_property(settings, node, value);
    }
}

void bb_build_kafka(bb_settings *settings, const bb_node *kafka, GPtrArray *problems)
{
    for (guint i = 0; kafka && kafka->kind == BB_NODE_MAP && i < kafka->children->len; i++)
        build_property(settings, g_ptr_array_index(kafka->children, i), problems);
}
