/* The floor of publishing: librdkafka alone, the settings of `busbar publish`, one record a line,
 * no look at it. bench_raw_producer BOOTSTRAP TOPIC FILE      prints delivered and failed; the key
 * is the bytes of member user_id */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <librdkafka/rdkafka.h>

static long delivered, failed;

static void on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
    (void)client;
    (void)opaque;
    if (message->err)
        failed++;
    else
        delivered++;
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char reason[512];
    if (rd_kafka_conf_set(conf, name, value, reason, sizeof(reason)) == RD_KAFKA_CONF_OK)
        return;
    fprintf(stderr, "%s\n", reason);
    exit(2);
}

static rd_kafka_t *producer_new(const char *bootstrap)
{
    char reason[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", bootstrap);
    set(conf, "enable.idempotence", "true");
    set(conf, "acks", "all");
    set(conf, "max.in.flight.requests.per.connection",
        "1"); /* as busbar: docs/librdkafka.md, early-acks */
    set(conf, "compression.codec", "snappy");
    set(conf, "linger.ms", "5");
    set(conf, "partitioner", "murmur2_random");
    set(conf, "queue.buffering.max.kbytes", "65536");
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_t *producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, reason, sizeof(reason));
    if (!producer) {
        fprintf(stderr, "%s\n", reason);
        exit(3);
    }
    return producer;
}

/* The key without parsing: the text behind "user_id", quotes included. */
static const char *key_of(const char *line, size_t size, size_t *ret_size)
{
    static const char name[] = "\"user_id\"";
    const char *at = memmem(line, size, name, sizeof(name) - 1);
    const char *from =
        at ? memchr(at + sizeof(name) - 1, '"', size - (size_t)(at - line) - sizeof(name) + 1)
           : NULL;
    const char *end = from ? memchr(from + 1, '"', size - (size_t)(from - line) - 1) : NULL;
    *ret_size = end ? (size_t)(end - from) + 1 : 0;
    return end ? from : NULL;
}

static void produce(rd_kafka_t *producer, rd_kafka_topic_t *topic, const char *line, size_t size)
{
    size_t key_size;
    const char *key = key_of(line, size, &key_size);
    while (rd_kafka_produce(topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, (void *)line, size,
                            key, key_size, NULL) != 0) {
        if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            failed++;
            return;
        }
        (void)rd_kafka_poll(producer, 10);
    }
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: bench_raw_producer BOOTSTRAP TOPIC FILE\n");
        return 2;
    }
    FILE *in = fopen(argv[3], "r");
    if (!in) {
        perror(argv[3]);
        return 2;
    }
    rd_kafka_t *producer = producer_new(argv[1]);
    rd_kafka_topic_t *topic = rd_kafka_topic_new(producer, argv[2], NULL);
    char *line = NULL;
    size_t room = 0;
    ssize_t size;
    for (long i = 0; (size = getline(&line, &room, in)) > 0; i++) {
        produce(producer, topic, line, (size_t)size - 1);
        if (i % 1000 == 0)
            (void)rd_kafka_poll(producer, 0);
    }
    (void)rd_kafka_flush(producer, 60000);
    rd_kafka_topic_destroy(topic);
    rd_kafka_destroy(producer);
    free(line);
    fclose(in);
    printf("%ld %ld\n", delivered, failed);
    return failed ? 1 : 0;
}
