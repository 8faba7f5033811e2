/* What a child writes to its standard error, as lines of the log: each cut, and so many a second.
 */
#ifndef EXEC_CHATTER_H
#define EXEC_CHATTER_H

#include <stddef.h>
#include <stdint.h>

#include <busbar/plugin.h>

enum { EXEC_CHATTER_LINE = 900 };

typedef struct exec_chatter {
    uint32_t lines_per_second;
    int64_t second; /* the one that `lines` counts */
    uint32_t lines;
    size_t size;
    char line[EXEC_CHATTER_LINE + 1]; /* the one that is not finished */
    char last[EXEC_CHATTER_LINE + 1]; /* the last that was finished, for reasons */
} exec_chatter;

void exec_chatter_take(exec_chatter *chatter, busbar_call *call, const char *data, size_t size);
/* The child has ended: its last line may have no end, and the next child begins anew. */
void exec_chatter_end(exec_chatter *chatter, busbar_call *call);

#endif
