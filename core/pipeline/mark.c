/* Where marks live and how records are noted in them. */
#include "pipeline/mark.h"

#include <pthread.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Signal handlers have no argument of ours: what they read belongs to the process and its threads,
 * as signals do. */
static bb_marks *shared;
static void (*hook)(void);
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER; /* the thread sanitizer sees it */
static __thread gint32 thread_number;
static __thread gboolean holds_gate;
__thread bb_mark *bb_mark_on_thread;

void bb_marks_use(bb_marks *marks)
{
    shared = marks;
}

bb_marks *bb_marks_used(void)
{
    return shared;
}

void bb_mark_set_hook(void (*thread_begins)(void))
{
    hook = thread_begins;
}

static gboolean is_shared(const bb_mark *mark)
{
    return shared && mark >= shared->marks && mark < shared->marks + BB_MARKS;
}

bb_mark *bb_mark_new(const char *event, const char *topic, const char *plugin, const char *version)
{
    gboolean room = shared && shared->used < BB_MARKS;
    bb_mark *mark = room ? &shared->marks[shared->used++] : g_new0(bb_mark, 1);
    memset(mark, 0, sizeof(*mark));
    g_strlcpy(mark->event, event ? event : "", sizeof(mark->event));
    g_strlcpy(mark->topic, topic ? topic : "", sizeof(mark->topic));
    g_strlcpy(mark->plugin, plugin ? plugin : "", sizeof(mark->plugin));
    g_strlcpy(mark->version, version ? version : "", sizeof(mark->version));
    mark->gated = room && g_atomic_int_get(&shared->careful);
    return mark;
}

void bb_mark_free(bb_mark *mark)
{
    if (!mark)
        return;
    if (bb_mark_on_thread == mark)
        bb_mark_on_thread = NULL;
    if (!is_shared(mark))
        g_free(mark);
}

bb_mark *bb_mark_current(void)
{
    return bb_mark_on_thread;
}

void bb_mark_enter(bb_mark *mark)
{
    if (!thread_number) {
        thread_number = (gint32)syscall(SYS_gettid);
        if (hook)
            hook();
    }
    mark->thread = thread_number;
    bb_mark_on_thread = mark;
    if (mark->gated && g_atomic_int_get(&shared->careful)) {
        (void)pthread_mutex_lock(&gate);
        holds_gate = TRUE;
    }
}

void bb_mark_leave(void)
{
    if (holds_gate)
        (void)pthread_mutex_unlock(&gate);
    holds_gate = FALSE;
}

void bb_mark_begin(bb_mark *mark, guint32 stage)
{
    if (bb_mark_on_thread != mark || mark->gated)
        bb_mark_enter(mark);
    mark->serial++;
    mark->stage = stage;
}

static void widen(bb_mark_range *range, const bb_mark_range *other)
{
    range->first = MIN(range->first, other->first);
    range->last = MAX(range->last, other->last);
    range->count += other->count;
}

void bb_mark_add_slowly(bb_mark_ranges *ranges, const bb_mark_range *range)
{
    for (guint i = 0; i < ranges->count; i++) {
        if (ranges->at[i].partition == range->partition || ranges->at[i].partition < 0) {
            widen(&ranges->at[i], range);
            return;
        }
    }
    if (ranges->count < BB_MARK_RANGES) {
        ranges->at[ranges->count++] = *range;
        return;
    }
    for (guint i = 1; i < ranges->count; i++)
        widen(&ranges->at[0], &ranges->at[i]);
    widen(&ranges->at[0], range);
    ranges->at[0].partition = -1;
    ranges->count = 1;
}

void bb_mark_read(const bb_mark *mark, bb_mark_ranges *ret_ranges)
{
    ret_ranges->count = 0;
    switch (mark->stage) {
    case BUSBAR_STAGE_PARSE:
    case BUSBAR_STAGE_VALIDATE:
    case BUSBAR_STAGE_ENRICH:
        bb_mark_add(ret_ranges, mark->partition, mark->offset);
        return;
    case BUSBAR_STAGE_HANDLE:
    case BUSBAR_STAGE_SINK:
        *ret_ranges = mark->call;
        return;
    case BUSBAR_STAGE_FLUSH:
        *ret_ranges = mark->kept;
        return;
    default:
        return;
    }
}
