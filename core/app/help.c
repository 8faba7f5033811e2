/* Help texts, made from the tables of the commands. */
#include "app/help.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { HELP_WIDTH = 92, HELP_COLUMN = 28 };

static void print_heading(const char *text)
{
    gboolean color = bb_app_color(STDOUT_FILENO);
    (void)printf("\n%s%s:%s\n", color ? "\033[1m" : "", text, color ? "\033[0m" : "");
}

/* Prints words up to the width; lines after the first begin in column `indent`. */
static void print_wrapped(const char *text, int column, int indent)
{
    g_auto(GStrv) words = g_strsplit_set(text, " \n", -1);
    gboolean first = TRUE;
    for (char **word = words; *word; word++) {
        int width = (int)g_utf8_strlen(*word, -1);
        if (width == 0)
            continue;
        if (!first && column + 1 + width > HELP_WIDTH) {
            (void)printf("\n%*s", indent, "");
            column = indent;
            first = TRUE;
        }
        (void)printf("%s%s", first ? "" : " ", *word);
        column += width + (first ? 0 : 1);
        first = FALSE;
    }
    (void)printf("\n");
}

char *bb_help_option(const GOptionEntry *option)
{
    g_autofree char *letter =
        option->short_name ? g_strdup_printf("-%c, ", option->short_name) : g_strdup("    ");
    return g_strdup_printf("%s--%s%s%s", letter, option->long_name,
                           option->arg_description ? "=" : "",
                           option->arg_description ? option->arg_description : "");
}

static void print_row(const char *left, const char *text)
{
    (void)printf("  %-*s", HELP_COLUMN - 2, left);
    if ((int)strlen(left) > HELP_COLUMN - 4)
        (void)printf("\n%*s", HELP_COLUMN, "");
    print_wrapped(text ? text : "", HELP_COLUMN, HELP_COLUMN);
}

static void print_options(const char *heading, const GOptionEntry *options)
{
    if (!options || !options->long_name)
        return;
    print_heading(heading);
    for (; options->long_name; options++) {
        g_autofree char *left = bb_help_option(options);
        if (!(options->flags & G_OPTION_FLAG_HIDDEN))
            print_row(left, options->description);
    }
}

static void print_paragraphs(const char *text)
{
    g_auto(GStrv) paragraphs = g_strsplit(text, "\n\n", -1);
    for (char **paragraph = paragraphs; *paragraph; paragraph++) {
        (void)printf("\n");
        print_wrapped(*paragraph, 0, 0);
    }
}

static void print_examples(const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    print_heading("Examples");
    for (char **line = lines; *line; line++) {
        if (**line)
            (void)printf("  %s\n", *line);
    }
}

void bb_help_command(const bb_command *command)
{
    (void)printf("busbar %s - %s\n\n", command->name, command->summary);
    (void)printf("Usage: busbar %s [OPTION...]%s%s\n", command->name,
                 command->arguments && *command->arguments ? " " : "",
                 command->arguments ? command->arguments : "");
    if (command->description)
        print_paragraphs(command->description);
    print_options("Options", command->options);
    print_options("Options of every command", bb_common_options);
    if (command->examples)
        print_examples(command->examples);
}

void bb_help_program(void)
{
    (void)printf("busbar - a plugin-based event bus on Kafka\n\n"
                 "Usage: busbar COMMAND [OPTION...] [ARGUMENT...]\n");
    print_heading("Commands");
    for (const bb_command *const *all = bb_commands_all(); *all; all++) {
        if ((*all)->name[0] != '_')
            print_row((*all)->name, (*all)->summary);
    }
    print_options("Options of every command", bb_common_options);
    print_heading("To begin with");
    (void)printf("  busbar demo                 all event types through an embedded broker\n"
                 "  busbar help COMMAND         options and examples of a command\n"
                 "  busbar check                what the configuration comes to\n"
                 "\nExit codes: 0 done, 1 some events were refused, 2 usage or configuration,\n"
                 "3 Kafka not reachable, 4 plugin at fault, 70 a bug of busbar\n");
}

static int run_help(int argc, char **argv)
{
    if (argc < 2) {
        bb_help_program();
        return BB_EXIT_DONE;
    }
    const bb_command *command = bb_commands_find(argv[1]);
    if (!command)
        return bb_app_usage(NULL, "unknown command `%s`", argv[1]);
    bb_help_command(command);
    return BB_EXIT_DONE;
}

extern const bb_command bb_command_help;
const bb_command bb_command_help = {
    .name = "help",
    .arguments = "[COMMAND]",
    .summary = "Show the help of busbar or of one of its commands",
    .description = "The same text as `busbar COMMAND --help`.",
    .examples = "busbar help publish\n    options and examples of publish",
    .run = run_help,
};
