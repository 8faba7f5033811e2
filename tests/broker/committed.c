/* Prints the committed offsets of a group, one "partition offset" a line; -1 where nothing is
 * committed. Joins no group.
 *
 *   committed BOOTSTRAP GROUP TOPIC PARTITIONS            once
 *   committed BOOTSTRAP GROUP TOPIC PARTITIONS EVERY_MS   again and again until its input ends
 *
 * Again and again, it prints TIME PARTITION OFFSET SINCE, parted by tabs, where one has changed;
 * TIME is CLOCK_MONOTONIC in microseconds when the answer was there, SINCE when the last question
 * was sent whose answer was the offset before: it was committed between the two. 0: never asked. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <librdkafka/rdkafka.h>

static rd_kafka_topic_partition_list_t *make_list(const char *topic, int partitions)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partitions);
    for (int i = 0; i < partitions; i++)
        rd_kafka_topic_partition_list_add(list, topic, i);
    return list;
}

static int print_once(rd_kafka_t *client, const char *topic, int partitions)
{
    rd_kafka_topic_partition_list_t *list = make_list(topic, partitions);
    rd_kafka_resp_err_t code = rd_kafka_committed(client, list, 20000);
    for (int i = 0; !code && i < list->cnt; i++)
        printf("%d %lld\n", list->elems[i].partition,
               list->elems[i].offset < 0 ? -1LL : (long long)list->elems[i].offset);
    if (code)
        fprintf(stderr, "%s\n", rd_kafka_err2str(code));
    rd_kafka_topic_partition_list_destroy(list);
    return code ? 3 : 0;
}

/* What is known of one partition. */
typedef struct known {
    long long offset, seen_us;
} known;

static long long now_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void print_changes(rd_kafka_topic_partition_list_t *list, known *last, long long asked_us)
{
    long long now = now_us();
    for (int i = 0; i < list->cnt; i++) {
        long long offset = list->elems[i].offset < 0 ? -1 : list->elems[i].offset;
        if (list->elems[i].err)
            continue;
        if (offset >= 0 && offset != last[i].offset) {
            printf("%lld\t%d\t%lld\t%lld\n", now, list->elems[i].partition, offset,
                   last[i].seen_us);
            last[i].offset = offset;
        }
        if (offset == last[i].offset)
            last[i].seen_us = asked_us;
    }
    fflush(stdout);
}

static int watch(rd_kafka_t *client, const char *topic, int partitions, int every_ms)
{
    struct pollfd input = {STDIN_FILENO, POLLIN, 0};
    known *last = calloc((size_t)partitions, sizeof(*last));
    for (int i = 0; i < partitions; i++)
        last[i].offset = -1;
    while (poll(&input, 1, every_ms) == 0) {
        rd_kafka_topic_partition_list_t *list = make_list(topic, partitions);
        long long asked_us = now_us();
        if (!rd_kafka_committed(client, list, 2000)) /* a broker that is away comes back */
            print_changes(list, last, asked_us);
        rd_kafka_topic_partition_list_destroy(list);
    }
    free(last);
    return 0;
}

int main(int argc, char **argv)
{
    char reason[512];
    if (argc != 5 && argc != 6)
        return 2;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    if (rd_kafka_conf_set(conf, "bootstrap.servers", argv[1], reason, sizeof(reason)) ||
        rd_kafka_conf_set(conf, "group.id", argv[2], reason, sizeof(reason)))
        return 2;
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, reason, sizeof(reason));
    if (!client) {
        fprintf(stderr, "%s\n", reason);
        return 3;
    }
    int code = argc == 6 ? watch(client, argv[3], atoi(argv[4]), atoi(argv[5]))
                         : print_once(client, argv[3], atoi(argv[4]));
    rd_kafka_destroy(client);
    return code;
}
