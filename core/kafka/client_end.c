/* Ends clients within a bound. */
#include "kafka/client.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "base/log.h"

static void *destroy(void *client)
{
    rd_kafka_destroy_flags(client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    return NULL;
}

static struct timespec deadline_in(gint64 timeout_ms)
{
    struct timespec at;
    (void)clock_gettime(CLOCK_REALTIME, &at); /* cannot fail for this clock */
    at.tv_sec += (time_t)(timeout_ms / 1000);
    at.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
    at.tv_sec += at.tv_nsec / 1000000000;
    at.tv_nsec %= 1000000000;
    return at;
}

gboolean bb_kafka_end(rd_kafka_t *client, gint64 timeout_ms)
{
    pthread_t thread;
    g_autofree char *name = g_strdup(rd_kafka_name(client));
    if (pthread_create(&thread, NULL, destroy, client) != 0) {
        (void)destroy(client);
        return TRUE;
    }
    const struct timespec deadline = deadline_in(timeout_ms);
    if (pthread_timedjoin_np(thread, NULL, &deadline) != ETIMEDOUT)
        return TRUE;
    (void)pthread_detach(thread); /* the process ends it */
    bb_log_warning("the Kafka client %s has not ended within %.1f s and is left behind", name,
                   (double)timeout_ms / 1000);
    return FALSE;
}
