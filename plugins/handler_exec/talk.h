/* A conversation with a child: lines go in while answers come out, so neither side can block the
 * other. */
#ifndef EXEC_TALK_H
#define EXEC_TALK_H

#include "../handler_common/buffer.h"
#include "chatter.h"
#include "child.h"

typedef enum exec_talked {
    EXEC_TALK_DONE,    /* every answer came */
    EXEC_TALK_ENDED,   /* the child has closed its output or its input */
    EXEC_TALK_TIMEOUT, /* no answer for `timeout_ms` */
    EXEC_TALK_BAD,     /* an answer that `take` does not want, or one too many */
    EXEC_TALK_FAILED   /* errno says what */
} exec_talked;

typedef struct exec_talk {
    exec_child *child;
    exec_chatter *chatter;
    busbar_call *call;
    int64_t timeout_ms;
    handler_buffer *answers; /* what was read and not taken yet */
    /* Takes answer number `index`, without its line feed. False: it is none. */
    bool (*take)(void *user, uint32_t index, const char *line, size_t size);
    void *user;
    uint32_t answered; /* how many were taken */
} exec_talk;

enum { EXEC_ANSWER_MAX = 65536 }; /* bytes of a line */

/* Sends `input` and takes `count` answers. Nothing may be left over behind the last. */
exec_talked exec_talk_run(exec_talk *talk, const handler_buffer *input, uint32_t count);

#endif
