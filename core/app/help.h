/* Help of the program and of its commands, from the tables of the commands. */
#ifndef BB_HELP_H
#define BB_HELP_H

#include "app/command.h"

/* Both print to standard output. */
void bb_help_program(void);
void bb_help_command(const bb_command *command);

/* "--topic=NAME" with the short form in front where there is one; the caller frees. */
char *bb_help_option(const GOptionEntry *option);

#endif
