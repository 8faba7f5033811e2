/* A domain plugin for tests of crash containment: an event's member "do" says how it ends the
 * process, and where. */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <busbar/plugin.h>

#include "sample.contract.h"

typedef struct instance {
    busbar_field what;
} instance;

/* Called by name, so that a stack shows it. A sanitizer would end the process in its own way. */
__attribute__((noinline, no_sanitize("undefined"), no_sanitize("address"))) static void
poison_write(volatile int *where)
{
    *where = 1;
}

static unsigned poison_depth;

/* Not a tail call, and more than a stack holds. */
__attribute__((noinline)) static unsigned poison_recurse(unsigned depth)
{
    volatile char space[4096];
    space[depth % sizeof(space)] = (char)depth;
    if (depth + 1 > poison_depth)
        poison_depth = depth + 1;
    return depth > 1000000000u ? 0 : poison_recurse(depth + 1) + (unsigned)space[0];
}

static void misbehave(const char *how)
{
    if (strcmp(how, "segv") == 0)
        poison_write(NULL);
    else if (strcmp(how, "overflow") == 0)
        (void)poison_recurse(0);
    else if (strcmp(how, "abort") == 0)
        abort();
    else if (strcmp(how, "exit") == 0)
        exit(0);
    else if (strcmp(how, "_exit") == 0)
        _exit(0);
    else if (strcmp(how, "kill") == 0)
        (void)kill(getpid(), SIGKILL);
    else if (strcmp(how, "loop") == 0)
        for (volatile unsigned turn = 0;; turn++) {
        }
}

/* The member "do", when it is for this stage: "handle:segv". */
static void obey(instance *self, busbar_call *call, const busbar_event *event, const char *stage)
{
    char how[64];
    busbar_value value;
    busbar_bytes text = {NULL, 0};
    size_t length = strlen(stage);
    if (call->host->get(event, self->what, &value) != BUSBAR_STRING)
        return;
    (void)call->host->text(call, event, &value, &text);
    if (text.size <= length || text.size >= sizeof(how) || memcmp(text.data, stage, length) != 0)
        return;
    memcpy(how, text.data + length, text.size - length);
    how[text.size - length] = '\0';
    misbehave(how);
}

/* For a plugin that does it while it is loaded. */
#ifdef POISON_LOAD
__attribute__((constructor)) static void poison_load(void)
{
    misbehave("segv");
}
#endif

static int32_t create(busbar_call *call, busbar_bytes config, void **ret_self)
{
    instance *self = calloc(1, sizeof(*self));
    if (!self)
        return busbar_fail(call, BUSBAR_FATAL, "out of memory");
    if (config.size && strstr(config.data, "segv"))
        misbehave("segv");
    self->what = busbar_field_of(call, "do");
    *ret_self = self;
    return BUSBAR_PASS;
}

static void destroy(void *self)
{
    free(self);
}

static int32_t validate(void *self, busbar_call *call, const busbar_event *event)
{
    obey(self, call, event, "validate:");
    return BUSBAR_PASS;
}

static int32_t enrich(void *self, busbar_call *call, busbar_event *event)
{
    obey(self, call, event, "enrich:");
    return BUSBAR_PASS;
}

static int32_t handle_one(void *self, busbar_call *call, busbar_event *event, uint32_t index)
{
    (void)index;
    obey(self, call, event, "handle:");
    return BUSBAR_PASS;
}

static int32_t handle(void *self, busbar_call *call, const busbar_batch *batch, int32_t *verdicts)
{
    return busbar_each(self, call, batch, verdicts, handle_one);
}

static const busbar_event_ops ops = {
    .struct_size = sizeof(busbar_event_ops),
    .validate = validate,
    .enrich = enrich,
    .handle = handle,
};

static const busbar_event_type item = {
    .struct_size = sizeof(busbar_event_type),
    .name = "item",
    .summary = "Events that may end the process",
    .topic = "poison-items",
    .contract = sample_contract,
    .ops = &ops,
    .create = create,
    .destroy = destroy,
};

static const busbar_event_type *const event_types[] = {&item};

const busbar_plugin_descriptor busbar_plugin = {
    BUSBAR_DESCRIPTOR_HEAD, .name = "fixture_poison",
    .version = "6.6.6",     .summary = "A plugin that ends its process",
    .event_type_count = 1,  .event_types = event_types,
};
