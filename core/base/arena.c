/* Bump allocator over a list of blocks. */
#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <string.h>

typedef struct block {
    struct block *next;
    size_t size;
    alignas(max_align_t) char data[];
} block;

struct bb_arena {
    char *at;    /* next free byte of the current block */
    char *limit; /* its end */
    block *first;
    block *current;
    size_t block_bytes;
    size_t used;
};

static block *block_new(size_t size)
{
    block *new_block = g_malloc(sizeof(block) + size);
    new_block->next = NULL;
    new_block->size = size;
    return new_block;
}

static void enter(bb_arena *arena, block *target)
{
    arena->current = target;
    arena->at = target->data;
    arena->limit = target->data + target->size;
}

bb_arena *bb_arena_new(size_t block_bytes)
{
    bb_arena *arena = g_new0(bb_arena, 1);
    arena->block_bytes = block_bytes ? block_bytes : 64 * 1024;
    arena->first = block_new(arena->block_bytes);
    enter(arena, arena->first);
    return arena;
}

void bb_arena_free(bb_arena *arena)
{
    if (!arena)
        return;
    for (block *at = arena->first; at;) {
        block *next = at->next;
        g_free(at);
        at = next;
    }
    g_free(arena);
}

/* Moves on to a block with room, reusing those kept by the last reset. */
static void next_block(bb_arena *arena, size_t size)
{
    block *next = arena->current->next;
    if (!next || next->size < size) {
        block *fresh = block_new(MAX(size, arena->block_bytes));
        fresh->next = next;
        arena->current->next = fresh;
        next = fresh;
    }
    enter(arena, next);
}

void *bb_arena_alloc(bb_arena *arena, size_t size_bytes)
{
    const size_t mask = alignof(max_align_t) - 1;
    size_t size = (size_bytes + mask) & ~mask;
    if (G_UNLIKELY((size_t)(arena->limit - arena->at) < size))
        next_block(arena, size);
    void *memory = arena->at;
    arena->at += size;
    arena->used += size;
    return memory;
}

char *bb_arena_copy(bb_arena *arena, const void *data, size_t size)
{
    char *copy = bb_arena_alloc(arena, size + 1);
    if (size)
        memcpy(copy, data, size);
    copy[size] = '\0';
    return copy;
}

void bb_arena_reset(bb_arena *arena)
{
    size_t kept = arena->first->size;
    for (block *at = arena->first; at->next;) {
        if (kept + at->next->size <= BB_ARENA_KEEP_BYTES) {
            kept += at->next->size;
            at = at->next;
            continue;
        }
        block *surplus = at->next;
        at->next = surplus->next;
        g_free(surplus);
    }
    enter(arena, arena->first);
    arena->used = 0;
}

size_t bb_arena_used(const bb_arena *arena)
{
    return arena->used;
}
