/* Prints the committed offsets of a group, one "partition offset" a line; -1 where nothing is
 * committed. Joins no group. committed BOOTSTRAP GROUP TOPIC PARTITIONS */
#include <stdio.h>
#include <stdlib.h>

#include <librdkafka/rdkafka.h>

int main(int argc, char **argv)
{
    char reason[512];
    if (argc != 5)
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
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(atoi(argv[4]));
    for (int i = 0; i < atoi(argv[4]); i++)
        rd_kafka_topic_partition_list_add(list, argv[3], i);
    rd_kafka_resp_err_t code = rd_kafka_committed(client, list, 20000);
    for (int i = 0; !code && i < list->cnt; i++)
        printf("%d %lld\n", list->elems[i].partition,
               list->elems[i].offset < 0 ? -1LL : (long long)list->elems[i].offset);
    if (code)
        fprintf(stderr, "%s\n", rd_kafka_err2str(code));
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_destroy(client);
    return code ? 3 : 0;
}
