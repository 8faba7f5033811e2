/* Produces events at a steady rate, each with the moment in its key (latency.h).
 *
 * With the linger of `busbar publish`, 5 ms, which is part of what is measured.
 *
 *   bench_paced_producer BOOTSTRAP TOPIC RATE EVENTS      prints delivered and failed */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <librdkafka/rdkafka.h>

#include "latency.h"

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

static rd_kafka_t *producer_new(const char *bootstrap)
{
    static const char *const settings[][2] = {
        {"acks", "all"}, {"linger.ms", "5"}, {"partitioner", "murmur2_random"}};
    char reason[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    int refused = rd_kafka_conf_set(conf, "bootstrap.servers", bootstrap, reason, sizeof(reason));
    for (size_t i = 0; !refused && i < sizeof(settings) / sizeof(settings[0]); i++)
        refused = rd_kafka_conf_set(conf, settings[i][0], settings[i][1], reason, sizeof(reason));
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_t *producer =
        refused ? NULL : rd_kafka_new(RD_KAFKA_PRODUCER, conf, reason, sizeof(reason));
    if (!producer) {
        fprintf(stderr, "%s\n", reason);
        exit(3);
    }
    return producer;
}

static void wait_until(long long moment)
{
    const struct timespec until = {moment / 1000000000, moment % 1000000000};
    (void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL); /* woken early: no harm */
}

int main(int argc, char **argv)
{
    if (argc != 5 || atol(argv[3]) < 1) {
        fprintf(stderr, "usage: bench_paced_producer BOOTSTRAP TOPIC RATE EVENTS\n");
        return 2;
    }
    rd_kafka_t *producer = producer_new(argv[1]);
    rd_kafka_topic_t *topic = rd_kafka_topic_new(producer, argv[2], NULL);
    long rate = atol(argv[3]), events = atol(argv[4]);
    long long begin = latency_now();
    for (long i = 0; i < events; i++) {
        char key[32], value[64];
        wait_until(begin + i * 1000000000LL / rate);
        int size = snprintf(value, sizeof(value), "{\"key\":%ld,\"n\":%ld}", i % 1000, i);
        int key_size = snprintf(key, sizeof(key), "%lld", latency_now());
        if (rd_kafka_produce(topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, value, (size_t)size,
                             key, (size_t)key_size, NULL) != 0)
            failed++;
        if (i % 100 == 0)
            (void)rd_kafka_poll(producer, 0);
    }
    (void)rd_kafka_flush(producer, 60000);
    rd_kafka_topic_destroy(topic);
    rd_kafka_destroy(producer);
    printf("%ld %ld\n", delivered, failed);
    return failed || delivered != events ? 1 : 0;
}
