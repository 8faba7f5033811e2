// The bump allocator: alignment, large requests, reset.
#include <cstdint>
#include <cstring>

#include <gtest/gtest.h>

extern "C" {
#include "base/arena.h"
}

TEST(Arena, HandsOutAlignedAndSeparateMemory)
{
    g_autoptr(bb_arena) arena = bb_arena_new(128);
    char *last = nullptr;
    for (int size = 1; size < 300; size++) {
        char *memory = static_cast<char *>(bb_arena_alloc(arena, static_cast<size_t>(size)));
        EXPECT_EQ(reinterpret_cast<uintptr_t>(memory) % alignof(max_align_t), 0u);
        memset(memory, size,
               static_cast<size_t>(size)); // the sanitizer sees an overlap with a block's end
        EXPECT_NE(memory, last);
        last = memory;
    }
}

TEST(Arena, CopiesEndWithNul)
{
    g_autoptr(bb_arena) arena = bb_arena_new(0);
    EXPECT_STREQ(bb_arena_copy(arena, "abcdef", 3), "abc");
    EXPECT_STREQ(bb_arena_copy(arena, nullptr, 0), "");
}

TEST(Arena, ResetGivesTheSameMemoryAgain)
{
    g_autoptr(bb_arena) arena = bb_arena_new(1024);
    void *first = bb_arena_alloc(arena, 100);
    for (int i = 0; i < 100; i++)
        (void)bb_arena_alloc(arena, 1000);
    EXPECT_GE(bb_arena_used(arena), 100100u);
    bb_arena_reset(arena);
    EXPECT_EQ(bb_arena_used(arena), 0u);
    EXPECT_EQ(bb_arena_alloc(arena, 100), first);
}

TEST(Arena, TakesRequestsBeyondItsBlockSize)
{
    g_autoptr(bb_arena) arena = bb_arena_new(64);
    char *large = static_cast<char *>(bb_arena_alloc(arena, 10u << 20));
    large[(10u << 20) - 1] = 1;
    bb_arena_reset(arena);
    char *small = static_cast<char *>(bb_arena_alloc(arena, 8));
    *small = 1;
}
