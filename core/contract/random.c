/* Hands out random bytes from blocks of getrandom(2). */
#include "contract/random.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

enum { PAGE_BYTES = 4096, PORTIONS = PAGE_BYTES / BB_RANDOM_BYTES - 1 };

/* A page of its own: the kernel clears it in the child of a fork, and then no portion is left. */
struct bb_random {
    guint32 left;
    gboolean shared; /* the kernel cannot clear the page on fork: keep nothing in it */
    guint8 portions[PORTIONS][BB_RANDOM_BYTES];
};

G_STATIC_ASSERT(sizeof(struct bb_random) <= PAGE_BYTES);

bb_random *bb_random_new(void)
{
    bb_random *random = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                             /* fd= */ -1, /* offset= */ 0);
    if (random == MAP_FAILED)
        g_error("no memory for random numbers: %s", g_strerror(errno));
    random->shared = madvise(random, PAGE_BYTES, MADV_WIPEONFORK) != 0;
    return random;
}

void bb_random_free(bb_random *random)
{
    if (random)
        (void)munmap(random, PAGE_BYTES); /* cannot fail for a mapping of ours */
}

static void read_random(guint8 *out, gsize size)
{
    while (size > 0) {
        gssize got = getrandom(out, size, 0);
        if (got < 0 && errno != EINTR)
            g_error("no random numbers: %s", g_strerror(errno));
        if (got > 0) {
            out += got;
            size -= (gsize)got;
        }
    }
}

void bb_random_take(bb_random *random, guint8 *out)
{
    if (random->left == 0) {
        if (random->shared) {
            read_random(out, BB_RANDOM_BYTES);
            return;
        }
        read_random(random->portions[0], sizeof random->portions);
        random->left = PORTIONS;
    }
    random->left--;
    memcpy(out, random->portions[random->left], BB_RANDOM_BYTES);
    memset(random->portions[random->left], 0, BB_RANDOM_BYTES);
}
