/* The list of all commands. */
#include "app/command.h"

#define BB_OPTIONAL __attribute__((weak))

extern const bb_command bb_command_run BB_OPTIONAL;
extern const bb_command bb_command_publish BB_OPTIONAL;
extern const bb_command bb_command_validate;
extern const bb_command bb_command_check;
extern const bb_command bb_command_inspect BB_OPTIONAL;
extern const bb_command bb_command_demo BB_OPTIONAL;
extern const bb_command bb_command_broker BB_OPTIONAL;
extern const bb_command bb_command_topics BB_OPTIONAL;
extern const bb_command bb_command_generate BB_OPTIONAL;
extern const bb_command bb_command_new BB_OPTIONAL;
extern const bb_command bb_command_version;
extern const bb_command bb_command_help;
extern const bb_command bb_command__docs;
extern const bb_command bb_command__events;

/* In the order of the help. */
static const bb_command *const all_commands[] = {
    &bb_command_run,   &bb_command_publish, &bb_command_validate, &bb_command_check,
    &bb_command_demo,  &bb_command_broker,  &bb_command_topics,   &bb_command_generate,
    &bb_command_new,   &bb_command_inspect, &bb_command_version,  &bb_command_help,
    &bb_command__docs, &bb_command__events,
};

const bb_command *const *bb_commands_all(void)
{
    static const bb_command *present[G_N_ELEMENTS(all_commands) + 1];
    guint count = 0;
    if (present[0])
        return present;
    for (guint i = 0; i < G_N_ELEMENTS(all_commands); i++) {
        if (all_commands[i])
            present[count++] = all_commands[i];
    }
    return present;
}
