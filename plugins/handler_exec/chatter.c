/* What a child writes to its standard error, as lines of the log: each cut, and so many a second.
 */
#include "chatter.h"

static void log_line(exec_chatter *chatter, busbar_call *call)
{
    int64_t second = call->host->now_ms() / 1000;
    if (second != chatter->second) {
        chatter->second = second;
        chatter->lines = 0;
    }
    if (chatter->lines > chatter->lines_per_second)
        return;
    if (chatter->lines++ < chatter->lines_per_second)
        busbar_log(call, BUSBAR_LOG_INFO, "child: %s", chatter->last);
    else
        busbar_log(call, BUSBAR_LOG_WARNING,
                   "more than %u lines a second on the child's standard error: the rest of this "
                   "second is left out",
                   chatter->lines_per_second);
}

static void end_line(exec_chatter *chatter, busbar_call *call)
{
    if (!chatter->size)
        return;
    memcpy(chatter->last, chatter->line, chatter->size);
    chatter->last[chatter->size] = '\0';
    chatter->size = 0;
    log_line(chatter, call);
}

void exec_chatter_take(exec_chatter *chatter, busbar_call *call, const char *data, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (data[i] == '\n')
            end_line(chatter, call);
        else if (chatter->size < EXEC_CHATTER_LINE)
            chatter->line[chatter->size++] = data[i];
    }
}

void exec_chatter_end(exec_chatter *chatter, busbar_call *call)
{
    end_line(chatter, call);
}
