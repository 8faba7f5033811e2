/* A domain and a handler for the chaos tests: they write down what they got, and misbehave as a
 * file in `control` says.
 *
 * Settings of both: {"folder": FOLDER}. There the handler appends TIME PARTITION OFFSET KEY VALUE
 * to out/sink/PID-N.tsv and the domain appends TIME PARTITION OFFSET ID to drops/PID-N.tsv.
 * control/STAGE (validate, enrich, handle, sink, flush) holds one of
 *
 *   abort segv loop exit zero error   once: whoever removes the file does it
 *   skip                              once, for sink: PASS, and nothing kept, as a wrong handler
 *   down                              while the file is there: RETRY, infrastructure
 *   slow MS                           while it is there: waits before every batch
 *   fail PERCENT                      while it is there: RETRY for these of the events, chosen by
 *                                     offset and attempt
 *   leak MIB                          while it is there: takes so much memory with every call, all
 *                                     that there is of it, and never gives it back
 *
 * control/by_partition is there from the start when the order of whole partitions is kept.
 *
 * A record's own member "do" holds drop, or what its handling does every time: abort, segv, loop,
 * exit. */
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <busbar/plugin.h>

#include "chaos.contract.h"

enum { SKIP = -1 };
enum { NOTHING, ONCE_ERROR, ONCE_ZERO, ONCE_SKIP, DOWN, SLOW, FAIL, LEAK };

typedef struct domain {
    char folder[PATH_MAX / 2];
    int drops;
    busbar_field what, run, key, seq;
} domain;

typedef struct sink {
    char folder[PATH_MAX / 2];
    int file;
    bool by_partition; /* what order is kept: of all of a partition, else of each key */
    char *lines;       /* without their times, each ended by NUL */
    size_t size, room, count;
} sink;

/* Not through libc, whose clock a test may have set. */
static long long now_us(void)
{
    struct timespec now;
    (void)syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
    return (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void die(const char *how)
{
    if (strcmp(how, "abort") == 0)
        abort();
    if (strcmp(how, "segv") == 0)
        (void)raise(SIGSEGV);
    if (strcmp(how, "exit") == 0)
        exit(0); /* as if all were well */
    for (volatile int i = 0; strcmp(how, "loop") == 0;)
        i = !i;
}

/* In ever smaller pieces, so that nothing is left for others where memory is bounded. */
static void leak(int mib)
{
    static void *volatile last;
    size_t left = (size_t)mib << 20;
    for (size_t size = 1 << 20; size >= 128 && left >= size; size /= 2) {
        void *part;
        while (left >= size && (part = malloc(size))) {
            memset(part, 1, size);
            last = part;
            left -= size;
        }
    }
    (void)last;
}

/* What control/STAGE asks for. */
static int asked(const char *folder, const char *stage, int *ret_number)
{
    char path[PATH_MAX], text[64] = "", verb[32] = "";
    (void)snprintf(path, sizeof(path), "%s/control/%s", folder, stage);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return NOTHING;
    ssize_t size = read(file, text, sizeof(text) - 1);
    (void)close(file);
    *ret_number = 0;
    if (size <= 0 || sscanf(text, "%31s %d", verb, ret_number) < 1)
        return NOTHING;
    if (strcmp(verb, "down") == 0)
        return DOWN;
    if (strcmp(verb, "slow") == 0)
        return SLOW;
    if (strcmp(verb, "fail") == 0)
        return FAIL;
    if (strcmp(verb, "leak") == 0)
        return LEAK;
    if (unlink(path) != 0)
        return NOTHING; /* another one was faster */
    die(verb);
    if (strcmp(verb, "skip") == 0)
        return ONCE_SKIP;
    return strcmp(verb, "zero") == 0 ? ONCE_ZERO : ONCE_ERROR;
}

/* The answer to a whole call, or PASS to go on. */
static int32_t misbehave(busbar_call *call, const char *folder, const char *stage, int *ret_percent)
{
    int number = 0, what = asked(folder, stage, &number);
    struct timespec wait = {number / 1000, (number % 1000) * 1000000L};
    *ret_percent = what == FAIL ? number : what == ONCE_SKIP ? SKIP : 0;
    if (what == DOWN)
        return busbar_unavailable(call, "%s is down", stage);
    if (what == ONCE_ERROR)
        return busbar_fail(call, BUSBAR_RETRY, "%s fails once", stage);
    if (what == ONCE_ZERO)
        return 0;
    if (what == SLOW)
        (void)nanosleep(&wait, NULL);
    if (what == LEAK)
        leak(number);
    return BUSBAR_PASS;
}

static bool is_chosen(const busbar_origin *origin, int percent)
{
    uint32_t hash = (uint32_t)origin->offset * 2654435761u ^ origin->attempt * 40503u;
    return percent > 0 && (int)((hash >> 8) % 100) < percent;
}

static bool read_folder(busbar_bytes config, char *folder, size_t room)
{
    static const char name[] = "\"folder\"";
    const char *at = config.size ? strstr(config.data, name) : NULL;
    const char *from = at ? strchr(at + sizeof(name) - 1, '"') : NULL;
    const char *end = from ? strchr(from + 1, '"') : NULL;
    if (!end || (size_t)(end - from) > room)
        return false;
    memcpy(folder, from + 1, (size_t)(end - from - 1));
    folder[end - from - 1] = '\0';
    return true;
}

/* A file of this process and instance alone, so that a torn line can only be its last. */
static int open_file(const char *folder, const char *where)
{
    static int number;
    char path[PATH_MAX];
    (void)snprintf(path, sizeof(path), "%s/%s/%d-%d.tsv", folder, where, (int)getpid(),
                   __atomic_add_fetch(&number, 1, __ATOMIC_RELAXED));
    return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
}

static int32_t create(busbar_call *call, busbar_bytes config, void **ret_self)
{
    domain *self = calloc(1, sizeof(*self));
    if (!self || !read_folder(config, self->folder, sizeof(self->folder))) {
        free(self);
        return busbar_fail(call, BUSBAR_FATAL, "settings need \"folder\"");
    }
    self->drops = -1;
    self->what = busbar_field_of(call, "do");
    self->run = busbar_field_of(call, "run");
    self->key = busbar_field_of(call, "key");
    self->seq = busbar_field_of(call, "seq");
    *ret_self = self;
    return BUSBAR_PASS;
}

static void destroy(void *data)
{
    domain *self = data;
    if (self->drops >= 0)
        (void)close(self->drops);
    free(self);
}

static busbar_bytes text_of(busbar_call *call, const busbar_event *event, busbar_field field)
{
    busbar_value value;
    uint32_t type = call->host->get(event, field, &value);
    return type == BUSBAR_ABSENT ? busbar_text(NULL) : value.json;
}

static bool does(domain *self, busbar_call *call, const busbar_event *event, char *word,
                 size_t room)
{
    busbar_bytes text = text_of(call, event, self->what);
    if (!text.size || text.size >= room)
        return false;
    memcpy(word, text.data, text.size);
    word[text.size] = '\0';
    return true;
}

static int32_t drop(domain *self, busbar_call *call, const busbar_event *event)
{
    const busbar_origin *origin = call->host->origin(event);
    busbar_bytes run = text_of(call, event, self->run), key = text_of(call, event, self->key),
                 seq = text_of(call, event, self->seq);
    if (self->drops < 0)
        self->drops = open_file(self->folder, "drops");
    if (dprintf(self->drops, "%lld\t%d\t%lld\t%.*s-%.*s-%.*s\n", now_us(), origin->partition,
                (long long)origin->offset, (int)run.size, run.data, (int)key.size, key.data,
                (int)seq.size, seq.data) < 0)
        return busbar_unavailable(call, "the audit of drops cannot be written");
    return busbar_fail(call, BUSBAR_DROP, "it says so");
}

static int32_t validate(void *data, busbar_call *call, const busbar_event *event)
{
    domain *self = data;
    char word[16];
    int percent;
    int32_t verdict = misbehave(call, self->folder, "validate", &percent);
    if (verdict != BUSBAR_PASS)
        return verdict;
    if (does(self, call, event, word, sizeof(word)) && strcmp(word, "drop") == 0)
        return drop(self, call, event);
    return BUSBAR_PASS;
}

static int32_t enrich(void *data, busbar_call *call, busbar_event *event)
{
    domain *self = data;
    int percent;
    int32_t verdict = misbehave(call, self->folder, "enrich", &percent);
    if (verdict == BUSBAR_PASS && is_chosen(call->host->origin(event), percent))
        return busbar_fail(call, BUSBAR_RETRY, "chosen to fail");
    return verdict;
}

static int32_t handle(void *data, busbar_call *call, const busbar_batch *batch, int32_t *verdicts)
{
    domain *self = data;
    char word[16];
    int percent;
    int32_t verdict = misbehave(call, self->folder, "handle", &percent);
    for (uint32_t i = 0; verdict == BUSBAR_PASS && i < batch->count; i++) {
        if (does(self, call, batch->events[i], word, sizeof(word)))
            die(word);
        verdicts[i] = is_chosen(call->host->origin(batch->events[i]), percent)
                          ? busbar_fail_event(call, i, BUSBAR_RETRY, "chosen to fail")
                          : BUSBAR_PASS;
    }
    return verdict;
}

static int32_t sink_open(busbar_call *call, busbar_bytes config, void **ret_self)
{
    sink *self = calloc(1, sizeof(*self));
    if (!self || !read_folder(config, self->folder, sizeof(self->folder))) {
        free(self);
        return busbar_fail(call, BUSBAR_FATAL, "settings need \"folder\"");
    }
    char path[PATH_MAX];
    (void)snprintf(path, sizeof(path), "%s/control/by_partition", self->folder);
    self->by_partition = access(path, F_OK) == 0;
    self->file = open_file(self->folder, "out/sink");
    *ret_self = self;
    return BUSBAR_PASS;
}

static bool keep(sink *self, busbar_call *call, busbar_event *event)
{
    const busbar_origin *origin = call->host->origin(event);
    busbar_bytes json = call->host->json(call, event);
    size_t most = json.size + origin->key.size + 80;
    if (self->size + most > self->room) {
        char *lines = realloc(self->lines, (self->room + most) * 2);
        if (!lines)
            return false;
        self->lines = lines;
        self->room = (self->room + most) * 2;
    }
    self->size +=
        (size_t)snprintf(self->lines + self->size, most, "%d\t%lld\t%.*s\t%.*s", origin->partition,
                         (long long)origin->offset, (int)origin->key.size, origin->key.data,
                         (int)json.size, json.data) +
        1;
    self->count++;
    return true;
}

/* An earlier event of the same key (or partition) was refused in this call: taking this one would
 * turn their order round. */
static bool is_behind_refused(const sink *self, busbar_call *call, const busbar_batch *batch,
                              const int32_t *verdicts, uint32_t index)
{
    const busbar_origin *own = call->host->origin(batch->events[index]);
    for (uint32_t i = 0; i < index; i++) {
        const busbar_origin *other = call->host->origin(batch->events[i]);
        if (verdicts[i] != BUSBAR_PASS && other->partition == own->partition &&
            (self->by_partition || (other->key.size == own->key.size &&
                                    memcmp(other->key.data, own->key.data, own->key.size) == 0)))
            return true;
    }
    return false;
}

static int32_t sink_handle(void *data, busbar_call *call, const busbar_batch *batch,
                           int32_t *verdicts)
{
    sink *self = data;
    int percent;
    int32_t verdict = misbehave(call, self->folder, "sink", &percent);
    for (uint32_t i = 0; verdict == BUSBAR_PASS && i < batch->count; i++) {
        if (is_chosen(call->host->origin(batch->events[i]), percent))
            verdicts[i] = busbar_fail_event(call, i, BUSBAR_RETRY, "chosen to fail");
        else if (percent > 0 && is_behind_refused(self, call, batch, verdicts, i))
            verdicts[i] = busbar_fail_event(call, i, BUSBAR_RETRY, "one of its key failed");
        else
            verdicts[i] = percent == SKIP || keep(self, call, batch->events[i])
                              ? BUSBAR_PASS
                              : busbar_fail_event(call, i, BUSBAR_RETRY, "out of memory");
    }
    return verdict;
}

/* All lines or none: what could be written of them is cut off again. */
static bool write_lines(sink *self)
{
    off_t before = lseek(self->file, 0, SEEK_END);
    char *text = malloc(self->size + self->count * 24 + 1);
    size_t size = 0, written = 0;
    long long time = now_us();
    for (size_t at = 0; text && at < self->size; at += strlen(self->lines + at) + 1)
        size += (size_t)sprintf(text + size, "%lld\t%s\n", time, self->lines + at);
    while (text && written < size) {
        ssize_t part = write(self->file, text + written, size - written);
        if (part < 0)
            break;
        written += (size_t)part;
    }
    free(text);
    if (text && written == size)
        return true;
    (void)ftruncate(self->file, before);
    return false;
}

static int32_t sink_flush(void *data, busbar_call *call)
{
    sink *self = data;
    int percent;
    int32_t verdict = misbehave(call, self->folder, "flush", &percent);
    if (verdict == BUSBAR_PASS && self->size && !write_lines(self))
        verdict = busbar_unavailable(call, "the output cannot be written");
    self->size = self->count = 0; /* after a failure the host hands them again */
    return verdict;
}

static void sink_close(void *data)
{
    sink *self = data;
    (void)close(self->file);
    free(self->lines);
    free(self);
}

static const busbar_event_ops ops = {
    .struct_size = sizeof(busbar_event_ops),
    .validate = validate,
    .enrich = enrich,
    .handle = handle,
};

static const busbar_event_type event_type = {
    .struct_size = sizeof(busbar_event_type),
    .name = "event",
    .topic = "chaos",
    .contract = chaos_contract,
    .ops = &ops,
    .create = create,
    .destroy = destroy,
};

static const busbar_handler_ops sink_ops = {
    .struct_size = sizeof(busbar_handler_ops),
    .open = sink_open,
    .handle = sink_handle,
    .flush = sink_flush,
    .close = sink_close,
};

static const char sink_schema[] =
    "{\"type\":\"object\",\"required\":[\"folder\"],\"additionalProperties\":false,"
    "\"properties\":{\"folder\":{\"type\":\"string\"}}}";

static const busbar_handler sink_handler = {
    .struct_size = sizeof(busbar_handler),
    .name = "sink",
    .config_schema = {sink_schema, sizeof(sink_schema) - 1},
    .ops = &sink_ops,
};

static const busbar_event_type *const event_types[] = {&event_type};
static const busbar_handler *const handlers[] = {&sink_handler};

const busbar_plugin_descriptor busbar_plugin = {
    BUSBAR_DESCRIPTOR_HEAD,     .name = "chaos",    .version = "1.0",     .event_type_count = 1,
    .event_types = event_types, .handler_count = 1, .handlers = handlers,
};
