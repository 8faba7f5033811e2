/* The table of what is known of the versions of librdkafka. */
#include "kafka/gates.h"

#include <librdkafka/rdkafka.h>

#define V(major, minor, patch) ((major) << 24 | (minor) << 16 | (patch) << 8)
#define SINCE_EVER 0
#define WITHOUT_END 0

static const bb_gate gates[BB_GATE_COUNT] = {
    [BB_GATE_BATCH_SKIPS] =
        {"batch-skips", SINCE_EVER, V(2, 1, 0), FALSE,
         "reading in batches may skip offsets when partitions are paused, resumed, sought or "
         "reassigned at the same time",
         "partitions are never paused: back-pressure is not reading the queue; seeking and "
         "reassignments run on the thread that reads, never at the same time",
         "changelog 2.0.0 (known issues) and 2.1.0, #4208"},
    [BB_GATE_BATCH_POSITION] =
        {"batch-position", V(2, 2, 0), V(2, 13, 2), FALSE,
         "reading in batches moves the stored position on at the end of a partition and at errors",
         "positions are never stored: what is committed is busbar's own frontier",
         "changelog 2.13.2, #4844"},
    [BB_GATE_POLL_ANY_QUEUE] = {"poll-any-queue", SINCE_EVER, V(2, 1, 1), FALSE,
                                "max.poll.interval.ms is started anew by reading any queue, and "
                                "with 2.1.0 not by some that "
                                "should",
                                "the group is polled in every turn, apart from reading; handlers "
                                "run on other threads, and "
                                "nothing relies on this interval to find one that hangs",
                                "changelog 2.1.0 #4176, 2.1.1 #4256"},
    [BB_GATE_NO_FETCH_BACKOFF] =
        {"no-fetch-backoff", SINCE_EVER, V(2, 2, 0), FALSE,
         "a fetcher that finds its queue full sleeps for up to a second; fetch.queue.backoff.ms "
         "does "
         "not exist",
         "a partition that is behind while nothing comes is woken by a request to its leader; from "
         "2.2.0 on fetch.queue.backoff.ms is 10 instead",
         "changelog 2.2.0, #2879"},
    [BB_GATE_UNKNOWN_TOPIC_CRASH] =
        {"unknown-topic-crash", SINCE_EVER, V(2, 2, 0), FALSE,
         "subscribing to a topic that does not exist and reading in batches may crash",
         "topics are subscribed to once they exist (so with every version)",
         "changelog 2.1.1 #4245, 2.2.0 #4273"},
    [BB_GATE_UNSAFE_COOPERATIVE] =
        {"unsafe-cooperative", SINCE_EVER, V(2, 10, 0), FALSE,
         "with cooperative-sticky a commit during a rebalance may lose the whole assignment; "
         "before "
         "2.6.1 the assignor may loop for ever, before 2.4.0 closing may hang, before 2.3.0 crash",
         "`assignment: auto` is eager, `cooperative` is refused",
         "changelog 2.10.0 #4059, 2.6.1 #4783, 2.4.0 #4527, 2.3.0 #4381"},
    [BB_GATE_NO_CONSUMER_PROTOCOL] =
        {"no-consumer-protocol", SINCE_EVER, V(2, 12, 0), FALSE,
         "the consumer protocol of groups (KIP-848) is absent, or not meant for production before "
         "2.12.0",
         "`assignment: consumer` is refused", "changelog 2.12.0, 2.10.0, 2.4.0"},
    [BB_GATE_CONSUMER_PROTOCOL_POLL] =
        {"consumer-protocol-poll", V(2, 12, 0), V(2, 15, 0), FALSE,
         "with group.protocol=consumer a member that exceeded max.poll.interval.ms meets a fatal "
         "error when it comes back",
         "the group is polled all the time, whatever handlers do; a fatal error ends the event "
         "type "
         "with its reason",
         "changelog 2.15.0, #5541"},
    [BB_GATE_VALIDATION_RESET] =
        {"validation-reset", V(2, 1, 0), V(2, 3, 0), FALSE,
         "an error that lasts (a name that does not resolve, before 2.2.0 also a TLS connection "
         "closed "
         "uncleanly) while offsets are validated counts as offset out of range",
         "the client never sets an offset anew: busbar finds the place again, at what is committed",
         "changelog 2.3.0 #4447, 2.2.0 #4294"},
    [BB_GATE_STALE_POSITION] =
        {"stale-position", SINCE_EVER, V(2, 4, 0), FALSE,
         "fetching may go back: after a change of a cooperative assignment, in 2.1.0 also when "
         "records "
         "come while offsets are validated",
         "an offset that goes back begins a new epoch; nothing is committed until what was read "
         "before "
         "is finished",
         "changelog 2.4.0 #4686, 2.1.1 #4261"},
    [BB_GATE_STALE_COMMIT_ERROR] = {"stale-commit-error", V(2, 4, 0), V(2, 12, 0), FALSE,
                                    "a commit that succeeded may carry the error of an earlier one",
                                    "it counts as failed and is sent again, which changes nothing",
                                    "changelog 2.12.0, #5199"},
    [BB_GATE_METADATA_ZEROS] = {"metadata-zeros", SINCE_EVER, V(2, 6, 1), FALSE,
                                "metadata of a commit that has zero bytes comes back damaged",
                                "what busbar writes there is text", "changelog 2.6.1, #4649"},
    [BB_GATE_TOPIC_ID_CACHE] =
        {"topic-id-cache", V(2, 4, 0), V(2, 10, 0), FALSE,
         "a topic that is deleted and made again may crash clients that use it",
         "none is possible; stop busbar before a topic is made anew",
         "changelog 2.10.0, #4778 #4964"},
    [BB_GATE_WATERMARK_TIMEOUT] =
        {"watermark-timeout", SINCE_EVER, V(2, 12, 0), FALSE,
         "asking for the ends of a partition may last longer than its time-out",
         "while records are read only a stalled fetcher is woken that way, with versions that need "
         "it",
         "changelog 2.3.0 #4460, 2.12.0 #4878"},
    [BB_GATE_IDEMPOTENCE_FATAL] =
        {"idempotence-fatal", SINCE_EVER, V(2, 3, 0), FALSE,
         "an idempotent producer may meet a fatal error after a disconnection (sequence numbers "
         "desynchronised)",
         "a producer that has met a fatal error is replaced by a new one that sends what was not "
         "confirmed (so with every version)",
         "changelog 2.3.0, #4438"},
    [BB_GATE_REBUILT_BATCH] =
        {"rebuilt-batch", V(2, 2, 0), V(2, 5, 0), FALSE,
         "a large batch that is sent again may be put together differently, which is a fatal error "
         "of "
         "the idempotent producer",
         "as idempotence-fatal", "changelog 2.5.0, #4736"},
    [BB_GATE_PRODUCE_HEADERS] = {"produce-headers", SINCE_EVER, V(2, 12, 0), FALSE,
                                 "headers that are handed over one by one are freed twice when the "
                                 "partition does not exist",
                                 "headers are handed over as one list, whose owner is clear",
                                 "changelog 2.12.0, #4627"},
    [BB_GATE_CLOSE_HANGS] =
        {"close-hangs", SINCE_EVER, V(2, 1, 0), FALSE,
         "closing a consumer may never end when a partition was lost or its topic deleted",
         "closing and ending a client are bounded (so with every version); offsets are committed "
         "before",
         "changelog 2.1.0, #4187"},
    [BB_GATE_REMOVED_PARTITION] =
        {"removed-partition", V(2, 0, 2), V(2, 6, 1), FALSE,
         "ending a client may never end when a partition was deleted while it was read",
         "as close-hangs", "changelog 2.6.1, #4724"},
    [BB_GATE_CLOSE_CRASH] =
        {"close-crash", SINCE_EVER, V(2, 14, 2), FALSE,
         "leaving a group whose coordinator is away may crash",
         "offsets are committed and the handlers are done before a group is left",
         "changelog 2.14.2"},
    [BB_GATE_HELD_OBJECTS] = {"held-objects", SINCE_EVER, WITHOUT_END, FALSE,
                              "ending a client waits for ever while a queue, or a list of "
                              "partitions that the client has "
                              "filled in, is still held",
                              "all of them are given back first, and ending is bounded",
                              "measured with 2.0.2 and 2.16.1; rdkafka.h, rd_kafka_destroy()"},
    [BB_GATE_PUSH_METRICS] =
        {"push-metrics", V(2, 5, 0), V(2, 5, 3), FALSE,
         "a client aborts when the cluster asks for metrics that it does not have",
         "enable.metrics.push is false unless the configuration says otherwise",
         "changelog 2.5.3, #4833"},
    [BB_GATE_OLD_BROKERS] =
        {"old-brokers", V(2, 5, 0), V(2, 6, 1), TRUE,
         "nothing can be read from some brokers: those before Kafka 2.7 with 2.6.0, and those with "
         "an "
         "older inter-broker protocol before 2.6.0",
         "said at the start; take another version", "changelog 2.6.0 #4806, 2.6.1 #4870"},
    [BB_GATE_METADATA_RACE] =
        {"metadata-race", V(2, 10, 0), V(2, 10, 1), TRUE,
         "memory may be damaged while no broker is reachable, and the client may not find its way "
         "back",
         "said at the start; take another version", "changelog 2.10.1, #5051 #5088"},
    [BB_GATE_SEEK_TIMEOUT] = {"seek-timeout", SINCE_EVER, V(2, 1, 0), FALSE,
                              "seeking partitions waits for a thousandth of its time-out",
                              "the time-out is given a thousand times as long",
                              "changelog 2.1.0, #4230"},
    [BB_GATE_TORN_TRANSACTIONS] =
        {"torn-transactions", SINCE_EVER, WITHOUT_END, FALSE,
         "the end of a transaction that is late may end the next one (there is no KIP-890): "
         "results "
         "that were aborted may show, and committed ones may be lost",
         "after an error, a time-out or a lost connection at the end of a transaction the producer "
         "is replaced by one that fences it",
         "#5423; measured with 2.0.2 and 2.15.0"},
    [BB_GATE_EARLY_ACKS] =
        {"early-acks", SINCE_EVER, WITHOUT_END, FALSE,
         "the first records of a partition whose leader has just been made may be reported as "
         "written though they were refused: the next request was on its way, and was accepted",
         "all that is produced goes one request at a time to each broker "
         "(max.in.flight.requests.per.connection is 1 unless the configuration says otherwise)",
         "measured with 2.16.0 and Kafka 4.3.1"},
    [BB_GATE_NO_BROKERS] =
        {"no-brokers", V(2, 10, 0), WITHOUT_END, FALSE,
         "brokers that the cluster does not name are forgotten; after an answer that names none, "
         "as "
         "that of a broker that stops, a client may never find one again",
         "a client that is connected to nobody is given the brokers of bootstrap.servers again, "
         "every ten seconds (statistics.interval.ms)",
         "#5301; met with 2.16.0 and Kafka 4.3.1"},
};

const bb_gate *bb_gate_get(bb_gate_id id)
{
    return &gates[id];
}

gboolean bb_gate_active_at(bb_gate_id id, int version)
{
    const bb_gate *gate = &gates[id];
    int released = version & ~0xff; /* the last byte tells pre-releases apart */
    return released >= gate->from && (gate->until == WITHOUT_END || released < gate->until);
}

gboolean bb_gate_active(bb_gate_id id)
{
    return bb_gate_active_at(id, rd_kafka_version());
}

int bb_gate_seek_timeout(int timeout_ms)
{
    return bb_gate_active(BB_GATE_SEEK_TIMEOUT) ? timeout_ms * 1000 : timeout_ms;
}
