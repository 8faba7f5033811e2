/* Extension "busbar.storage/1": what a handler needs that keeps offsets with its data, so that a
 * record that is read again is recognised.
 *
 * The handler stores, in the same transaction as the data, which offsets it has stored, and reads
 * them back before the first record of an assignment. The host tells it which assignment a record
 * belongs to, so that workers that have lost a partition can be fenced off, and up to where
 * everything is finished for good, so that what is stored stays small.
 *
 * A handler that can do without all this is told so by the key `exactly_once: false` of its
 * configuration: `busbar check` believes its promise no more then. */
#ifndef BUSBAR_STORAGE_H
#define BUSBAR_STORAGE_H

#include <busbar/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BUSBAR_STORAGE_EXTENSION "busbar.storage/1"

/** @brief What stays in order, `consume.order` of the configuration. */
enum {
    BUSBAR_ORDER_KEY = 1,       /* records of a key; a partition's lanes share it by key */
    BUSBAR_ORDER_PARTITION = 2, /* records of a partition: one lane at a time has it, by offset */
    BUSBAR_ORDER_NONE = 3
};

/** @brief What an instance of a handler works for. @owns the host: lives as long as the instance */
typedef struct busbar_binding {
    uint32_t struct_size;
    uint32_t reserved;
    busbar_bytes event;    /* full name: "customer.user_event" */
    busbar_bytes handler;  /* its name in the configuration */
    busbar_bytes topic;    /* of the event type */
    busbar_bytes group;    /* consumer group */
    busbar_bytes contract; /* the JSON Schema text */
    busbar_bytes process;  /* an id of this process; no other process ever had it */
    uint32_t order;        /* BUSBAR_ORDER_*; 0: an older host, not known */
    uint32_t lanes;        /* instances that share the partitions of this process; 0: not known */
} busbar_binding;

/** @brief Where a record stands in its partition. */
typedef struct busbar_position {
    uint32_t struct_size;
    uint32_t lost;          /* not 0: the worker has lost the partition. Another worker reads the
                               record again, so what is answered for it has no effect */
    int64_t assignment;     /* number of the partition's assignment; it grows within the process */
    int64_t finished_from;  /* every record of the partition from here ... */
    int64_t finished_below; /* ... and below here was finished when this one was read: stored,
                               dropped, or a confirmed dead letter; -1: not known of any */
} busbar_position;

typedef struct busbar_storage_v1 {
    uint32_t struct_size;
    uint32_t reserved;

    /** @brief What the instance works for. In `open`, `handle` and `flush` of a handler. [worker]
     *  @param ret_binding its struct_size is set by the caller; the host fills what both sides know
     *  @return 1, or 0 outside of an event type */
    int32_t (*binding)(busbar_call *call, busbar_binding *ret_binding);

    /** @brief Position of event `index` of the batch in hand. Only in `handle` of a handler.
     * [worker]
     *  @param ret_position as `ret_binding`
     *  @return 1, or 0 where the event has no record behind it */
    int32_t (*position)(busbar_call *call, uint32_t index, busbar_position *ret_position);
} busbar_storage_v1;

#ifdef __cplusplus
}
#endif

#endif
