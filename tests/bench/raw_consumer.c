/* The floor of consuming: librdkafka alone, the settings of `busbar run`, every record read and
 * given back.
 *
 *   bench_raw_consumer BOOTSTRAP TOPIC GROUP RECORDS [FILE]    prints the number of records and
 *                                                              bytes; FILE: latencies (latency.h)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <librdkafka/rdkafka.h>

#include "latency.h"

enum { BATCH = 500 };

static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char reason[512];
    if (rd_kafka_conf_set(conf, name, value, reason, sizeof(reason)) == RD_KAFKA_CONF_OK)
        return;
    fprintf(stderr, "%s\n", reason);
    exit(2);
}

static rd_kafka_t *consumer_new(const char *bootstrap, const char *group)
{
    char reason[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", bootstrap);
    set(conf, "group.id", group);
    set(conf, "auto.offset.reset", "earliest");
    set(conf, "enable.auto.commit", "false");
    set(conf, "enable.auto.offset.store", "false");
    set(conf, "queued.max.messages.kbytes", "32768");
    rd_kafka_t *consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, reason, sizeof(reason));
    if (!consumer) {
        fprintf(stderr, "%s\n", reason);
        exit(3);
    }
    return consumer;
}

/* First message with a blocking call, the rest as they are there; as the design of busbar does. */
static ssize_t read_batch(rd_kafka_queue_t *queue, rd_kafka_message_t **messages)
{
    ssize_t count = rd_kafka_consume_batch_queue(queue, 100, messages, 1);
    if (count == 1)
        count += rd_kafka_consume_batch_queue(queue, 0, messages + 1, BATCH - 1);
    return count;
}

int main(int argc, char **argv)
{
    if (argc != 5 && argc != 6) {
        fprintf(stderr, "usage: bench_raw_consumer BOOTSTRAP TOPIC GROUP RECORDS [FILE]\n");
        return 2;
    }
    rd_kafka_t *consumer = consumer_new(argv[1], argv[3]);
    long wanted = atol(argv[4]), records = 0;
    size_t bytes = 0;
    latencies noted = {0};
    rd_kafka_message_t *messages[BATCH];
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(topics, argv[2], RD_KAFKA_PARTITION_UA);
    (void)rd_kafka_poll_set_consumer(consumer);
    (void)rd_kafka_subscribe(consumer, topics);
    rd_kafka_topic_partition_list_destroy(topics);
    rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(consumer);
    while (records < wanted) {
        ssize_t count = read_batch(queue, messages);
        for (ssize_t i = 0; i < count; i++) {
            if (!messages[i]->err) {
                records++;
                bytes += messages[i]->len;
                if (argc == 6)
                    latency_note(&noted, messages[i]->key, messages[i]->key_len);
            }
            rd_kafka_message_destroy(messages[i]);
        }
    }
    rd_kafka_queue_destroy(queue);
    (void)rd_kafka_consumer_close(consumer);
    rd_kafka_destroy(consumer);
    printf("%ld %zu\n", records, bytes);
    int status = argc == 6 ? latency_write(&noted, argv[5]) : 0;
    free(noted.us);
    return status ? 1 : 0;
}
