/* Topics: what is there, what is missing, and making it. Works on a real cluster (admin API) and on
 * the embedded broker. */
#ifndef BB_TOPICS_H
#define BB_TOPICS_H

#include <librdkafka/rdkafka.h>

#include "config/settings.h"

typedef struct bb_topic_state {
    char *name;
    int partitions; /* 0: does not exist */
    int replicas;
} bb_topic_state;

/* State of each of `names` (char *). Result: bb_topic_state *, same order. */
GPtrArray *bb_topics_describe(rd_kafka_t *client, GPtrArray *names, int timeout_ms, GError **error);
/* Asks for one topic by its name. For a user that may not see it, Kafka leaves it out of the list
 * above, and says TOPIC_AUTHORIZATION_FAILED here. Not for producers: with a broker that makes
 * topics by itself their question would make it. */
rd_kafka_resp_err_t bb_topics_ask(rd_kafka_t *client, const char *name, int timeout_ms);
/* Makes a topic; one that exists is no error. `partitions`, `replicas` -1: the broker's defaults.
 */
gboolean bb_topics_create(rd_kafka_t *client, const char *name, int partitions, int replicas,
                          int timeout_ms, GError **error);

#endif
