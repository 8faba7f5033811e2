/* Reads a bounded part of one or more topics, without membership in a group: from where they begin,
 * or any later place, up to where they ended when they were opened. Not thread-safe. */
#ifndef BB_RANGE_READER_H
#define BB_RANGE_READER_H

#include <librdkafka/rdkafka.h>

#include "config/settings.h"

typedef struct bb_range_reader bb_range_reader;

/* One partition; `start` and `end` may be moved until bb_range_reader_begin. */
typedef struct bb_range_part {
    const char *topic;
    gint32 partition;
    gint64 start, end;     /* offsets [start, end) */
    gint64 from_ms, to_ms; /* -1: none; the first record at or after each begins and ends it */
    gboolean has_begun;
    gboolean is_done;
    guint64 taken;      /* records handed out */
    gint64 first, next; /* offset of the first, and the one behind the last; -1: none yet */
} bb_range_part;

/* What to read of every partition; all -1 (bb_range_all): everything. */
typedef struct bb_range {
    gint32 partition;   /* only this one */
    gint64 from_offset; /* from here on */
    gint64 to_offset;   /* up to before here */
    gint64 last;        /* the last so many */
    gint64 from_ms;     /* from the first record at or after this time on */
    gint64 to_ms;       /* up to before the first record at or after this time */
} bb_range;

bb_range bb_range_all(void);

/* `group`: for the client's configuration; no member of it is made. */
bb_range_reader *bb_range_reader_new(const bb_settings *settings, const char *group,
                                     GError **error);
void bb_range_reader_free(bb_range_reader *reader);
/* For metadata requests; makes no topic. @owns reader */
rd_kafka_t *bb_range_reader_client(bb_range_reader *reader);

/* Begins anew, with no topic. */
void bb_range_reader_clear(bb_range_reader *reader);
/* Adds the partitions of a topic; one that does not exist has none, and `*ret_exists` says so. */
gboolean bb_range_reader_add(bb_range_reader *reader, const char *topic, gboolean *ret_exists,
                             GError **error);
guint bb_range_reader_count(const bb_range_reader *reader);
/* @owns reader; valid until the next add */
bb_range_part *bb_range_reader_part(bb_range_reader *reader, guint index);
/* Narrows all partitions that were added. */
gboolean bb_range_reader_narrow(bb_range_reader *reader, const bb_range *range, GError **error);
/* After narrow: moves starts and ends to where the times are, so that offsets alone say it. FALSE
 * in
 * `*ret_exact`: the broker knows no times, and only reading finds them. */
gboolean bb_range_reader_resolve(bb_range_reader *reader, gboolean *ret_exact, GError **error);
gboolean bb_range_reader_begin(bb_range_reader *reader, GError **error);

/* Offsets between starts and ends. */
guint64 bb_range_reader_total(const bb_range_reader *reader);
gboolean bb_range_reader_done(const bb_range_reader *reader);
/* The next record, NULL when none came within `timeout_ms` or all are read, or with an error. The
 * caller destroys it. */
rd_kafka_message_t *bb_range_reader_next(bb_range_reader *reader, int timeout_ms, GError **error);
/* Nothing more of this partition. */
void bb_range_reader_end(bb_range_reader *reader, bb_range_part *part);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(bb_range_reader, bb_range_reader_free)

#endif
