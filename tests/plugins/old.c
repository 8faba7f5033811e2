/* A plugin as an older minor version of the contract would have it: each struct ends before its
 * last members. The test loads it with a host one minor version ahead, to which those members are
 * new. */
#include <busbar/plugin.h>

typedef struct old_event_ops {
    uint32_t struct_size;
    uint32_t reserved;
    int32_t (*validate)(void *self, busbar_call *call, const busbar_event *event);
    int32_t (*enrich)(void *self, busbar_call *call, busbar_event *event);
} old_event_ops;

typedef struct old_event_type {
    uint32_t struct_size;
    uint32_t flags;
    const char *name;
    const char *summary;
    const char *topic;
    const char *group;
    busbar_bytes contract;
    const old_event_ops *ops;
} old_event_type;

typedef struct old_descriptor {
    uint32_t magic;
    uint32_t struct_size;
    uint16_t abi_major;
    uint16_t abi_minor;
    uint32_t reserved;
    const char *name;
    const char *version;
    const char *summary;
    uint32_t event_type_count;
    uint32_t handler_count;
    const old_event_type *const *event_types;
    const void *const *handlers;
} old_descriptor;

/* The handler of contract 1.0: without `storage`. */
typedef struct old_handler {
    uint32_t struct_size;
    uint32_t capabilities;
    const char *name;
    const char *summary;
    busbar_bytes config_schema;
    const busbar_handler_ops *ops;
} old_handler;

static int32_t open_handler(busbar_call *call, busbar_bytes config, void **ret_self)
{
    (void)call;
    (void)config;
    *ret_self = NULL;
    return BUSBAR_PASS;
}

static int32_t take(void *self, busbar_call *call, const busbar_batch *batch, int32_t *verdicts)
{
    (void)self;
    (void)call;
    (void)batch;
    (void)verdicts;
    return BUSBAR_PASS;
}

static int32_t validate(void *self, busbar_call *call, const busbar_event *event)
{
    (void)self;
    (void)call;
    (void)event;
    return BUSBAR_PASS;
}

static const char contract[] = "{\"type\":\"object\"}";
static const old_event_ops ops = {sizeof(old_event_ops), 0, validate, NULL};
static const old_event_type aged = {
    sizeof(old_event_type), 0, "aged", NULL, "aged", NULL, {contract, sizeof(contract) - 1}, &ops};
static const old_event_type *const event_types[] = {&aged};
static const busbar_handler_ops handler_ops = {
    sizeof(busbar_handler_ops), 0, open_handler, take, NULL, NULL};
static const old_handler sink = {sizeof(old_handler), 0,           "aged_sink", NULL,
                                 {NULL, 0},           &handler_ops};
static const old_handler *const handlers[] = {&sink};

extern BUSBAR_EXPORT const old_descriptor old_plugin __asm__(BUSBAR_PLUGIN_SYMBOL);
const old_descriptor old_plugin = {BUSBAR_MAGIC,
                                   sizeof(old_descriptor),
                                   BUSBAR_ABI_MAJOR,
                                   0,
                                   0,
                                   "fixture_old",
                                   "0.9",
                                   NULL,
                                   1,
                                   1,
                                   event_types,
                                   (const void *const *)handlers};
