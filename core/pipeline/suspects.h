/* Suspects: records that were in hand when a worker died. Pure; kept in memory that outlives the
 * process, written between two workers, read by the next one.
 *
 * Every death adds points to the records that were in hand. While a record is a suspect it is
 * handled alone, so the next death tells whether it was this one. A record that has enough points,
 * the last of them alone in hand, is condemned: the next worker dead-letters it unseen. */
#ifndef BB_SUSPECTS_H
#define BB_SUSPECTS_H

#include "pipeline/mark.h"

enum {
    BB_SUSPECTS = 128,
    BB_SUSPECT_REASON = 512,
    /* Points of a death and those that condemn: two crashes do, or four kills from outside, which
     * may have had nothing to do with the record. */
    BB_SUSPECT_CRASHED = 2,
    BB_SUSPECT_KILLED = 1,
    BB_SUSPECT_LIMIT = 4
};

typedef struct bb_suspect {
    bb_mark_range range;
    guint32 points; /* 0: the place is free */
    guint32 deaths;
    gboolean condemned;
    guint32 stage; /* of the last death */
    guint64 age;   /* the lowest gives way when there is no room */
    char event[BB_MARK_EVENT];
    char plugin[BB_MARK_NAME];
    char version[BB_MARK_VERSION];
    char signal[BB_MARK_NAME]; /* "SIGSEGV", "exit", "deadline" */
    char reason[BB_SUSPECT_REASON];
    char stack[BB_MARK_STACK];
} bb_suspect;

/* Zeroed memory is an empty list. */
typedef struct bb_suspects {
    guint64 clock;
    bb_suspect list[BB_SUSPECTS];
} bb_suspects;

/* What is known of a death. */
typedef struct bb_suspicion {
    guint32 points;
    gboolean sure; /* this mark's call was the cause, no other's */
    const char *signal;
    const char *reason;
    const char *stack;
} bb_suspicion;

/* Blames the records of the call that `mark` shows. TRUE when that condemns one. */
gboolean bb_suspects_blame(bb_suspects *suspects, const bb_mark *mark,
                           const bb_suspicion *suspicion);

/* TRUE when records of `event` are suspects. */
gboolean bb_suspects_any(const bb_suspects *suspects, const char *event);
/* The suspect that a record is, condemned ones first; NULL: none. */
const bb_suspect *bb_suspects_find(const bb_suspects *suspects, const char *event, gint32 partition,
                                   gint64 offset);
/* All records of `partition` before `offset` are done with. TRUE when no suspect is left. */
gboolean bb_suspects_settle(bb_suspects *suspects, const char *event, gint32 partition,
                            gint64 offset);

/* All records of `event` are. */
gboolean bb_suspects_settle_all(bb_suspects *suspects, const char *event);

/* The list of the process, for its consumers; NULL: none. Set before they are made. */
void bb_suspects_use(bb_suspects *suspects);
bb_suspects *bb_suspects_used(void);

#endif
