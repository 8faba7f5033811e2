/* The command line: finds the command, parses its options and runs it. */
#include "app/command.h"

#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/help.h"
#include "base/text.h"

char *bb_option_config;
char **bb_option_set;
char *bb_option_log_level;
gboolean bb_option_log_json;
gboolean bb_option_no_color;
static gboolean option_help;
static gboolean option_version;

const GOptionEntry bb_common_options[] = {
    {"config", 'c', 0, G_OPTION_ARG_FILENAME, &bb_option_config,
     "Configuration file (default: $BUSBAR_CONFIG, ./busbar.yaml, ./config/busbar.yaml, "
     "/etc/busbar/busbar.yaml)",
     "FILE"},
    {"set", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &bb_option_set,
     "Override a setting, as kafka.bootstrap.servers=host:9092; may be repeated", "KEY=VALUE"},
    {"log-level", 0, 0, G_OPTION_ARG_STRING, &bb_option_log_level, "error, warning, info or debug",
     "LEVEL"},
    {"log-json", 0, 0, G_OPTION_ARG_NONE, &bb_option_log_json, "Log lines as JSON", NULL},
    {"no-color", 0, 0, G_OPTION_ARG_NONE, &bb_option_no_color, "No colours, even on a terminal",
     NULL},
    {"help", 'h', 0, G_OPTION_ARG_NONE, &option_help, "Show help and leave", NULL},
    {NULL, 0, 0, G_OPTION_ARG_NONE, NULL, NULL, NULL},
};

static const GOptionEntry program_options[] = {
    {"version", 0, 0, G_OPTION_ARG_NONE, &option_version, "Show the version and leave", NULL},
    {NULL, 0, 0, G_OPTION_ARG_NONE, NULL, NULL, NULL},
};

gboolean bb_app_color(int fd)
{
    const char *no_color = g_getenv("NO_COLOR");
    const char *terminal = g_getenv("TERM");
    if (bb_option_no_color || (no_color && *no_color))
        return FALSE;
    return isatty(fd) && g_strcmp0(terminal, "dumb") != 0;
}

static void print_error(const char *text)
{
    gboolean color = bb_app_color(STDERR_FILENO);
    (void)fprintf(stderr, "%sbusbar:%s %s\n", color ? "\033[1;31m" : "", color ? "\033[0m" : "",
                  text);
}

void bb_app_error(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    print_error(text);
}

int bb_app_usage(const char *command, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    print_error(text);
    (void)fprintf(stderr, "        `busbar %s%s--help` shows what it takes\n",
                  command ? command : "", command ? " " : "");
    return BB_EXIT_USAGE;
}

int bb_app_fail(GError *error)
{
    int code = bb_error_exit_code(error);
    print_error(error ? error->message : "unknown error");
    g_clear_error(&error);
    return code;
}

/* Adds the long names of a table to `names`. */
static void collect_names(const GOptionEntry *options, GPtrArray *names)
{
    for (; options && options->long_name; options++)
        g_ptr_array_add(names, g_strdup_printf("--%s", options->long_name));
}

/* The option nearest to the one that GLib did not know; `message` ends with its name. */
static char *nearest_option(const bb_command *command, const char *message)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    const char *wanted = strstr(message, "--");
    if (!wanted)
        return NULL;
    collect_names(bb_common_options, names);
    collect_names(command ? command->options : program_options, names);
    g_ptr_array_add(names, NULL);
    return g_strdup(bb_text_nearest(wanted, (const char *const *)names->pdata));
}

static int report_option(const bb_command *command, const GError *error)
{
    g_autofree char *nearest = nearest_option(command, error->message);
    g_autofree char *text = g_strdup(error->message);
    text[0] = g_ascii_tolower(text[0]);
    if (nearest && error->code == G_OPTION_ERROR_UNKNOWN_OPTION)
        return bb_app_usage(command ? command->name : NULL, "%s; did you mean %s?", text, nearest);
    return bb_app_usage(command ? command->name : NULL, "%s", text);
}

/* Parses the options of `command` (NULL: those of the program, up to the command's name). */
static gboolean parse_options(const bb_command *command, int *argc, char ***argv, GError **error)
{
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    g_option_context_set_help_enabled(context, FALSE);
    g_option_context_add_main_entries(context, bb_common_options, NULL);
    if (command && command->options)
        g_option_context_add_main_entries(context, command->options, NULL);
    if (!command) {
        g_option_context_add_main_entries(context, program_options, NULL);
        g_option_context_set_strict_posix(context, TRUE);
    }
    return g_option_context_parse(context, argc, argv, error);
}

/* Takes out the "--" that ends the options. */
static void drop_separator(int *argc, char **argv)
{
    for (int i = 1; i < *argc; i++) {
        if (strcmp(argv[i], "--") != 0)
            continue;
        memmove(&argv[i], &argv[i + 1], (size_t)(*argc - i) * sizeof(*argv));
        (*argc)--;
        return;
    }
}

/* Overrides from in front of the command, then those behind it. */
static void join_sets(char **front)
{
    GPtrArray *all = g_ptr_array_new();
    for (char **set = front; set && *set; set++)
        g_ptr_array_add(all, g_strdup(*set));
    for (char **set = bb_option_set; set && *set; set++)
        g_ptr_array_add(all, g_strdup(*set));
    g_ptr_array_add(all, NULL);
    g_strfreev(bb_option_set);
    bb_option_set = (char **)g_ptr_array_free(all, FALSE);
}

static int run_command(const bb_command *command, int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    g_auto(GStrv) front = g_steal_pointer(&bb_option_set);
    if (!parse_options(command, &argc, &argv, &error))
        return report_option(command, error);
    join_sets(front);
    drop_separator(&argc, argv);
    if (option_help) {
        bb_help_command(command);
        return BB_EXIT_DONE;
    }
    return command->run(argc, argv);
}

static int report_unknown(const char *name)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    for (const bb_command *const *all = bb_commands_all(); *all; all++) {
        if ((*all)->name[0] != '_')
            g_ptr_array_add(names, (gpointer)(*all)->name);
    }
    g_ptr_array_add(names, NULL);
    const char *nearest = bb_text_nearest(name, (const char *const *)names->pdata);
    if (nearest)
        return bb_app_usage(NULL, "unknown command `%s`; did you mean `%s`?", name, nearest);
    return bb_app_usage(NULL, "unknown command `%s`", name);
}

const bb_command *bb_commands_find(const char *name)
{
    for (const bb_command *const *all = bb_commands_all(); *all; all++) {
        if (strcmp((*all)->name, name) == 0)
            return *all;
    }
    return NULL;
}

/* Every run starts from the same state: tests call bb_app_main more than once in a process. */
static void reset_options(void)
{
    g_clear_pointer(&bb_option_config, g_free);
    g_clear_pointer(&bb_option_set, g_strfreev);
    g_clear_pointer(&bb_option_log_level, g_free);
    bb_option_log_json = bb_option_no_color = option_help = option_version = FALSE;
}

int bb_app_main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    g_autofree char **words = g_new0(char *, (gsize)argc + 1);
    char **rest = words;
    (void)setlocale(LC_CTYPE, "");
    reset_options();
    /* A copy: GLib's parser moves the pointers, the texts stay the caller's. */
    memcpy(words, argv, (size_t)argc * sizeof(*argv));
    if (!parse_options(NULL, &argc, &rest, &error))
        return report_option(NULL, error);
    if (option_version) {
        (void)printf("busbar %s\n", BB_VERSION);
        return BB_EXIT_DONE;
    }
    if (option_help || argc < 2) {
        bb_help_program();
        return option_help ? BB_EXIT_DONE : BB_EXIT_USAGE;
    }
    const bb_command *command = bb_commands_find(rest[1]);
    if (!command)
        return report_unknown(rest[1]);
    return run_command(command, argc - 1, rest + 1);
}
