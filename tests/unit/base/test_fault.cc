/* Fault points of test builds: each action happens at the time that was asked for, and only then.
 */
#include <gtest/gtest.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <string>

extern "C" {
#include "base/fault.h"
}

#ifdef BUSBAR_FAULTS

/* Runs `body` in a process of its own with BB_FAULT set, ended by its exit code. */
static void run_with(const char *faults, int (*body)())
{
    ::setenv("BB_FAULT", faults, 1);
    ::_exit(body());
}

static int reach_three_times()
{
    for (int i = 0; i < 3; i++)
        BB_FAULT("a.point");
    return 7;
}

static int sum_of_errors()
{
    int bits = 0;
    for (int i = 0; i < 4; i++)
        bits |= BB_FAULT_ERRNO("a.point") == ENOSPC ? 1 << i : 0;
    return bits;
}

static int parts()
{
    int number = 0;
    size_t first = bb_fault_part("a.point", 10, &number);
    size_t second = bb_fault_part("a.point", 10, &number);
    return (int)(first * 10 + second);
}

TEST(Fault, NothingHappensUnlessAskedFor)
{
    EXPECT_EXIT(run_with("", reach_three_times), testing::ExitedWithCode(7), "");
    EXPECT_EXIT(run_with("other.point:1:kill", reach_three_times), testing::ExitedWithCode(7), "");
    EXPECT_EXIT(run_with("a.point:4:kill", reach_three_times), testing::ExitedWithCode(7), "");
}

TEST(Fault, KillEndsTheProcessAtThatTime)
{
    EXPECT_EXIT(run_with("a.point:3:kill", reach_three_times), testing::KilledBySignal(SIGKILL),
                "");
}

/* As a supervisor: its child reaches the point. */
static int wait_for_child()
{
    if (::fork() == 0)
        ::_exit(reach_three_times());
    ::pause();
    return 1;
}

TEST(Fault, ParentEndsTheParentThatRunsTheSameProgram)
{
    EXPECT_EXIT(run_with("a.point:2:parent", wait_for_child), testing::KilledBySignal(SIGKILL), "");
}

TEST(Fault, ErrnoFailsOnceOrFromThereOn)
{
    EXPECT_EXIT(run_with("a.point:2:errno:ENOSPC", sum_of_errors), testing::ExitedWithCode(2), "");
    EXPECT_EXIT(run_with("a.point:2+:errno:ENOSPC", sum_of_errors), testing::ExitedWithCode(14),
                "");
}

TEST(Fault, ShortCutsAWrite)
{
    EXPECT_EXIT(run_with("a.point:1:short", parts), testing::ExitedWithCode(60), "");
}

TEST(Fault, SeveralAreKeptApart)
{
    EXPECT_EXIT(
        run_with("b.point:1:kill;a.point:1:errno:ENOSPC;a.point:3:errno:ENOSPC", sum_of_errors),
        testing::ExitedWithCode(5), "");
}

TEST(Fault, ANoteMakesItHappenOnceForAllProcesses)
{
    char folder[] = "/tmp/busbar-fault-XXXXXX";
    ASSERT_NE(::mkdtemp(folder), nullptr);
    ::setenv("BB_FAULT_NOTES", folder, 1);
    EXPECT_EXIT(run_with("a.point:2:kill", reach_three_times), testing::KilledBySignal(SIGKILL),
                "");
    EXPECT_EXIT(run_with("a.point:2:kill", reach_three_times), testing::ExitedWithCode(7), "");
    ::unsetenv("BB_FAULT_NOTES");
    EXPECT_EQ(::unlink((std::string(folder) + "/a.point.2").c_str()), 0);
    EXPECT_EQ(::rmdir(folder), 0);
}

TEST(Fault, WhatCannotBeReadIsSaid)
{
    for (const char *wrong : {"a.point", "a.point:1", "a.point:0:kill", "a.point:x:kill",
                              "a.point:1:explode", "a.point:1:errno:ENOTHING", "a.point:1:delay:"})
        EXPECT_EXIT(run_with(wrong, reach_three_times), testing::ExitedWithCode(2),
                    "is not POINT:NTH:ACTION");
}

#else

TEST(Fault, AreNothingInThisBuild)
{
    ::setenv("BB_FAULT", "a.point:1:errno:EIO", 1);
    BB_FAULT("a.point");
    EXPECT_EQ(BB_FAULT_ERRNO("a.point"), 0);
    ::unsetenv("BB_FAULT");
}

#endif
