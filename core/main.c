/* Entry point of the busbar command. */
#include "app/command.h"

int main(int argc, char **argv)
{
    return bb_app_main(argc, argv);
}
