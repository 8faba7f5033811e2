/* The list of all commands. */
#include "app/command.h"

extern const bb_command bb_command_run;
extern const bb_command bb_command_publish;
extern const bb_command bb_command_validate;
extern const bb_command bb_command_check;
extern const bb_command bb_command_inspect;
extern const bb_command bb_command_demo;
extern const bb_command bb_command_broker;
extern const bb_command bb_command_topics;
extern const bb_command bb_command_storage;
extern const bb_command bb_command_dlq;
extern const bb_command bb_command_offsets;
extern const bb_command bb_command_extract;
extern const bb_command bb_command_replay;
extern const bb_command bb_command_generate;
extern const bb_command bb_command_new;
extern const bb_command bb_command_version;
extern const bb_command bb_command_help;
extern const bb_command bb_command__docs;
extern const bb_command bb_command__events;

/* In the order of the help. */
static const bb_command *const all_commands[] = {
    &bb_command_run,      &bb_command_publish, &bb_command_validate, &bb_command_check,
    &bb_command_demo,     &bb_command_broker,  &bb_command_topics,   &bb_command_storage,
    &bb_command_dlq,      &bb_command_offsets, &bb_command_extract,  &bb_command_replay,
    &bb_command_generate, &bb_command_new,     &bb_command_inspect,  &bb_command_version,
    &bb_command_help,     &bb_command__docs,   &bb_command__events,  NULL,
};

const bb_command *const *bb_commands_all(void)
{
    return all_commands;
}
