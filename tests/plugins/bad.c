/* Plugins that are wrong in one way each; which one is a definition of the build (CMakeLists.txt).
 */
#include <busbar/plugin.h>

#if defined(BAD_MAGIC)
#define MAGIC 0x12345678u
#else
#define MAGIC BUSBAR_MAGIC
#endif

#if defined(BAD_SHORT)
#define SIZE 64u
#elif defined(BAD_LONGER_THAN_SYMBOL)
#define SIZE ((uint32_t)sizeof(busbar_plugin_descriptor) + 8u)
#else
#define SIZE ((uint32_t)sizeof(busbar_plugin_descriptor))
#endif

#if defined(BAD_OLDER_MAJOR)
#define MAJOR (BUSBAR_ABI_MAJOR - 1u)
#elif defined(BAD_NEWER_MAJOR)
#define MAJOR (BUSBAR_ABI_MAJOR + 1u)
#else
#define MAJOR BUSBAR_ABI_MAJOR
#endif

#if defined(BAD_NEWER_MINOR)
#define MINOR (BUSBAR_ABI_MINOR + 1u)
#else
#define MINOR BUSBAR_ABI_MINOR
#endif

#if defined(BAD_NAME)
#define NAME "Not-A-Name"
#elif defined(BAD_NO_NAME)
#define NAME NULL
#else
#define NAME "bad"
#endif

#if defined(BAD_NO_VERSION)
#define VERSION NULL
#else
#define VERSION "1.0"
#endif

#if defined(BAD_EVENT_SIZE)
#define EVENT_SIZE 16u
#else
#define EVENT_SIZE ((uint32_t)sizeof(busbar_event_type))
#endif

#if defined(BAD_EVENT_NAME)
#define EVENT_NAME "9lives"
#else
#define EVENT_NAME "event"
#endif

#if defined(BAD_EVENT_TOPIC)
#define TOPIC "no topic"
#else
#define TOPIC "topic"
#endif

#if defined(BAD_CONTRACT_NULL)
#define CONTRACT                                                                                   \
    {                                                                                              \
        NULL, 10                                                                                   \
    }
#else
#define CONTRACT                                                                                   \
    {                                                                                              \
        "{}", 2                                                                                    \
    }
#endif

#if defined(BAD_OPS_SIZE)
#define OPS_SIZE 8u
#else
#define OPS_SIZE ((uint32_t)sizeof(busbar_event_ops))
#endif

#if defined(BAD_HANDLER_SIZE)
#define HANDLER_SIZE 8u
#else
#define HANDLER_SIZE ((uint32_t)sizeof(busbar_handler))
#endif

#if defined(BAD_HANDLER_OPS_SIZE)
#define HANDLER_OPS_SIZE 8u
#else
#define HANDLER_OPS_SIZE ((uint32_t)sizeof(busbar_handler_ops))
#endif

#if defined(BAD_HANDLER_NO_OPS)
#define HANDLER_OPS NULL
#else
#define HANDLER_OPS &handler_ops
#endif

#if defined(BAD_HANDLER_NO_OPEN)
#define OPEN NULL
#else
#define OPEN open_handler
#endif

#if defined(BAD_HANDLER_NO_HANDLE)
#define HANDLE NULL
#else
#define HANDLE handle
#endif

#if defined(BAD_SCHEMA_NULL)
#define SCHEMA                                                                                     \
    {                                                                                              \
        NULL, 10                                                                                   \
    }
#else
#define SCHEMA                                                                                     \
    {                                                                                              \
        NULL, 0                                                                                    \
    }
#endif

#if defined(BAD_DUPLICATE_EVENTS)
#define EVENTS &event, &event
#define EVENT_COUNT 2
#elif defined(BAD_NULL_ITEM)
#define EVENTS &event, NULL
#define EVENT_COUNT 2
#elif defined(BAD_MANY)
#define EVENTS &event
#define EVENT_COUNT 4000000000u
#elif defined(BAD_NOTHING)
#define EVENTS &event
#define EVENT_COUNT 0
#else
#define EVENTS &event
#define EVENT_COUNT 1
#endif

#if defined(BAD_NULL_LIST)
#define EVENT_LIST NULL
#else
#define EVENT_LIST events
#endif

#if defined(BAD_DUPLICATE_HANDLERS)
#define HANDLERS &handler, &handler
#define HANDLER_COUNT 2
#elif defined(BAD_NOTHING)
#define HANDLERS &handler
#define HANDLER_COUNT 0
#else
#define HANDLERS &handler
#define HANDLER_COUNT 1
#endif

extern int bad_open_fixture(void); /* nobody has it */

int32_t open_handler(busbar_call *call, busbar_bytes config, void **ret_self);
int32_t handle(void *self, busbar_call *call, const busbar_batch *batch, int32_t *verdicts);

int32_t open_handler(busbar_call *call, busbar_bytes config, void **ret_self)
{
    (void)config;
    (void)ret_self;
#if defined(BAD_UNDEFINED)
    if (bad_open_fixture())
        return BUSBAR_PASS;
#endif
    return busbar_fail(call, BUSBAR_FATAL, "never opened");
}

int32_t handle(void *self, busbar_call *call, const busbar_batch *batch, int32_t *verdicts)
{
    (void)self;
    (void)batch;
    (void)verdicts;
    return busbar_fail(call, BUSBAR_FATAL, "never handed anything");
}

extern const busbar_handler_ops handler_ops;
extern const busbar_handler handler;
extern const busbar_event_ops event_ops;
extern const busbar_event_type event;
extern const busbar_event_type *const events[];
extern const busbar_handler *const handlers[];

const busbar_handler_ops handler_ops = {HANDLER_OPS_SIZE, 0, OPEN, HANDLE, NULL, NULL};
const busbar_handler handler = {HANDLER_SIZE, 0, "handler", NULL, SCHEMA, HANDLER_OPS, NULL};
const busbar_event_ops event_ops = {OPS_SIZE, 0, NULL, NULL, NULL};
const busbar_event_type event = {EVENT_SIZE, 0,        EVENT_NAME, NULL, TOPIC,
                                 NULL,       CONTRACT, &event_ops, NULL, NULL};
const busbar_event_type *const events[] = {EVENTS};
const busbar_handler *const handlers[] = {HANDLERS};

#if defined(BAD_FUNCTION)
extern BUSBAR_EXPORT int function(void) __asm__(BUSBAR_PLUGIN_SYMBOL);
int function(void)
{
    return events[0] == NULL || handlers[0] == NULL;
}
#elif defined(BAD_HEAD)
extern BUSBAR_EXPORT const uint32_t head[2] __asm__(BUSBAR_PLUGIN_SYMBOL);
const uint32_t head[2] = {BUSBAR_MAGIC, 80};
#else
#if defined(BAD_NO_SYMBOL)
extern BUSBAR_EXPORT const busbar_plugin_descriptor descriptor __asm__("busbar_plugins");
#define DESCRIPTOR descriptor
#else
#define DESCRIPTOR busbar_plugin
#endif
const busbar_plugin_descriptor DESCRIPTOR = {
    MAGIC, SIZE,        MAJOR,         MINOR,      0,        NAME, VERSION,
    NULL,  EVENT_COUNT, HANDLER_COUNT, EVENT_LIST, handlers, NULL,
};
#endif
