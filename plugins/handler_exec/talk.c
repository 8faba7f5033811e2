/* A conversation with a child: lines go in while answers come out, so neither side can block the
 * other. */
#include "talk.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

typedef struct progress {
    const char *data;
    size_t left;
    uint32_t count;
    int64_t since_ms; /* of the last answer */
    bool closed;      /* the child takes no more input */
} progress;

static void hear_chatter(exec_talk *talk)
{
    char data[4096];
    ssize_t size;
    while ((size = read(talk->child->err, data, sizeof(data))) > 0) {
        exec_chatter_take(talk->chatter, talk->call, data, (size_t)size);
        if (size < (ssize_t)sizeof(data))
            return;
    }
    if (size == 0) { /* the child has closed it: no more to wait for */
        (void)close(talk->child->err);
        talk->child->err = -1;
    }
}

static bool send_more(exec_talk *talk, progress *at)
{
    ssize_t written = exec_child_write(talk->child->in, at->data, at->left);
    if (written < 0 && errno == EPIPE)
        at->closed = true; /* it may have answered before it ended */
    else if (written < 0 && errno != EAGAIN && errno != EINTR)
        return false;
    at->data += written > 0 ? written : 0;
    at->left -= written > 0 ? (size_t)written : 0;
    return true;
}

/* Takes the whole lines that were read. */
static exec_talked take_lines(exec_talk *talk, progress *at)
{
    size_t used = 0;
    char *feed;
    exec_talked result = EXEC_TALK_DONE;
    handler_buffer *answers = talk->answers;
    while (result == EXEC_TALK_DONE && used < answers->size &&
           (feed = memchr(answers->data + used, '\n', answers->size - used))) {
        const char *line = answers->data + used;
        size_t size = (size_t)(feed - line);
        if (talk->answered >= at->count || !talk->take(talk->user, talk->answered, line, size))
            result = EXEC_TALK_BAD;
        else
            talk->answered++;
        used += size + 1;
    }
    if (used)
        at->since_ms = talk->call->host->now_ms();
    handler_buffer_drop(answers, used);
    if (answers->size > EXEC_ANSWER_MAX)
        result = EXEC_TALK_BAD;
    return result;
}

/* Reads what is there. ENDED: nothing more will come. */
static exec_talked hear(exec_talk *talk, progress *at)
{
    for (;;) {
        if (!handler_buffer_reserve(talk->answers, 8192))
            return EXEC_TALK_FAILED;
        ssize_t size = read(talk->child->out, talk->answers->data + talk->answers->size, 8192);
        if (size == 0)
            return EXEC_TALK_ENDED;
        if (size < 0)
            return errno == EAGAIN || errno == EINTR ? EXEC_TALK_DONE : EXEC_TALK_FAILED;
        talk->answers->size += (size_t)size;
        exec_talked result = take_lines(talk, at);
        if (result != EXEC_TALK_DONE || size < 8192)
            return result;
    }
}

/* One turn: waits for either side. DONE means that it goes on. */
static exec_talked turn(exec_talk *talk, progress *at)
{
    enum { IN, OUT, ERR };
    struct pollfd polls[3] = {{at->left && !at->closed ? talk->child->in : -1, POLLOUT, 0},
                              {talk->child->out, POLLIN, 0},
                              {talk->child->err, POLLIN, 0}};
    int64_t wait_ms = at->since_ms + talk->timeout_ms - talk->call->host->now_ms();
    if (wait_ms <= 0)
        return EXEC_TALK_TIMEOUT;
    if (poll(polls, 3, (int)wait_ms) < 0)
        return errno == EINTR ? EXEC_TALK_DONE : EXEC_TALK_FAILED;
    if (polls[ERR].revents)
        hear_chatter(talk);
    if (polls[IN].revents && !send_more(talk, at))
        return EXEC_TALK_FAILED;
    return polls[OUT].revents ? hear(talk, at) : EXEC_TALK_DONE;
}

exec_talked exec_talk_run(exec_talk *talk, const handler_buffer *input, uint32_t count)
{
    progress at = {input->data, input->size, 0, talk->call->host->now_ms(), false};
    talk->answered = 0;
    exec_talked result = hear(talk, &at); /* nothing may have been said before it was asked */
    if (result == EXEC_TALK_DONE && talk->answers->size)
        result = EXEC_TALK_BAD;
    at.count = count;
    while (result == EXEC_TALK_DONE && (talk->answered < count || (at.left && !at.closed)))
        result = turn(talk, &at);
    if (talk->child->err >= 0)
        hear_chatter(talk);
    if (result == EXEC_TALK_ENDED && talk->answered == count && !at.left)
        return EXEC_TALK_DONE; /* all was said; its end is the next call's business */
    if (result == EXEC_TALK_DONE && talk->answers->size)
        return EXEC_TALK_BAD;
    return result;
}
