/* Counts the signals that ask a command to end. */
#include "app/signals.h"

#include <signal.h>

static volatile gint count;

static void on_signal(int number)
{
    (void)number;
    g_atomic_int_inc(&count);
}

void bb_signals_catch(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    (void)sigaction(SIGINT, &action, NULL); /* cannot fail for these signals */
    (void)sigaction(SIGTERM, &action, NULL);
    action.sa_handler = SIG_IGN;
    (void)sigaction(SIGPIPE, &action, NULL);
}

gint bb_signals_count(void)
{
    return g_atomic_int_get(&count);
}

const gint *bb_signals_place(void)
{
    return (const gint *)&count;
}
