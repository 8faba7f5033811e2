/* A handler that sleeps for every event, and counts events of a key that come after a later one.
 *
 * All lanes share the table, so it sees the order across them. Each instance adds a line "EVENTS
 * INVERSIONS" to the file that BUSBAR_BENCH_REPORT names when it ends; BUSBAR_BENCH_SLEEP_US is the
 * sleep. */
#include <busbar/plugin.h>

#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { PLACES = 1 << 16 };

static _Atomic int64_t last[PLACES]; /* offset + 1 of the last event of a key, by its hash */

typedef struct counts {
    long events;
    long inversions;
    long sleep_us;
} counts;

static int32_t sleep_open(busbar_call *call, busbar_bytes config, void **ret_self)
{
    const char *text = getenv("BUSBAR_BENCH_SLEEP_US");
    counts *self = calloc(1, sizeof(*self));
    (void)config;
    if (!self)
        return busbar_fail(call, BUSBAR_RETRY, "no memory");
    self->sleep_us = text ? atol(text) : 5000;
    *ret_self = self;
    return BUSBAR_PASS;
}

/* The bench has one partition and keys that are numbers, so this tells them apart. */
static unsigned place_of(busbar_bytes key)
{
    unsigned place = 0;
    for (size_t i = 0; i < key.size; i++)
        place = place * 10 + (unsigned)(key.data[i] - '0');
    return place % PLACES;
}

static int32_t sleep_handle(void *data, busbar_call *call, const busbar_batch *batch,
                            int32_t *verdicts)
{
    counts *self = data;
    const struct timespec time = {0, self->sleep_us * 1000};
    for (uint32_t i = 0; i < batch->count; i++) {
        const busbar_origin *origin = call->host->origin(batch->events[i]);
        int64_t mine = origin->offset + 1;
        if (atomic_exchange(&last[place_of(origin->key)], mine) > mine)
            self->inversions++;
        (void)nanosleep(&time, NULL); /* woken early: it is a bench */
        self->events++;
        verdicts[i] = BUSBAR_PASS;
    }
    return BUSBAR_PASS;
}

static void sleep_close(void *data)
{
    counts *self = data;
    const char *path = getenv("BUSBAR_BENCH_REPORT");
    char line[64];
    int size = snprintf(line, sizeof(line), "%ld %ld\n", self->events, self->inversions);
    int file = path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
    if (file >= 0 && write(file, line, (size_t)size) != size)
        (void)ftruncate(file, 0); /* an empty report is seen */
    if (file >= 0)
        (void)close(file);
    free(self);
}

static const busbar_handler_ops ops = {
    .struct_size = sizeof(busbar_handler_ops),
    .open = sleep_open,
    .handle = sleep_handle,
    .close = sleep_close,
};

static const busbar_handler handler = {
    .struct_size = sizeof(busbar_handler),
    .name = "sleep",
    .summary = "Sleeps for every event",
    .ops = &ops,
};

static const busbar_handler *const handlers[] = {&handler};

const busbar_plugin_descriptor busbar_plugin = {
    BUSBAR_DESCRIPTOR_HEAD, .name = "bench_sleep_handler", .version = "1",
    .handler_count = 1,     .handlers = handlers,
};
