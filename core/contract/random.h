/* Random bytes in small portions from blocks of getrandom(2). One per thread; a child of fork never
 * hands out what its parent has. */
#ifndef BB_RANDOM_H
#define BB_RANDOM_H

#include <glib.h>

typedef struct bb_random bb_random;

bb_random *bb_random_new(void);
void bb_random_free(bb_random *random);

enum { BB_RANDOM_BYTES = 16 };

/* Fills `out` with BB_RANDOM_BYTES bytes. */
void bb_random_take(bb_random *random, guint8 *out);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(bb_random, bb_random_free)

#endif
