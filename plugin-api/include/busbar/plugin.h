/* The plugin contract of busbar: what a domain plugin or a storage handler offers, and what the
 * host offers it.
 *
 * A plugin is a shared object that exports exactly one symbol, the data object `busbar_plugin`, and
 * imports nothing from the host: all it needs comes in the table of services, reached through the
 * call (`call->host`). What crosses the boundary is fixed-width integers, pointers and
 * `busbar_bytes`.
 *
 * Rules that hold for every member
 *  - Structs only grow at their end. Each begins with its own size; a member beyond the other
 * side's size reads as zero.
 *  - Threads: [main] while the host starts or stops; [worker] a lane's thread; [any] either. An
 * *instance* (`self`) belongs to one lane: calls on one instance never overlap, so it needs no
 * locks. Two instances may run at the same time.
 *  - Ownership: what a call receives is borrowed and dead when the call returns, unless the member
 * says otherwise. Nobody frees what the other side allocated. Text that a plugin hands to the host
 * is copied before the service returns.
 *  - Verdicts start at 1. Zero means that nobody answered; the host treats it as a plugin fault and
 * as RETRY.
 *  - No exception (C++) or longjmp may leave a plugin.
 *
 * The header is C11 and also parses as C17, C++11 and C++17.
 */
#ifndef BUSBAR_PLUGIN_H
#define BUSBAR_PLUGIN_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <busbar/version.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define BUSBAR_EXPORT __attribute__((visibility("default")))
#define BUSBAR_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define BUSBAR_EXPORT
#define BUSBAR_PRINTF(fmt, args)
#endif

/** @brief Text or bytes with a length; not terminated by NUL, may contain NUL. `data` may be NULL
 * when `size` is 0. */
typedef struct busbar_bytes {
    const char *data;
    size_t size;
} busbar_bytes;

/** @brief A verdict on one event. */
enum {
    BUSBAR_PASS =
        1, /* go on to the next stage; from a handler: accepted, durable once `flush` has passed */
    BUSBAR_DROP = 2, /* finished on purpose: counted, not handled any further, not dead-lettered */
    BUSBAR_REJECT = 3, /* a fault of this event: dead-letter it */
    BUSBAR_RETRY = 4,  /* a passing fault: the same event again, later */
    BUSBAR_FATAL = 5   /* this plugin cannot go on: stop its event type, keep the event */
};

/** @brief Whose fault a RETRY is. It decides whether attempts are counted against the event. */
enum {
    BUSBAR_SCOPE_RECORD = 1, /* this event only */
    BUSBAR_SCOPE_INFRASTRUCTURE =
        2 /* something all events need is down: pause, never dead-letter for it */
};

/** @brief The stage a call belongs to. */
enum {
    BUSBAR_STAGE_PARSE = 1,
    BUSBAR_STAGE_VALIDATE = 2,
    BUSBAR_STAGE_ENRICH = 3,
    BUSBAR_STAGE_HANDLE = 4, /* the domain's own `handle` */
    BUSBAR_STAGE_SINK = 5,   /* a bound handler's `handle` */
    BUSBAR_STAGE_FLUSH = 6,
    BUSBAR_STAGE_SETUP = 7
};

/** @brief Types of a JSON value. */
enum {
    BUSBAR_ABSENT = 0,
    BUSBAR_NULL = 1,
    BUSBAR_FALSE = 2,
    BUSBAR_TRUE = 3,
    BUSBAR_NUMBER = 4,
    BUSBAR_STRING = 5,
    BUSBAR_ARRAY = 6,
    BUSBAR_OBJECT = 7
};

/** @brief Log levels, as syslog orders them. */
enum { BUSBAR_LOG_ERROR = 3, BUSBAR_LOG_WARNING = 4, BUSBAR_LOG_INFO = 6, BUSBAR_LOG_DEBUG = 7 };

/** @brief Kinds of metrics. */
enum { BUSBAR_COUNTER = 1, BUSBAR_GAUGE = 2, BUSBAR_HISTOGRAM = 3 };

/** @brief One event in hand: the parsed value and where it came from. Opaque; read through the
 * services. */
typedef struct busbar_event busbar_event;

typedef struct busbar_host busbar_host;

/** @brief A member of an event by number, resolved once with `busbar_host.field`; below 0 means:
 * not in the contract. */
typedef int32_t busbar_field;

/** @brief A JSON value inside an event. @owns borrowed from the event. */
typedef struct busbar_value {
    uint32_t type; /* BUSBAR_NULL ... BUSBAR_OBJECT, BUSBAR_ABSENT */
    uint32_t
        escaped; /* not 0: `json` is a string with escapes in it, `busbar_host.text` decodes it */
    busbar_bytes json; /* the JSON text; for strings without the quotes */
} busbar_value;

/** @brief A header of a record. */
typedef struct busbar_header {
    busbar_bytes name;
    busbar_bytes value; /* data == NULL: a null value */
} busbar_header;

/** @brief Where an event came from. While publishing, before Kafka has answered, partition and
 * offset are -1. */
typedef struct busbar_origin {
    uint32_t struct_size;
    int32_t partition;
    int64_t offset;
    int64_t timestamp_ms; /* of the record, Unix time; -1 where there is none */
    busbar_bytes topic;
    busbar_bytes key;   /* raw bytes; data == NULL: null key */
    busbar_bytes value; /* the record's own bytes, before any canonical form or enrichment */
    uint32_t attempt;   /* 1 for the first */
    uint32_t header_count;
    const busbar_header *headers;
} busbar_origin;

/** @brief A record to send with `busbar_host.emit`. */
typedef struct busbar_record {
    uint32_t struct_size;
    int32_t partition; /* -1: by the key */
    busbar_bytes topic;
    busbar_bytes key;   /* data == NULL: null key */
    busbar_bytes value; /* data == NULL: null value */
    uint32_t header_count;
    uint32_t reserved;
    const busbar_header *headers;
} busbar_record;

/** @brief What the host hands to every call. The services take it back. Dead when the call returns.
 */
typedef struct busbar_call {
    uint32_t struct_size;
    uint32_t stage;          /* BUSBAR_STAGE_* */
    const busbar_host *host; /* the services */
    int64_t deadline_ms;     /* monotonic clock of `busbar_host.now_ms`; 0: none */
} busbar_call;

/** @brief Events for `handle`; `count` is at least 1 and may be 1. The order is the order of their
 * offsets per key. */
typedef struct busbar_batch {
    uint32_t struct_size;
    uint32_t count;
    busbar_event *const *events;
} busbar_batch;

/** @brief The services of the host. All are [any] thread, all are safe to call from every stage
 * unless they say otherwise. */
struct busbar_host {
    uint32_t struct_size;
    uint16_t abi_major;
    uint16_t abi_minor;
    const char *version; /* of the host, for messages */

    /** @brief Writes a log line; the host adds plugin, topic, partition and offset. Never log
     * payloads. */
    void (*log)(busbar_call *call, int32_t level, busbar_bytes text);

    /** @brief States why an answer is not PASS. The last statement for an event wins.
     *  @param index position in the batch; 0 for calls about one event
     *  @param scope BUSBAR_SCOPE_*; 0 is RECORD
     *  @param pointer JSON pointer of the member at fault, or empty
     *  @param text the reason, in one sentence; cut at 1,000 bytes
     *  @return `verdict` */
    int32_t (*fail)(busbar_call *call, uint32_t index, int32_t verdict, uint32_t scope,
                    busbar_bytes pointer, busbar_bytes text);

    /** @brief Number of a member that the contract declares at its root. Resolve once, in `create`.
     * Works only there.
     *  @return below 0 where the contract has no such member */
    busbar_field (*field)(busbar_call *call, busbar_bytes name);

    /** @brief Current value of a member: canonical and enriched as far as the stages have come.
     *  @return the type; BUSBAR_ABSENT (and `ret_value->type` the same) where the event has no such
     * member */
    uint32_t (*get)(const busbar_event *event, busbar_field field, busbar_value *ret_value);

    /** @brief As `get`, but the value as it was received, before any canonical form. */
    uint32_t (*get_original)(const busbar_event *event, busbar_field field,
                             busbar_value *ret_value);

    /** @brief Value by JSON pointer (RFC 6901), as it was received; slower than `get`. */
    uint32_t (*find)(const busbar_event *event, busbar_bytes pointer, busbar_value *ret_value);

    /** @brief Decoded text of a string value; without escapes it is `value->json` itself.
     *  @owns the event's arena: lives as long as the event
     *  @return 1, or 0 if the value is not a string */
    int32_t (*text)(busbar_call *call, const busbar_event *event, const busbar_value *value,
                    busbar_bytes *ret_text);

    /** @brief Integer value of a number without fraction that fits. @return 1, or 0 if it does not
     */
    int32_t (*integer)(const busbar_value *value, int64_t *ret_integer);

    /** @brief Value of a number. @return 1, or 0 if it is not a number or not finite as a double */
    int32_t (*number)(const busbar_value *value, double *ret_number);

    /** @brief Sets a root member to a JSON text, in place or appended. Only in `enrich`. The text
     * must be valid JSON.
     *  @return 1, or 0 when called outside `enrich` or with text that is not one JSON value */
    int32_t (*set_json)(busbar_call *call, busbar_event *event, busbar_bytes name,
                        busbar_bytes json);

    /** @brief As `set_json`, with a text that the host quotes and escapes. */
    int32_t (*set_text)(busbar_call *call, busbar_event *event, busbar_bytes name,
                        busbar_bytes text);

    /** @brief The event as JSON text with everything that was set so far. @owns the event */
    busbar_bytes (*json)(busbar_call *call, busbar_event *event);

    /** @brief Where the event came from. @owns the event */
    const busbar_origin *(*origin)(const busbar_event *event);

    /** @brief Sends a record to Kafka. Only in `handle` and `flush`. The events in hand are
     * complete, and their offsets may advance, only after the broker has confirmed what was emitted
     * for them. Everything is copied.
     *  @return BUSBAR_PASS when it was accepted for sending, else the verdict to return */
    int32_t (*emit)(busbar_call *call, const busbar_record *record);

    /** @brief Monotonic clock, milliseconds. */
    int64_t (*now_ms)(void);

    /** @brief Wall clock, microseconds since 1970 UTC. */
    int64_t (*wall_us)(void);

    /** @brief Memory that lives until the call returns. @return never NULL for sizes up to 64 MiB
     */
    void *(*alloc)(busbar_call *call, size_t size_bytes);

    /** @brief Registers a metric; the same name and kind give the same number. Names: [a-z_]+, the
     * host adds a prefix.
     *  @return below 0 when the name is bad or taken by another kind */
    int32_t (*metric)(busbar_call *call, uint32_t kind, busbar_bytes name, busbar_bytes help);

    /** @brief Adds to a counter, sets a gauge, or observes a value of a histogram. */
    void (*record_metric)(busbar_call *call, int32_t metric, double value);

    /** @brief An extension of the host by name and version, such as "busbar.json/1"; NULL where it
     * has none. @owns the host */
    const void *(*get_extension)(const char *id);
};

/** @brief The fixed vtable of an event type. Each member may be NULL when the contract says it all.
 */
typedef struct busbar_event_ops {
    uint32_t struct_size;
    uint32_t reserved;

    /** @brief Rules that span members. Runs after the contract has passed. Pure: no I/O, no change.
     * [any]
     *  @return PASS, DROP or REJECT */
    int32_t (*validate)(void *self, busbar_call *call, const busbar_event *event);

    /** @brief Derived members, by `set_json` and `set_text`. Runs after defaults and generated
     * values. [any]
     *  @return PASS, DROP, REJECT or RETRY */
    int32_t (*enrich)(void *self, busbar_call *call, busbar_event *event);

    /** @brief The domain's reaction on the consuming side. [worker]
     *  @param verdicts one for each event, zero-filled: answer them all, or return one verdict for
     * those left at zero
     *  @return PASS when `verdicts` has the answers; else the verdict for every event whose own is
     * still zero */
    int32_t (*handle)(void *self, busbar_call *call, const busbar_batch *batch, int32_t *verdicts);
} busbar_event_ops;

/** @brief An event type that a domain plugin brings. Static data of the plugin. */
typedef struct busbar_event_type {
    uint32_t struct_size;
    uint32_t flags;              /* 0 */
    const char *name;            /* [a-z][a-z0-9_]*, without the domain: "user_event" */
    const char *summary;         /* one line, or NULL */
    const char *topic;           /* default topic */
    const char *group;           /* default consumer group, or NULL: "<domain>.<event>" */
    busbar_bytes contract;       /* JSON Schema 2020-12 text with x-busbar-* annotations; empty: the
                                    config names a file */
    const busbar_event_ops *ops; /* or NULL */

    /** @brief Makes the instance of one lane: resolve fields here. NULL: `self` is NULL. [any]
     *  @param config the `settings` of this event type in the configuration as JSON text, or empty
     *  @return PASS, or a failure stated with `busbar_fail` */
    int32_t (*create)(busbar_call *call, busbar_bytes config, void **ret_self);

    /** @brief Ends an instance. NULL: nothing to end. [any] */
    void (*destroy)(void *self);
} busbar_event_type;

/** @brief What a handler can promise beyond at-least-once; bits of `busbar_handler.capabilities`.
 */
enum {
    BUSBAR_IDEMPOTENT = 1u << 0,     /* the same event twice leaves the same result as once */
    BUSBAR_STORES_OFFSETS = 1u << 1, /* keeps offsets with the data, so a replay is recognised */
    BUSBAR_TRANSACTIONAL = 1u << 2,  /* all of a flush or nothing of it is visible */
    BUSBAR_EMITS_ONLY = 1u << 3      /* has no effect but what it emits */
};

/** @brief The operations of a handler (a sink). `open` and `handle` are required. All [worker]. */
typedef struct busbar_handler_ops {
    uint32_t struct_size;
    uint32_t reserved;

    /** @brief Makes the instance of one lane.
     *  @param config this handler's own keys in the configuration as JSON text
     *  @return PASS; RETRY: the host tries again with backoff; FATAL: the configuration cannot work
     */
    int32_t (*open)(busbar_call *call, busbar_bytes config, void **ret_self);

    /** @brief Takes a batch. PASS means accepted; it counts only once `flush` has passed. Verdicts
     * as in `busbar_event_ops`. */
    int32_t (*handle)(void *self, busbar_call *call, const busbar_batch *batch, int32_t *verdicts);

    /** @brief Makes everything accepted since the last flush durable. NULL: `handle` itself is
     * durable. After any other answer than PASS, nothing accepted since the last good flush counts:
     * the handler forgets it, and the host hands the same events again.
     *  @return PASS, RETRY or FATAL */
    int32_t (*flush)(void *self, busbar_call *call);

    /** @brief Ends the instance. Called once; the host has flushed before, unless it gave the
     * events up. */
    void (*close)(void *self);
} busbar_handler_ops;

/** @brief A handler that a plugin brings. Static data of the plugin. */
typedef struct busbar_handler {
    uint32_t struct_size;
    uint32_t capabilities;      /* BUSBAR_IDEMPOTENT | ... */
    const char *name;           /* [a-z][a-z0-9_]* */
    const char *summary;        /* one line, or NULL */
    busbar_bytes config_schema; /* JSON Schema of its configuration; empty: anything goes */
    const busbar_handler_ops *ops;

    /** @brief Since 1.1. Says what the store needs for one event type, or makes it; NULL: there is
     * nothing to make. Never drops anything and never changes what is there. [main]
     *  @param config as for `open`
     *  @param request JSON: {"action": "plan" or "apply", "event": full name, "now": seconds since
     * 1970, "foreign_keys": true or false, "contract": the event type's JSON Schema}
     *  @param ret_reply JSON in memory of `alloc`: {"objects": [{"kind", "name", "state":
     * "missing", "present", "differs" or "made", "statement", "differences": [text]}]};
     * docs/storage.md
     *  @return PASS; RETRY: the store is not reachable; REJECT: the store refused; FATAL: the
     * configuration or the contract's annotation cannot work */
    int32_t (*storage)(busbar_call *call, busbar_bytes config, busbar_bytes request,
                       busbar_bytes *ret_reply);
} busbar_handler;

/** @brief The one exported object. The first four members never move: they protect the rest. */
typedef struct busbar_plugin_descriptor {
    uint32_t magic;       /* BUSBAR_MAGIC */
    uint32_t struct_size; /* sizeof(busbar_plugin_descriptor) of the plugin */
    uint16_t abi_major;   /* BUSBAR_ABI_MAJOR */
    uint16_t abi_minor;   /* BUSBAR_ABI_MINOR */
    uint32_t reserved;    /* 0 */
    const char *name;     /* [a-z][a-z0-9_]* */
    const char *version;  /* of the plugin */
    const char *summary;  /* one line, or NULL */
    uint32_t event_type_count;
    uint32_t handler_count;
    const busbar_event_type *const *event_types;
    const busbar_handler *const *handlers;

    /** @brief An extension that the plugin offers, by name and version; NULL member or NULL answer:
     * none. [main] */
    const void *(*get_extension)(const char *id);
} busbar_plugin_descriptor;

/** @brief The symbol of the descriptor, for the host's loader. */
#define BUSBAR_PLUGIN_SYMBOL "busbar_plugin"

/** @brief What a plugin defines, as `const busbar_plugin_descriptor busbar_plugin = {...}`; that it
 * is seen from outside comes from this declaration. */
extern BUSBAR_EXPORT const busbar_plugin_descriptor busbar_plugin;

/* What a plugin's file says of itself before anything of it runs: an ELF note that every source
 * file with this header leaves in it. The host reads it out of the bytes of the file. A file
 * without one was built with a header from before the note, or by a compiler that makes none: the
 * descriptor tells then. BUSBAR_NO_NOTE leaves it out. */
#define BUSBAR_NOTE_NAME "busbar"
#define BUSBAR_NOTE_TYPE 1u

/** @brief The note, name and text in one. Never changes: another form is another type of note. */
typedef struct busbar_note {
    uint32_t name_size; /* with the zero behind it */
    uint32_t text_size; /* of everything behind the name */
    uint32_t type;      /* BUSBAR_NOTE_TYPE */
    char name[8];       /* BUSBAR_NOTE_NAME, filled up with zeros */
    uint32_t magic;     /* BUSBAR_MAGIC */
    uint16_t abi_major;
    uint16_t abi_minor;
    uint32_t header_hash[2]; /* BUSBAR_HEADER_HASH_HIGH and _LOW */
} busbar_note;

#if defined(__GNUC__) && defined(__ELF__) && !defined(BUSBAR_NO_NOTE)
static const busbar_note busbar_note_of_file
    __attribute__((section(".note.busbar"), used, aligned(4))) = {
        sizeof(BUSBAR_NOTE_NAME),
        16u,
        BUSBAR_NOTE_TYPE,
        BUSBAR_NOTE_NAME,
        BUSBAR_MAGIC,
        BUSBAR_ABI_MAJOR,
        BUSBAR_ABI_MINOR,
        {BUSBAR_HEADER_HASH_HIGH, BUSBAR_HEADER_HASH_LOW},
};
#endif

/* First members of the descriptor, spelled once. */
#define BUSBAR_DESCRIPTOR_HEAD                                                                     \
    BUSBAR_MAGIC, (uint32_t)sizeof(busbar_plugin_descriptor), BUSBAR_ABI_MAJOR, BUSBAR_ABI_MINOR, 0u

/* Helpers: each is a few lines on top of the services, so they need no symbol of the host. */

/** @brief A `busbar_bytes` from a text that ends with NUL. */
static inline busbar_bytes busbar_text(const char *text)
{
    busbar_bytes bytes;
    bytes.data = text;
    bytes.size = text ? strlen(text) : 0;
    return bytes;
}

/** @brief States a reason for event `index` of the batch, with a scope and a JSON pointer. @return
 * `verdict` */
static inline BUSBAR_PRINTF(6, 0) int32_t
    busbar_vfail(busbar_call *call, uint32_t index, int32_t verdict, uint32_t scope,
                 const char *pointer, const char *format, va_list arguments)
{
    char text[1024];
    busbar_bytes reason;
    int written = vsnprintf(text, sizeof(text), format, arguments);
    reason.data = text;
    reason.size = written < 0                      ? 0
                  : (size_t)written < sizeof(text) ? (size_t)written
                                                   : sizeof(text) - 1;
    return call->host->fail(call, index, verdict, scope, busbar_text(pointer), reason);
}

/** @brief `return busbar_fail(call, BUSBAR_REJECT, "user_id missing");` @return `verdict` */
static inline BUSBAR_PRINTF(3, 4) int32_t
    busbar_fail(busbar_call *call, int32_t verdict, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    busbar_vfail(call, 0, verdict, BUSBAR_SCOPE_RECORD, NULL, format, arguments);
    va_end(arguments);
    return verdict;
}

/** @brief As `busbar_fail`, naming the member at fault by JSON pointer. @return `verdict` */
static inline BUSBAR_PRINTF(4, 5) int32_t
    busbar_fail_at(busbar_call *call, int32_t verdict, const char *pointer, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    busbar_vfail(call, 0, verdict, BUSBAR_SCOPE_RECORD, pointer, format, arguments);
    va_end(arguments);
    return verdict;
}

/** @brief In `handle`: `verdicts[i] = busbar_fail_event(call, i, BUSBAR_REJECT, "...")`. @return
 * `verdict` */
static inline BUSBAR_PRINTF(4, 5) int32_t
    busbar_fail_event(busbar_call *call, uint32_t index, int32_t verdict, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    busbar_vfail(call, index, verdict, BUSBAR_SCOPE_RECORD, NULL, format, arguments);
    va_end(arguments);
    return verdict;
}

/** @brief RETRY because something that all events need is down. @return BUSBAR_RETRY */
static inline BUSBAR_PRINTF(2, 3) int32_t
    busbar_unavailable(busbar_call *call, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    busbar_vfail(call, 0, BUSBAR_RETRY, BUSBAR_SCOPE_INFRASTRUCTURE, NULL, format, arguments);
    va_end(arguments);
    return BUSBAR_RETRY;
}

/** @brief Number of a root member by name; see `busbar_host.field`. */
static inline busbar_field busbar_field_of(busbar_call *call, const char *name)
{
    return call->host->field(call, busbar_text(name));
}

/** @brief Writes a log line. */
static inline BUSBAR_PRINTF(3, 4) void busbar_log(busbar_call *call, int32_t level,
                                                  const char *format, ...)
{
    char text[1024];
    busbar_bytes line;
    va_list arguments;
    int written;
    va_start(arguments, format);
    written = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    line.data = text;
    line.size = written < 0                      ? 0
                : (size_t)written < sizeof(text) ? (size_t)written
                                                 : sizeof(text) - 1;
    call->host->log(call, level, line);
}

/** @brief For a handler that works one event at a time: answers every event of the batch with
 * `handle_one`. */
static inline int32_t busbar_each(void *self, busbar_call *call, const busbar_batch *batch,
                                  int32_t *verdicts,
                                  int32_t (*handle_one)(void *self, busbar_call *call,
                                                        busbar_event *event, uint32_t index))
{
    uint32_t i;
    for (i = 0; i < batch->count; i++)
        verdicts[i] = handle_one(self, call, batch->events[i], i);
    return BUSBAR_PASS;
}

#ifdef __cplusplus
}
#endif

#endif
