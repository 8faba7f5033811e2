/* Work in a child process whose death is a message, not ours: for code that nobody vouches for. */
#ifndef BB_THROWAWAY_H
#define BB_THROWAWAY_H

#include "app/contain.h"

/* Runs `work` in a child and waits for it. TRUE in the child, which is to return `*ret_exit` from
 * the program; FALSE in the parent, where `*ret_exit` is that of the child, or BB_EXIT_PLUGIN and
 * the reason printed when it died. `contain` (NULL: none) holds what the child left there. */
gboolean bb_throwaway_run(int (*work)(bb_contain *contain, void *user), void *user,
                          bb_contain *contain, int *ret_exit);

#endif
