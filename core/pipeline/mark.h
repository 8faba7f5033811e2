/* In-flight marks: which work on which records is going on, in memory that outlives the process.
 *
 * Every lane has a mark for its stages and one per receiver (domain or handler). The constant parts
 * are written once; a call costs a few plain stores. Whoever started the process reads the marks
 * when it has died, and knows what was in hand. Without shared memory (publishing, tests) a mark
 * is the process's own and nobody reads it. */
#ifndef BB_MARK_H
#define BB_MARK_H

#include <glib.h>

#include <busbar/plugin.h>

enum {
    BB_MARK_RANGES = 16,
    BB_MARKS = 2048,
    BB_MARK_EVENT = 132,
    BB_MARK_TOPIC = 250,
    BB_MARK_NAME = 64,
    BB_MARK_VERSION = 32,
    BB_MARK_FRAMES = 64,
    BB_MARK_STACK = 4096
};

/* Records of one partition. `partition` -1: of any, when a call had records of more partitions
 * than are kept apart. */
typedef struct bb_mark_range {
    gint32 partition;
    guint32 count;
    gint64 first;
    gint64 last;
} bb_mark_range;

typedef struct bb_mark_ranges {
    guint32 count;
    bb_mark_range at[BB_MARK_RANGES];
} bb_mark_ranges;

typedef struct bb_mark {
    guint32 stage;  /* BUSBAR_STAGE_* of what goes on; 0: nothing */
    guint32 serial; /* another call has another number */
    gint64 offset;  /* of the one record in hand before `handle` */
    gint32 partition;
    gint32 thread;             /* the kernel's number */
    gboolean gated;            /* calls may have to wait for one another; see bb_marks.careful */
    gboolean keeps;            /* a flush is about all records since the last */
    bb_mark_ranges call;       /* of a call about a batch */
    bb_mark_ranges kept;       /* handed over since the last good flush */
    char event[BB_MARK_EVENT]; /* from here on: written once */
    char topic[BB_MARK_TOPIC];
    char plugin[BB_MARK_NAME];
    char version[BB_MARK_VERSION];
} bb_mark;

/* What a dying process says of itself: written by the first thread that finds out. */
typedef struct bb_mark_note {
    gint taken; /* atomic */
    gint complete;
    gint32 mark; /* index of what that thread was at; -1: nothing that is marked */
    gint32 signal;
    gint32 exited; /* `exit` was called, not a signal received */
    guint32 frame_count;
    guint64 frames[BB_MARK_FRAMES]; /* innermost first */
    char stack[BB_MARK_STACK];      /* the same as text, a line per frame */
} bb_mark_note;

/* All marks of one worker process. Zeroed memory is a good start. */
typedef struct bb_marks {
    gint careful; /* atomic: nobody knows which call killed the process: one at a time */
    guint32 used;
    bb_mark_note note;
    bb_mark marks[BB_MARKS];
} bb_marks;

/* From here on bb_mark_new takes marks of `marks`; NULL: private ones. The one of the process, as
 * the signals that it is read after belong to the process. */
void bb_marks_use(bb_marks *marks);
bb_marks *bb_marks_used(void);

/* bb_mark_free gives a private one back; one in shared memory stays as it is. */
bb_mark *bb_mark_new(const char *event, const char *topic, const char *plugin, const char *version);
void bb_mark_free(bb_mark *mark);

/* The mark of the last call that this thread began; it goes on when its stage is set. NULL: none.
 * [async-signal-safe] */
bb_mark *bb_mark_current(void);
/* Called by every thread before its first call, NULL: nothing is. */
void bb_mark_set_hook(void (*thread_begins)(void));

/* A call begins that is about the records of `mark->call` (filled in before), of `mark->kept`, or
 * none, as its stage says. */
void bb_mark_begin(bb_mark *mark, guint32 stage);

void bb_mark_enter(bb_mark *mark); /* for the inline functions here */
void bb_mark_leave(void);
extern __thread bb_mark *bb_mark_on_thread;

static inline void bb_mark_begin_record(bb_mark *mark, gint32 partition, gint64 offset)
{
    if (G_UNLIKELY(bb_mark_on_thread != mark || mark->gated))
        bb_mark_enter(mark);
    mark->partition = partition;
    mark->offset = offset;
    mark->serial++;
    mark->stage = BUSBAR_STAGE_PARSE;
}

static inline void bb_mark_end(bb_mark *mark)
{
    mark->stage = 0;
    if (G_UNLIKELY(mark->gated))
        bb_mark_leave();
}

void bb_mark_add_slowly(bb_mark_ranges *ranges, const bb_mark_range *range);

/* Adds one record. Runs of one partition are the rule. */
static inline void bb_mark_add(bb_mark_ranges *ranges, gint32 partition, gint64 offset)
{
    bb_mark_range *last = ranges->count ? &ranges->at[ranges->count - 1] : NULL;
    if (G_LIKELY(last && last->partition == partition && offset > last->last)) {
        last->last = offset;
        last->count++;
        return;
    }
    const bb_mark_range one = {partition, 1, offset, offset};
    bb_mark_add_slowly(ranges, &one);
}

/* The records that the call going on is about. */
void bb_mark_read(const bb_mark *mark, bb_mark_ranges *ret_ranges);

#endif
