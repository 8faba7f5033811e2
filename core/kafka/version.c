/* What the librdkafka that was found at run time can do. */
#include "kafka/client.h"

gboolean bb_kafka_at_least(int major, int minor, int patch)
{
    /* 0xMMmmrrxx; the last byte tells pre-releases apart and does not matter here */
    int wanted = (major << 24) | (minor << 16) | (patch << 8);
    return (rd_kafka_version() & ~0xff) >= wanted;
}
