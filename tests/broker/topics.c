/* Makes, grows, cuts and deletes topics without busbar, and says who leads.
 *
 *   topics create BOOTSTRAP TOPIC PARTITIONS
 *   topics grow   BOOTSTRAP TOPIC PARTITIONS     to that many
 *   topics delete BOOTSTRAP TOPIC
 *   topics cut    BOOTSTRAP TOPIC PARTITION OFFSET   deletes the records before that offset
 *   topics leader BOOTSTRAP TOPIC PARTITION          prints the id of the broker that leads it */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <librdkafka/rdkafka.h>

enum { TIMEOUT_MS = 30000 };

static rd_kafka_t *make_client(const char *bootstrap)
{
    char reason[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_t *client = NULL;
    if (!rd_kafka_conf_set(conf, "bootstrap.servers", bootstrap, reason, sizeof(reason)))
        client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, reason, sizeof(reason));
    if (!client)
        fprintf(stderr, "%s\n", reason);
    return client;
}

static int check(const rd_kafka_topic_result_t **results, size_t count)
{
    rd_kafka_resp_err_t code =
        count == 1 ? rd_kafka_topic_result_error(results[0]) : RD_KAFKA_RESP_ERR__BAD_MSG;
    if (code)
        fprintf(stderr, "%s\n", rd_kafka_err2str(code));
    return code ? 3 : 0;
}

static int wait_for_answer(rd_kafka_queue_t *queue)
{
    size_t count = 0;
    int status = 3;
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, TIMEOUT_MS);
    const rd_kafka_topic_result_t **results = NULL;
    if (!event || rd_kafka_event_error(event)) {
        fprintf(stderr, "%s\n", event ? rd_kafka_event_error_string(event) : "no answer");
    } else {
        if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_CREATETOPICS_RESULT)
            results = rd_kafka_CreateTopics_result_topics(event, &count);
        else if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_CREATEPARTITIONS_RESULT)
            results = rd_kafka_CreatePartitions_result_topics(event, &count);
        else if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_DELETETOPICS_RESULT)
            results = rd_kafka_DeleteTopics_result_topics(event, &count);
        status = check(results, count);
    }
    if (event)
        rd_kafka_event_destroy(event);
    return status;
}

static int ask(rd_kafka_t *client, rd_kafka_queue_t *queue, const char *verb, const char *topic,
               int partitions)
{
    char reason[512];
    if (strcmp(verb, "create") == 0) {
        rd_kafka_NewTopic_t *fresh =
            rd_kafka_NewTopic_new(topic, partitions, -1, reason, sizeof(reason));
        rd_kafka_CreateTopics(client, &fresh, 1, NULL, queue);
        rd_kafka_NewTopic_destroy(fresh);
    } else if (strcmp(verb, "grow") == 0) {
        rd_kafka_NewPartitions_t *more =
            rd_kafka_NewPartitions_new(topic, (size_t)partitions, reason, sizeof(reason));
        rd_kafka_CreatePartitions(client, &more, 1, NULL, queue);
        rd_kafka_NewPartitions_destroy(more);
    } else {
        rd_kafka_DeleteTopic_t *gone = rd_kafka_DeleteTopic_new(topic);
        rd_kafka_DeleteTopics(client, &gone, 1, NULL, queue);
        rd_kafka_DeleteTopic_destroy(gone);
    }
    return wait_for_answer(queue);
}

static int cut(rd_kafka_t *client, const char *topic, int partition, long long offset)
{
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, partition)->offset = offset;
    rd_kafka_DeleteRecords_t *request = rd_kafka_DeleteRecords_new(list);
    rd_kafka_DeleteRecords(client, &request, 1, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, TIMEOUT_MS);
    const rd_kafka_DeleteRecords_result_t *result =
        event ? rd_kafka_event_DeleteRecords_result(event) : NULL;
    rd_kafka_resp_err_t code = event ? rd_kafka_event_error(event) : RD_KAFKA_RESP_ERR__TIMED_OUT;
    if (result && !code)
        code = rd_kafka_DeleteRecords_result_offsets(result)->elems[0].err;
    if (code)
        fprintf(stderr, "%s\n", rd_kafka_err2str(code));
    if (event)
        rd_kafka_event_destroy(event);
    rd_kafka_DeleteRecords_destroy(request);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_queue_destroy(queue);
    return code ? 3 : 0;
}

static int print_leader(rd_kafka_t *client, const char *topic, int partition)
{
    const rd_kafka_metadata_t *metadata;
    rd_kafka_topic_t *handle = rd_kafka_topic_new(client, topic, NULL);
    rd_kafka_resp_err_t code = rd_kafka_metadata(client, 0, handle, &metadata, TIMEOUT_MS);
    int leader = -1;
    if (!code) {
        const rd_kafka_metadata_topic_t *found = &metadata->topics[0];
        for (int i = 0; i < found->partition_cnt; i++)
            if (found->partitions[i].id == partition)
                leader = found->partitions[i].leader;
        rd_kafka_metadata_destroy(metadata);
    }
    rd_kafka_topic_destroy(handle);
    printf("%d\n", leader);
    return leader < 0 ? 3 : 0;
}

/* Verbs about one partition; -1: it is another verb. */
static int of_partition(int argc, char **argv)
{
    int cuts = argc == 6 && strcmp(argv[1], "cut") == 0;
    if (!cuts && (argc != 5 || strcmp(argv[1], "leader") != 0))
        return -1;
    rd_kafka_t *client = make_client(argv[2]);
    if (!client)
        return 3;
    int status = cuts ? cut(client, argv[3], atoi(argv[4]), atoll(argv[5]))
                      : print_leader(client, argv[3], atoi(argv[4]));
    rd_kafka_destroy(client);
    return status;
}

int main(int argc, char **argv)
{
    int done = of_partition(argc, argv);
    if (done >= 0)
        return done;
    int deletes = argc == 4 && strcmp(argv[1], "delete") == 0;
    if (!deletes && (argc != 5 || (strcmp(argv[1], "create") != 0 && strcmp(argv[1], "grow") != 0)))
        return 2;
    int partitions = deletes ? 0 : atoi(argv[4]);
    if (!deletes && partitions < 1)
        return 2;
    rd_kafka_t *client = make_client(argv[2]);
    if (!client)
        return 3;
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    int status = ask(client, queue, argv[1], argv[3], partitions);
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(client);
    return status;
}
