/* Inside of a consumer, shared by its files: life and loop (consumer.c), the way of records
 * (consumer_flow.c), the map of finished ones (consumer_map.c), rebalances (consumer_rebalance.c),
 * order over retry topics (consumer_order.c), offsets (consumer_assign.c), members without
 * partitions (consumer_idle.c), what it tells (consumer_status.c, consumer_metrics.c). */
#ifndef BB_CONSUMER_PRIVATE_H
#define BB_CONSUMER_PRIVATE_H

#include "base/error.h"
#include "kafka/consumer.h"
#include "kafka/consumer_ahead.h"
#include "kafka/consumer_transaction.h"
#include "kafka/partitions.h"
#include "pipeline/monitor.h"
#include "pipeline/spread.h"
#include "pipeline/worker.h"

enum { BB_STOP_DRAIN = 1, BB_STOP_FAST = 2 };

struct bb_consumer {
    const bb_event_type *type;
    const bb_consumer_context *context;
    rd_kafka_t *client;
    rd_kafka_queue_t *queue; /* all records come from here */
    bb_partitions *partitions;
    bb_consumer_transaction *transaction; /* of exactly-once; else NULL */
    bb_consumer_ahead *ahead;             /* of at-most-once; else NULL */
    bb_outbox *outbox;                    /* its own, or the one that the runner shares */
    GPtrArray *workers;                   /* bb_worker *, one per lane */
    pthread_t thread;
    gboolean started;

    /* the way of records: the consumer's thread only */
    rd_kafka_message_t **read; /* of one round */
    bb_batch **open;           /* batch being filled, per lane; NULL: none */
    bb_batch_queue pool;
    bb_spread *spread; /* records to lanes; NULL: there is one lane */
    guint next_lane;   /* order none: it gets the next `lane_share` records */
    guint lane_share;
    guint reading;                /* records of this round */
    gboolean held_any;            /* a partition was not read on */
    guint64 skipped;              /* of this round: finished before the start */
    struct bb_suspects *suspects; /* some are records of this event type; NULL: none is */
    guint64 in_flight_bytes;
    guint in_flight_records;
    gboolean paused;
    struct bb_tier *tier;          /* it reads a retry topic; NULL: it does not */
    struct bb_order_keeper *order; /* of `retry.keep_order`; else NULL */

    /* assignment: the consumer's thread only */
    gboolean has_assignment;
    gboolean draining; /* the lanes were told */
    gboolean closing;
    gint64 rejoin_at_ms;                                /* 0: it is not due */
    gint64 group_look_at_ms, group_sum, group_moved_ms; /* of a member without partitions */
    struct {
        gint64 look_at_ms, wait_ms; /* 0: it has partitions, or no answer about them */
        pthread_t thread;           /* asks Kafka about the group, while `asked` */
        gboolean asked, fits;       /* one is without an answer, which still counts */
        gboolean said;
        int holders;   /* the thread's until it answered */
        gint answered; /* atomic */
    } idle;
    GArray *cut;         /* gint32: partitions whose log was cut, as Kafka told */
    gboolean gone;       /* what was to be read next: the next assignment places anew */
    gboolean committed;  /* an offset, at some time */
    gboolean missing;    /* the topic was, after that: it may come back as another */
    gboolean stores;     /* handlers can be asked where they stand, and decide with Kafka */
    gint64 stores_at_ms; /* they were not reachable: to be asked again, no commit before; 0 */
    gint64 commit_at_ms;
    rd_kafka_queue_t *commits;       /* their answers come from here */
    gboolean commit_open;            /* one is without an answer */
    rd_kafka_resp_err_t commit_code; /* of the last one that has an answer */
    gint64 lag_at_ms;
    gint64 said_ms; /* last line about trouble with Kafka */

    gint stopping; /* 0, BB_STOP_* */
    gint failed;
    gint ended;
    bb_monitor monitor; /* guards what follows */
    bb_batch_queue returned;
    bb_run_counts counts;
    GError *error;
    gint64 retry_said_ms;
    GArray *pictured; /* bb_partition_status, for those who watch; NULL: none yet */
    gboolean assignment_pictured;
    gint64 next_due_ms; /* of a retry topic: wall clock; -1: nothing waits, or not known */

    GPtrArray *gauges; /* bb_metric *: frontier and lag of each partition that was ever assigned */
    struct {
        bb_metric *consumed, *released, *lost, *skipped, *held, *handled, *dropped, *dead_lettered;
        bb_metric *deferred, *waiting, *next_due;            /* NULL without retry topics */
        bb_metric *blocked_keys, *order_held, *order_bounds; /* NULL unless their order is kept */
        bb_metric *retries[BUSBAR_STAGE_SETUP + 1];          /* by stage; NULL for some */
        bb_metric *in_flight, *oldest, *lag, *lag_seconds, *pauses, *out_of_range;
        bb_metric *commits[2];      /* ok, failed */
        bb_metric *rebalances[4];   /* by bb_rebalance_kind */
        bb_metric *transactions[2]; /* committed, aborted */
        bb_metric *producers_replaced;
    } metrics;
};

typedef enum {
    BB_REBALANCE_ASSIGNED,
    BB_REBALANCE_REVOKED,
    BB_REBALANCE_LOST,
    BB_REBALANCE_FAILED
} bb_rebalance_kind;

/* The first failure wins; the consumer ends. [any thread] */
void bb_consumer_fail(bb_consumer *consumer, bb_error_code code, const char *format, ...)
    G_GNUC_PRINTF(3, 4);
/* TRUE at most every few seconds. [consumer's thread] */
gboolean bb_consumer_may_say(bb_consumer *consumer);

/* Asked to stop, or failed. */
gboolean bb_consumer_is_ending(bb_consumer *consumer);
/* Waits, or is woken to end. [consumer's thread] */
void bb_consumer_pause(bb_consumer *consumer, gint64 timeout_ms);

/* consumer_metrics.c */
void bb_consumer_make_metrics(bb_consumer *consumer);
/* Of the handlers: whether their breakers are open. [any thread] */
void bb_consumer_show_breakers(bb_consumer *consumer);
/* That of `handler` was opened. [any thread] */
void bb_consumer_count_breaker(bb_consumer *consumer, const char *handler, guint times);
/* The gauges of single partitions, from a picture (bb_partition_status). */
void bb_consumer_show_partitions(bb_consumer *consumer, const GArray *states);

/* consumer_status.c */
/* Takes the picture of the partitions that others read. [consumer's thread] */
void bb_consumer_take_picture(bb_consumer *consumer);

/* consumer_flow.c */
/* [any thread] A batch is back. */
void bb_consumer_returned(bb_batch *batch, void *user);
/* Adds the headers of the record behind `origin`, which is part of an item. [worker] */
void bb_consumer_complete(busbar_origin *origin);
/* Reads what is there and hands it to the lanes; waits up to `timeout_ms` for the first record.
 * FALSE when there was nothing. */
gboolean bb_consumer_read(bb_consumer *consumer, int timeout_ms);
/* Takes batches that are back; waits up to `timeout_ms` for the first. */
void bb_consumer_collect(bb_consumer *consumer, gint64 timeout_ms);
/* Back-pressure, with hysteresis: TRUE when nothing is to be read. */
gboolean bb_consumer_is_full(bb_consumer *consumer);
/* Of at-most-once, before partitions of `list` (NULL: all) are given back: what is committed in
 * time is handed over, the rest is let go of. */
void bb_consumer_let_go(bb_consumer *consumer, const rd_kafka_topic_partition_list_t *list,
                        gint64 timeout_ms);
/* One message, taken over: a record goes to its lane, an error is noted. */
void bb_consumer_take(bb_consumer *consumer, rd_kafka_message_t *message);
/* The same in two steps, for many: TRUE when it went into a batch; the batches go when all `taken`
 * are in them. */
gboolean bb_consumer_add(bb_consumer *consumer, rd_kafka_message_t *message);
void bb_consumer_hand_over(bb_consumer *consumer, guint64 taken);
/* An error that came in place of a record. */
void bb_consumer_take_error(bb_consumer *consumer, const rd_kafka_message_t *message);

/* consumer_rebalance.c */
void bb_consumer_on_rebalance(rd_kafka_t *client, rd_kafka_resp_err_t code,
                              rd_kafka_topic_partition_list_t *list, void *opaque);
/* While draining, lanes flush what they can. */
void bb_consumer_set_draining(bb_consumer *consumer, gboolean draining);
/* Lanes give up what they have not begun or wait with. */
void bb_consumer_forget(bb_consumer *consumer);
/* Waits, bounded, until the lanes have finished what they hold; gives up the rest. */
void bb_consumer_settle(bb_consumer *consumer, gint64 timeout_ms);
/* Lets lanes without a thread work. The milliseconds until one has something to do; at most
 * `limit_ms`. */
gint64 bb_consumer_tick(bb_consumer *consumer, gint64 limit_ms);

/* consumer.c */
/* FALSE when that ended the consumer. */
gboolean bb_consumer_subscribe(bb_consumer *consumer);

/* consumer_place.c */
/* Sets the offsets that reading begins at; an offset that is left as it is is the client's to find.
 */
void bb_consumer_place(bb_consumer *consumer, rd_kafka_topic_partition_list_t *list);
/* Asks stores that were not reachable when that is due. */
void bb_consumer_ask_stores(bb_consumer *consumer);
/* The client has lost its place in a partition: it is placed anew, with all others. */
void bb_consumer_displaced(bb_consumer *consumer, const rd_kafka_message_t *message);
/* Joins the group anew when that is due. FALSE when that ended the consumer. */
gboolean bb_consumer_rejoin(bb_consumer *consumer);

/* consumer_idle.c */
/* Of a member without partitions: asks about its group now and then, without waiting for it, and
 * makes it join anew when nobody there has a partition. [consumer's thread] */
void bb_consumer_look_idle(bb_consumer *consumer, gint64 now_ms);
/* Members that hold a partition of any topic; -1: not known, or the group is just sharing out. */
int bb_consumer_count_holders(const struct rd_kafka_group_info *group);
/* What that said. [consumer's thread] */
void bb_consumer_take_holders(bb_consumer *consumer, int holders, gint64 now_ms);
/* Before the client ends: waits, bounded, for the thread that asks with it. */
void bb_consumer_idle_end(bb_consumer *consumer);

/* consumer_commit.c */
/* Commits what is new; unless it is to wait (0: not), later when a commit is without an answer yet.
 * FALSE when waiting for it showed that it failed or has no answer. */
gboolean bb_consumer_commit(bb_consumer *consumer, gint64 wait_ms);
/* The client's callback, with the consumer as its opaque. */
typedef void bb_commit_answer(rd_kafka_t *client, rd_kafka_resp_err_t code,
                              rd_kafka_topic_partition_list_t *list, void *opaque);
/* Sends a commit of `list`, which is taken; only when none is without an answer. */
void bb_consumer_send_offsets(bb_consumer *consumer, rd_kafka_topic_partition_list_t *list,
                              bb_commit_answer *answer);
/* Waits for the answer; TRUE when no commit is without one. */
gboolean bb_consumer_await_commit(bb_consumer *consumer, gint64 deadline_ms);
/* What became of a commit of `list` (NULL: of nothing). */
void bb_consumer_take_commit(bb_consumer *consumer, rd_kafka_resp_err_t code,
                             const rd_kafka_topic_partition_list_t *list);
/* TRUE when the last commit showed that the group has gone on without this member, so that no
 * commit of it counts any more. It could only join again, and what it had may be another's then. */
gboolean bb_consumer_is_expelled(const bb_consumer *consumer);
/* FALSE when a rebalance refused it: once that is over, it can be repeated. */
gboolean bb_consumer_commit_in_group(bb_consumer *consumer);
/* At the end: tries again while the coordinator is away, so that a clean drain leaves nothing to be
 * read twice. */
void bb_consumer_commit_last(bb_consumer *consumer, gint64 timeout_ms);

/* consumer_tier.c: of a consumer that reads a retry topic; the others have no bb_tier */
struct bb_tier *bb_tier_new(const bb_consumer *consumer);
void bb_tier_free(struct bb_tier *tier);
/* The queue that a partition's records are to go to, made anew. */
rd_kafka_queue_t *bb_tier_open(bb_consumer *consumer, gint32 partition);
/* The partition is given back. */
void bb_tier_close(bb_consumer *consumer, gint32 partition);
void bb_tier_close_all(bb_consumer *consumer);
/* The partition is read again from an earlier record: what waits for its time is let go of. */
void bb_tier_rewind(bb_consumer *consumer, gint32 partition);
/* Hands what is due to the lanes; waits up to `timeout_ms` when nothing is. */
void bb_tier_read(bb_consumer *consumer, gint64 timeout_ms);
/* TRUE when the next record of the partition is not due. */
gboolean bb_tier_holds(const bb_consumer *consumer, gint32 partition);
/* Where the record was first, and what has been tried. */
void bb_tier_set_origin(const bb_consumer *consumer, bb_item *item);
/* Wall clock in milliseconds; -1: nothing waits. */
gint64 bb_tier_next_due(const bb_consumer *consumer);

/* consumer_order.c: with `retry.keep_order`, where there is a next retry topic */
/* NULL: there is no order to keep from here. */
struct bb_order_keeper *bb_order_keeper_new(bb_consumer *consumer);
void bb_order_keeper_free(struct bb_order_keeper *keeper);
void bb_order_keeper_start(struct bb_order_keeper *keeper);
/* Asks its thread to end. [any thread] */
void bb_order_keeper_stop(struct bb_order_keeper *keeper);
void bb_order_keeper_join(struct bb_order_keeper *keeper);
/* Partitions were added: nothing is to be read before it is known what of them waits. */
void bb_order_keeper_assigned(struct bb_order_keeper *keeper);
/* TRUE when nothing is to be read. */
gboolean bb_order_keeper_holds(struct bb_order_keeper *keeper);
/* Keys that are blocked. [any thread] */
guint bb_order_keeper_keys(struct bb_order_keeper *keeper);
/* See bb_lane_ops. [worker] */
bb_turn bb_order_keeper_turn(struct bb_order_keeper *keeper, const bb_item *item);
/* Sends a letter for the next retry topic behind those of its key. [worker] */
void bb_order_keeper_send(struct bb_order_keeper *keeper, bb_letter *letter);
/* TRUE for a record that came to a retry topic without having failed. */
gboolean bb_consumer_is_follower(const bb_item *item);

/* consumer_map.c */
/* Looks up what of `list`, just taken over, is finished beyond its committed offset. */
void bb_consumer_read_maps(bb_consumer *consumer, const rd_kafka_topic_partition_list_t *list);
/* Stops reading partitions with too much finished beyond their frontier, and goes on with others.
 */
void bb_consumer_hold_crowded(bb_consumer *consumer);
/* Partitions that come back are read, also if they were not when they were given away. */
void bb_consumer_release_held(bb_consumer *consumer, const rd_kafka_topic_partition_list_t *list);

/* consumer_assign.c */
/* `once`: TRUE when all ends are known, FALSE while Kafka does not answer. */
gboolean bb_consumer_know_ends(bb_consumer *consumer);
/* `once`: TRUE when everything up to the ends has been read. */
gboolean bb_consumer_has_read_all(bb_consumer *consumer);
/* `once`: TRUE when everything up to the ends is final. */
gboolean bb_consumer_reached_ends(bb_consumer *consumer);
/* `once`: TRUE when this member has partitions, or the others have come to the ends. Blocks for a
 * request now and then. */
gboolean bb_consumer_group_is_done(bb_consumer *consumer);
void bb_consumer_update_lag(bb_consumer *consumer);
/* Wakes the client's fetcher when there are records in the topic that were not read. */
void bb_consumer_nudge(bb_consumer *consumer);

#endif
