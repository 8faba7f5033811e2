/* A bounded part of a topic for a consumer group of its own: where it begins is committed for that
 * group before it runs, where it ends is told to the consumer. */
#ifndef BB_REPLAY_H
#define BB_REPLAY_H

#include "kafka/range_reader.h"

typedef struct bb_replay {
    const bb_settings *settings;
    const char *topic;
    const char *group;
    bb_range range;
    guint64 max; /* offsets; 0: no bound */
    gboolean dry_run;
    gint64 timeout_ms;
    gboolean (*is_stopped)(void *user); /* asked while a broker without times is read */
    void *user;
} bb_replay;

/* Of one partition. */
typedef struct bb_replay_part {
    gint64 start, end; /* offsets [start, end) */
    gint64 committed;  /* by an earlier run of the same group; -1: none */
} bb_replay_part;

/* Finds the part (bb_replay_part, by partition) and, unless it is a dry run, commits its starts for
 * the group where that has no progress yet. NULL with an error. */
GArray *bb_replay_prepare(const bb_replay *replay, GError **error);

#endif
