/* `busbar check`: what the configuration comes to. */
#include <stdio.h>

#include "app/command.h"
#include "app/session.h"

static int run_check(int argc, char **argv)
{
    int exit_code = BB_EXIT_USAGE;
    if (argc > 1)
        return bb_app_usage("check", "takes no argument, found `%s`", argv[1]);
    g_autoptr(bb_session) session = bb_session_new(&exit_code);
    if (!session)
        return exit_code;
    for (guint i = 0; i < bb_registry_count(session->registry); i++) {
        const bb_event_type *type = bb_registry_at(session->registry, i);
        (void)printf("%-32s %s\n", type->full_name, type->topic);
    }
    return BB_EXIT_DONE;
}

extern const bb_command bb_command_check;
const bb_command bb_command_check = {
    .name = "check",
    .arguments = "",
    .summary = "Check configuration and plugins, and show what they come to",
    .run = run_check,
};
