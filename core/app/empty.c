/* Stand-in until the command table is there. */
#include "app/command.h"
int bb_app_main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return BB_EXIT_USAGE;
}
