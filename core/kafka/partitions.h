/* The partitions of one topic that a consumer has in hand: assignment, frontier, end. */
#ifndef BB_PARTITIONS_H
#define BB_PARTITIONS_H

#include <librdkafka/rdkafka.h>

#include "pipeline/offsets.h"

typedef struct bb_partition {
    gboolean assigned;
    bb_offsets *offsets; /* of the current epoch; NULL when not assigned */
    gint64 first_epoch;  /* of the assignment */
    gint64 first;        /* the first record that was read in the current epoch; -1: none */
    guint64 older;       /* records in flight of earlier epochs of the assignment */
    gint64 committed;    /* what was sent to be committed last; -1: nothing */
    gint64 base;     /* where an aborted transaction is read again, unless more is committed; -1 */
    gint64 position; /* behind the last record that was read or the last end that was met; -1 */
    gint64 handled;  /* the last that handlers have made durable; -1: none; only when it is noted */
    gint64 read_ms;  /* timestamp of a record that was read lately; 0: none yet */
    gint64 low, end; /* found at the start, with `once`; -1: not yet */
    gboolean past_end; /* everything before `end` has been read */
    gint64 resumed_at; /* of `resumed` */
    GArray *resumed;   /* bb_run: finished before the start, and not read again yet; NULL: none */
    guint next_resumed;
    guint64 mapped;   /* records that were finished at the last commit */
    gboolean crowded; /* so much is finished beyond the frontier that nothing more is to be read */
    gboolean held;    /* it is not read */
} bb_partition;

/* Of bb_partitions_read: the record was finished before the start. */
#define BB_PARTITION_FINISHED (-2)
/* A frontier that is so many records behind waits before more is read. */
#define BB_PARTITION_HELD_MAX (1u << 20)

typedef struct bb_partitions bb_partitions;

bb_partitions *bb_partitions_new(const char *topic);
void bb_partitions_free(bb_partitions *partitions);

/* A new epoch of `partition`. */
void bb_partitions_assign(bb_partitions *partitions, gint32 partition);
/* Forgets the frontier of a partition; completions that come later find nothing. */
void bb_partitions_revoke(bb_partitions *partitions, gint32 partition);
void bb_partitions_revoke_all(bb_partitions *partitions);
/* The epoch counter: the next assignment gets at least this plus one. */
gint64 bb_partitions_epoch(const bb_partitions *partitions);

/* From now on commits note the last record that was made durable (handled_note.h). */
void bb_partitions_note_handled(bb_partitions *partitions);
gboolean bb_partitions_notes_handled(const bb_partitions *partitions);
/* All handlers of `offset` have made it durable. */
void bb_partitions_handled(bb_partitions *partitions, gint32 partition, gint64 offset);

/* NULL unless it is assigned. */
bb_partition *bb_partitions_get(const bb_partitions *partitions, gint32 partition);
guint bb_partitions_assigned(const bb_partitions *partitions);

/* The metadata that was committed with `offset`: if it is a map of what is finished beyond it,
 * those records are not handled again. Right after bb_partitions_assign. */
void bb_partitions_resume(bb_partitions *partitions, gint32 partition, gint64 offset,
                          const char *metadata, gsize size);
/* As metadata for a commit of `offset`: what was finished before the start, beyond `offset`, and
 * has not been read again. NULL: nothing is. g_free */
char *bb_partitions_resumed_map(const bb_partitions *partitions, gint32 partition, gint64 offset);
/* Bytes of metadata that a commit may have; 0: none is sent. */
void bb_partitions_set_map_bytes(bb_partitions *partitions, gsize max_bytes);

/* Notes that a record was read and returns its epoch; -1 when the partition is not assigned, else
 * `*ret_state` (may be NULL) is its state. An
 * offset that goes back (the topic was made anew, its log was cut, or records come twice) begins a
 * new epoch; nothing is committed then until what was read before has been finished. */
gint64 bb_partitions_read(bb_partitions *partitions, gint32 partition, gint64 offset,
                          const bb_partition **ret_state);
/* FALSE when it came too late. */
gboolean bb_partitions_finish(bb_partitions *partitions, gint32 partition, gint64 epoch,
                              gint64 offset);

/* Frontiers that have moved since they were committed last, and those beyond which more is
 * finished, with the map of that as metadata; marked as committed. NULL when there are none. */
rd_kafka_topic_partition_list_t *bb_partitions_to_commit(bb_partitions *partitions);
/* The commit of `partition` failed: it is due again. */
void bb_partitions_uncommit(bb_partitions *partitions, gint32 partition);

/* TRUE when every record that was read is final. */
gboolean bb_partitions_complete(const bb_partitions *partitions);
/* What bb_partitions_to_commit named last is committed. */
void bb_partitions_committed(bb_partitions *partitions);
/* A new epoch of every assigned partition, to be read again: nothing that was read counts. */
void bb_partitions_restart(bb_partitions *partitions);

/* A new epoch of every assigned partition, which is read on: what was read before is given up. */
void bb_partitions_renew(bb_partitions *partitions);

/* Calls `each` for every assigned partition. */
void bb_partitions_each(const bb_partitions *partitions,
                        void (*each)(gint32 partition, bb_partition *state, void *user),
                        void *user);

#endif
