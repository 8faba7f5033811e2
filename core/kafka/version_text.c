/* Versions of librdkafka as texts. */
#include "kafka/version.h"

#include <stdio.h>

#include <librdkafka/rdkafka.h>

const char *bb_kafka_version_text(void)
{
    return rd_kafka_version_str();
}

const char *bb_kafka_build_version_text(void)
{
    static char text[16];
    (void)snprintf(text, sizeof(text), "%d.%d.%d", (RD_KAFKA_VERSION >> 24) & 0xff,
                   (RD_KAFKA_VERSION >> 16) & 0xff, (RD_KAFKA_VERSION >> 8) & 0xff);
    return text;
}
