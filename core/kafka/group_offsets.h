/* The offsets of a group in a topic, beside the ends of its partitions. */
#ifndef BB_GROUP_OFFSETS_H
#define BB_GROUP_OFFSETS_H

#include <librdkafka/rdkafka.h>

#include <glib.h>

typedef struct bb_group_offset {
    gint64 committed; /* -1: none */
    gint64 low, high; /* first offset and end */
    gint64 handled;   /* a record that was durable when it was committed; -1: not known */
} bb_group_offset;

/* Of every partition of `topic`, by number (bb_group_offset), for the group of `client`. */
GArray *bb_group_offsets_read(rd_kafka_t *client, const char *topic, int timeout_ms,
                              GError **error);

/* For every partition the offset of the first record at `time_ms` or later; the end where there is
 * none (gint64). */
GArray *bb_group_offsets_at(rd_kafka_t *client, const char *topic, guint partitions, gint64 time_ms,
                            int timeout_ms, GError **error);

/* Commits `offsets` (gint64 by partition, -1: leave it). Kafka refuses while the group has members.
 */
gboolean bb_group_offsets_write(rd_kafka_t *client, const char *topic, const GArray *offsets,
                                GError **error);

#endif
