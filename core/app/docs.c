/* Man page, bash completion and other documents that are made from tables. */
#include <stdio.h>
#include <string.h>

#include "app/help.h"
#include "app/session.h"
#include "kafka/gates.h"

/* Text with the characters that roff takes for itself escaped. */
static void print_roff(const char *text)
{
    for (const char *at = text; *at; at++) {
        if (*at == '\\')
            (void)printf("\\e");
        else if (*at == '-')
            (void)printf("\\-");
        else if ((at == text || at[-1] == '\n') && (*at == '.' || *at == '\''))
            (void)printf("\\&%c", *at);
        else
            (void)putchar(*at);
    }
}

/* Words of one paragraph in lines that an editor can show. */
static void print_roff_wrapped(const char *text)
{
    enum { WIDTH = 68 };
    g_auto(GStrv) words = g_strsplit_set(text, " \n", -1);
    gsize column = 0;
    for (char **word = words; *word; word++) {
        if (!**word)
            continue;
        gboolean fits = column + strlen(*word) <= WIDTH;
        if (column > 0)
            (void)putchar(fits ? ' ' : '\n');
        print_roff(*word);
        column = (fits ? column : 0) + strlen(*word) + 1;
    }
    (void)putchar('\n');
}

static void print_roff_paragraphs(const char *text, const char *macro)
{
    g_auto(GStrv) paragraphs = g_strsplit(text, "\n\n", -1);
    for (char **paragraph = paragraphs; *paragraph; paragraph++) {
        if (paragraph != paragraphs)
            (void)printf("%s\n", macro);
        print_roff_wrapped(*paragraph);
    }
}

static void print_roff_options(const GOptionEntry *options)
{
    for (; options && options->long_name; options++) {
        if (options->flags & G_OPTION_FLAG_HIDDEN)
            continue;
        g_autofree char *name = bb_help_option(options);
        (void)printf(".TP\n.B \"");
        print_roff(g_strstrip(name));
        (void)printf("\"\n");
        print_roff_wrapped(options->description ? options->description : "");
    }
}

static void print_roff_examples(const char *examples)
{
    (void)printf(".PP\nExamples:\n.PP\n.nf\n.RS 4\n");
    print_roff(examples);
    (void)printf("\n.RE\n.fi\n");
}

static void print_roff_command(const bb_command *command)
{
    (void)printf(".SS \"");
    print_roff(command->name);
    (void)printf("%s", command->arguments && *command->arguments ? " " : "");
    print_roff(command->arguments ? command->arguments : "");
    (void)printf("\"\n");
    print_roff(command->summary);
    (void)printf(".\n");
    if (command->description) {
        (void)printf(".PP\n");
        print_roff_paragraphs(command->description, ".PP");
    }
    print_roff_options(command->options);
    if (command->examples)
        print_roff_examples(command->examples);
}

static const char man_head[] = ".SH NAME\n"
                               "busbar \\- plugin\\-based event bus on Kafka\n"
                               ".SH SYNOPSIS\n"
                               ".B busbar\n"
                               ".I COMMAND\n"
                               "[\\fIOPTION\\fR...] [\\fIARGUMENT\\fR...]\n"
                               ".SH DESCRIPTION\n"
                               "busbar loads each business domain and each storage back end as a\n"
                               "shared object and moves Kafka records through them: events are\n"
                               "parsed, validated against their contract, enriched, published and\n"
                               "consumed, and none is lost in silence.\n"
                               ".SH COMMANDS\n";

static const char man_tail[] =
    ".SH EXIT STATUS\n"
    ".TP\n.B 0\nDone.\n"
    ".TP\n.B 1\nSome events were refused.\n"
    ".TP\n.B 2\nUsage, configuration or files.\n"
    ".TP\n.B 3\nKafka is not reachable or refuses.\n"
    ".TP\n.B 4\nA plugin or contract could not be loaded, or broke its contract.\n"
    ".TP\n.B 70\nA bug of busbar.\n"
    ".SH ENVIRONMENT\n"
    ".TP\n.B BUSBAR_CONFIG\nConfiguration file, when \\-\\-config is not given.\n"
    ".TP\n.B NO_COLOR\nNo colours when set.\n"
    ".SH FILES\n"
    ".TP\n.I ./busbar.yaml, ./config/busbar.yaml, /etc/busbar/busbar.yaml\n"
    "Configuration files, in the order of the search; the folder conf.d beside the\n"
    "one that is found holds drop\\-ins.\n";

static void print_man(void)
{
    (void)printf(".TH BUSBAR 1 2026-11-24 \"busbar %s\" \"User Commands\"\n%s", BB_VERSION,
                 man_head);
    for (const bb_command *const *all = bb_commands_all(); *all; all++) {
        if ((*all)->name[0] != '_')
            print_roff_command(*all);
    }
    (void)printf(".SH OPTIONS\nOptions of every command.\n");
    print_roff_options(bb_common_options);
    (void)printf("%s", man_tail);
}

static void print_words(const GOptionEntry *options)
{
    for (; options && options->long_name; options++) {
        if (!(options->flags & G_OPTION_FLAG_HIDDEN))
            (void)printf(" --%s%s", options->long_name, options->arg_description ? "=" : "");
    }
}

/* Whether the command takes names of events, as an argument or in an option. */
static gboolean takes_events(const bb_command *command)
{
    if (command->arguments && strstr(command->arguments, "EVENT"))
        return TRUE;
    for (const GOptionEntry *option = command->options; option && option->long_name; option++) {
        if (option->arg_description && strstr(option->arg_description, "EVENT"))
            return TRUE;
    }
    return FALSE;
}

/* The case lines of one command: its options, and whether events are completed. */
static void print_bash_command(const bb_command *command)
{
    (void)printf("    %s)\n        options=\"", command->name);
    print_words(command->options);
    print_words(bb_common_options);
    (void)printf("\"\n        events=%s\n        ;;\n", takes_events(command) ? "yes" : "no");
}

static const char bash_head[] =
    "# bash completion for busbar; made by `busbar _docs bash`.\n"
    "_busbar()\n{\n"
    "    local cur=${COMP_WORDS[COMP_CWORD]} cmd= config= options= events=no i\n"
    "    COMPREPLY=()\n"
    "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
    "        case ${COMP_WORDS[i]} in\n"
    "        --config | -c)\n"
    "            [[ ${COMP_WORDS[i + 1]} == = ]] && ((i++))\n"
    "            config=${COMP_WORDS[i + 1]}\n"
    "            ((i++))\n"
    "            ;;\n"
    "        --config=*) config=${COMP_WORDS[i]#--config=} ;;\n"
    "        -*) ;;\n"
    "        *) [[ $cmd ]] || cmd=${COMP_WORDS[i]} ;;\n"
    "        esac\n"
    "    done\n"
    "    if [[ ! $cmd ]]; then\n";

static const char bash_tail[] =
    "    esac\n"
    "    if [[ $cur == -* ]]; then\n"
    "        COMPREPLY=($(compgen -W \"$options\" -- \"$cur\"))\n"
    "        [[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace 2>/dev/null\n"
    "        return\n"
    "    fi\n"
    "    if [[ $events == yes ]]; then\n"
    "        COMPREPLY=($(compgen -W \"$(\"${COMP_WORDS[0]}\" _events \\\n"
    "            ${config:+--config=\"$config\"} 2>/dev/null)\" -- \"$cur\"))\n"
    "    fi\n"
    "    COMPREPLY+=($(compgen -f -- \"$cur\"))\n"
    "}\n"
    "complete -o filenames -F _busbar busbar\n";

static void print_bash(void)
{
    (void)printf("%s        COMPREPLY=($(compgen -W \"", bash_head);
    for (const bb_command *const *all = bb_commands_all(); *all; all++) {
        if ((*all)->name[0] != '_')
            (void)printf("%s ", (*all)->name);
    }
    print_words(bb_common_options);
    (void)printf(" --version\" -- \"$cur\"))\n        return\n    fi\n    case $cmd in\n");
    for (const bb_command *const *all = bb_commands_all(); *all; all++) {
        if ((*all)->name[0] != '_')
            print_bash_command(*all);
    }
    (void)printf("%s", bash_tail);
}

/* The table of docs/librdkafka.md. */
static void print_gates(void)
{
    g_autofree char *table = bb_gates_markdown();
    (void)printf("%s", table);
}

static int run_docs(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "man") == 0)
        print_man();
    else if (argc == 2 && strcmp(argv[1], "bash") == 0)
        print_bash();
    else if (argc == 2 && strcmp(argv[1], "gates") == 0)
        print_gates();
    else
        return bb_app_usage("_docs", "takes one of man, bash, gates");
    return BB_EXIT_DONE;
}

extern const bb_command bb_command__docs;
const bb_command bb_command__docs = {
    .name = "_docs",
    .arguments = "man|bash|gates",
    .summary = "Print the man page, the bash completion, or the table of docs/librdkafka.md",
    .run = run_docs,
};

/* Event names for the completion: whatever can be resolved, and no word about the rest. */
static int run_events(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    g_autoptr(GPtrArray) problems = g_ptr_array_new_with_free_func(bb_config_problem_free);
    g_autoptr(bb_settings) settings =
        bb_settings_load(bb_option_config, (const char *const *)bb_option_set, problems);
    if (!settings)
        return BB_EXIT_USAGE;
    g_autoptr(bb_metrics) metrics = bb_metrics_new();
    g_autoptr(bb_registry) registry = bb_registry_new(settings, metrics, problems);
    for (guint i = 0; i < bb_registry_count(registry); i++)
        (void)printf("%s\n", bb_registry_at(registry, i)->full_name);
    return BB_EXIT_DONE;
}

extern const bb_command bb_command__events;
const bb_command bb_command__events = {
    .name = "_events",
    .arguments = "",
    .summary = "Print the names of all enabled event types",
    .run = run_events,
};
