/* `busbar version`. */
#include <stdio.h>

#include <busbar/version.h>
#include <jansson.h>

#include "app/command.h"
#include "kafka/gates.h"
#include "kafka/version.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <yaml.h>

static gboolean option_verbose;
static gboolean option_json;

static const GOptionEntry options[] = {
    {"verbose", 'v', 0, G_OPTION_ARG_NONE, &option_verbose,
     "Versions of the libraries, the compiler, the folders, and what is known of this librdkafka",
     NULL},
    {"json", 'j', 0, G_OPTION_ARG_NONE, &option_json, "One JSON document; with --verbose all of it",
     NULL},
    {NULL, 0, 0, G_OPTION_ARG_NONE, NULL, NULL, NULL},
};

#ifdef __clang__
static const char compiler[] = "clang " __clang_version__;
#else
static const char compiler[] = "GCC " __VERSION__;
#endif
static const char plugin_folder[] = BB_INSTALL_PREFIX "/" BB_INSTALL_LIBDIR "/busbar/plugins";

typedef struct fact {
    const char *name;
    const char *key; /* in JSON */
    char *text;
} fact;

static char *pcre2_text(void)
{
    char version[64] = "";
    uint32_t jit = 0;
    (void)pcre2_config(PCRE2_CONFIG_VERSION, version);
    (void)pcre2_config(PCRE2_CONFIG_JIT, &jit);
    return g_strdup_printf("%s, JIT %s", version, jit ? "on" : "off");
}

static char *glib_text(void)
{
    return g_strdup_printf("%u.%u.%u (built with %d.%d.%d)", glib_major_version, glib_minor_version,
                           glib_micro_version, GLIB_MAJOR_VERSION, GLIB_MINOR_VERSION,
                           GLIB_MICRO_VERSION);
}

static void add(GArray *facts, const char *name, const char *key, char *text_new)
{
    fact row = {name, key, text_new};
    g_array_append_val(facts, row);
}

static void clear_fact(gpointer row)
{
    g_free(((fact *)row)->text);
}

static GArray *collect(void)
{
    GArray *facts = g_array_new(FALSE, FALSE, sizeof(fact));
    g_array_set_clear_func(facts, clear_fact);
    add(facts, "plugin ABI", "plugin_abi",
        g_strdup_printf("%u.%u", BUSBAR_ABI_MAJOR, BUSBAR_ABI_MINOR));
    add(facts, "librdkafka", "librdkafka",
        g_strdup_printf("%s (built with %s)", bb_kafka_version_text(),
                        bb_kafka_build_version_text()));
    add(facts, "GLib", "glib", glib_text());
    add(facts, "jansson", "jansson",
        g_strdup_printf("%s (built with %s)", jansson_version_str(), JANSSON_VERSION));
    add(facts, "PCRE2", "pcre2", pcre2_text());
    add(facts, "libyaml", "libyaml", g_strdup(yaml_get_version_string()));
    add(facts, "compiler", "compiler", g_strdup(compiler));
    add(facts, "prefix", "prefix", g_strdup(BB_INSTALL_PREFIX));
    add(facts, "plugins", "plugins", g_strdup(plugin_folder));
    return facts;
}

static void print_gate(bb_gate_id id)
{
    const bb_gate *gate = bb_gate_get(id);
    g_autofree char *range = bb_gate_range(id);
    (void)printf("  %-3s %-22s %s\n", bb_gate_active(id) ? "yes" : "no", gate->name, range);
    (void)printf("      %s\n      -> %s\n      [%s]\n", gate->reason, gate->action, gate->source);
}

static void print_text(void)
{
    (void)printf("busbar %s\n", BB_VERSION);
    if (!option_verbose)
        return;
    g_autoptr(GArray) facts = collect();
    for (guint i = 0; i < facts->len; i++)
        (void)printf("%-14s %s\n", g_array_index(facts, fact, i).name,
                     g_array_index(facts, fact, i).text);
    (void)printf("\nWhat is known of librdkafka, and whether it holds for %s:\n",
                 bb_kafka_version_text());
    for (guint i = 0; i < BB_GATE_COUNT; i++)
        print_gate((bb_gate_id)i);
}

static json_t *gate_json(bb_gate_id id)
{
    const bb_gate *gate = bb_gate_get(id);
    g_autofree char *range = bb_gate_range(id);
    return json_pack("{s:s, s:b, s:s, s:s, s:s, s:s}", "name", gate->name, "active",
                     bb_gate_active(id), "affected", range, "reason", gate->reason, "action",
                     gate->action, "source", gate->source);
}

static void print_json(void)
{
    json_t *document = json_pack("{s:s}", "busbar", BB_VERSION);
    if (option_verbose) {
        g_autoptr(GArray) facts = collect();
        json_t *gates = json_array();
        for (guint i = 0; i < facts->len; i++)
            json_object_set_new(document, g_array_index(facts, fact, i).key,
                                json_string(g_array_index(facts, fact, i).text));
        for (guint i = 0; i < BB_GATE_COUNT; i++)
            json_array_append_new(gates, gate_json((bb_gate_id)i));
        json_object_set_new(document, "gates", gates);
    }
    char *text = json_dumps(document, JSON_INDENT(2));
    (void)printf("%s\n", text);
    free(text);
    json_decref(document);
}

static int run_version(int argc, char **argv)
{
    if (argc > 1)
        return bb_app_usage("version", "takes no argument, found `%s`", argv[1]);
    if (option_json)
        print_json();
    else
        print_text();
    return BB_EXIT_DONE;
}

extern const bb_command bb_command_version;
const bb_command bb_command_version = {
    .name = "version",
    .arguments = "",
    .summary = "Show the version of busbar and of what it is built on",
    .description =
        "With --verbose also the version of the plugin contract, of the libraries as built and as "
        "running, the compiler, and the folders of the installation; then the defects and missing "
        "features of librdkafka that busbar knows, whether the one that runs has them, and what "
        "busbar does about each.",
    .examples = "busbar version --verbose\n    everything a bug report needs",
    .options = options,
    .run = run_version,
};
