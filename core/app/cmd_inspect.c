/* `busbar inspect`: what a plugin file is, and whether this host takes it. */
#include <stdio.h>
#include <string.h>

#include "app/command.h"
#include "app/inspect.h"
#include "app/throwaway.h"

static gboolean option_json;

static const GOptionEntry options[] = {
    {"json", 'j', 0, G_OPTION_ARG_NONE, &option_json, "One JSON object", NULL},
    {NULL, 0, 0, G_OPTION_ARG_NONE, NULL, NULL, NULL},
};

/* Text of a member, or `otherwise`. */
static const char *text_of(const json_t *object, const char *name, const char *otherwise)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : otherwise;
}

/* "a, b, c", or "none". */
static char *join(const json_t *array)
{
    GString *out = g_string_new(NULL);
    size_t i;
    json_t *item;
    json_array_foreach(array, i, item)
        g_string_append_printf(out, "%s%s", i ? ", " : "", json_string_value(item));
    if (!out->len)
        g_string_append(out, "none");
    return g_string_free(out, FALSE);
}

static void print_row(int indent, const char *name, const char *text)
{
    if (*text)
        (void)printf("%*s%-*s %s\n", indent, "", 14 - indent, name, text);
    else
        (void)printf("%*s%s\n", indent, "", name);
}

static void print_contract(const json_t *type)
{
    const json_t *contract = json_object_get(type, "contract");
    if (!json_is_object(contract)) {
        print_row(4, "contract", "none; the configuration must name a schema");
        return;
    }
    g_autofree char *summary =
        g_strdup_printf("%s, %zu members", text_of(contract, "title", "without a title"),
                        json_array_size(json_object_get(contract, "members")));
    g_autofree char *required = join(json_object_get(contract, "required"));
    print_row(4, "contract", summary);
    print_row(4, "required", required);
}

static void print_event_type(const json_t *type)
{
    g_autofree char *functions = join(json_object_get(type, "functions"));
    const char *name = text_of(type, "name", "");
    g_autofree char *group = g_strdup_printf("<domain>.%s", name);
    print_row(2, name, text_of(type, "summary", ""));
    print_row(4, "topic", text_of(type, "topic", ""));
    print_row(4, "group", text_of(type, "group", group));
    print_row(4, "key", text_of(type, "key", "none"));
    print_contract(type);
    print_row(4, "functions", functions);
}

static const char *capability_in_words(const char *name)
{
    static const char *const words[][2] = {
        {"idempotent", "the same event twice leaves the same result as once (idempotent)"},
        {"stores_offsets",
         "keeps offsets with the data, so a replay is recognised (stores offsets)"},
        {"emits_only", "has no effect but what it emits (emits only)"},
        {"transactional", "all of a flush or nothing of it is visible (transactional)"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(words); i++) {
        if (strcmp(words[i][0], name) == 0)
            return words[i][1];
    }
    return name;
}

static void print_capabilities(const json_t *handler)
{
    const json_t *capabilities = json_object_get(handler, "capabilities");
    size_t i;
    json_t *item;
    if (!json_array_size(capabilities))
        print_row(4, "promises", "every event at least once");
    json_array_foreach(capabilities, i, item)
        print_row(4, i ? "" : "promises", capability_in_words(json_string_value(item)));
}

static void print_handler(const json_t *handler)
{
    const json_t *settings = json_object_get(handler, "settings");
    g_autofree char *known = json_is_array(settings) ? join(settings) : g_strdup("anything");
    g_autofree char *required = join(json_object_get(handler, "required"));
    print_row(2, text_of(handler, "name", ""), text_of(handler, "summary", ""));
    print_capabilities(handler);
    print_row(4, "settings", known);
    print_row(4, "required", required);
}

static void print_text(const json_t *described)
{
    const json_t *abi = json_object_get(described, "abi");
    const json_t *types = json_object_get(described, "event_types");
    const json_t *handlers = json_object_get(described, "handlers");
    size_t i;
    json_t *item;
    g_autofree char *handshake =
        g_strdup_printf("accepted: plugin contract %s, this host has %s",
                        text_of(abi, "plugin", ""), text_of(abi, "host", ""));
    g_autofree char *name =
        g_strdup_printf("%s %s", text_of(described, "name", ""), text_of(described, "version", ""));
    print_row(0, "file", text_of(described, "file", ""));
    print_row(0, "handshake", handshake);
    print_row(0, "plugin", name);
    if (json_is_string(json_object_get(described, "summary")))
        print_row(0, "summary", text_of(described, "summary", ""));
    if (json_array_size(types))
        (void)printf("\nevent types\n");
    json_array_foreach(types, i, item) print_event_type(item);
    if (json_array_size(handlers))
        (void)printf("\nhandlers\n");
    json_array_foreach(handlers, i, item) print_handler(item);
}

static void print_json(const json_t *described)
{
    (void)json_dumpf(described, stdout, JSON_INDENT(2));
    (void)putchar('\n');
}

/* The refusal, on the channel that fits the form. Takes `error` over. */
static int report(const char *path, GError *error)
{
    if (option_json) {
        json_auto_t *refused =
            json_pack("{s:s, s:b, s:s}", "file", path, "accepted", 0, "error", error->message);
        print_json(refused);
    }
    return bb_app_fail(error);
}

static int inspect(bb_contain *contain, void *user)
{
    const char *name = user;
    GError *error = NULL;
    g_autofree char *path = NULL;
    (void)contain;
    if (g_file_test(name, G_FILE_TEST_EXISTS) || g_str_has_suffix(name, ".so"))
        path = g_strdup(name);
    else
        path = bb_plugin_find(name, /* folders= */ NULL, &error);
    const bb_plugin *plugin = path ? bb_plugin_load(path, &error) : NULL;
    json_auto_t *described = plugin ? bb_inspect_plugin(plugin, &error) : NULL;
    if (!described)
        return report(path ? path : name, error);
    if (option_json)
        print_json(described);
    else
        print_text(described);
    return BB_EXIT_DONE;
}

/* What a plugin does while it is mapped happens to a child. */
static int run_inspect(int argc, char **argv)
{
    int exit_code = BB_EXIT_USAGE;
    if (argc != 2)
        return bb_app_usage("inspect", "takes one FILE.so, or the name of an installed plugin");
    (void)bb_throwaway_run(inspect, argv[1], NULL, &exit_code); /* the same way out for both */
    return exit_code;
}

extern const bb_command bb_command_inspect;
const bb_command bb_command_inspect = {
    .name = "inspect",
    .arguments = "FILE.so|NAME",
    .summary = "Show what a plugin file offers and whether it would be loaded",
    .description =
        "Checks the file and makes the handshake, as `run` does, and prints the descriptor, the "
        "event types with their contracts, and the handlers with their settings. No instance is "
        "made; the code that the file runs when it is mapped does run.\n\n"
        "Exit code 0: accepted. 4: refused, with the reason and what to do. 2: no such file.",
    .examples = "busbar inspect ./build/orders.so\n    after building a plugin\n"
                "busbar inspect --json jsonl\n    an installed handler, for a program",
    .options = options,
    .run = run_inspect,
};
