/* Commands of the command line: one file each, described by data. Help, man page and shell
 * completion are made from the same data, so they cannot differ. */
#ifndef BB_COMMAND_H
#define BB_COMMAND_H

#include <glib.h>

#include "base/error.h"

typedef struct bb_command {
    const char *name;        /* "publish", "topics" */
    const char *arguments;   /* "EVENT [FILE|-]" */
    const char *summary;     /* one line, no full stop */
    const char *description; /* paragraphs, separated by an empty line */
    const char *examples;    /* lines: "command" then "    what it does"; shown under Examples */
    const GOptionEntry
        *options; /* ends with an entry whose long_name is NULL; may be NULL. long_name, short_name,
                     description and arg_description also feed man page and completion */
    /* Runs with what is left of the command line: argv[0] is the command's name, options are parsed
     * already. Returns the exit code. The values of `options` are static in the command's own file
     * (set once, before run). */
    int (*run)(int argc, char **argv);
} bb_command;

/* All commands, in the order of the help; ends with NULL. A name that begins with an underscore is
 * for programs and not shown. */
const bb_command *const *bb_commands_all(void);
/* By name; NULL when there is none. */
const bb_command *bb_commands_find(const char *name);

/* Options that every command takes: --config, --set, --log-level, --log-json, --no-color. Settings
 * and registry for a command are made with app/session.h, a line of progress with app/progress.h.
 */
extern char *bb_option_config;
extern char **bb_option_set;
extern char *bb_option_log_level;
extern gboolean bb_option_log_json;
extern gboolean bb_option_no_color;
/* The table of them, for help, man page and completion. */
extern const GOptionEntry bb_common_options[];

/* Colours only on a terminal, not with NO_COLOR or --no-color. */
gboolean bb_app_color(int fd);

/* Prints "busbar: message" to standard error. */
void bb_app_error(const char *format, ...) G_GNUC_PRINTF(1, 2);

/* A usage error of a command: prints the message and where its help is; returns BB_EXIT_USAGE. */
int bb_app_usage(const char *command, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* Prints an error and frees it; returns the exit code that fits it. */
int bb_app_fail(GError *error);

/* Parses `argv` (argv[0] the command or the program) and runs; the body of main. */
int bb_app_main(int argc, char **argv);

#endif
