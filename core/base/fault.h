/* Fault points: places where a test build can be made to die, stop, wait or fail. A release has
 * none of them: the macros are nothing there.
 *
 *   BB_FAULT=POINT:NTH:ACTION[;POINT:NTH:ACTION...]
 *     NTH     the how manieth time a process reaches the point; "3+": every time from then on
 *     ACTION  kill          SIGKILL to the own process
 *             parent        SIGKILL to the parent that runs the same program: the supervisor
 *             stop          SIGSTOP to the own process
 *             delay:MS      waits
 *             errno:NAME    fails so, where the place can fail
 *             short         writes a part only, where the place writes
 *   BB_FAULT_NOTES=FOLDER   each fault happens once for all processes that share this folder: a
 *                           file there says that it did */
#ifndef BB_BASE_FAULT_H
#define BB_BASE_FAULT_H

#include <stddef.h>

#ifdef BUSBAR_FAULTS
/* What is to happen here happens. Returns the errno to fail with, 0: none. [any thread] */
int bb_fault_reach(const char *point);
/* As bb_fault_reach, and returns how many of `size` bytes are to be written. */
size_t bb_fault_part(const char *point, size_t size, int *ret_errno);
#define BB_FAULT(point) ((void)bb_fault_reach(point))
#define BB_FAULT_ERRNO(point) bb_fault_reach(point)
#else
#define BB_FAULT(point) ((void)0)
#define BB_FAULT_ERRNO(point) 0
#endif

#endif
