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

/* What a plugin offers in return, by `get_extension` of its descriptor: where its handlers stand.
 * With it reading begins where the store is, not where Kafka's offset is, and a store that has lost
 * what it had is noticed. For handlers with BUSBAR_STORES_OFFSETS. */
#define BUSBAR_PLACES_EXTENSION "busbar.places/1"

/** @brief One partition: the host's question, and the handler's answer. */
typedef struct busbar_place {
    uint32_t struct_size; /* of the host; the handler writes nothing beyond it */
    int32_t partition;
    int64_t from;    /* question: reading would begin here, by the group's offset in Kafka */
    int64_t handled; /* question: this record had been stored when that offset was committed; -1:
                        not known */
    int64_t next;    /* answer: the first record at `from` or behind it that is not stored; the host
                        sets -1, which stands where the store knows nothing of the partition */
    int64_t lacks;   /* answer: when the store knows of the partition and `handled` is not stored:
                        the first record that it lacks behind the first that it has; the host sets
                        -1: it lacks none */
} busbar_place;

typedef struct busbar_places_v1 {
    uint32_t struct_size;
    uint32_t reserved;

    /** @brief Where a handler stands. After an assignment, before anything is read. Without an
     * instance, for what it works for ask busbar_storage_v1.binding. May block for some seconds.
     * [any, beside the workers]
     *  @param handler its name in the plugin
     *  @param config as for `open`
     *  @param places the host's, one for each partition, `struct_size` bytes apart
     *  @return PASS; DROP: this one keeps no offsets; RETRY: the store is not reachable now. After
     *  another answer Kafka's offset counts, and `open` says what is wrong */
    int32_t (*find)(busbar_call *call, busbar_bytes handler, busbar_bytes config,
                    busbar_place *places, uint32_t count);
} busbar_places_v1;

#ifdef __cplusplus
}
#endif

#endif
