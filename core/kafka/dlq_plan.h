/* What becomes of a dead letter: filters and one table of decisions. Pure. */
#ifndef BB_DLQ_PLAN_H
#define BB_DLQ_PLAN_H

#include "kafka/dlq_record.h"

/* A record that was sent back this often and failed again stays out. */
#define BB_DLQ_MAX_HOPS 2

/* NULL, or 0 for a time: anything. */
typedef struct bb_dlq_filter {
    const char *stage;
    const char *keyword;
    const char *plugin; /* "name" or "name version" */
    const char *reason; /* a part of it */
    const char *key;
    gint64 since_us; /* of the dead letter, included */
    gint64 until_us; /* not included */
} bb_dlq_filter;

gboolean bb_dlq_filter_is_empty(const bb_dlq_filter *filter);
gboolean bb_dlq_filter_matches(const bb_dlq_filter *filter, const bb_dlq_record *record);

typedef enum {
    BB_DLQ_LEAVE = 1, /* not meant: stays where it is */
    BB_DLQ_SEND_BACK, /* to the topic it came from */
    BB_DLQ_PARK,      /* to the topic of what is put aside */
    BB_DLQ_REFUSE     /* meant, but must not go where it came from; stays where it is */
} bb_dlq_action;

typedef struct bb_dlq_plan {
    bb_dlq_filter filter;
    gboolean parks;        /* everything that is meant is put aside */
    gboolean park_refused; /* so is what must not go where it came from */
    GHashTable *targets;   /* set of char *: topics that records may go back to */
} bb_dlq_plan;

/* `*ret_why` is set for PARK and REFUSE. */
bb_dlq_action bb_dlq_decide(const bb_dlq_plan *plan, const bb_dlq_record *record,
                            const char **ret_why);

#endif
