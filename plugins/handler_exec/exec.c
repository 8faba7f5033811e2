/* The `exec` handler: each lane hands its events to a long-running child process, JSON lines in and
 * one verdict line out for each.
 *
 * Whatever goes wrong with the child (it ended, answered nonsense, or not in time), it is killed
 * and the events without an answer are tried again; the host's backoff is between two starts. Where
 * the child makes durable only when it is told to (`flush: true`), what it had accepted died with
 * it: then everything is accepted until the host's next flush, which does not pass, and so the host
 * hands all of it again. */
#include <errno.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <busbar/source.h>

#include "../handler_common/envelope.h"
#include "answer.h"
#include "talk.h"

static const char config_schema[] =
    "{\"type\":\"object\",\"required\":[\"command\"],\"additionalProperties\":false,\"properties\":"
    "{\"command\":{\"type\":\"array\",\"minItems\":1,\"items\":{\"type\":\"string\"},"
    "\"description\":\"program and arguments; no shell\"},"
    "\"cwd\":{\"type\":\"string\",\"minLength\":1},"
    "\"environment\":{\"type\":\"object\",\"additionalProperties\":{\"type\":\"string\"},"
    "\"propertyNames\":{\"pattern\":\"^[A-Za-z_][A-Za-z0-9_]*$\"}},"
    "\"inherit_environment\":{\"type\":\"boolean\"},"
    "\"input\":{\"enum\":[\"envelope\",\"value\"]},"
    "\"flush\":{\"type\":\"boolean\"},"
    "\"timeout_ms\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":86400000},"
    "\"stop_ms\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":600000},"
    "\"stderr_lines_per_second\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":100000}}}";

enum { SHOWN = 24, REASON_MAX = 1000, DYING_MS = 1000 };

typedef struct exec_handler {
    exec_settings settings;
    exec_child child;
    exec_chatter chatter;
    busbar_bytes event_name;
    handler_buffer input;
    handler_buffer answers;
    uint64_t flushes;
    uint64_t accepted; /* since the last flush that passed; only where the child flushes */
    bool lost;         /* the child that had accepted them is gone */
    bool open;         /* it was started once */
    const char *wrong; /* why the last answer was none, or NULL */
    char shown[SHOWN + 1];
    char why[REASON_MAX]; /* the last child came to its end */
} exec_handler;

/* What the answers to one batch go into. */
typedef struct reply {
    exec_handler *self;
    busbar_call *call;
    const busbar_batch *batch;
    int32_t *verdicts;
    int32_t flushed; /* for a flush: its verdict */
} reply;

static void exec_close(void *data)
{
    exec_handler *self = data;
    if (!self)
        return;
    (void)exec_child_end(&self->child, self->settings.stop_ms); /* nobody left to tell */
    exec_settings_clear(&self->settings);
    handler_buffer_clear(&self->input);
    handler_buffer_clear(&self->answers);
    free(self);
}

/* The beginning of a line that was no answer, fit for a message; the rest may be somebody's data.
 */
static void show(exec_handler *self, const char *line, size_t size)
{
    size_t used = 0;
    for (; used < size && used < SHOWN; used++)
        self->shown[used] = line[used] >= ' ' && line[used] <= '~' ? line[used] : '?';
    self->shown[used] = '\0';
}

static bool refuse(exec_handler *self, const char *problem, const char *line, size_t size)
{
    self->wrong = problem;
    show(self, line, size);
    return false;
}

static bool take_verdict(void *user, uint32_t index, const char *line, size_t size)
{
    reply *to = user;
    exec_answer answer;
    const char *problem = NULL;
    if (!exec_answer_parse(line, size, &answer, &problem))
        return refuse(to->self, problem, line, size);
    if (answer.said.offset >= 0 &&
        answer.said.offset != to->call->host->origin(to->batch->events[index])->offset) {
        exec_answer_clear(&answer);
        return refuse(to->self, "its `offset` is that of another event", line, size);
    }
    to->verdicts[index] = answer.said.verdict;
    if (answer.said.verdict != BUSBAR_PASS)
        (void)to->call->host->fail(
            to->call, index, answer.said.verdict, answer.said.scope,
            busbar_text(answer.said.pointer),
            busbar_text(*answer.said.reason ? answer.said.reason : "no reason given"));
    exec_answer_clear(&answer);
    return true;
}

static bool take_flushed(void *user, uint32_t index, const char *line, size_t size)
{
    reply *to = user;
    exec_answer answer;
    const char *problem = NULL;
    (void)index;
    to->flushed = BUSBAR_PASS;
    if (exec_answer_is_flushed(line, size, to->self->flushes))
        return true;
    if (exec_answer_parse(line, size, &answer, &problem) && answer.said.verdict == BUSBAR_RETRY) {
        to->flushed =
            busbar_unavailable(to->call, "the child could not flush: %s",
                               *answer.said.reason ? answer.said.reason : "no reason given");
        exec_answer_clear(&answer);
        return true;
    }
    exec_answer_clear(&answer);
    return refuse(to->self,
                  "it is neither {\"flushed\":n} with the number that was asked nor a retry", line,
                  size);
}

static int32_t start(exec_handler *self, busbar_call *call)
{
    const char *step = NULL;
    if (self->child.pid)
        return BUSBAR_PASS;
    int status = exec_child_start(&self->child, &self->settings, &step);
    bool hopeless = status == ENOENT || status == EACCES || status == ENOEXEC || status == ENOTDIR;
    if (status && hopeless && !self->open)
        return busbar_fail(call, BUSBAR_FATAL, "%s (\"%s\"%s%s): %s", step, self->settings.program,
                           self->settings.cwd ? ", cwd " : "",
                           self->settings.cwd ? self->settings.cwd : "", strerror(status));
    if (status)
        return busbar_unavailable(call, "%s (\"%s\"): %s", step, self->settings.program,
                                  strerror(status));
    self->answers.size = 0;
    if (self->open)
        busbar_log(call, BUSBAR_LOG_INFO, "the child was started again, process %ld, because %s",
                   (long)self->child.pid, self->why);
    self->open = true;
    return BUSBAR_PASS;
}

static void name_event_type(exec_handler *self, busbar_call *call)
{
    const busbar_source_v1 *source =
        call->host->abi_minor >= 1 ? call->host->get_extension(BUSBAR_SOURCE_EXTENSION) : NULL;
    if (source)
        self->event_name = source->event_name(call);
}

static int32_t exec_open(busbar_call *call, busbar_bytes config, void **ret_self)
{
    exec_handler *self = calloc(1, sizeof(*self));
    if (!self)
        return busbar_fail(call, BUSBAR_FATAL, "out of memory");
    self->child = (exec_child){0, -1, -1, -1};
    int32_t verdict = exec_settings_init(&self->settings, call, config);
    self->chatter.lines_per_second = self->settings.stderr_lines;
    name_event_type(self, call);
    if (verdict == BUSBAR_PASS)
        verdict = start(self, call);
    if (verdict == BUSBAR_PASS)
        *ret_self = self;
    else
        exec_close(self);
    return verdict;
}

/* Into `text`: what became of the child. */
static void tell_end(const exec_handler *self, int status, char *text, size_t size)
{
    int used =
        WIFSIGNALED(status)
            ? snprintf(text, size, "the child was ended by signal %d", WTERMSIG(status))
            : snprintf(text, size, "the child has ended with exit code %d", WEXITSTATUS(status));
    if (self->chatter.last[0] && used > 0 && (size_t)used < size)
        (void)snprintf(text + used, size - (size_t)used,
                       "; the last line of its standard error: %s", self->chatter.last);
}

static void tell_bad(const exec_handler *self, char *text, size_t size)
{
    if (self->wrong)
        (void)snprintf(text, size,
                       "the child answered \"%s...\": %s; it has to answer each line with one "
                       "line, and with nothing else on its standard output",
                       self->shown, self->wrong);
    else
        (void)snprintf(text, size,
                       "the child answered more than it was asked, or with a line of more than %d "
                       "bytes; it has to answer each line with one line, and with nothing else on "
                       "its standard output",
                       EXEC_ANSWER_MAX);
}

/* Ends a child with which something is wrong, and keeps what in `why`. */
static void bury(exec_handler *self, busbar_call *call, exec_talked how)
{
    char *text = self->why;
    const size_t size = sizeof(self->why);
    int status = 0, error = errno;
    if (how == EXEC_TALK_ENDED && exec_child_wait(&self->child, DYING_MS, &status)) {
        (void)exec_child_end(&self->child, 0); /* closes its pipes */
        exec_chatter_end(&self->chatter, call);
        tell_end(self, status, text, size);
        self->chatter.last[0] = '\0';
        return;
    }
    (void)exec_child_kill(&self->child);
    exec_chatter_end(&self->chatter, call);
    self->chatter.last[0] = '\0';
    if (how == EXEC_TALK_TIMEOUT)
        (void)snprintf(text, size,
                       "the child has not answered for %lld ms (`timeout_ms`) and was killed; does "
                       "it flush its standard output behind each line?",
                       (long long)self->settings.timeout_ms);
    else if (how == EXEC_TALK_BAD)
        tell_bad(self, text, size);
    else if (how == EXEC_TALK_ENDED)
        (void)snprintf(text, size, "the child has closed its standard output and was killed");
    else
        (void)snprintf(text, size, "talking to the child: %s", strerror(error));
}

static exec_talked talk(exec_handler *self, busbar_call *call, reply *to, uint32_t count,
                        bool (*take)(void *, uint32_t, const char *, size_t))
{
    exec_talk conversation = {.child = &self->child,
                              .chatter = &self->chatter,
                              .call = call,
                              .timeout_ms = self->settings.timeout_ms,
                              .answers = &self->answers,
                              .take = take,
                              .user = to};
    self->wrong = NULL;
    return exec_talk_run(&conversation, &self->input, count);
}

static bool write_lines(exec_handler *self, busbar_call *call, const busbar_batch *batch)
{
    self->input.size = 0;
    for (uint32_t i = 0; i < batch->count; i++) {
        busbar_event *event = batch->events[i];
        busbar_bytes json = call->host->json(call, event);
        bool good = self->settings.envelope ? handler_add_envelope(&self->input, self->event_name,
                                                                   call->host->origin(event), json)
                                            : handler_add_value(&self->input, json);
        if (!good || !handler_buffer_add(&self->input, "\n", 1))
            return false;
    }
    return true;
}

static int32_t answer_rest(busbar_call *call, uint32_t count, int32_t *verdicts, const char *reason)
{
    for (uint32_t i = 0; i < count; i++) {
        if (!verdicts[i])
            verdicts[i] = call->host->fail(call, i, BUSBAR_RETRY, BUSBAR_SCOPE_INFRASTRUCTURE,
                                           busbar_text(NULL), busbar_text(reason));
    }
    return BUSBAR_PASS;
}

static int32_t accept_rest(uint32_t count, int32_t *verdicts)
{
    for (uint32_t i = 0; i < count; i++) {
        if (!verdicts[i])
            verdicts[i] = BUSBAR_PASS;
    }
    return BUSBAR_PASS;
}

/* What a conversation that went wrong leaves: the answers that came stand, unless one of them may
 * belong to another event. */
static int32_t recover(exec_handler *self, busbar_call *call, exec_talked how, uint32_t count,
                       int32_t *verdicts)
{
    bury(self, call, how);
    if (how == EXEC_TALK_BAD)
        memset(verdicts, 0, count * sizeof(*verdicts));
    if (!self->accepted)
        return answer_rest(call, count, verdicts, self->why);
    self->lost = true;
    busbar_log(call, BUSBAR_LOG_WARNING, "%s; what it had not flushed is handed again", self->why);
    return accept_rest(count, verdicts);
}

static int32_t exec_handle(void *data, busbar_call *call, const busbar_batch *batch,
                           int32_t *verdicts)
{
    exec_handler *self = data;
    reply to = {self, call, batch, verdicts, 0};
    if (self->lost)
        return accept_rest(batch->count, verdicts);
    int32_t verdict = start(self, call);
    if (verdict != BUSBAR_PASS)
        return verdict;
    if (!write_lines(self, call, batch))
        return busbar_unavailable(call, "out of memory");
    exec_talked how = talk(self, call, &to, batch->count, take_verdict);
    for (uint32_t i = 0; self->settings.flush && i < batch->count; i++)
        self->accepted += verdicts[i] == BUSBAR_PASS;
    return how == EXEC_TALK_DONE ? BUSBAR_PASS : recover(self, call, how, batch->count, verdicts);
}

static int32_t ask_flush(exec_handler *self, busbar_call *call)
{
    reply to = {self, call, NULL, NULL, BUSBAR_PASS};
    self->flushes++;
    self->input.size = 0;
    if (!handler_buffer_format(&self->input, "{\"flush\":%llu}\n",
                               (unsigned long long)self->flushes))
        return busbar_unavailable(call, "out of memory");
    exec_talked how = talk(self, call, &to, 1, take_flushed);
    if (how == EXEC_TALK_DONE)
        return to.flushed;
    bury(self, call, how);
    return busbar_unavailable(call, "%s", self->why);
}

static int32_t exec_flush(void *data, busbar_call *call)
{
    exec_handler *self = data;
    int32_t verdict = BUSBAR_PASS;
    if (self->lost)
        verdict = busbar_unavailable(call, "the child ended before it had flushed");
    else if (self->accepted)
        verdict = ask_flush(self, call);
    self->accepted = 0; /* durable, or forgotten: after a failure the host hands them again */
    self->lost = false;
    return verdict;
}

static const busbar_handler_ops exec_ops = {
    .struct_size = sizeof(busbar_handler_ops),
    .open = exec_open,
    .handle = exec_handle,
    .flush = exec_flush,
    .close = exec_close,
};

static const busbar_handler exec_definition = {
    .struct_size = sizeof(busbar_handler),
    .name = "exec",
    .summary = "Hands events to a child process in any language, JSON lines in, verdict lines out",
    .config_schema = {config_schema, sizeof(config_schema) - 1},
    .ops = &exec_ops,
};

static const busbar_handler *const handlers[] = {&exec_definition};

const busbar_plugin_descriptor busbar_plugin = {
    BUSBAR_DESCRIPTOR_HEAD, .name = "handler_exec",
    .version = "0.1.0",     .summary = "Hands events to a child process",
    .handler_count = 1,     .handlers = handlers,
};
