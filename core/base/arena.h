/* Bump allocator: memory for one batch, given back all at once. Not thread-safe: one arena per
 * lane. */
#ifndef BB_ARENA_H
#define BB_ARENA_H

#include <stddef.h>

#include <glib.h>

typedef struct bb_arena bb_arena;

/* `block_bytes`: size of the blocks it takes from malloc; 0 takes 64 KiB. */
bb_arena *bb_arena_new(size_t block_bytes);
void bb_arena_free(bb_arena *arena);

/* Memory aligned for any type, not cleared. Never NULL (aborts when memory is out, as g_malloc). */
void *bb_arena_alloc(bb_arena *arena, size_t size_bytes);

/* A copy of `size` bytes followed by a NUL. */
char *bb_arena_copy(bb_arena *arena, const void *data, size_t size);

/* Gives everything back; keeps the blocks up to `BB_ARENA_KEEP_BYTES` for the next batch. */
void bb_arena_reset(bb_arena *arena);

#define BB_ARENA_KEEP_BYTES (4u * 1024 * 1024)

/* Bytes handed out since the last reset. */
size_t bb_arena_used(const bb_arena *arena);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(bb_arena, bb_arena_free)

#endif
