// Stands in front of librdkafka for the programs under test.
#include "client_double.h"

#include <dlfcn.h>

Said said;

namespace
{

// Other tests have several consumers.
void count(int &calls)
{
    (void)__atomic_fetch_add(&calls, 1, __ATOMIC_RELAXED);
}

template <typename Function> Function *real(const char *name)
{
    return reinterpret_cast<Function *>(dlsym(RTLD_NEXT, name));
}

// The library has no call that makes an error retriable.
rd_kafka_error_t *retriable;

// NULL: the library is to answer.
rd_kafka_error_t *refuse(Refusal &refusal)
{
    if (refusal.times <= 0)
        return nullptr;
    refusal.times--;
    rd_kafka_error_t *error = rd_kafka_error_new(refusal.code, "as the test wants");
    if (refusal.retriable)
        retriable = error;
    return error;
}

rd_kafka_error_t *note(rd_kafka_error_t *error, int &calls, const char *step)
{
    calls++;
    if (!error)
        said.steps.push_back(step);
    return error;
}

} // namespace

extern "C" {

const char *rd_kafka_rebalance_protocol(rd_kafka_t *client)
{
    static auto *next = real<decltype(rd_kafka_rebalance_protocol)>("rd_kafka_rebalance_protocol");
    return said.protocol ? said.protocol : next(client);
}

int rd_kafka_assignment_lost(rd_kafka_t *client)
{
    static auto *next = real<decltype(rd_kafka_assignment_lost)>("rd_kafka_assignment_lost");
    return said.lost ? 1 : next(client);
}

rd_kafka_queue_t *rd_kafka_queue_get_partition(rd_kafka_t *client, const char *topic,
                                               int32_t partition)
{
    static auto *next =
        real<decltype(rd_kafka_queue_get_partition)>("rd_kafka_queue_get_partition");
    return said.no_queues ? nullptr : next(client, topic, partition);
}

rd_kafka_resp_err_t rd_kafka_assign(rd_kafka_t *client, const rd_kafka_topic_partition_list_t *list)
{
    static auto *next = real<decltype(rd_kafka_assign)>("rd_kafka_assign");
    count(list ? said.whole : said.forgotten);
    return next(client, list);
}

rd_kafka_error_t *rd_kafka_incremental_assign(rd_kafka_t *client,
                                              const rd_kafka_topic_partition_list_t *list)
{
    static auto *next = real<decltype(rd_kafka_incremental_assign)>("rd_kafka_incremental_assign");
    count(said.assigned);
    return said.assign ? rd_kafka_error_new(said.assign, "as the test wants") : next(client, list);
}

rd_kafka_error_t *rd_kafka_incremental_unassign(rd_kafka_t *client,
                                                const rd_kafka_topic_partition_list_t *list)
{
    static auto *next =
        real<decltype(rd_kafka_incremental_unassign)>("rd_kafka_incremental_unassign");
    count(said.unassigned);
    return next(client, list);
}

rd_kafka_resp_err_t rd_kafka_commit_queue(
    rd_kafka_t *client, const rd_kafka_topic_partition_list_t *offsets, rd_kafka_queue_t *queue,
    void (*answer)(rd_kafka_t *, rd_kafka_resp_err_t, rd_kafka_topic_partition_list_t *, void *),
    void *opaque)
{
    static auto *next = real<decltype(rd_kafka_commit_queue)>("rd_kafka_commit_queue");
    return said.commit ? said.commit : next(client, offsets, queue, answer, opaque);
}

rd_kafka_error_t *rd_kafka_seek_partitions(rd_kafka_t *client,
                                           rd_kafka_topic_partition_list_t *list, int timeout_ms)
{
    static auto *next = real<decltype(rd_kafka_seek_partitions)>("rd_kafka_seek_partitions");
    for (int i = 0; i < list->cnt; i++)
        said.sought.emplace_back(list->elems[i].partition, list->elems[i].offset);
    if (said.seek)
        return rd_kafka_error_new(said.seek, "as the test wants");
    rd_kafka_error_t *error = next(client, list, timeout_ms);
    if (said.seek_partition)
        list->elems[list->cnt - 1].err = said.seek_partition;
    return error;
}

rd_kafka_resp_err_t rd_kafka_committed(rd_kafka_t *client, rd_kafka_topic_partition_list_t *list,
                                       int timeout_ms)
{
    static auto *next = real<decltype(rd_kafka_committed)>("rd_kafka_committed");
    count(said.asked);
    if (said.committed)
        return said.committed;
    rd_kafka_resp_err_t code = next(client, list, timeout_ms);
    if (said.committed_partition)
        list->elems[list->cnt - 1].err = said.committed_partition;
    return code;
}

rd_kafka_resp_err_t rd_kafka_offsets_for_times(rd_kafka_t *client,
                                               rd_kafka_topic_partition_list_t *list,
                                               int timeout_ms)
{
    static auto *next = real<decltype(rd_kafka_offsets_for_times)>("rd_kafka_offsets_for_times");
    if (!__atomic_load_n(&said.silent, __ATOMIC_SEQ_CST) || !list->cnt ||
        said.silent_topic != list->elems[0].topic)
        return next(client, list, timeout_ms);
    (void)__atomic_fetch_add(&said.unanswered, 1, __ATOMIC_SEQ_CST);
    return RD_KAFKA_RESP_ERR__TIMED_OUT;
}

rd_kafka_resp_err_t rd_kafka_list_groups(rd_kafka_t *client, const char *group,
                                         const struct rd_kafka_group_list **list, int timeout_ms)
{
    static auto *next = real<decltype(rd_kafka_list_groups)>("rd_kafka_list_groups");
    count(said.listed);
    return next(client, group, list, timeout_ms);
}

rd_kafka_consumer_group_metadata_t *rd_kafka_consumer_group_metadata(rd_kafka_t *client)
{
    static auto *next =
        real<decltype(rd_kafka_consumer_group_metadata)>("rd_kafka_consumer_group_metadata");
    return said.no_member ? nullptr : next(client);
}

int rd_kafka_error_is_retriable(const rd_kafka_error_t *error)
{
    static auto *next = real<decltype(rd_kafka_error_is_retriable)>("rd_kafka_error_is_retriable");
    if (error != retriable)
        return next(error);
    retriable = nullptr;
    return 1;
}

rd_kafka_error_t *rd_kafka_init_transactions(rd_kafka_t *client, int timeout_ms)
{
    static auto *next = real<decltype(rd_kafka_init_transactions)>("rd_kafka_init_transactions");
    rd_kafka_error_t *refused = refuse(said.init);
    return refused ? refused : note(next(client, timeout_ms), said.inits, "init");
}

rd_kafka_error_t *rd_kafka_begin_transaction(rd_kafka_t *client)
{
    static auto *next = real<decltype(rd_kafka_begin_transaction)>("rd_kafka_begin_transaction");
    rd_kafka_error_t *refused = refuse(said.begin);
    said.sent.clear();
    return refused ? refused : note(next(client), said.begins, "begin");
}

rd_kafka_error_t *rd_kafka_send_offsets_to_transaction(
    rd_kafka_t *client, const rd_kafka_topic_partition_list_t *offsets,
    const rd_kafka_consumer_group_metadata_t *member, int timeout_ms)
{
    static auto *next = real<decltype(rd_kafka_send_offsets_to_transaction)>(
        "rd_kafka_send_offsets_to_transaction");
    rd_kafka_error_t *error = refuse(said.offsets);
    if (!error)
        error = next(client, offsets, member, timeout_ms);
    for (int i = 0; !error && i < offsets->cnt; i++)
        said.sent[offsets->elems[i].partition] = offsets->elems[i].offset;
    if (!error)
        said.steps.push_back("offsets");
    return error;
}

rd_kafka_error_t *rd_kafka_commit_transaction(rd_kafka_t *client, int timeout_ms)
{
    static auto *next = real<decltype(rd_kafka_commit_transaction)>("rd_kafka_commit_transaction");
    rd_kafka_error_t *error = refuse(said.end);
    if (!error)
        error = note(next(client, timeout_ms), said.ends, "end");
    if (!error)
        said.ended.push_back(said.sent);
    return error;
}

rd_kafka_error_t *rd_kafka_abort_transaction(rd_kafka_t *client, int timeout_ms)
{
    static auto *next = real<decltype(rd_kafka_abort_transaction)>("rd_kafka_abort_transaction");
    rd_kafka_error_t *refused = refuse(said.abort);
    return refused ? refused : note(next(client, timeout_ms), said.aborts, "abort");
}
}
