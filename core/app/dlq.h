/* The sub-commands of `busbar dlq`. */
#ifndef BB_DLQ_H
#define BB_DLQ_H

#include "app/session.h"
#include "kafka/dlq_plan.h"

/* What the command line asks for. */
typedef struct bb_dlq_job {
    const bb_session *session;
    char **names; /* EVENT or TOPIC; ends with NULL */
    bb_dlq_filter filter;
    gint32 only_partition;
    gint64 only_offset; /* -1: all */
    char **allow;       /* topics beside those of the event types; may be NULL */
    gint64 max;         /* -1: not given; 0: no bound */
    guint rate;
    gboolean json, payload, dry_run, park_refused;
    gint64 timeout_ms;
    const gint *stop; /* number of signals so far */
} bb_dlq_job;

/* Each returns the exit code. */
int bb_dlq_list(const bb_dlq_job *job);
int bb_dlq_show(const bb_dlq_job *job);
int bb_dlq_redrive(const bb_dlq_job *job);
int bb_dlq_park(const bb_dlq_job *job);

/* The dead letter topics that `names` mean, all of the enabled event types when there are none.
 * @owns job */
GPtrArray *bb_dlq_topics(const bb_dlq_job *job);

/* Called for each record that passes the filter; FALSE ends the reading. */
typedef gboolean (*bb_dlq_each_fn)(const bb_dlq_record *record, const char *topic, void *user);
/* Called before the records of a topic. */
typedef void (*bb_dlq_topic_fn)(const char *topic, gboolean exists, void *user);
/* Reads all of `topics` up to their ends. Returns the exit code. */
int bb_dlq_scan(const bb_dlq_job *job, const GPtrArray *topics, bb_dlq_topic_fn on_topic,
                bb_dlq_each_fn on_record, void *user);

/* Appends ,"name":TEXT; bytes that are no UTF-8 as ,"name_base64":TEXT, and null as null. */
void bb_dlq_append_bytes(GString *out, const char *name, busbar_bytes bytes);
/* RFC 3339 in UTC with milliseconds; "-" for 0. */
char *bb_dlq_time_text(gint64 time_us);

#endif
