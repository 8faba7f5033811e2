/* `busbar version`. */
#include <stdio.h>

#include <busbar/version.h>
#include <jansson.h>

#include "app/command.h"
#include "kafka/version.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <yaml.h>

static gboolean option_verbose;

static const GOptionEntry options[] = {
    {"verbose", 'v', 0, G_OPTION_ARG_NONE, &option_verbose,
     "Versions of the libraries, the compiler and the folders too", NULL},
    {NULL, 0, 0, G_OPTION_ARG_NONE, NULL, NULL, NULL},
};

static void print_row(const char *name, const char *text)
{
    (void)printf("%-14s %s\n", name, text);
}

static void print_pcre2(void)
{
    char version[64] = "";
    uint32_t jit = 0;
    (void)pcre2_config(PCRE2_CONFIG_VERSION, version);
    (void)pcre2_config(PCRE2_CONFIG_JIT, &jit);
    g_autofree char *text = g_strdup_printf("%s, JIT %s", version, jit ? "on" : "off");
    print_row("PCRE2", text);
}

static void print_verbose(void)
{
    g_autofree char *abi = g_strdup_printf("%u.%u", BUSBAR_ABI_MAJOR, BUSBAR_ABI_MINOR);
    g_autofree char *kafka = g_strdup_printf("%s (built with %s)", bb_kafka_version_text(),
                                             bb_kafka_build_version_text());
    g_autofree char *glib = g_strdup_printf(
        "%u.%u.%u (built with %d.%d.%d)", glib_major_version, glib_minor_version,
        glib_micro_version, GLIB_MAJOR_VERSION, GLIB_MINOR_VERSION, GLIB_MICRO_VERSION);
    g_autofree char *jansson =
        g_strdup_printf("%s (built with %s)", jansson_version_str(), JANSSON_VERSION);
    print_row("plugin ABI", abi);
    print_row("librdkafka", kafka);
    print_row("GLib", glib);
    print_row("jansson", jansson);
    print_pcre2();
    print_row("libyaml", yaml_get_version_string());
#ifdef __clang__
    print_row("compiler", "clang " __clang_version__);
#else
    print_row("compiler", "GCC " __VERSION__);
#endif
    print_row("prefix", BB_INSTALL_PREFIX);
    print_row("plugins", BB_INSTALL_PREFIX "/" BB_INSTALL_LIBDIR "/busbar/plugins");
}

static int run_version(int argc, char **argv)
{
    if (argc > 1)
        return bb_app_usage("version", "takes no argument, found `%s`", argv[1]);
    (void)printf("busbar %s\n", BB_VERSION);
    if (option_verbose)
        print_verbose();
    return BB_EXIT_DONE;
}

extern const bb_command bb_command_version;
const bb_command bb_command_version = {
    .name = "version",
    .arguments = "",
    .summary = "Show the version of busbar and of what it is built on",
    .description = "With --verbose also the version of the plugin contract, of the libraries as "
                   "built and as running, the compiler, and the folders of the installation.",
    .examples = "busbar version --verbose\n    everything a bug report needs",
    .options = options,
    .run = run_version,
};
