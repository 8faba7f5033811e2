/* Reads a topic from where it begins, or where a group got to, up to where it ended when it was
 * opened. Not thread-safe. */
#ifndef BB_DLQ_READER_H
#define BB_DLQ_READER_H

#include <librdkafka/rdkafka.h>

#include "config/settings.h"

typedef struct bb_dlq_reader bb_dlq_reader;

/* What to read. */
typedef struct bb_dlq_range {
    const char *topic;
    gboolean resume;  /* from the group's committed offsets on */
    gint32 partition; /* with offset >= 0: this one record alone */
    gint64 offset;
} bb_dlq_range;

/* `group`: whose offsets are read and committed; no member of it is made. NULL: none. */
bb_dlq_reader *bb_dlq_reader_new(const bb_settings *settings, const char *group, GError **error);
void bb_dlq_reader_free(bb_dlq_reader *reader);
/* For metadata requests; makes no topic. @owns reader */
rd_kafka_t *bb_dlq_reader_client(bb_dlq_reader *reader);

/* Begins with a range; a topic that does not exist is empty, and `*ret_exists` says so. May be
 * called again for the next topic. */
gboolean bb_dlq_reader_open(bb_dlq_reader *reader, const bb_dlq_range *range, gboolean *ret_exists,
                            GError **error);
/* Whether the group had kept how far it got in any partition. */
gboolean bb_dlq_reader_resumed(const bb_dlq_reader *reader);
/* Offsets between start and end. */
guint64 bb_dlq_reader_total(const bb_dlq_reader *reader);
gboolean bb_dlq_reader_done(const bb_dlq_reader *reader);
/* The next record, NULL when none came within `timeout_ms` or all are read, or with an error. The
 * caller destroys it. */
rd_kafka_message_t *bb_dlq_reader_next(bb_dlq_reader *reader, int timeout_ms, GError **error);
/* Nothing more of this partition. */
void bb_dlq_reader_end_partition(bb_dlq_reader *reader, gint32 partition);

/* Marks the record as finished for the next commit, and those before it in its partition. */
void bb_dlq_reader_finish(bb_dlq_reader *reader, gint32 partition, gint64 offset);
/* Commits what is finished. */
gboolean bb_dlq_reader_commit(bb_dlq_reader *reader, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(bb_dlq_reader, bb_dlq_reader_free)

#endif
